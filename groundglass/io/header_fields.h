#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace groundglass {

/// The fields of a text header as they stand in the file, without blanks around them.
using HeaderFields = std::map<std::string, std::string>;

/// Reads what stands before the voxels of a MetaImage (.mha, .mhd) and refuses numbers that are not
/// read to their end: a decimal comma, a unit, the wrong count, sizes and spacings not above 0; and
/// fields that are said twice with different values, under one name or under two that mean the
/// same. Libraries take what they can of such a field and say nothing.
///
/// Throws Error(data) naming field and value.
HeaderFields checked_metaimage_fields(const std::filesystem::path& path);

/// The same for NRRD (.nrrd, .nhdr); names of fields are in lower case. Besides, units of space
/// other than millimetres are refused.
HeaderFields checked_nrrd_fields(const std::filesystem::path& path);

/// The field, or "".
std::string field_of(const HeaderFields& fields, const std::string& name);

}  // namespace groundglass
