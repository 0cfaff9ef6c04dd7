#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/field.h"

namespace groundglass {

/// One image file of a data set: a picture of one slice, or a volume.
struct DataRow {
  std::string id;       ///< unique: the image's path from the data set on, without ending
  std::string case_id;  ///< the study; slices of one study share it
  std::string patient;  ///< never split between training and test in strict mode
  std::string domain;   ///< hospital, scanner or source; "" if the data set has only one
  std::string label;    ///< of the whole image, e.g. a finding; "" for none
  std::filesystem::path image;
  std::filesystem::path mask;        ///< empty if there is none
  std::filesystem::path lungs = {};  ///< where they were asked for
};

/// Where the list of a data set comes from.
enum class DatasetLayout { table, nnunet, paired_folders, annotation_project, corrected_studies };
inline Words<DatasetLayout> words_of(DatasetLayout) {
  return {{"table", DatasetLayout::table},
          {"nnunet", DatasetLayout::nnunet},
          {"paired folders", DatasetLayout::paired_folders},
          {"annotation project", DatasetLayout::annotation_project},
          {"corrected studies", DatasetLayout::corrected_studies}};
}

/// A list of images with masks, and what the masks mean.
struct Dataset {
  std::filesystem::path source;  ///< the table or folder
  DatasetLayout layout = DatasetLayout::table;
  std::string mask_column;  ///< which of the table's mask columns is used; "" for none
  std::vector<DataRow> rows;
  std::vector<std::string> warnings;
};

struct DatasetOptions {
  std::string mask = "";   ///< column with the masks; "" takes the first of infection, mask, lung
  std::string lungs = "";  ///< column with the lung masks that images are cut by; "" for none
};

/// The path without ".png", ".nii.gz" and the like, with forward slashes.
std::string without_ending(const std::filesystem::path& path);

/// True for what read_dataset takes: a .csv file, or a folder of the two layouts.
bool is_dataset(const std::filesystem::path& source);

/// Reads the list of a data set, not yet its images:
///  * a CSV table with a column `image` and optional columns infection, mask, lung, patient,
///  domain,
///    case, z, label; paths relative to the table;
///  * an nnU-Net folder (dataset.json, imagesTr, labelsTr), one modality;
///  * paired folders: frames or images beside masks, paired by name.
///
/// Throws Error(data) for lungs that are asked for and no column of a table, or missing in a row.
/// Throws Error(data) listing all problems at once: files that are named and missing, names without
/// a partner, an image listed twice, no rows; and for a column that is a mask column but for a
/// typing mistake, since its masks would count as empty.
Dataset read_dataset(const std::filesystem::path& source, const DatasetOptions& options = {});

/// Throws Error(data) if no image of the data set has a mask: without one, everything would be
/// learned as healthy. Columns that sound like masks are named.
void require_masks(const Dataset& dataset);

}  // namespace groundglass
