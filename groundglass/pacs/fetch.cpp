#include "groundglass/pacs/fetch.h"

#include <array>
#include <mutex>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/pacs/queue.h"
#include "groundglass/pacs/site_check.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

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

}  // namespace

void check_query(const StudyQuery& q) {
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

std::string dates_since(const std::string& since, std::time_t now) {
  const bool digits = since.find_first_not_of("0123456789") == std::string::npos;
  if (since.size() == 8 && digits) return since + "-";
  int days = 0;
  const bool back = since.size() > 1 && since.size() < 6 && since.back() == 'd' &&
                    since.find_first_not_of("0123456789") == since.size() - 1;
  if (!back) {
    fail(ErrorKind::usage, "--since " + in_quotes(since) +
                               ": is no date, expected one such as 20260131, or days back, 3d");
  }
  for (const char c : since.substr(0, since.size() - 1)) days = 10 * days + (c - '0');
  std::tm day{};
  localtime_r(&now, &day);
  day.tm_mday -= days;
  day.tm_hour = 12;  // days on which clocks change have 23 or 25 hours
  day.tm_isdst = -1;
  std::mktime(&day);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d-", &day);
  return text.data();
}

int64_t images_here(const Site& site, const std::string& series, const fs::path& folder) {
  if (folder.empty()) return queued_images(site.options.folder, series);
  int64_t images = 0;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder / series, none)) {
    images += entry.path().extension() == ".dcm" ? 1 : 0;
  }
  return images;
}

std::vector<FoundSeries> find_series(const Site& site, const Destination& from,
                                     const StudyQuery& query) {
  return from.url.empty() ? find_by_dimse(from, site.listener.ae, site.tls, query)
                          : DicomWeb(from, site.tls).find(query);
}

int64_t retrieve_series(const Site& site, const Destination& from, const FoundSeries& series,
                        const FetchTo& to) {
  if (from.url.empty() && to.folder.empty()) {
    return move_by_dimse(from, site.listener.ae, site.tls, series,
                         to.move_to.empty() ? site.listener.ae : to.move_to);
  }
  if (to.folder.empty()) {
    fail(ErrorKind::usage, "fetch: from the DICOMweb service " + in_quotes(from.name) +
                               " images come into a folder; name one with -o");
  }
  FolderTaker taker(to.folder);
  if (from.url.empty()) {
    check_bind(site);
    const Listener listener(site.listener_options(), taker);
    move_by_dimse(from, site.listener.ae, site.tls, series, site.listener.ae);
  } else {
    for (const auto& part : DicomWeb(from, site.tls).retrieve(series, to.folder)) {
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

}  // namespace groundglass
