#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/io/header_fields.h"

namespace groundglass {

/// Bytes that a gzip file makes, as its last four say: without whole 4 GiB, and of its last part
/// alone where it has several; so they may be too few. 0 if they cannot be read or cannot be true.
uint64_t unpacked_bytes(const std::filesystem::path& path);

/// Looks whether a MetaImage holds just the `needed` bytes of voxels that its header tells of, in
/// the file itself or in those that it names. Libraries read those and say nothing of the rest:
/// slices are lost where a size is too small, and all voxels are shifted where something stands
/// before them. Voxels of which a list of files names none hold anything.
///
/// Adds a warning for surplus bytes. Throws Error(data) for a list of too few or too many files,
/// and where CompressedDataSize is less than what is there. Says nothing of voxels as text and of
/// files that cannot be opened, which the reader does.
void check_metaimage_bytes(const std::filesystem::path& path, const HeaderFields& fields,
                           uint64_t needed, std::vector<std::string>& warnings);

/// The same for NRRD, whose reader counts the files of a list itself.
void check_nrrd_bytes(const std::filesystem::path& path, const HeaderFields& fields,
                      uint64_t needed, std::vector<std::string>& warnings);

}  // namespace groundglass
