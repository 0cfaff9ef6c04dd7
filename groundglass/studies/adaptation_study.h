#pragma once

#include <map>
#include <string>
#include <vector>

#include "groundglass/data/prepared_set.h"
#include "groundglass/studies/study.h"

namespace groundglass {

/// Which slices of a domain take part.
enum class SlicesUsed { infected, all };
inline Words<SlicesUsed> words_of(SlicesUsed) {
  return {{"infected", SlicesUsed::infected}, {"all", SlicesUsed::all}};
}

/// [adaptation]: the table of domains, and where the ablation is run.
struct AdaptationStudy {
  std::string recipe;
  std::vector<std::string> set;
  std::vector<std::string> adapt_set;
  std::vector<std::string> domains;
  int64_t seeds = 5;
  SlicesUsed slices = SlicesUsed::infected;
  std::vector<std::string> paper_names;
  std::vector<std::string> ablation_pairs;
  int64_t ablation_seeds = 1;
  double choosing_share = 0.5;

  template <class V>
  void fields(V& v) {
    v.field({"recipe", "of the source networks, relative to the study"}, recipe);
    v.field({"set", "section.key=value, what the study changes in it"}, set);
    v.field({"adapt_set", "what it changes besides for retraining"}, adapt_set);
    v.field({"domains", "that are compared; empty for all of the data"}, domains);
    v.field({"seeds", "splits of each source, drawn with seeds 0, 1, ...", 1, 100}, seeds);
    v.choice({"slices", "'infected' (those with a lesion, as in the paper) or 'all'"}, slices,
             words_of(slices));
    v.field({"paper_names", "domain=letter of the paper's sets in [expect], e.g. coronacases=A"},
            paper_names);
    v.field({"ablation_pairs", "source>target pairs of the ablation; empty for all"},
            ablation_pairs);
    v.field({"ablation_seeds", "how many of the splits it uses", 1, 100}, ablation_seeds);
    v.field({"choosing_share",
             "share of each target's patients by which options are compared; the others report",
             0.1, 0.9},
            choosing_share);
  }
};

/// [[ablation]]: a choice of options.
struct AblationSpec {
  std::string name;
  std::vector<std::string> set, source_set;
  bool adapts = true;

  template <class V>
  void fields(V& v) {
    v.field({"name", "of the row, and of its folder"}, name);
    v.field({"set", "adapt.key=value and the like, for adapting"}, set);
    v.field({"source_set", "section.key=value for a source network of its own"}, source_set);
    v.field({"adapts", "false: the row is its source network alone"}, adapts);
  }
};

/// A study of this kind, as its file says it.
struct AdaptationStudyFile {
  AdaptationStudy options;
  std::vector<AblationSpec> ablation;
  std::map<std::string, std::vector<double>> expected;  ///< "A_B": trained on A, tested on B
  Protocol protocol = Protocol::strict;
};

/// Reads the sections of an adaptation study. Throws Error(recipe) for an unknown section, key or
/// word and for ablations without a name of their own; Error(usage) for a --row that is not there.
AdaptationStudyFile read_adaptation_study(const StudyFile& file, const StudyJob& job);

/// The slices that take part, by domain.
using DomainRows = std::map<std::string, std::vector<int64_t>>;

/// Throws Error(data) for fewer than two domains, one that is not there, or one without a lesion.
DomainRows domain_rows(const PreparedSet& set, const AdaptationStudy& options);

}  // namespace groundglass
