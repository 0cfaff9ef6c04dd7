#pragma once

#include <array>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// Colours of the jet map: r = clamp(1.5 - |4v - 3|), g = clamp(1.5 - |4v - 2|),
/// b = clamp(1.5 - |4v - 1|).
///
/// values  [H,W] in [0,1] -> [3,H,W] uint8.
torch::Tensor jet(const torch::Tensor& values);

/// The colour of a class in every picture, r, g, b: 1 red, 2 yellow, 3 blue, others green.
std::array<uint8_t, 3> class_colour(int64_t label);

/// A gray picture with its labels in transparent colour: class 1 red, 2 yellow, 3 blue, others
/// green; outlines are opaque.
///
/// gray [H,W] uint8, labels [H,W] uint8 -> [3,H,W] uint8.
torch::Tensor overlay(const torch::Tensor& gray, const torch::Tensor& labels);

/// A gray picture under a transparent heat map (jet). heat [H,W] in [0,1].
torch::Tensor heat_overlay(const torch::Tensor& gray, const torch::Tensor& heat);

/// [H,W] -> [3,H,W].
torch::Tensor gray_to_rgb(const torch::Tensor& gray);

/// Pictures [3,H,W] of any size, each fitted into a square of `side` pixels, row by row.
torch::Tensor montage(const std::vector<torch::Tensor>& pictures, int64_t columns, int64_t side);

}  // namespace groundglass
