#include "groundglass/annotate/final_masks.h"

#include <map>
#include <set>

#include "groundglass/annotate/agreement.h"
#include "groundglass/annotate/project_files.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

struct RoundContent {
  std::vector<Candidate> candidates;
  std::vector<Proposal> proposals;
};

/// A source of a case with those who are for it, in the order of their choices.
struct Votes {
  std::string source;
  std::vector<const Choice*> choices;
};

/// The winner: most choices; `votes` are in the order of their first choice, which breaks ties.
const Votes& winner(const std::vector<Votes>& votes) {
  return *std::max_element(votes.begin(), votes.end(), [](const Votes& a, const Votes& b) {
    return a.choices.size() < b.choices.size();
  });
}

std::vector<Votes> votes_of(const std::vector<const Choice*>& choices,
                            const RoundContent& content) {
  std::vector<Votes> votes;
  for (const Choice* choice : choices) {
    const std::string source = choice->drawn.empty() ? source_of(*choice, content.candidates)
                                                     : "drawn by " + choice->annotator;
    const auto known = std::find_if(votes.begin(), votes.end(),
                                    [&](const Votes& v) { return v.source == source; });
    if (known == votes.end()) {
      votes.push_back({source, {choice}});
    } else {
      known->choices.push_back(choice);
    }
  }
  return votes;
}

FinalMask mask_of(const AnnotationStore& store, const Votes& votes, const RoundContent& content,
                  size_t voters) {
  const Choice& first = *votes.choices.front();
  FinalMask mask;
  mask.case_id = first.case_id;
  mask.round = first.round;
  mask.source = votes.source;
  mask.votes = static_cast<int64_t>(votes.choices.size());
  mask.voters = static_cast<int64_t>(voters);
  for (const Choice* choice : votes.choices) mask.annotators.push_back(choice->annotator);
  if (!first.drawn.empty()) {
    mask.file = store.project() / first.drawn;
    return mask;
  }
  for (const auto& candidate : content.candidates) {
    if (candidate.case_id != first.case_id || candidate.letter != first.letter) continue;
    mask.file = mask_path(store, candidate, content.proposals);
    for (const auto& p : content.proposals) {
      if (p.id == candidate.proposal) mask.weights_sha256 = p.weights_sha256;
    }
  }
  return mask;
}

}  // namespace

FinalMasks final_masks(AnnotationStore& store, const std::string& annotator,
                       Unreviewed unreviewed) {
  std::map<int64_t, RoundContent> rounds;
  for (const auto& round : store.rounds()) {
    rounds[round.id] = {store.candidates(round.id), store.proposals(round.id)};
  }
  const auto choices = store.choices();
  std::set<std::string> known;
  std::map<int64_t, std::map<int64_t, std::vector<const Choice*>>> said;  // case, round
  for (const auto& choice : choices) {
    known.insert(choice.annotator);
    if (annotator.empty() || choice.annotator == annotator) {
      said[choice.case_id][choice.round].push_back(&choice);
    }
  }
  if (!annotator.empty() && known.count(annotator) == 0) {
    fail(ErrorKind::usage, "--annotator " + in_quotes(annotator) + ": has chosen nothing in " +
                               store.project().string() +
                               "; known: " + listed({known.begin(), known.end()}));
  }
  FinalMasks result;
  for (const auto& c : store.cases()) {
    const auto found = said.find(c.id);
    if (found == said.end()) {
      if (unreviewed == Unreviewed::keep_manual && !c.manual.empty()) {
        result.masks.push_back({c.id, 0, kManualSource, c.manual, "", 0, 0, {}});
      } else {
        result.waiting.push_back(c.id);
      }
      continue;
    }
    const auto& [round, latest] = *found->second.rbegin();
    const auto votes = votes_of(latest, rounds.at(round));
    FinalMask mask = mask_of(store, winner(votes), rounds.at(round), latest.size());
    if (mask.file.empty()) {
      result.rejected.push_back(c.id);
    } else {
      result.masks.push_back(std::move(mask));
    }
  }
  return result;
}

Dataset masked_cases(AnnotationStore& store) {
  Dataset set{store.notes().source, DatasetLayout::annotation_project, "mask", {}, {}};
  for (const auto& mask : final_masks(store, "", Unreviewed::keep_manual).masks) {
    const AnnotationCase& c = store.case_of(mask.case_id);
    set.rows.push_back({c.name, c.study, c.patient, c.domain, "", c.image, mask.file});
  }
  return set;
}

std::vector<AnnotationCase> cases_of_stage(AnnotationStore& store, int64_t stage) {
  std::set<int64_t> settled;
  if (stage == 2) {
    for (const auto& mask : final_masks(store).masks) settled.insert(mask.case_id);
  }
  std::vector<AnnotationCase> cases;
  for (const auto& c : store.cases()) {
    if ((stage == 1) == !c.manual.empty() && settled.count(c.id) == 0) cases.push_back(c);
  }
  if (cases.empty()) {
    fail(ErrorKind::data,
         store.project().string() +
             (stage == 1 ? ": no case has a manual mask, so stage 1 has nothing to cross-validate; "
                           "begin with --stage 2 and trained networks"
                         : ": every case has a mask, so nothing is left for stage 2"));
  }
  return cases;
}

}  // namespace groundglass
