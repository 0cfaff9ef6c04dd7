#include "groundglass/io/dicom_numbers.h"

#include <cmath>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

std::string printable(std::string clean) {
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  clean.erase(0, clean.find_first_not_of(' '));
  clean.erase(clean.find_last_not_of(' ') + 1);
  return clean;
}

bool lies_in(DicomRange range, double value) {
  if (range == DicomRange::any) return true;
  if (range == DicomRange::not_below_0) return value >= 0;
  return value > 0 && (range == DicomRange::above_0 || value == std::floor(value));
}

/// "2 numbers above 0".
std::string range_text(DicomRange range, size_t count) {
  const std::string what = count == 1 ? "a number" : std::to_string(count) + " numbers";
  if (range == DicomRange::not_below_0) return what + " from 0 up";
  if (range == DicomRange::whole_above_0) return "a whole number above 0";
  return range == DicomRange::above_0 ? what + " above 0" : what;
}

std::optional<double> binary_value(DcmElement& element, size_t i) {
  Float64 value = 0;
  const bool read = element.getFloat64(value, static_cast<unsigned long>(i)).good();
  return read && std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

}  // namespace

std::string dicom_text(DcmItem& item, const DcmTagKey& tag, unsigned long position) {
  OFString value;
  return item.findAndGetOFString(tag, value, position).bad() ? "" : printable(value.c_str());
}

std::vector<double> DicomNumbers::read(const DcmTagKey& tag, DicomRange range, size_t count) {
  DcmElement* element = nullptr;
  if (item_.findAndGetElement(tag, element).bad() || element == nullptr) return {};
  if (element->getLength() == 0) return {};
  OFString stored;
  const bool words = element->isaString();
  if (words) element->getOFStringArray(stored);
  const std::string text = printable(stored.c_str());
  if (words && text.empty()) return {};
  const auto pieces = split_text(text, '\\');
  std::vector<double> values;
  const size_t found = words ? pieces.size() : static_cast<size_t>(element->getVM());
  for (size_t i = 0; i < count && found == count; ++i) {
    const auto value = words ? number_in(pieces[i]) : binary_value(*element, i);
    if (!value || !lies_in(range, *value)) break;
    values.push_back(*value);
  }
  if (values.size() == count) return values;
  faults_.push_back(std::string(DcmTag(tag).getTagName()) + " is " +
                    (words ? in_quotes(text) : "of another kind") + ", expected " +
                    range_text(range, count));
  return {};
}

}  // namespace groundglass
