#pragma once

#include <filesystem>
#include <string>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/io/dicom_writer.h"
#include "groundglass/io/volume_reader.h"
#include "tests/io/volume_samples.h"

namespace groundglass {

/// Changes one DICOM file: `change` receives its data set.
template <class Change>
void edit_dicom(const std::filesystem::path& path, Change change,
                E_TransferSyntax syntax = EXS_LittleEndianExplicit) {
  DcmFileFormat file;
  ASSERT_TRUE(file.loadFile(path.c_str()).good()) << path;
  ASSERT_TRUE(file.loadAllDataIntoMemory().good());
  change(*file.getDataset());
  ASSERT_TRUE(file.saveFile(path.c_str(), syntax, EET_ExplicitLength, EGL_recalcGL, EPD_noChange, 0,
                            0, EWM_createNewMeta)
                  .good())
      << path;
}

inline void set_tag(const std::filesystem::path& path, const DcmTagKey& tag, const char* value) {
  edit_dicom(path, [&](DcmDataset& data) { data.putAndInsertString(tag, value); });
}

inline void remove_tag(const std::filesystem::path& path, const DcmTagKey& tag) {
  edit_dicom(path, [&](DcmDataset& data) { data.findAndDeleteElement(tag); });
}

/// 0001.dcm ... 0005.dcm: the box in air, 2.5 mm apart.
inline void write_box_series(const std::filesystem::path& folder, const Geometry& grid,
                             uint64_t seed = 1) {
  DicomSeriesOptions options;
  options.seed = seed;
  write_dicom_series(folder, volume_in_hu(box_in_air(), grid), options);
}

}  // namespace groundglass
