#include "groundglass/models/blocks/batch_norm_no_scale.h"

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/norm_listener.h"

namespace groundglass {

BatchNormNoScaleImpl::BatchNormNoScaleImpl(int64_t channels, double eps, double momentum)
    : eps_(eps), momentum_(momentum) {
  bias = register_parameter("bias", torch::zeros({channels}));
  running_mean = register_buffer("running_mean", torch::zeros({channels}));
  running_var = register_buffer("running_var", torch::ones({channels}));
  num_batches_tracked =
      register_buffer("num_batches_tracked", torch::zeros({}, torch::TensorOptions(torch::kLong)));
}

torch::Tensor BatchNormNoScaleImpl::forward(const torch::Tensor& image) {
  const torch::Tensor no_scale;
  if (is_training() && NormListener::current() != nullptr) {
    return listened_batch_norm(*this, image, no_scale, bias, eps_);
  }
  if (is_training()) num_batches_tracked += 1;
  if (is_training() && norms_globally()) {
    return global_batch_norm(image, {no_scale, bias, running_mean, running_var, momentum_, eps_});
  }
  return torch::batch_norm(image, no_scale, bias, running_mean, running_var, is_training(),
                           momentum_, eps_, /*cudnn_enabled=*/true);
}

}  // namespace groundglass
