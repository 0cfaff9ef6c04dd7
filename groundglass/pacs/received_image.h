#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace groundglass {

/// What an image is that came in, by its own header and by the command that announced it.
struct ReceivedImage {
  std::filesystem::path file;  ///< where it lies, whole and on the disk
  std::string sop_class, sop_instance, series, study;
  std::string syntax;          ///< UID of the transfer syntax
  std::string modality;        ///< "CT"
  int64_t in_acquisition = 0;  ///< ImagesInAcquisition; 0 if it is not told
  std::string sha256;          ///< of the file
};

/// A DICOM file that grows as its bytes come in, under a name that is not final.
class PartFile {
 public:
  /// Begins the file with the meta header; the data set follows as it is received.
  PartFile(std::filesystem::path path, const std::string& sop_class,
           const std::string& sop_instance, const std::string& syntax);
  /// Closes it; a file that was not finished is removed.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  /// Adds bytes. After a failure (a full disk) the rest is dropped.
  void write(const void* bytes, size_t size);

  /// Brings the file to the disk. False if not every byte of it got there.
  bool finish();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool whole_ = true, finished_ = false;
};

/// Why a received file is refused: it cannot be read, its UIDs are none, or they differ from those
/// of the command, if `image` names these. "" if it is sound; the image's header fields are then
/// filled in.
std::string why_refused(ReceivedImage& image);

}  // namespace groundglass
