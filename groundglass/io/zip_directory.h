#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "groundglass/core/files.h"

namespace groundglass {

/// The files inside a zip archive whose entries are stored as they are, by name; the bytes belong
/// to `file`.
///
/// PKWARE, APPNOTE.TXT 6.3.3, sections 4.3 and 4.5.3 (zip64); checkpoints of PyTorch are such
/// archives.
/// Differs: compressed, encrypted and split archives are refused; checksums are looked at by
/// check_zip_checksums() alone.
///
/// file    the whole archive; `path` names it in messages.
/// throws  Error(checkpoint) saying what was found if it is no whole zip archive, if an entry is
///         compressed, lies outside the file or stands twice.
std::map<std::string, std::string_view> read_zip_directory(const MappedFile& file,
                                                           const std::filesystem::path& path);

/// Holds every entry that is stored as it is against the CRC-32 that the directory has of it; those
/// that are compressed, as TorchScript's code is, are left to whoever unpacks them. Throws
/// Error(checkpoint) naming the first that differs, or as read_zip_directory() does.
void check_zip_checksums(const MappedFile& file, const std::filesystem::path& path);

/// True if the file begins as a zip archive does.
bool begins_as_zip(std::string_view bytes);

}  // namespace groundglass
