#include "groundglass/adapt/adapt_options.h"

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {

void AdaptOptions::check() const {
  check_word("adapt", "mode", mode, {"paper", "strict"});
  check_word("adapt", "certainty", certainty, {"index", "agreement", "product"});
  check_word("adapt", "spread", spread, {"slices", "patients"});
  check_word("adapt", "labels", labels, {"hard", "band", "balanced", "soft"});
  check_word("adapt", "stop_on", stop_on, {"source", "pseudo"});
  check_word("adapt", "batch_norm", batch_norm, {"keep", "target"});
  if (views == 3) fail(ErrorKind::recipe, "[adapt] views is 3, expected 1, 2 or 4");
  if (band_low >= band_high) {
    fail(ErrorKind::recipe, "[adapt] band_low is " + shortest(band_low) + " and band_high is " +
                                shortest(band_high) + ", expected a rising pair");
  }
  if (views == 1 && (certainty != "index" || agreement_limit > 0)) {
    fail(ErrorKind::recipe, "[adapt] asks for the agreement of views and views is 1; say 2 or 4");
  }
  if (rounds == 0 && batch_norm == "keep") {
    fail(ErrorKind::recipe,
         "[adapt] rounds is 0 and batch_norm is 'keep', so nothing would change");
  }
}

}  // namespace groundglass
