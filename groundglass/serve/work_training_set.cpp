#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/serve/archive.h"
#include "groundglass/serve/version_files.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// Writes one case of a training set and names the files in the archive.
void add_case(const OrderedImage& image, const fs::path& mask, const VersionMeasures& measures,
              const fs::path& stem, std::vector<std::pair<std::string, fs::path>>& entries) {
  const std::string name = stem.filename().string(), ending = image.volume ? ".nii" : ".png";
  const fs::path labels = stem.string() + ending, copy = stem.string() + "_0000" + ending;
  if (image.volume) {
    write_label_volume(labels, read_label_volume(mask));
    write_volume(copy, read_volume(image.path, units_of(measures)));
  } else {
    write_png(labels, read_version_mask(mask));
    write_png(copy, to_gray(read_picture(image.path), {})[0].contiguous());
  }
  entries.emplace_back("labelsTr/" + name + ending, labels);
  entries.emplace_back("imagesTr/" + name + "_0000" + ending, copy);
}

}  // namespace

fs::path export_training_set(const Work& work) {
  std::vector<std::pair<std::string, fs::path>> entries;
  int64_t pictures = 0, classes = 1, count = 0;
  const auto& cases = work.order.at("cases");
  const bool volumes = std::any_of(cases.begin(), cases.end(), [](const ordered_json& one) {
    return ordered_image(one.at("image")).volume;
  });
  const fs::path folder = work.folder() / "set";
  fs::remove_all(folder);
  make_folder(folder);
  ordered_json labels = {{"background", 0}};
  const auto total = static_cast<int64_t>(cases.size());
  for (const auto& one : cases) {
    const OrderedImage image = ordered_image(one.at("image"));
    if (image.volume != volumes) {
      ++pictures;
      continue;
    }
    const VersionMeasures measures = read_measures(one.at("stem"));
    const auto names = class_names_of(measures);
    if (count > 0 && static_cast<int64_t>(names.size()) != classes) {
      fail(ErrorKind::data,
           "the masks tell different numbers of classes apart; export studies of "
           "one model at a time");
    }
    classes = static_cast<int64_t>(names.size());
    for (int64_t k = 1; k <= classes; ++k) {
      labels[classes == 1 ? "infection" : names[static_cast<size_t>(k - 1)]] = k;
    }
    const std::string name =
        one.at("study").get<std::string>() + "_" + std::to_string(image.number);
    add_case(image, one.at("mask").get<std::string>(), measures, folder / name, entries);
    work.observer.on(Progress{"cases", ++count, total, ""});
  }
  if (count == 0) {
    fail(ErrorKind::data, "no study has an image with a mask that is ready; segment one first");
  }
  if (pictures > 0) {
    work.observer.on(Warning{std::to_string(pictures) +
                             " pictures are left out: a training set holds volumes or pictures"});
  }
  ordered_json document = {{"channel_names", {{"0", volumes ? "CT" : "gray"}}},
                           {"labels", labels},
                           {"numTraining", count},
                           {"file_ending", volumes ? ".nii" : ".png"},
                           {"description", kNotAMedicalDevice}};
  if (!volumes) document["overwrite_image_reader_writer"] = "NaturalImage2DIO";
  write_file(folder / "dataset.json", json_text(document, 1));
  entries.emplace_back("dataset.json", folder / "dataset.json");
  const fs::path archive = work.folder() / ("Dataset900_" + work.text("name") + ".zip");
  pack_zip(archive, entries);
  fs::remove_all(folder);
  return archive;
}

}  // namespace groundglass
