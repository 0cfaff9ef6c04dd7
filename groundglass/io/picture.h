#pragma once

#include <filesystem>

#include "groundglass/io/image.h"

namespace groundglass {

/// True for names that end like a picture: .png .jpg .jpeg .tif .tiff .bmp
bool is_picture_name(const std::filesystem::path& path);

/// Reads a picture as [1,H,W], upright: 8-bit as uint8, 16-bit as float32 with white = 65535, float
/// TIFF as float32 with white = 1. Colour is turned gray with a warning if it was really coloured,
/// and so is a picture whose 0 is white. Pictures of 8, 10, 12 or 14 bits in 16 get the white of
/// those bits, with a warning. A file without such a name that is DICOM is a chest X-ray, see
/// read_dicom_xray().
/// Throws Error(data) with path and reason: empty, truncated, damaged, not a picture, several
/// pages, floating-point numbers beyond 0..1.
Image read_picture(const std::filesystem::path& path);

/// How a picture is stored, as EXIF and TIFF count it: 1 is upright; 2 to 8 are turned or mirrored,
/// and read_picture() turns them back. Throws Error(data) if the file cannot be opened.
int stored_orientation(const std::filesystem::path& path);

/// Stored pixels [..,H,W] -> upright, a view or a copy.
torch::Tensor upright(const torch::Tensor& stored, int orientation);

/// Upright pixels [..,H,W] -> as they are stored.
torch::Tensor as_stored(const torch::Tensor& pixels, int orientation);

/// Reads a mask picture as [H,W] uint8 of the values as stored (0/255 or class numbers), upright.
/// Throws Error(data) as read_picture, and for more than 8 bits or colour.
torch::Tensor read_mask_picture(const std::filesystem::path& path);

/// The mask of a picture, [H,W] uint8 of the values as stored, lying as the picture does once that
/// is upright. Masks lie as the picture's file does, like those that predict writes, unless they
/// say themselves how they are turned, or their size tells that they were drawn on the upright
/// picture, which is `height` x `width`; where neither tells, `warnings` does. The size is not
/// checked. Throws Error(data) as read_mask_picture.
torch::Tensor read_mask_of_picture(const std::filesystem::path& mask,
                                   const std::filesystem::path& picture, int64_t height,
                                   int64_t width, std::vector<std::string>& warnings);

/// Writes [H,W] or [3,H,W] (red, green, blue) uint8 as PNG, or [H,W] float32 in [0,1] as 16-bit
/// gray (1 is 65535). The file appears whole or not at all.
void write_png(const std::filesystem::path& path, const torch::Tensor& pixels);

/// The same as bytes, e.g. to embed in a page.
std::string encode_png(const torch::Tensor& pixels);

}  // namespace groundglass
