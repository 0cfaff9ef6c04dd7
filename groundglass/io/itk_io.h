#pragma once

#include <filesystem>
#include <memory>

#include "groundglass/io/stored_numbers.h"

namespace itk {
class ImageIOBase;
}

namespace groundglass {

/// All numbers of an image file in the order of the file, as stored.
struct ItkNumbers {
  StoredNumbers stored;
  std::unique_ptr<char[]> bytes;
};

/// Reads what stands before the voxels. Nothing is printed; a failure is Error(data) in one line.
void read_itk_header(itk::ImageIOBase& io, const std::filesystem::path& path);

/// The type of the numbers, after the header. Throws Error(data) for several components and for
/// types that are not known.
StoredNumbers itk_number_type(const itk::ImageIOBase& io, const std::filesystem::path& path);

/// Reads all voxels, after the header. Throws Error(data) with path and reason: truncated, damaged,
/// not enough memory, and as itk_number_type() does.
ItkNumbers read_itk_numbers(itk::ImageIOBase& io, const std::filesystem::path& path);

}  // namespace groundglass
