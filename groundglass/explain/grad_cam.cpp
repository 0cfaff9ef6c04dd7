#include "groundglass/explain/grad_cam.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

/// The number to explain, from logits [1,K,H,W].
torch::Tensor score_of(const torch::Tensor& logits, const GradCamOptions& options) {
  const bool binary = logits.size(1) == 1;
  const auto of_class = logits.select(1, binary ? 0 : options.label);  // [1,H,W]
  if (options.score == CamScore::all) return of_class.sum();
  if (options.score == CamScore::peak) return of_class.max();
  const auto predicted = labels(probabilities(logits.detach()), options.threshold);
  const auto mine = predicted == (binary ? 1 : options.label);
  return mine.any().item<bool>() ? of_class.masked_select(mine).sum() : of_class.sum();
}

void check_class(int64_t label, int64_t classes) {
  if (label >= 0 && label < classes) return;
  fail(ErrorKind::usage, "class " + std::to_string(label) +
                             " is out of range; the network "
                             "has classes 0 to " +
                             std::to_string(classes - 1));
}

/// Maps [1,C,h,w] weighed by their mean gradients, as large as the image, its maximum 1.
torch::Tensor weighed(const torch::Tensor& maps, const torch::Tensor& gradient,
                      const torch::Tensor& image) {
  const auto weights = gradient.mean(torch::IntArrayRef{2, 3}, true);
  const auto heat = torch::relu((weights * maps.detach()).sum(1, true));  // [1,1,h,w]
  const auto full =
      torch::upsample_bilinear2d(heat, {image.size(2), image.size(3)}, false).squeeze(0).squeeze(0);
  return full / full.max().clamp_min(1e-12);
}

}  // namespace

torch::Tensor grad_cam(SegmentationModel& model, const torch::Tensor& image,
                       const GradCamOptions& options) {
  const auto names = model.layer_names();
  if (std::find(names.begin(), names.end(), options.layer) == names.end()) {
    fail(ErrorKind::usage,
         "no layer " + in_quotes(options.layer) + " in this network; it has " + listed(names));
  }
  if (model.out_channels() > 1) check_class(options.label, model.out_channels());
  const torch::AutoGradMode with_gradients(true);
  const bool training = model.is_training();
  model.eval();
  torch::Tensor maps;
  model.watch_layers([&](const std::string& layer, torch::Tensor output) {
    if (layer != options.layer) return output;
    maps = output.detach().requires_grad_(true);  // nothing before the layer needs a gradient
    return maps;
  });
  torch::Tensor logits;
  try {
    logits = model.forward(image).logits;
  } catch (...) {
    model.watch_layers({});
    model.train(training);
    throw;
  }
  model.watch_layers({});
  model.train(training);
  const auto gradient = torch::autograd::grad({score_of(logits, options)}, {maps})[0];  // [1,C,h,w]
  return weighed(maps, gradient, image);
}

torch::Tensor grad_cam(EncoderClassifier& model, const torch::Tensor& image, int64_t label) {
  check_class(label, model->classes());
  const torch::AutoGradMode with_gradients(true);
  const bool training = model->is_training();
  model->eval();
  torch::Tensor maps, logits;
  try {
    maps = model->features(image).detach().requires_grad_(true);
    logits = model->classify(maps);
  } catch (...) {
    model->train(training);
    throw;
  }
  model->train(training);
  const auto gradient = torch::autograd::grad({logits[0][label]}, {maps})[0];  // [1,C,h,w]
  return weighed(maps, gradient, image);
}

}  // namespace groundglass
