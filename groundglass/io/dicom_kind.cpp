#include "groundglass/io/dicom_kind.h"

#include <algorithm>
#include <array>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// What begins a SOP class, what it is, and what to do with such a file.
struct KnownKind {
  const char* sop_class;
  const char* words;
  const char* advice;
};

constexpr const char* kInspect = "`groundglass inspect` tells what it says";
constexpr const char* kImages = "give the images that it was made of";

/// Longer ones before what they begin with.
constexpr std::array kKinds = {
    KnownKind{"1.2.840.10008.1.3.10", "a DICOMDIR (the list of a disk)",
              "give the folder that it lies in"},
    KnownKind{"1.2.840.10008.5.1.4.1.1.66.4", "a segmentation (SEG)",
              "`groundglass inspect` describes it, and `evaluate` takes it as a mask"},
    KnownKind{"1.2.840.10008.5.1.4.1.1.66.7", "a label map segmentation (SEG)", kImages},
    KnownKind{"1.2.840.10008.5.1.4.1.1.66.1", "a registration (REG)", kImages},
    KnownKind{"1.2.840.10008.5.1.4.1.1.66.3", "a registration (REG)", kImages},
    KnownKind{"1.2.840.10008.5.1.4.1.1.66", "raw data of the scanner",
              "export the reconstructed slices"},
    KnownKind{"1.3.12.2.1107.5.9.1", "data of a Siemens machine (CSA non-image)",
              "export the reconstructed slices"},
    KnownKind{"1.2.840.10008.5.1.4.1.1.88.59", "a key object selection (KO)", kImages},
    KnownKind{"1.2.840.10008.5.1.4.1.1.88.67", "a report of the radiation dose (SR)", kInspect},
    KnownKind{"1.2.840.10008.5.1.4.1.1.88.", "a structured report (SR)", kInspect},
    KnownKind{"1.2.840.10008.5.1.4.1.1.11.", "a presentation state (PR)", kImages},
    KnownKind{"1.2.840.10008.5.1.4.1.1.104.1", "an encapsulated PDF", "dcm2pdf takes it out"},
    KnownKind{"1.2.840.10008.5.1.4.1.1.104.", "an encapsulated document", kImages},
    KnownKind{"1.2.840.10008.5.1.4.1.1.481.2", "a dose of radiotherapy (RTDOSE)", kImages},
    KnownKind{"1.2.840.10008.5.1.4.1.1.481.3", "outlines of radiotherapy (RTSTRUCT)",
              "give the images, or the outlines as a mask"},
    KnownKind{"1.2.840.10008.5.1.4.1.1.481.", "an object of radiotherapy (RT)", kImages},
    KnownKind{"1.2.840.10008.5.1.4.1.1.9.", "a waveform (ECG and the like)", kImages},
};

std::string sop_class_of(const fs::path& path, bool& readable) {
  prepare_dicom_library();
  DcmFileFormat file;
  readable = file.loadFileUntilTag(path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength,
                                   ERM_autoDetect, DCM_StudyDate)
                 .good();
  if (!readable) return "";
  const std::string said = text_of(*file.getDataset(), DCM_SOPClassUID);
  return said.empty() ? text_of(*file.getMetaInfo(), DCM_MediaStorageSOPClassUID) : said;
}

const KnownKind* known_kind(const std::string& sop_class) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& k) {
    return sop_class.starts_with(k.sop_class);
  });
  return found == kKinds.end() ? nullptr : &*found;
}

std::string words_of(const std::string& sop_class, bool readable) {
  if (!readable) return "no DICOM file that can be read";
  if (sop_class.empty()) return "a data set without SOPClassUID";
  if (const auto* kind = known_kind(sop_class)) return kind->words;
  const char* name = dcmFindNameOfUID(sop_class.c_str());
  return "an object of the class " + (name != nullptr ? std::string(name) : sop_class) +
         " without pixels to segment";
}

}  // namespace

std::string dicom_kind_words(const fs::path& path) {
  bool readable = false;
  const std::string sop_class = sop_class_of(path, readable);
  return words_of(sop_class, readable);
}

std::string why_no_image(const fs::path& path) {
  bool readable = false;
  const std::string sop_class = sop_class_of(path, readable);
  const auto* kind = known_kind(sop_class);
  return "is " + words_of(sop_class, readable) + ", no DICOM image; " +
         (kind != nullptr ? kind->advice : "expected CT slices or a chest X-ray (CR, DX)");
}

}  // namespace groundglass
