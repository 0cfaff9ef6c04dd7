#include "groundglass/runs/recipe_preparation.h"

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/predict/segmenter.h"
#include "groundglass/runs/lung_choice.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {

std::shared_ptr<Segmenter> mask_network(const PreprocessOptions& options,
                                        const RunSettings& settings) {
  if (!options.needs_lungs() || options.lungs_from == LungsBy::threshold) return {};
  const bool named = options.lungs_from == LungsBy::network && !options.lungs_name.empty();
  const std::string name = named ? options.lungs_name : kLungModel;
  const TrainedModel lungs = load_runnable_model(name, {});
  if (lungs.recipe.preprocess.needs_lungs() &&
      lungs.recipe.preprocess.lungs_from != LungsBy::threshold) {
    fail(ErrorKind::recipe, "[preprocess] lungs_name " + in_quotes(name) +
                                ": this network needs lungs itself, expected one that finds them "
                                "on whole images");
  }
  SegmenterOptions how = segmenter_options(lungs, settings, {});
  how.batch_size = 0;
  return std::make_shared<Segmenter>(std::move(how));
}

Dataset dataset_for(const Recipe& recipe, const std::filesystem::path& source) {
  const PreprocessOptions& p = recipe.preprocess;
  DatasetOptions options = {.mask = recipe.data.mask};
  if (p.needs_lungs() && p.lungs_from == LungsBy::column) {
    options.lungs = p.lungs_name.empty() ? "lung" : p.lungs_name;
  }
  return read_dataset(source, options);
}

int64_t prepare_for(const Recipe& recipe, Dataset dataset, const std::filesystem::path& output,
                    const RunSettings& settings, Observer& observer) {
  PrepareJob job = recipe.preparing(std::move(dataset), output, settings.threads);
  if (recipe.preprocess.needs_lungs() && recipe.preprocess.lungs_from == LungsBy::network) {
    job.find_lungs = [network = mask_network(recipe.preprocess, settings)](const Image& image) {
      return network->segment({image}).front().labels;
    };
  }
  return prepare(job, observer);
}

}  // namespace groundglass
