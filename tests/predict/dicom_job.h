#pragma once

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "groundglass/io/dicom_writer.h"
#include "groundglass/predict/predict.h"
#include "tests/io/dicom_samples.h"

namespace groundglass {

/// A chest of air in muscle with a bright box in the right lung, axial or stored in coronal slices.
inline Volume chest(bool coronal) {
  auto axial = torch::full({12, 40, 48}, -1000, torch::kInt16);
  axial.slice(1, 4, 36).slice(2, 4, 44).fill_(-600);  // darker than half of white: no lesion
  axial.slice(1, 4, 36).slice(2, 4, 44).slice(0, 5, 8).slice(1, 10, 20).slice(2, 8, 15).fill_(-100);
  Volume volume;
  volume.geometry.spacing_mm = {2, 2, 5};
  volume.voxels = axial;
  if (coronal) {
    volume.voxels = axial.permute({1, 0, 2}).contiguous();
    volume.geometry.spacing_mm = {2, 5, 2};
    volume.geometry.direction = {1, 0, 0, 0, 0, 1, 0, 1, 0};
  }
  volume.units = Units::hu;
  return volume;
}

/// Runs a shell command whose output tells how it went.
inline void run_quietly(const std::string& command) {
  [[maybe_unused]] const int status = std::system(command.c_str());
}

/// What predict is told to write DICOM objects of what lies in `input`, by a model "bright".
inline PredictJob dicom_job(const std::filesystem::path& input, const std::filesystem::path& output,
                            const std::string& objects) {
  PredictJob job;
  job.inputs = find_inputs(input).inputs;
  job.output = output;
  job.model_name = "bright";
  job.weights_sha256 = std::string(64, 'a');
  job.dicom = parse_dicom_outputs(objects);
  job.dicom.maker.model = "bright";
  job.dicom.maker.weights_sha256 = job.weights_sha256;
  job.dicom.maker.date = "20260131";
  job.dicom.maker.time = "081500";
  return job;
}

/// A chest X-ray (CR) of 40 x 48 pixels with a bright box, as a file: slice 6 of chest(), without
/// any place in the patient.
inline void write_xray(const std::filesystem::path& file, const char* pixel_spacing = nullptr) {
  const auto folder = file.parent_path() / "series";
  write_dicom_series(folder, chest(false));
  std::filesystem::rename(folder / "0007.dcm", file);
  std::filesystem::remove_all(folder);
  edit_dicom(file, [&](DcmDataset& data) {
    for (const auto& tag :
         {DCM_FrameOfReferenceUID, DCM_PositionReferenceIndicator, DCM_ImagePositionPatient,
          DCM_ImageOrientationPatient, DCM_PixelSpacing, DCM_SliceThickness}) {
      data.findAndDeleteElement(tag);
    }
    const auto put = [&](const DcmTagKey& tag, const char* value) {
      data.putAndInsertString(tag, value);
    };
    put(DCM_SOPClassUID, UID_ComputedRadiographyImageStorage);
    put(DCM_Modality, "CR");
    put(DCM_BodyPartExamined, "CHEST");
    put(DCM_ViewPosition, "PA");
    put(DCM_PatientOrientation, "L\\F");
    put(DCM_WindowCenter, "-500");
    put(DCM_WindowWidth, "1001");
    if (pixel_spacing != nullptr) put(DCM_ImagerPixelSpacing, pixel_spacing);
  });
}

}  // namespace groundglass
