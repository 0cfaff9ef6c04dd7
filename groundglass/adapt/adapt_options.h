#pragma once

#include <cstdint>
#include <string>

#include "groundglass/core/field.h"
#include "groundglass/data/protocol.h"

namespace groundglass {

/// What slices are ranked by.
enum class Certainty { index, agreement, product };
inline Words<Certainty> words_of(Certainty) {
  return {{"index", Certainty::index},
          {"agreement", Certainty::agreement},
          {"product", Certainty::product}};
}

/// Whose slices are taken: the most certain ones, or each patient's in turn.
enum class Spread { slices, patients };
inline Words<Spread> words_of(Spread) {
  return {{"slices", Spread::slices}, {"patients", Spread::patients}};
}

/// What a pseudo-label keeps of the probability.
enum class PseudoLabels { hard, band, balanced, soft };
inline Words<PseudoLabels> words_of(PseudoLabels) {
  return {{"hard", PseudoLabels::hard},
          {"band", PseudoLabels::band},
          {"balanced", PseudoLabels::balanced},
          {"soft", PseudoLabels::soft}};
}

/// Whose validation rows choose the epoch.
enum class StopOn { source, pseudo };
inline Words<StopOn> words_of(StopOn) {
  return {{"source", StopOn::source}, {"pseudo", StopOn::pseudo}};
}

/// Whether batch norm keeps the source's statistics.
enum class NormStatistics { keep, target };
inline Words<NormStatistics> words_of(NormStatistics) {
  return {{"keep", NormStatistics::keep}, {"target", NormStatistics::target}};
}

/// How a trained network is fitted to images of an unseen hospital that nobody has labelled. The
/// defaults are those of paper 003 where it says something; the values it leaves open are ours.
struct AdaptOptions {
  Protocol mode = Protocol::strict;
  double share = 0.2;
  double limit = 0.9;
  double min_pixels = 50;
  Certainty certainty = Certainty::index;
  int64_t views = 1;
  double agreement_limit = 0;
  Spread spread = Spread::slices;
  PseudoLabels labels = PseudoLabels::hard;
  double band_low = 0.3;
  double band_high = 0.7;
  double balanced_share = 0.5;
  int64_t rounds = 1;
  bool mix_source = false;
  StopOn stop_on = StopOn::source;
  NormStatistics batch_norm = NormStatistics::keep;
  double batch_norm_mix = 1;
  double entropy_weight = 0;

  template <class V>
  void fields(V& v) {
    v.choice(
        {"mode",
         "'paper' (whole target scored, patients may be those trained on) or 'strict' (patients "
         "apart; slices without a pseudo-label are scored by themselves too)"},
        mode, words_of(mode));
    v.field({"share", "share of the target's slices that may be pseudo-labelled", 0, 1}, share);
    v.field({"limit", "least certainty of a pseudo-labelled slice", 0, 1}, limit);
    v.field({"min_pixels",
             "slices with fewer pixels above the cut-off are left out; at 512 x 512, in proportion "
             "on other grids",
             0, 262144},
            min_pixels);
    v.choice(
        {"certainty",
         "what slices are ranked by: 'index' (mean probability above the cut-off), 'agreement' "
         "(of the views) or 'product' (of both)"},
        certainty, words_of(certainty));
    v.field(
        {"views", "flips whose mean is the prediction: 1 none, 2 left-right, 4 up-down too", 1, 4},
        views);
    v.field({"agreement_limit", "least agreement of the views: shared over covered pixels", 0, 1},
            agreement_limit);
    v.choice({"spread", "'slices' (the most certain ones) or 'patients' (each patient's in turn)"},
             spread, words_of(spread));
    v.choice({"labels",
              "'hard', 'band' (middling probability is ignored), 'balanced' (the surest pixels of "
              "each class) or 'soft' (each pixel drawn with its probability)"},
             labels, words_of(labels));
    v.field({"band_low", "band: probability from which a pixel is ignored", 0, 1}, band_low);
    v.field({"band_high", "band: probability up to which a pixel is ignored", 0, 1}, band_high);
    v.field(
        {"balanced_share", "balanced: share of each class's pixels that keep their label", 0.01, 1},
        balanced_share);
    v.field({"rounds", "of labelling and retraining; 0 only re-estimates batch norm", 0, 20},
            rounds);
    v.field({"mix_source", "retrain on the source's training rows besides"}, mix_source);
    v.choice({"stop_on",
              "what chooses the epoch: 'source' (validation patients of the source) or 'pseudo' (a "
              "fifth of the pseudo-labelled slices, where no source is at hand)"},
             stop_on, words_of(stop_on));
    v.choice({"batch_norm", "'keep', or 'target' (statistics re-estimated before labelling)"},
             batch_norm, words_of(batch_norm));
    v.field({"batch_norm_mix", "target: share of the target in the statistics", 0, 1},
            batch_norm_mix);
    v.field({"entropy_weight",
             "of the mean entropy of pixels without a label; above 0 the other target slices are "
             "trained on unlabelled",
             0, 100},
            entropy_weight);
  }

  /// Throws Error(recipe) for 3 views, a band that is none, or an agreement asked
  /// of one view.
  void check() const;
};

}  // namespace groundglass
