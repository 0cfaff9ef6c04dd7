#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "groundglass/core/files.h"

// DCMTK's; sources that look into them include its headers.
class DcmDataset;
class DcmFileFormat;
class DcmItem;
class DcmTagKey;
class OFCondition;

namespace groundglass {

/// An object in memory, on its way to a file.
using DicomFile = std::shared_ptr<DcmFileFormat>;

/// A coded entry: "49755003", "SCT", "Morphologically Abnormal Structure".
struct DicomCode {
  std::string value, scheme, meaning;
};

/// The text with everything that is no printable ASCII as '?', at most `longest` characters: our
/// own texts must mean the same in every character set that the patient's name may be written in.
std::string dicom_text(const std::string& text, size_t longest = 64);

/// A number as a decimal string of at most 16 characters.
std::string decimal_string(double value);

/// Sets one element. Throws Error(internal) if the element does not take the value.
void put_text(DcmItem& item, const DcmTagKey& tag, const std::string& value);
void put_short(DcmItem& item, const DcmTagKey& tag, uint16_t value);

/// A new last item of a sequence, which is made where it is missing.
DcmItem& add_item(DcmItem& item, const DcmTagKey& sequence);

/// A new last item that holds the code; returned for modifiers.
DcmItem& add_code(DcmItem& item, const DcmTagKey& sequence, const DicomCode& code);

/// A new last item with ReferencedSOPClassUID and ReferencedSOPInstanceUID.
DcmItem& add_reference(DcmItem& item, const DcmTagKey& sequence, const std::string& sop_class,
                       const std::string& sop_instance);

/// The value as it stands, without the blanks that fill it; "" if there is none.
std::string text_of(DcmItem& item, const DcmTagKey& tag, unsigned long position = 0);

/// All values of an element as they stand, with backslashes between them; "" if there are none.
std::string all_text_of(DcmItem& item, const DcmTagKey& tag);

/// Item `number` of a sequence; null if there is none.
DcmItem* item_of(DcmItem& item, const DcmTagKey& sequence, long number = 0);

/// Lets `save` write a file under the temporary name that it is given; the file appears whole or
/// not at all. Throws Error(data) with the reason, also where DCMTK, which closes the file unseen,
/// says that all is well and the disk had no room for the last bytes.
void save_whole(const std::filesystem::path& path, Flush flush,
                const std::function<OFCondition(const char* temporary)>& save);

/// Writes a data set as a file in explicit VR little endian with explicit lengths; the file appears
/// whole or not at all. Throws Error(data) with the reason.
void save_dicom(DcmFileFormat& file, const std::filesystem::path& path);

}  // namespace groundglass
