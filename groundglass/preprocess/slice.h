#pragma once

#include "groundglass/io/image.h"
#include "groundglass/preprocess/preprocess_options.h"

namespace groundglass {

/// HU -> gray: clamp to [low, high], then (v - low) / (high - low) * 255, rounded.
///
/// hu      any shape, float or int16.
/// returns the same shape, uint8.
torch::Tensor window_hu(const torch::Tensor& hu, double low, double high);

/// The 8-bit gray picture of each channel: HU through the recipe's window, gray as it is.
///
/// image   [C,H,W] -> [C,H,W] uint8.
/// throws  Error(data) if the recipe insists on other units than the image has.
torch::Tensor to_gray(const Image& image, const PreprocessOptions& options);

/// Stretches a chest slice of unknown gray window so that the soft tissue is always equally bright:
/// the darkest percent becomes 0, the median of what Otsu's threshold calls bright becomes 200.
/// A slice without two kinds of gray (Otsu finds nothing) is left as it is.
///
/// Otsu, IEEE Trans. SMC 9 (1979) 62; the rest is ours.
///
/// gray    [H,W] uint8 -> [H,W] uint8.
torch::Tensor tissue_window(const torch::Tensor& gray);

struct ClaheOptions {
  double clip = 2.0;
  int64_t tiles = 8;
};

/// Contrast-limited adaptive histogram equalisation, OpenCV's.
///
/// Zuiderveld, "Graphics Gems IV", 1994, VIII.5.
/// gray    [H,W] uint8 -> [H,W] uint8.
torch::Tensor clahe(const torch::Tensor& gray, const ClaheOptions& options = {});

/// CLAHE of each connected region by itself, in the box around it; all other pixels, and regions
/// smaller than a grid of tiles, stay as they are.
///
/// gray     [H,W] uint8. regions  [H,W] uint8, 0 is none. -> [H,W] uint8.
torch::Tensor clahe_of_regions(const torch::Tensor& gray, const torch::Tensor& regions,
                               const ClaheOptions& options = {});

/// A part of a slice, in pixels.
struct Box {
  int64_t top = 0, left = 0, height = 0, width = 0;

  bool operator==(const Box&) const = default;
};

/// The box around the body: the largest connected piece above Otsu's threshold, with a margin of 2
/// %. The whole slice if that would leave less than a fifth of it.
///
/// gray    [H,W] uint8.
Box body_box(const torch::Tensor& gray);

/// A slice on the network's grid, and which part of the slice it shows.
struct NetworkSlice {
  torch::Tensor pixels;  ///< [C,h,w] uint8
  Box box;
};

/// One slice on the network's grid, before normalisation: units -> 8 bit, crop, gray window,
/// contrast, mask, size.
///
/// lungs   [H,W] uint8, 0 is none, for options that need them; undefined for those of a threshold.
/// throws  Error(data) if the recipe insists on other units than the file has, or the lungs are of
///         another size; Error(usage) if the options want lungs that no threshold finds and there
///         are none.
NetworkSlice to_network_grid(const Image& image, const PreprocessOptions& options,
                             const torch::Tensor& lungs = {});

/// A mask on the network's grid. Two-class masks are resized linearly and cut at one half, others
/// take the nearest label, since labels are no quantities.
///
/// labels  [H,W] uint8 class numbers, 0 background -> [h,w] uint8.
torch::Tensor mask_to_network_grid(const torch::Tensor& labels, const Box& box,
                                   const PreprocessOptions& options);

/// The way back: foreground probabilities from the network's grid to the slice's own, zero outside
/// the box.
///
/// probabilities [F,h,w] float32 -> [F,height,width] float32.
torch::Tensor to_slice_grid(const torch::Tensor& probabilities, const Box& box, int64_t height,
                            int64_t width);

}  // namespace groundglass
