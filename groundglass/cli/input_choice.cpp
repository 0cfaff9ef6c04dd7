#include "groundglass/cli/input_choice.h"

#include "groundglass/data/dataset.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {

std::vector<ChosenInput> choose_inputs(const std::string& input) {
  std::vector<ChosenInput> chosen;
  if (is_dataset(input)) {
    for (const auto& row : read_dataset(input).rows) {
      chosen.push_back({{row.image, row.id, is_volume_name(row.image)}, row.mask});
    }
    return chosen;
  }
  for (auto& found : find_inputs(input)) chosen.push_back({std::move(found), {}});
  return chosen;
}

}  // namespace groundglass
