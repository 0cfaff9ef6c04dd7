#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// Which series of a study is segmented.
struct SeriesRule {
  std::vector<std::string> modalities = {"CT", "CR", "DX"};
  int64_t min_images = 20;
  double max_thickness_mm = 5;
  double max_tilt_degrees = 30;
  std::vector<std::string> refuse = {"LOCALIZER", "SECONDARY", "MPR", "PROJECTION IMAGE"};
  std::vector<std::string> soft_kernels = {"B20", "B30", "B31", "STANDARD", "SOFT",
                                           "FC0", "FC1", "A",   "B",        "Br"};

  template <class V>
  void fields(V& v) {
    v.field({"modalities", "that may be segmented"}, modalities);
    v.field({"min_images", "fewest images of a series", 1, 100000}, min_images);
    v.field({"max_thickness_mm", "thickest slices, mm", 0.01, 100}, max_thickness_mm);
    v.field({"max_tilt_degrees", "between the slices' normal and the patient's axis", 0, 90},
            max_tilt_degrees);
    v.field({"refuse", "words of ImageType that keep a series out"}, refuse);
    v.field({"soft_kernels", "beginnings of ConvolutionKernel, the most wanted first"},
            soft_kernels);
  }
};

/// What a series says of itself, by its first image.
struct SeriesFacts {
  std::string uid, modality, image_type, kernel;
  int64_t images = 0;
  double thickness_mm = 0;   ///< 0 if it is not told
  double tilt_degrees = -1;  ///< -1 if it has no orientation
};

/// X-rays, whose images are each a picture by itself.
bool is_projection(const std::string& modality);

/// Reads the first file of a series' folder. Throws Error(data) if it cannot be read.
SeriesFacts series_facts(const std::filesystem::path& folder, const std::string& uid);

/// Why the rule keeps a series out; "" if it does not.
std::string why_not_chosen(const SeriesFacts& facts, const SeriesRule& rule);

/// What is segmented of a study: the best of its volumes, and each X-ray (CR, DX) that the rule
/// lets through, in the order of `series`.
std::vector<size_t> chosen_series(const std::vector<SeriesFacts>& series, const SeriesRule& rule);

/// The best of the volumes that the rule lets through: the thinnest, of equally thin ones (0.1 mm)
/// that with the most wanted kernel, then that with most images. Nothing (-1) if there is none.
int64_t best_series(const std::vector<SeriesFacts>& series, const SeriesRule& rule);

}  // namespace groundglass
