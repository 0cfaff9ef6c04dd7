#include "groundglass/io/dicom_items.h"

#include <array>
#include <cerrno>
#include <charconv>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"

namespace groundglass {

std::string dicom_text(const std::string& text, size_t longest) {
  std::string out = text.substr(0, longest);
  for (char& c : out) {
    if (c < ' ' || c > '~' || c == '\\') c = '?';
  }
  return out;
}

std::string decimal_string(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::general, 10);
  return {buffer.data(), end.ptr};
}

void put_text(DcmItem& item, const DcmTagKey& tag, const std::string& value) {
  if (item.putAndInsertString(tag, value.c_str()).bad()) {
    fail(ErrorKind::internal, "a DICOM object does not take the value " + value);
  }
}

void put_short(DcmItem& item, const DcmTagKey& tag, Uint16 value) {
  if (item.putAndInsertUint16(tag, value).bad()) {
    fail(ErrorKind::internal, "a DICOM object does not take a number");
  }
}

DcmItem& add_item(DcmItem& item, const DcmTagKey& sequence) {
  constexpr long kAppend = -2;
  DcmItem* made = nullptr;
  if (item.findOrCreateSequenceItem(sequence, made, kAppend).bad() || made == nullptr) {
    fail(ErrorKind::internal, "a DICOM object takes no further item of a sequence");
  }
  return *made;
}

DcmItem& add_code(DcmItem& item, const DcmTagKey& sequence, const DicomCode& code) {
  DcmItem& made = add_item(item, sequence);
  put_text(made, DCM_CodeValue, code.value);
  put_text(made, DCM_CodingSchemeDesignator, code.scheme);
  put_text(made, DCM_CodeMeaning, code.meaning);
  return made;
}

DcmItem& add_reference(DcmItem& item, const DcmTagKey& sequence, const std::string& sop_class,
                       const std::string& sop_instance) {
  DcmItem& made = add_item(item, sequence);
  put_text(made, DCM_ReferencedSOPClassUID, sop_class);
  put_text(made, DCM_ReferencedSOPInstanceUID, sop_instance);
  return made;
}

std::string text_of(DcmItem& item, const DcmTagKey& tag, unsigned long position) {
  OFString value;
  if (item.findAndGetOFString(tag, value, position).bad()) return "";
  std::string text(value.c_str());
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string all_text_of(DcmItem& item, const DcmTagKey& tag) {
  OFString value;
  if (item.findAndGetOFStringArray(tag, value).bad()) return "";
  return value.c_str();
}

DcmItem* item_of(DcmItem& item, const DcmTagKey& sequence, long number) {
  DcmItem* found = nullptr;
  return item.findAndGetSequenceItem(sequence, found, number).good() ? found : nullptr;
}

void save_whole(const std::filesystem::path& path, Flush flush,
                const std::function<OFCondition(const char* temporary)>& save) {
  AtomicFile whole(path, flush);
  errno = 0;
  const OFCondition saved = save(whole.temporary().c_str());
  const std::string lost = why_not_written("");
  if (saved.bad() || !lost.empty()) {
    fail(ErrorKind::data,
         path.string() + ": cannot be written (" + (lost.empty() ? saved.text() : lost) + ")");
  }
  whole.commit();
}

void save_dicom(DcmFileFormat& file, const std::filesystem::path& path) {
  save_whole(path, Flush::to_system, [&](const char* temporary) {
    return file.saveFile(temporary, EXS_LittleEndianExplicit, EET_ExplicitLength, EGL_recalcGL,
                         EPD_withoutPadding, 0, 0, EWM_fileformat);
  });
}

}  // namespace groundglass
