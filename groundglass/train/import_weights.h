#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/field.h"
#include "groundglass/train/weights.h"

namespace groundglass {

/// Who named the weights in a file.
enum class WeightsLayout {
  automatic,    ///< as the file tells
  groundglass,  ///< ours: every name as it is
  torchvision,
  folded,    ///< torchvision's names, batch norm multiplied into the convolutions
  timm,      ///< torchvision's names with other heads
  chexnet,   ///< DenseNet-121 inside a DataParallel wrapper, with torchvision 0.2's names
  keras,     ///< keras-applications, qubvel, MrGiovanni
  lungmask,  ///< R231
};

/// Goes into a recipe's [model] beside the network's own keys.
struct ImportOptions {
  std::string weights;  ///< file to start from; empty for random weights
  WeightsLayout layout = WeightsLayout::automatic;

  template <class V>
  void fields(V& v) {
    v.field({"weights", "file of weights to start from, empty for random ones"}, weights);
    v.choice({"weights_layout", "who named the weights in that file"}, layout,
             {{"auto", WeightsLayout::automatic},
              {"groundglass", WeightsLayout::groundglass},
              {"torchvision", WeightsLayout::torchvision},
              {"folded", WeightsLayout::folded},
              {"timm", WeightsLayout::timm},
              {"chexnet", WeightsLayout::chexnet},
              {"keras", WeightsLayout::keras},
              {"lungmask", WeightsLayout::lungmask}});
  }
};

/// What an import did.
struct ImportReport {
  WeightsLayout layout = WeightsLayout::automatic;  ///< that of the file, never automatic
  int64_t taken = 0;                                ///< tensors
  std::vector<std::string> left_out;  ///< names in the file that the network has no use for
  std::vector<std::string> fresh;     ///< names in the network that are no part of such a file
  std::vector<std::string> adapted;   ///< weights made fit: fewer input channels, no gamma
  std::vector<std::string> unfolded;  ///< batch norms that stand for a bias; see settle_norms()
  std::string absent;  ///< part of the encoder that the file lacks and that keeps its start

  /// One line, e.g. "torchvision weights, 216 taken; left out: fc.bias and fc.weight; not in the
  /// file: decoder.0.expand.conv.weight, ... and 61 more". A part that is absent is named first.
  std::string text() const;
};

/// The word for a layout, as recipes say it.
std::string layout_name(WeightsLayout layout);

/// Puts the weights of a file into a network, by name: own safetensors, torch.save's files
/// (read_torch_checkpoint), and Keras' .h5 (read_keras_h5, full build only); the kind is told by
/// the first bytes of the file. An encoder's weights go into the network's `encoder.` (or
/// `resnet.`), or into the network itself if it is the encoder; the rest of the network keeps what
/// it has.
///
/// Everything must fit: every name of the file that is not left out has its place, and every weight
/// of the encoder (of the network, for a file of a whole one) is filled. Exempt are the counters
/// num_batches_tracked, which old files do not hold and nothing computes with; and of files whose
/// batch norm is folded, layer4 of a ResNet-18 as a whole (absent_part()), which then keeps the
/// weights it has and is named in the report.
/// Differs: from the networks the weights were made for, in three adaptations, each reported. A
/// first convolution over three channels becomes one over one by the sum of its kernels, which is
/// what a gray image in all three channels gives; the statistics of a batch norm before it
/// (bn_data) become their mean, which is near that only. Where our batch norm has no gamma
/// (Inception-v3), the file's is multiplied into the convolution before it, which is exact except
/// in training. Files whose batch norm is folded fill batch norms with what answers alike in
/// evaluation mode (unfold_norms()); for training they need statistics besides (settle_norms()).
///
/// network  its weights are changed only if everything fits.
/// throws   Error(checkpoint) naming file, layout and what is missing, unexpected or of another
///          shape; Error(checkpoint) for files that cannot be read or whose layout is not known.
ImportReport import_weights(torch::nn::Module& network, const std::filesystem::path& path,
                            WeightsLayout layout = WeightsLayout::automatic);

}  // namespace groundglass
