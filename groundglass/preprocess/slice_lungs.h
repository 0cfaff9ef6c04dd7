#pragma once

#include "groundglass/io/image.h"
#include "groundglass/preprocess/slice.h"

namespace groundglass {

/// Lungs in one CT slice, found without a network: what is darker than Otsu's threshold (below
/// -320 HU where the numbers are HU), in pieces of at least a two-hundredth of the slice that do
/// not lie along its border, with the lesions added, closed by a fortieth of the longer side and
/// filled. A piece lies along the border if it touches it with more than 1.75 times the root of its
/// area: air in a corner always does, a lung that a tight crop cuts does not.
///
/// Meant to make training masks where none are at hand; look at them. The windpipe stays in, and
/// consolidated lung is found only where the lesion mask says so.
///
/// Otsu, IEEE Trans. SMC 9 (1979) 62, and the usual pipelines, e.g. Hu, Hoffman, Reinhardt, IEEE
/// TMI 20 (2001) 490. Differs: one slice at a time, cropped pictures in unknown gray windows.
///
/// image    one channel, or the first of several.
/// lesions  [H,W] uint8, 0 is none; may be undefined.
/// returns  [H,W] uint8, 1 is lung; all 0 if nothing looks like one.
torch::Tensor lungs_by_threshold(const Image& image, const torch::Tensor& lesions);

/// The box around the lungs that lungs_by_threshold finds, with a margin of a sixteenth of the
/// body's side: chests cropped to the body, to the lungs and not at all come to one scale. A side
/// is at least three fifths of the body's, so that an apex is not magnified without bound and a
/// lung too white to be found stays inside; `body` itself if nothing looks like a lung.
///
/// image   one CT slice.
/// body    body_box of it.
Box lung_box(const Image& image, const Box& body);

}  // namespace groundglass
