#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// What the variance of He's start is divided by.
enum class Fan {
  in,  ///< values that one output sees: keeps the size of activations
  out  ///< values that one input reaches: keeps the size of gradients
};

/// Draws the kernel of every convolution in `module` from N(0, 2 / fan) and sets its bias to zero.
///
/// He, Zhang, Ren, Sun, ICCV 2015, https://arxiv.org/abs/1502.01852, eq. 10 and 14.
void start_he_normal(torch::nn::Module& module, Fan fan = Fan::in);

}  // namespace groundglass
