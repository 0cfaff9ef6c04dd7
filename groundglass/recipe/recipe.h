#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/adapt/adapt_options.h"
#include "groundglass/data/augment/augmentation.h"
#include "groundglass/data/data_options.h"
#include "groundglass/data/prepare.h"
#include "groundglass/data/split.h"
#include "groundglass/preprocess/preprocess_options.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/train/import_weights.h"
#include "groundglass/train/train_options.h"

namespace groundglass {

/// Which wins where a paper and its code differ.
enum class Follows { text, code };
inline Words<Follows> words_of(Follows) {
  return {{"text", Follows::text}, {"code", Follows::code}};
}

/// Whether the cut-off is the recipe's or chosen on validation rows.
enum class ThresholdFrom { fixed, validation };
inline Words<ThresholdFrom> words_of(ThresholdFrom) {
  return {{"fixed", ThresholdFrom::fixed}, {"validation", ThresholdFrom::validation}};
}

/// Where a recipe comes from and where it departs from it.
struct PaperOptions {
  std::string number;
  std::string title;
  std::string link;
  Follows follows = Follows::text;
  std::vector<std::string> differs;

  template <class V>
  void fields(V& v) {
    v.field({"number", "our number of the paper, '000' to '004', or empty"}, number);
    v.field({"title", "title of the paper, or of the recipe"}, title);
    v.field({"link", "where to read it"}, link);
    v.choice({"follows", "'text' or 'code': which wins where they differ"}, follows,
             words_of(follows));
    v.field({"differs", "every known departure"}, differs);
  }
};

/// How predictions become labels and scores.
struct EvaluateOptions {
  ThresholdFrom threshold_from = ThresholdFrom::fixed;
  double threshold = 0.5;
  int64_t views = 1;
  std::vector<std::string> class_names;
  std::string caution;

  template <class V>
  void fields(V& v) {
    v.choice(
        {"threshold_from",
         "'fixed', or 'validation' (the best domain mean of Dice on the validation patients, or "
         "nearly that nearer to one half)"},
        threshold_from, words_of(threshold_from));
    v.field({"threshold",
             "probability from which a pixel is infected; none applies to a softmax of "
             "three or more classes, where the likeliest wins",
             0, 1},
            threshold);
    v.field({"views",
             "of each picture whose logits are averaged, here and by 'predict': 1, 2 (with its "
             "left-right mirror image) or 4 (upside down too)",
             1, 4},
            views);
    v.field(
        {"class_names", "what classes 1, 2, .. are called in tables and pictures; may be empty"},
        class_names);
    v.field({"caution", "what 'predict' and 'detect' warn of, whatever the picture; may be empty"},
            caution);
  }
};

/// How many networks of the kind are trained and answer together.
struct MemberOptions {
  int64_t members = 1;

  template <class V>
  void fields(V& v) {
    v.field({"members", "networks of this kind whose logits are averaged; side outputs are theirs",
             1, 64},
            members);
  }
};

/// How the networks of a cascade are trained, one after the other.
struct StagedOptions {
  std::string lung_mask = "lung";
  MaskLabels lung_labels = MaskLabels::any;
  int64_t lung_epochs = 0;

  template <class V>
  void fields(V& v) {
    v.field({"lung_mask", "column with the masks of the first network"}, lung_mask);
    v.choice({"lung_labels", "what these mean, as in [data] labels"}, lung_labels,
             words_of(lung_labels));
    v.field({"lung_epochs", "of the first network; 0 for as many as the second", 0, 100000},
            lung_epochs);
  }
};

/// Whose answers a network learns beside the masks.
struct DistilOptions {
  std::string teacher;
  double weight = 0.5;

  template <class V>
  void fields(V& v) {
    v.field(
        {"teacher", "run folder of a network trained on the same split; a mean of several, say"},
        teacher);
    v.field({"weight", "of the cross-entropy with the teacher; the loss to the masks has the rest",
             0, 1},
            weight);
  }
};

/// What the paper prints; shown beside ours, never asserted on.
struct ExpectOptions {
  std::string table;
  std::vector<std::string> columns;
  std::map<std::string, std::vector<double>> rows;
};

/// One paper (or idea) on one data set: everything that decides a run, except the data.
struct Recipe {
  PaperOptions paper;
  DataOptions data;
  PreprocessOptions preprocess;
  AugmentOptions augment;
  SplitOptions split;
  ModelSpec model;
  ImportOptions start;                            ///< weights that a training begins with
  std::vector<std::pair<double, LossSpec>> loss;  ///< weight and term
  TrainOptions train;
  EvaluateOptions evaluate;
  std::optional<AdaptOptions> adapt;     ///< if the recipe says how to adapt
  std::optional<StagedOptions> cascade;  ///< if a cascade's networks are trained one by one
  std::optional<DistilOptions> distil;   ///< if it learns from another network, too
  ExpectOptions expect;

  /// The weighted sum of the terms.
  LossFunction loss_function() const;

  /// How this recipe scores slices on `engine`: batches, normalisation, stored copies, views and
  /// [evaluate] threshold. Who knows a chosen threshold sets it afterwards.
  ScoreOptions scoring(const Engine& engine) const;

  /// How a data set is prepared for this recipe, into the file `output`.
  PrepareJob preparing(Dataset dataset, const std::filesystem::path& output, int64_t threads) const;

  /// Everything, defaults included, as TOML that reads back to the same recipe.
  std::string resolved() const;
};

/// The [preprocess] section as a prepared set remembers it: all that shaped its pixels, without
/// `normalise`, which is done when a batch is made.
std::string preprocess_text(PreprocessOptions options);

/// Reads a recipe: a file, or the name of one that comes with the program (recipe_file()). A recipe
/// that begins with base = "other.toml" lies over that one, which stands
/// in the same folder: only what differs is written down. `overrides` are "section.key=value" as
/// given by --set; a value that is no TOML is taken as a word. Throws Error(recipe) with file, line
/// and column for a wrong key, kind, range or name, and Error(usage) if there is no such file.
Recipe read_recipe(const std::filesystem::path& path,
                   const std::vector<std::string>& overrides = {});

/// The same from text; `name` stands in messages.
Recipe parse_recipe(const std::string& text, const std::string& name,
                    const std::vector<std::string>& overrides = {});

}  // namespace groundglass
