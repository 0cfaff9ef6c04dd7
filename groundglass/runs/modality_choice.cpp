#include "groundglass/runs/modality_choice.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/data/typicality.h"
#include "groundglass/io/dicom_xray.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace {

constexpr size_t kPictures = 8;

struct ModalityModel {
  std::string model, modality;
  PreprocessOptions preprocess;
  Typicality typicality;
  int64_t votes = 0;
  std::vector<double> distances = {};  ///< of the pictures looked at
};

/// The bundled models that know what they were trained on.
std::vector<ModalityModel> candidates() {
  std::vector<ModalityModel> all;
  for (const auto& [model, modality] :
       {std::pair("ct_infection", "chest CT"), std::pair("xray_infection", "chest X-ray")}) {
    const auto file = bundled_model(model);
    if (file.empty()) continue;
    const auto notes = read_safetensors_metadata(file);
    const auto recipe = notes.find("recipe"), typicality = notes.find("typicality");
    if (recipe == notes.end() || typicality == notes.end()) continue;
    all.push_back({model, modality, parse_recipe(recipe->second, file.string()).preprocess,
                   Typicality::from_json(typicality->second, file.string())});
  }
  return all;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Up to kPictures of the inputs that can be read, evenly over all.
std::vector<Image> some_pictures(const std::vector<ChosenInput>& inputs) {
  std::vector<Image> images;
  const size_t step = std::max<size_t>(1, inputs.size() / kPictures);
  for (size_t i = 0; i < inputs.size() && images.size() < kPictures; i += step) {
    try {
      images.push_back(read_picture(inputs[i].input.path));
    } catch (const Error&) {  // is told where the picture is segmented
    }
  }
  return images;
}

/// For the candidate that the picture resembles more.
void vote(std::vector<ModalityModel>& all, const Image& image) {
  for (auto& c : all) {
    c.distances.push_back(c.typicality(to_network_grid(image, c.preprocess).pixels));
  }
  ++std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a.distances.back() < b.distances.back();
    })->votes;
}

}  // namespace

ModalityChoice choose_by_modality(const std::vector<ChosenInput>& inputs) {
  const auto volume = std::find_if(inputs.begin(), inputs.end(),
                                   [](const ChosenInput& c) { return c.input.volume; });
  if (volume != inputs.end()) return {kDefaultModel, "volumes are CT"};
  const bool xrays = std::all_of(inputs.begin(), inputs.end(), [](const ChosenInput& c) {
    return !is_picture_name(c.input.path) && is_dicom_xray(c.input.path);
  });
  if (xrays && !inputs.empty() && !bundled_model("xray_infection").empty()) {
    return {"xray_infection", "the Modality is CR or DX"};
  }
  auto all = candidates();
  const auto images = some_pictures(inputs);
  if (all.size() < 2 || images.empty()) return {kDefaultModel, "nothing speaks for another"};

  for (const Image& image : images) vote(all, image);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.votes > b.votes; });
  const ModalityModel &first = all[0], &second = all[1];
  const auto total = static_cast<int64_t>(images.size());
  if (4 * second.votes >= total) {
    fail(ErrorKind::usage, "of " + std::to_string(total) + " pictures looked at, " +
                               std::to_string(first.votes) + " resemble " + first.modality +
                               " and " + std::to_string(second.votes) + " " + second.modality +
                               "; name the model (--model " + first.model + " or " + second.model +
                               "), or give them one kind at a time");
  }
  return {first.model, std::to_string(first.votes) + " of " + std::to_string(total) +
                           " pictures looked at resemble " + first.modality + " (" +
                           fixed(median(first.distances), 1) + " of its limit) more than " +
                           second.modality + " (" + fixed(median(second.distances), 1) + ")"};
}

}  // namespace groundglass
