#include "groundglass/predict/input_choice.h"

#include "groundglass/core/csv.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/data/dataset.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {

namespace {

bool has_column(const std::string& input, const std::string& column) {
  return ends_with(input, ".csv") && read_csv(input).column(column) >= 0;
}

}  // namespace

ChosenInputs choose_inputs(const std::string& input, const std::string& mask_column) {
  ChosenInputs chosen;
  if (is_dataset(input)) {
    const Dataset dataset =
        read_dataset(input, {has_column(input, mask_column) ? mask_column : ""});
    for (const auto& row : dataset.rows) {
      chosen.inputs.push_back(
          {{row.image, inside_folder(row.id).generic_string(), is_volume_name(row.image)},
           row.mask,
           {}});
    }
    const bool table = dataset.layout == DatasetLayout::table;
    if (table && read_csv(dataset.source).column("lung") >= 0) {
      const auto lungs = read_dataset(input, {"lung"}).rows;
      for (size_t i = 0; i < lungs.size(); ++i) chosen.inputs[i].lung = lungs[i].mask;
    }
    return chosen;
  }
  FoundInputs found = find_inputs(input);
  for (auto& one : found.inputs) chosen.inputs.push_back({std::move(one), {}, {}});
  chosen.left_out = std::move(found.left_out);
  return chosen;
}

}  // namespace groundglass
