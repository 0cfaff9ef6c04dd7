#pragma once

#include <map>
#include <string>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// Weights from elsewhere under the names and in the layouts of our networks. Names of an encoder
/// stand without "encoder."; names of the rest begin with "decoder.", "node", "head" and so on.
struct ForeignWeights {
  std::map<std::string, torch::Tensor> tensors;
  std::vector<std::string> left_out;  ///< names in the file of what a segmentation has no use for
  bool whole_network = false;         ///< false: an encoder alone
};

/// Weights of a PyTorch network whose encoder has torchvision's key names (torchvision, timm,
/// CheXNet), or of lungmask.
///
/// The prefixes "module." (DataParallel), "model." and "densenet121." (CheXNet) are cut if every
/// name has them; the key style of torchvision 0.2 (denselayer1.norm.1.weight) becomes today's.
/// Left out are classifiers (classifier., fc., head., last_linear., pre_logits., AuxLogits.) and
/// the residual branches that lungmask's networks hold and do not use (residual_input_conv,
/// residual_batchnorm).
ForeignWeights from_torch(const std::map<std::string, torch::Tensor>& stored);

/// Weights of a Keras network as read_keras_h5 gives them: keras-applications' DenseNet-121,
/// Inception-v3 and VGG-16, qubvel's ResNets, alone or inside qubvel's U-Net and LinkNet or
/// MrGiovanni's Xnet and Nestnet; or paper 000's Attention U-Net with Keras' own layer names.
///
/// Kernels [h,w,in,out] become [out,in,h,w], those of transposed convolutions [h,w,out,in] become
/// [in,out,h,w], depthwise ones [h,w,C,1] become [C,1,h,w]. Layers without a name of their own
/// (conv2d_17) are taken in the order of their numbers. Left out are classifiers (fc1000,
/// predictions, fc1, fc2). A layer that is not known keeps its name, so that the report names it.
ForeignWeights from_keras(const std::map<std::string, torch::Tensor>& stored);

}  // namespace groundglass
