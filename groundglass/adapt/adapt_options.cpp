#include "groundglass/adapt/adapt_options.h"

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {

void AdaptOptions::check() const {
  if (views == 3) fail(ErrorKind::recipe, "[adapt] views is 3, expected 1, 2 or 4");
  if (band_low >= band_high) {
    fail(ErrorKind::recipe, "[adapt] band_low is " + shortest(band_low) + " and band_high is " +
                                shortest(band_high) + ", expected a rising pair");
  }
  if (views == 1 && (certainty != Certainty::index || agreement_limit > 0)) {
    fail(ErrorKind::recipe, "[adapt] asks for the agreement of views and views is 1; say 2 or 4");
  }
  if (rounds == 0 && batch_norm == NormStatistics::keep) {
    fail(ErrorKind::recipe,
         "[adapt] rounds is 0 and batch_norm is 'keep', so nothing would change");
  }
}

}  // namespace groundglass
