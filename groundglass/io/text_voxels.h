#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/io/header_fields.h"
#include "groundglass/io/stored_numbers.h"

namespace groundglass {

/// Whether a header says that voxels are written as text: "BinaryData = False" of a MetaImage,
/// encoding text, txt or ascii of NRRD.
bool has_text_voxels(const HeaderFields& fields);

/// Reads `count` voxels that are written as numbers with blanks or line ends between them, behind
/// the header or in the one file that it names. Libraries take "3,5" for one number or for two,
/// wrap 70000 in 16 bits, pass over units, and end the program where commas stand between numbers.
///
/// Returns the numbers in the machine's byte order. Adds a warning for numbers that the header does
/// not tell of. Throws Error(data) for too few of them, for a word that is no number of the type,
/// naming its place, and for voxels that are packed or in several files.
std::unique_ptr<char[]> read_text_voxels(const std::filesystem::path& path,
                                         const HeaderFields& fields, StoredNumbers::Type type,
                                         int64_t count, std::vector<std::string>& warnings);

}  // namespace groundglass
