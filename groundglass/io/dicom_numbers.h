#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

class DcmItem;
class DcmTagKey;

namespace groundglass {

/// A value of an element without the blanks that fill it, and fit to stand in a message: printable
/// ASCII. Empty if it is not there.
std::string dicom_text(DcmItem& item, const DcmTagKey& tag, unsigned long position = 0);

/// What the values of an element have to be, besides numbers.
enum class DicomRange { any, not_below_0, above_0, whole_above_0 };

/// Reads numbers of a data set to their end; DCMTK itself would stop at a decimal comma. What is no
/// number, or not in its range, goes to `faults` as "<Name> is '<value>', expected <what>".
class DicomNumbers {
 public:
  DicomNumbers(DcmItem& item, std::vector<std::string>& faults) : item_(item), faults_(faults) {}

  /// The N values; nothing if the element is missing, empty or at fault.
  template <size_t N>
  std::optional<std::array<double, N>> all(const DcmTagKey& tag,
                                           DicomRange range = DicomRange::any) {
    const auto values = read(tag, range, N);
    if (values.size() != N) return {};
    std::array<double, N> fixed_size{};
    std::copy(values.begin(), values.end(), fixed_size.begin());
    return fixed_size;
  }

  std::optional<double> one(const DcmTagKey& tag, DicomRange range = DicomRange::any) {
    const auto values = read(tag, range, 1);
    return values.empty() ? std::nullopt : std::optional(values.front());
  }

 private:
  std::vector<double> read(const DcmTagKey& tag, DicomRange range, size_t count);

  DcmItem& item_;
  std::vector<std::string>& faults_;
};

}  // namespace groundglass
