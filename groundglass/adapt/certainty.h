#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/adapt/adapt_options.h"

namespace groundglass {

/// What a network marks on a slice, and how sure it is of each pixel.
struct MarkedPixels {
  torch::Tensor labels;      ///< [H,W] uint8, 0 background
  torch::Tensor confidence;  ///< [H,W], probability of the pixel's own label
};

/// One class: 1 where P > cutoff (paper 003). Several: the likeliest of all, the background
/// included, as labels() has it; the cut-off is not used then.
///
/// foreground  [F,H,W] probabilities of the foreground classes.
MarkedPixels marked_pixels(const torch::Tensor& foreground, double cutoff);

/// How sure a network is of what it marked on one slice.
struct CertaintyIndex {
  double index = 0;    ///< mean probability of the marked pixels, 0 if there are none
  int64_t pixels = 0;  ///< marked pixels: probability above the cut-off
};

/// CI = (1/N) sum of P over the N pixels with P > t; in (t,1], or 0 for N = 0.
///
/// Enshaei, Rafiee, Naderkhani et al., paper 003, eq. 1.
/// Differs: nothing known; N = 0 is as in the authors' COVID-Rate code.
///
/// probability  any shape, float, in [0,1].
CertaintyIndex certainty_index(const torch::Tensor& probability, double cutoff);

/// The same of one class or several: the mean confidence of the marked pixels, whatever their
/// class. The paper has one class, for which the two are equal.
CertaintyIndex certainty_index(const MarkedPixels& marked);

/// Share of the pixels marked by any view that all views mark, with one class; 0 if none marks
/// anything.
///
/// labels [V,H,W] bool or uint8, 0 is not marked.
double agreement_of(const torch::Tensor& labels);

/// One slice of the target, as the selection sees it.
struct SliceCertainty {
  int64_t row = 0;  ///< of the target set
  std::string patient;
  CertaintyIndex index;
  double agreement = 1;  ///< of the views
};

/// What became of a slice.
enum class SliceFate { chosen, too_small, below_limit, beyond_share };

std::string to_string(SliceFate fate);  ///< "chosen", "too small", ...

/// Which slices are pseudo-labelled, and the figures the paper leaves out.
struct Selection {
  int64_t asked = 0;               ///< K
  std::vector<int64_t> chosen;     ///< positions in the list, most certain first
  std::vector<SliceFate> fates;    ///< of every slice
  std::vector<int64_t> histogram;  ///< certainty of the slices that are large enough, 20 bins
};

/// What a slice is ranked by: the index, the agreement or their product.
double certainty_of(const SliceCertainty& slice, const AdaptOptions& options);

/// Leaves out slices with fewer than min_pixels marked pixels (of 512 x 512; less on smaller
/// grids), ranks the others by certainty, falling, equal ones in the order in which they came, and
/// takes the first K = ceil(share * n) whose certainty reaches the limit; n counts all slices. With
/// spread = "patients" each patient's best slice comes first, then each one's second.
///
/// Paper 003, "Generalisation enhancement", steps 2 and 3.
/// Differs: the paper prints neither K nor the limit; defaults of both are ours.
///
/// area  pixels of a slice.
Selection select_slices(const std::vector<SliceCertainty>& slices, const AdaptOptions& options,
                        int64_t area);

}  // namespace groundglass
