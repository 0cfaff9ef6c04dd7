#include "groundglass/pacs/fetch.h"

#include <array>
#include <ctime>
#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/pacs/queue.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct FetchArguments {
  std::string site, from, output, move_to, since;
  bool list = false;
  StudyQuery query;
};

/// --since as a StudyDate: "20260101", or days back from today, "3d".
std::string first_date(const std::string& since) {
  const bool digits = since.find_first_not_of("0123456789") == std::string::npos;
  if (since.size() == 8 && digits) return since + "-";
  int64_t days = 0;
  const bool back = since.size() > 1 && since.size() < 6 && since.back() == 'd' &&
                    since.find_first_not_of("0123456789") == since.size() - 1;
  if (!back) {
    fail(ErrorKind::usage, "--since " + in_quotes(since) +
                               ": is no date, expected one such as 20260131, or days back, 3d");
  }
  for (const char c : since.substr(0, since.size() - 1)) days = 10 * days + (c - '0');
  const std::time_t then = std::time(nullptr) - days * 86400;
  std::tm local{};
  localtime_r(&then, &local);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d-", &local);
  return text.data();
}

/// Images of a series that are here already: in the folder, or in the site's queue.
int64_t images_here(const FetchArguments& a, const Site& site, const std::string& series) {
  if (a.output.empty()) return queued_images(site.options.folder, series);
  int64_t images = 0;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(fs::path(a.output) / series, none)) {
    images += entry.path().extension() == ".dcm" ? 1 : 0;
  }
  return images;
}

void run_fetch(FetchArguments a, const Context& context) {
  if (!a.since.empty()) a.query.date = first_date(a.since);
  const Site site = read_site(a.site);
  const Destination& from = site.destination(a.from);
  check_query(a.query);
  const auto found = find_series(site, from, a.query);
  auto document = nlohmann::ordered_json::array();
  int64_t images = 0, known = 0;
  for (const auto& series : found) {
    const bool here = !a.since.empty() && !a.list && series.images > 0 &&
                      images_here(a, site, series.series) >= series.images;
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
