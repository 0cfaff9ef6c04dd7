#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/data/data_options.h"
#include "groundglass/io/sqlite.h"

namespace groundglass {

/// What a project annotates, and how its masks are read.
struct ProjectNotes {
  std::string source;  ///< the data set
  DataOptions data;
};

/// One image to annotate.
struct AnnotationCase {
  int64_t id = 0;    ///< in the store, from 1
  std::string name;  ///< as the data set calls it, unique
  std::string file;  ///< a name for files of this case, without folders, unique
  std::string study, patient, domain;
  std::filesystem::path image;   ///< absolute
  std::filesystem::path manual;  ///< its mask by hand, absolute; empty if there is none
  int64_t height = 0, width = 0;
};

/// One passage through the networks and the annotators. Stage 1: cases that have a manual mask,
/// which stands among the candidates. Stage 2: cases without.
struct Round {
  int64_t id = 0;  ///< 1 is the first of the project
  int64_t stage = 1;
  uint64_t seed = 0;  ///< of the letters
  std::vector<std::string> networks;
  std::string begun, finished;  ///< UTC; not finished until its panels can be shown
};

/// A mask that a network offers for a case.
struct Proposal {
  int64_t id = 0, case_id = 0;
  std::string network;
  std::filesystem::path file;  ///< relative to the project
  std::string weights_sha256;
  double threshold = 0.5;
  /// Mean over the image's pixels of how undecided the network is, in bits; see entropy_bits().
  /// Nothing for proposals of programs that did not keep it.
  std::optional<double> entropy = std::nullopt;
};

/// What stands under a letter of a case's panel.
struct Candidate {
  int64_t case_id = 0;
  char letter = 'A';
  int64_t proposal = 0;  ///< 0 for the manual mask
  std::string source;    ///< the network's name, or kManualSource
};

/// The name under which the manual mask stands in keys and tables; no network may bear it.
constexpr const char* kManualSource = "manual";

/// What an annotator said of a case.
struct Choice {
  int64_t round = 0, case_id = 0;
  std::string annotator;
  char letter = 0;              ///< 0: all candidates were rejected
  std::filesystem::path drawn;  ///< relative to the project; empty unless rejected and drawn
  std::optional<double> seconds;
  std::string note;
  std::string time;  ///< UTC, when the choice was read in

  /// The same decision, whenever it was read.
  bool same_as(const Choice& other) const;
};

/// What becomes of an earlier choice of the same annotator on the same case.
enum class Earlier { keep, replace };

/// A project's memory: PROJECT/annotation.sqlite. Each function is one transaction, so that a kill
/// at any moment loses nothing that was finished and leaves nothing half.
class AnnotationStore {
 public:
  /// Begins a project. An equal one that is there already is opened. Throws Error(usage) if the
  /// folder holds a project of other cases.
  static AnnotationStore create(const std::filesystem::path& project, const ProjectNotes& notes,
                                const std::vector<AnnotationCase>& cases);

  /// Opens a project. Throws Error(data) if there is none, the file is none of ours, or its layout
  /// is of a later program.
  explicit AnnotationStore(const std::filesystem::path& project);

  const std::filesystem::path& project() const { return project_; }
  const ProjectNotes& notes() const { return notes_; }
  const std::vector<AnnotationCase>& cases() const { return cases_; }
  const AnnotationCase& case_of(int64_t id) const { return cases_[static_cast<size_t>(id) - 1]; }
  const AnnotationCase* case_named(const std::string& name) const;

  std::vector<Round> rounds();

  /// The latest round, if it has this stage, seed and networks and nobody has chosen in it yet
  /// (whether finished or not), else a new one. Throws Error(usage) if another round is unfinished,
  /// or networks share a name, are too many for letters, or are called "manual".
  Round begin_round(int64_t stage, uint64_t seed, const std::vector<std::string>& networks);

  /// Forgets the unfinished round and returns its number, 0 if there is none; its files remain.
  int64_t drop_unfinished_round();

  void add_proposals(int64_t round, const std::vector<Proposal>& proposals);
  std::vector<Proposal> proposals(int64_t round);

  /// Keeps the letters and closes the round.
  void finish_round(int64_t round, const std::vector<Candidate>& candidates);
  std::vector<Candidate> candidates(int64_t round);

  /// Keeps the choices, all or none; equal ones that are there already are left as they are.
  /// Earlier ones are replaced (and remain in the file, marked) or, with `keep`, refused with
  /// Error(data). Returns how many were new.
  int64_t add_choices(const std::vector<Choice>& choices, Earlier earlier);
  std::vector<Choice> choices();  ///< those that hold, in the order in which they came

 private:
  AnnotationStore(const std::filesystem::path& project, std::unique_ptr<Database> database);
  void load();

  std::filesystem::path project_;
  std::unique_ptr<Database> database_;
  ProjectNotes notes_;
  std::vector<AnnotationCase> cases_;
};

}  // namespace groundglass
