#include "groundglass/pacs/fetch.h"

#include <ctime>
#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

struct FetchArguments {
  std::string site, from, output, move_to, since;
  bool list = false;
  StudyQuery query;
};

void run_fetch(FetchArguments a, const Context& context) {
  if (!a.since.empty()) a.query.date = dates_since(a.since, std::time(nullptr));
  const Site site = read_site(a.site);
  const Destination& from = site.destination(a.from);
  check_query(a.query);
  const auto found = find_series(site, from, a.query);
  auto document = nlohmann::ordered_json::array();
  int64_t images = 0, known = 0;
  for (const auto& series : found) {
    const bool here = !a.since.empty() && !a.list && series.images > 0 &&
                      images_here(site, series.series, a.output) >= series.images;
    if (here) {
      ++known;
      continue;
    }
    const int64_t fetched =
        a.list ? series.images : retrieve_series(site, from, series, {a.output, a.move_to});
    images += fetched;
    document.push_back({{"study", series.study},
                        {"series", series.series},
                        {"modality", series.modality},
                        {"images", fetched}});
    if (!context.json) {
      std::cout << series.series << ": " << series.modality << ", " << fetched << " images\n";
    }
  }
  if (context.json) {
    print_json({{"from", from.name}, {"series", document}, {"known", known}});
  } else {
    std::cout << document.size() << " series with " << images << " images"
              << (a.list ? " at " : " fetched from ") << from.name;
    if (known > 0) std::cout << ", " << known << " are here already";
    std::cout << std::endl;
  }
  if (found.empty() && a.since.empty()) {  // nothing new is no failure
    fail(ErrorKind::data,
         from.name + ": has no such series of modality " + in_quotes(a.query.modality));
  }
}

}  // namespace

void add_fetch(CLI::App& app, Context& context) {
  auto a = std::make_shared<FetchArguments>();
  auto* verb =
      add_verb(app, context, "fetch", "series from a PACS, by DICOMweb or C-FIND and C-MOVE",
               [a, &context] { run_fetch(*a, context); });
  verb->add_option("--site", a->site, "TOML file of the site, as for listen")->required();
  verb->add_option("--from", a->from, "name of a [[destination]]")->required();
  verb->add_option("-o,--output", a->output,
                   "folder, one for each series in it (a DICOM node without it: the node is asked "
                   "to send to the site's listener)");
  verb->add_option("--study", a->query.study, "StudyInstanceUID");
  verb->add_option("--series", a->query.series, "SeriesInstanceUID");
  verb->add_option("--patient", a->query.patient, "PatientID");
  verb->add_option("--accession", a->query.accession, "AccessionNumber");
  verb->add_option("--date", a->query.date, "StudyDate: 20260131, 20260101-20260131, 20260101-");
  verb->add_option(
          "--since", a->since,
          "of studies of that date and later (20260131, or 3d: days back) what is not here "
          "yet, in the folder of -o or in the site's queue; for timers")
      ->excludes("--date");
  verb->add_option("--modality", a->query.modality, "of the series (CT)");
  verb->add_option("--move-to", a->move_to,
                   "DICOM node without -o: AE title to send to (the site's own)");
  verb->add_flag("--list", a->list, "only tell what is there");
}

}  // namespace groundglass
