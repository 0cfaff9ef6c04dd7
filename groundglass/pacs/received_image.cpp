#include "groundglass/pacs/received_image.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/pacs/dicom_network.h"

namespace groundglass {
namespace {

void add_number(std::string& bytes, uint32_t value, int count) {
  for (int i = 0; i < count; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xff);
}

void add_uid(std::string& bytes, uint16_t element, std::string uid) {
  if (uid.size() % 2 != 0) uid += '\0';
  add_number(bytes, 0x0002, 2);
  add_number(bytes, element, 2);
  bytes += "UI";
  add_number(bytes, static_cast<uint32_t>(uid.size()), 2);
  bytes += uid;
}

/// Preamble and group 0002 in explicit VR little endian (PS3.10, 7.1).
std::string meta_header(const std::string& sop_class, const std::string& sop_instance,
                        const std::string& syntax) {
  std::string group;
  add_number(group, 0x0002, 2);
  add_number(group, 0x0001, 2);
  group += std::string("OB\0\0", 4);
  add_number(group, 2, 4);
  group += std::string("\0\1", 2);
  add_uid(group, 0x0002, sop_class);
  add_uid(group, 0x0003, sop_instance);
  add_uid(group, 0x0010, syntax);
  add_uid(group, 0x0012, OFFIS_IMPLEMENTATION_CLASS_UID);
  std::string bytes(128, '\0');
  bytes += "DICM";
  add_number(bytes, 0x0002, 2);
  add_number(bytes, 0x0000, 2);
  bytes += "UL";
  add_number(bytes, 4, 2);
  add_number(bytes, static_cast<uint32_t>(group.size()), 4);
  return bytes + group;
}

}  // namespace

PartFile::PartFile(std::filesystem::path path, const std::string& sop_class,
                   const std::string& sop_instance, const std::string& syntax)
    : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  whole_ = descriptor_ >= 0;
  const std::string header = meta_header(sop_class, sop_instance, syntax);
  write(header.data(), header.size());
}

PartFile::~PartFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!finished_) ::unlink(path_.c_str());
}

void PartFile::write(const void* bytes, size_t size) {
  const auto* from = static_cast<const char*>(bytes);
  while (whole_ && size > 0) {
    const ssize_t written = ::write(descriptor_, from, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      whole_ = false;
      return;
    }
    from += written;
    size -= static_cast<size_t>(written);
  }
}

bool PartFile::finish() {
  finished_ = whole_ && ::fsync(descriptor_) == 0;
  return finished_;
}

std::string why_refused(ReceivedImage& image) {
  prepare_dicom_network();
  DcmFileFormat file;
  const OFCondition read = file.loadFileUntilTag(image.file.c_str(), EXS_Unknown, EGL_noChange,
                                                 DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
  if (read.bad()) return std::string("cannot be read (") + read.text() + ")";
  DcmDataset& data = *file.getDataset();
  if (image.sop_instance.empty()) {
    image.sop_instance = text_of(data, DCM_SOPInstanceUID);
    image.sop_class = text_of(data, DCM_SOPClassUID);
  }
  if (text_of(data, DCM_SOPInstanceUID) != image.sop_instance ||
      text_of(data, DCM_SOPClassUID) != image.sop_class) {
    return "its UIDs are not those of the command";
  }
  image.series = text_of(data, DCM_SeriesInstanceUID);
  image.study = text_of(data, DCM_StudyInstanceUID);
  for (const auto& uid : {image.sop_instance, image.series, image.study}) {
    if (!is_uid(uid)) return "SOPInstanceUID, SeriesInstanceUID or StudyInstanceUID is no UID";
  }
  image.modality = text_of(data, DCM_Modality);
  image.in_acquisition = std::atol(text_of(data, DCM_ImagesInAcquisition).c_str());
  image.sha256 = sha256_of_file(image.file);
  return "";
}

}  // namespace groundglass
