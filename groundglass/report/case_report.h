#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace groundglass {

/// A picture as a page takes it (PNG) and as a PDF does (r g b, row by row).
struct ReportedPicture {
  std::string png;
  std::vector<uint8_t> rgb;
  int64_t rows = 0, columns = 0;
  std::string caption;
};

struct ReportedTable {
  std::string title;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  std::string note = {};  ///< what stands below; "" for nothing
};

/// What a reader wants to keep of one volume or X-ray, in the order in which it is shown.
struct CaseReport {
  std::string name;                   ///< "case_000"
  std::vector<std::string> warnings;  ///< first, because they say how far the rest can be trusted
  std::vector<std::string> facts;     ///< sentences: how much, where, by whose lungs
  std::vector<ReportedTable> tables;  ///< lungs, zones, classes, lesions
  std::vector<std::vector<ReportedPicture>> pictures;  ///< rows of pictures of one size
};

/// A number of a summary, with a fixed number of digits; "n/a" where there is none.
std::string number_text(const nlohmann::json& value, int digits, double factor = 1);

/// "case_000" for "case_000_mask.nii.gz".
std::string case_name_of(const std::string& output);

/// True for a case of summary.json whose mask is a volume.
bool is_volume_case(const nlohmann::json& summary_case);

/// The report of a case of summary.json, whose mask lies in `folder`: warnings, amounts, what
/// changed since an earlier study if that was compared, the severity by zones with what the points
/// mean, lesions by size, the slices with most lesion in three planes and the lesion along the
/// patient's axis; of X-rays what xray_report() says. A volume that is no longer where it was
/// when it was segmented leaves the pictures and the attenuation of single lesions out, and a
/// warning says so. Throws Error(data) for a mask that cannot be read.
CaseReport case_report(const std::filesystem::path& folder, const nlohmann::json& summary_case);

}  // namespace groundglass
