#include <array>
#include <ctime>
#include <iostream>
#include <mutex>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/pacs/query.h"
#include "groundglass/pacs/queue.h"
#include "groundglass/pacs/site.h"
#include "groundglass/pacs/site_check.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct FetchArguments {
  std::string site, from, output, move_to, since;
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

void check_query(const FetchArguments& a) {
  const StudyQuery& q = a.query;
  if (q.study.empty() && q.patient.empty() && q.accession.empty() && q.date.empty()) {
    fail(ErrorKind::usage,
         "fetch: names nothing to look for, expected --study, --patient, --accession, --date or "
         "--since");
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

void run_fetch(FetchArguments a, const Context& context) {
  if (!a.since.empty()) a.query.date = first_date(a.since);
  const Site site = read_site(a.site);
  const Destination& from = site.destination(a.from);
  check_query(a);
  const auto found = from.url.empty() ? find_by_dimse(from, site.listener.ae, site.tls, a.query)
                                      : DicomWeb(from, site.tls).find(a.query);
  auto document = nlohmann::ordered_json::array();
  int64_t images = 0, known = 0;
  for (const auto& series : found) {
    const bool here = !a.since.empty() && !a.list && series.images > 0 &&
                      images_here(a, site, series.series) >= series.images;
    if (here) {
      ++known;
      continue;
    }
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
