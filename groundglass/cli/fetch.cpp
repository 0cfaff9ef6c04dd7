#include <iostream>
#include <mutex>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/pacs/query.h"
#include "groundglass/pacs/site.h"
#include "groundglass/pacs/site_check.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct FetchArguments {
  std::string site, from, output, move_to;
  bool list = false;
  StudyQuery query;
};

/// Puts images under OUT/<SeriesInstanceUID>/<SOPInstanceUID>.dcm.
class FolderTaker final : public ImageTaker {
 public:
  explicit FolderTaker(fs::path output) : output_(std::move(output)) { make_folder(output_); }

  uint16_t may_take() override { return kStored; }

  fs::path new_part() override {
    const std::scoped_lock lock(mutex_);
    return output_ / ("." + std::to_string(++parts_) + ".part");
  }

  uint16_t take(const ReceivedImage& image, const Peer&, int64_t) override {
    const std::scoped_lock lock(mutex_);
    make_folder(output_ / image.series);
    fs::rename(image.file, output_ / image.series / (image.sop_instance + ".dcm"));
    ++images_;
    return kStored;
  }

  int64_t images() {
    const std::scoped_lock lock(mutex_);
    return images_;
  }

 private:
  fs::path output_;
  std::mutex mutex_;
  int64_t parts_ = 0, images_ = 0;
};

void check_query(const FetchArguments& a) {
  const StudyQuery& q = a.query;
  if (q.study.empty() && q.patient.empty() && q.accession.empty() && q.date.empty()) {
    fail(ErrorKind::usage,
         "fetch: names nothing to look for, expected --study, --patient, --accession or --date");
  }
  for (const auto& uid : {q.study, q.series}) {
    if (!uid.empty() && !is_uid(uid)) {
      fail(ErrorKind::usage, in_quotes(uid) + ": is no UID, expected digits and dots");
    }
  }
}

int64_t retrieve(const FetchArguments& a, const Site& site, const Destination& from,
                 const FoundSeries& series) {
  if (from.url.empty() && a.output.empty()) {
    return move_by_dimse(from, site.listener.ae, site.tls, series,
                         a.move_to.empty() ? site.listener.ae : a.move_to);
  }
  if (a.output.empty()) {
    fail(ErrorKind::usage, "fetch: from the DICOMweb service " + in_quotes(from.name) +
                               " images come into a folder; name one with -o");
  }
  FolderTaker taker(a.output);
  if (from.url.empty()) {
    check_bind(site);
    const Listener listener(site.listener_options(), taker);
    move_by_dimse(from, site.listener.ae, site.tls, series, site.listener.ae);
  } else {
    for (const auto& part : DicomWeb(from, site.tls).retrieve(series, a.output)) {
      ReceivedImage image;
      image.file = part;
      std::string why = why_refused(image);
      if (why.empty() && image.series != series.series) why = "belongs to another series";
      if (!why.empty()) {
        fs::remove(part);
        fail(ErrorKind::data, "series " + short_uid(series.series) + ": an image " + why);
      }
      taker.take(image, {}, 0);
    }
  }
  return taker.images();
}

void run_fetch(const FetchArguments& a, const Context& context) {
  const Site site = read_site(a.site);
  const Destination& from = site.destination(a.from);
  check_query(a);
  const auto found = from.url.empty() ? find_by_dimse(from, site.listener.ae, site.tls, a.query)
                                      : DicomWeb(from, site.tls).find(a.query);
  auto document = nlohmann::ordered_json::array();
  int64_t images = 0;
  for (const auto& series : found) {
    const int64_t fetched = a.list ? series.images : retrieve(a, site, from, series);
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
    print_json({{"from", from.name}, {"series", document}});
  } else {
    std::cout << found.size() << " series with " << images << " images"
              << (a.list ? " at " : " fetched from ") << from.name << std::endl;
  }
  if (found.empty()) {
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
  verb->add_option("--modality", a->query.modality, "of the series (CT)");
  verb->add_option("--move-to", a->move_to,
                   "DICOM node without -o: AE title to send to (the site's own)");
  verb->add_flag("--list", a->list, "only tell what is there");
}

}  // namespace groundglass
