#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/nn.h"

namespace groundglass {

/// A convolution as Keras starts it: Glorot-uniform weights, zero bias.
///
/// [N,in,H,W] -> [N,out,H',W'], no padding unless `padding` says so.
torch::nn::Conv2d keras_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1,
                             int64_t padding = 0);

/// The transposed one, kernel 2 and stride 2. [N,in,H,W] -> [N,out,2H,2W].
torch::nn::ConvTranspose2d keras_conv_transpose(int64_t in, int64_t out);

/// Batch norm with Keras' numbers: eps 1e-3, momentum 0.99 (0.01 as LibTorch counts).
BatchNorm2d keras_batch_norm(int64_t channels);

/// Another share of the new batch in the moving statistics of every batch norm inside.
void set_batch_norm_momentum(torch::nn::Module& module, double momentum);

}  // namespace groundglass
