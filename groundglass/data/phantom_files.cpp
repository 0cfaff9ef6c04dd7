#include "groundglass/data/phantom_files.h"

#include <nlohmann/json.hpp>

#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_writer.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/preprocess/slice.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::string numbered(const std::string& prefix, int64_t n) {
  std::string digits = std::to_string(n);
  digits.insert(0, digits.size() < 3 ? 3 - digits.size() : 0, '0');
  return prefix + digits;
}

Phantom make_case(const PhantomSetOptions& options, int64_t index) {
  PhantomOptions one = options.phantom;
  one.seed = mix_keys(options.seed, static_cast<uint64_t>(index));
  return Phantom(one);
}

/// Gray picture of a slice: a lung window, or all values of the slice from dark to bright.
torch::Tensor gray_picture(const torch::Tensor& hu, bool lung_window) {
  if (lung_window) return window_hu(hu, -1000, 300);
  return window_hu(hu, hu.min().item<double>(), hu.max().item<double>());
}

class Writer {
 public:
  Writer(fs::path folder, const PhantomSetOptions& options, Observer& observer)
      : folder_(std::move(folder)), options_(options), observer_(observer) {}

  fs::path run() {
    for (int64_t i = 0; i < options_.cases; ++i) {
      const Phantom phantom = make_case(options_, i);
      const std::string name = numbered("case_", i);
      if (options_.kind == PhantomKind::cxr) {
        write_xray(phantom, name);
      } else if (options_.format == PhantomFormat::png) {
        write_pictures(phantom, name, i);
      } else if (options_.format == PhantomFormat::nifti) {
        write_volume(phantom, folder_ / "imagesTr" / (name + "_0000.nii.gz"),
                     folder_ / "labelsTr" / (name + ".nii.gz"));
      } else {
        write_series(phantom, name);
      }
      observer_.on(Progress{"cases", i + 1, options_.cases, ""});
    }
    return finish();
  }

 private:
  void stop_if_asked() const {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped");
  }

  /// What stands in a volume's mask.
  torch::Tensor stored_lesions(const Phantom::Slice& slice) const {
    return options_.classes ? slice.lesions : (slice.lesions != 0).to(torch::kUInt8);
  }

  void write_pictures(const Phantom& phantom, const std::string& name, int64_t index) {
    const bool lung_window = index % 2 == 0;
    for (int64_t k = 0; k < phantom.slices(); ++k) {
      stop_if_asked();
      const auto slice = phantom.slice(k);
      const std::string stem = name + "/" + numbered("z", k);
      write_png(folder_ / (stem + ".png"), gray_picture(slice.hu, lung_window));
      write_png(folder_ / (stem + "_infection.png"), (slice.lesions != 0).to(torch::kUInt8) * 255);
      write_png(folder_ / (stem + "_class.png"), slice.lesions);
      write_png(folder_ / (stem + "_lung.png"), slice.lungs * 255);
      table_ += csv_line({lung_window ? "phantom_lung_window" : "phantom_wide_window", name, name,
                          std::to_string(k), stem + ".png", stem + "_infection.png",
                          stem + "_class.png", stem + "_lung.png"});
    }
  }

  void write_volume(const Phantom& phantom, const fs::path& image, const fs::path& mask) {
    const int64_t side = options_.phantom.side;
    const std::array<int64_t, 3> shape = {phantom.slices(), side, side};
    NiftiWriter voxels(image, NiftiWriter::Content::image, torch::kInt16, shape,
                       phantom.geometry());
    LabelVolumeWriter labels(mask, shape, phantom.geometry());
    for (int64_t k = 0; k < phantom.slices(); ++k) {
      stop_if_asked();
      const auto slice = phantom.slice(k);
      voxels.write_slice(slice.hu);
      labels.write_slice(stored_lesions(slice));
    }
    voxels.commit();
    labels.commit();
  }

  void write_series(const Phantom& phantom, const std::string& name) {
    const int64_t side = options_.phantom.side;
    LabelVolumeWriter labels(folder_ / (name + "_mask.nii.gz"), {phantom.slices(), side, side},
                             phantom.geometry());
    DicomSeriesOptions dicom;
    dicom.seed = mix_keys(options_.seed, 0xd1c0);
    dicom.patient_id = "PHANTOM_" + name;
    DicomSeriesWriter series(folder_ / name, {phantom.slices(), side, side}, phantom.geometry(),
                             dicom);
    for (int64_t k = 0; k < phantom.slices(); ++k) {
      stop_if_asked();
      const auto slice = phantom.slice(k);
      series.write_slice(slice.hu);
      labels.write_slice(stored_lesions(slice));
    }
    labels.commit();
  }

  /// The chest from the front: what the rays lose, brighter where more is lost.
  void write_xray(const Phantom& phantom, const std::string& name) {
    const int64_t side = options_.phantom.side;
    std::vector<torch::Tensor> loss, lungs, lesions;
    for (int64_t k = phantom.slices() - 1; k >= 0; --k) {  // head up
      stop_if_asked();
      const auto slice = phantom.slice(k);
      loss.push_back((slice.hu.to(torch::kFloat32) / 1000 + 1).clamp_min(0).sum(0));
      lungs.push_back(slice.lungs.to(torch::kFloat32).sum(0));
      lesions.push_back((slice.lesions != 0).to(torch::kFloat32).sum(0));
    }
    const auto stretched = [&](const std::vector<torch::Tensor>& rows) {
      return torch::upsample_bilinear2d(torch::stack(rows).unsqueeze(0).unsqueeze(0),
                                        {side * 260 / 360, side}, false)
          .squeeze(0)
          .squeeze(0);
    };
    const auto attenuation = stretched(loss);
    const double low = attenuation.min().item<double>(), high = attenuation.max().item<double>();
    const auto gray = ((attenuation - low) / (high - low) * 255).round().to(torch::kUInt8);
    const double ray =
        static_cast<double>(side) * 0.04;  // a ray that crosses so many pixels counts
    write_png(folder_ / (name + ".png"), gray);
    write_png(folder_ / (name + "_lung.png"), (stretched(lungs) > ray).to(torch::kUInt8) * 255);
    write_png(folder_ / (name + "_infection.png"),
              (stretched(lesions) > ray).to(torch::kUInt8) * 255);
    table_ += csv_line({"phantom_cxr", name, name, "", name + ".png", name + "_infection.png", "",
                        name + "_lung.png"});
  }

  fs::path finish() {
    if (!table_.empty()) {
      write_file(folder_ / "cases.csv", csv_line({"domain", "patient", "case", "z", "image",
                                                  "infection", "classes", "lung"}) +
                                            table_);
      return folder_ / "cases.csv";
    }
    if (options_.format == PhantomFormat::nifti) {
      nlohmann::ordered_json labels = {{"background", 0}, {"infection", 1}};
      if (options_.classes) {
        labels = {{"background", 0}, {"ground glass", 1}, {"consolidation", 2}};
      }
      const nlohmann::ordered_json description = {
          {"channel_names", {{"0", "CT"}}},
          {"labels", labels},
          {"numTraining", options_.cases},
          {"file_ending", ".nii.gz"},
          {"description", std::string("synthetic chests, no patients. ") + kNotAMedicalDevice}};
      write_file(folder_ / "dataset.json", description.dump(1) + "\n");
      return folder_;
    }
    return folder_ / numbered("case_", 0);
  }

  const fs::path folder_;
  const PhantomSetOptions& options_;
  Observer& observer_;
  std::string table_;
};

}  // namespace

fs::path write_phantom_set(const fs::path& folder, const PhantomSetOptions& options,
                           Observer& observer) {
  const bool ct = options.kind == PhantomKind::ct;
  if (!ct && options.format != PhantomFormat::png) {
    fail(ErrorKind::usage, "--kind cxr is written as png only");
  }
  if (!ct && options.classes) {
    fail(ErrorKind::usage,
         "--classes: an X-ray sums up what lies behind each other, so its masks "
         "have one class; expected --kind ct");
  }
  return Writer(folder, options, observer).run();
}

}  // namespace groundglass
