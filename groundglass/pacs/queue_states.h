#pragma once

#include <string>

#include "groundglass/core/error.h"
#include "groundglass/core/field.h"
#include "groundglass/core/text.h"

namespace groundglass {

/// What becomes of a series of which images come in.
enum class SeriesState {
  receiving,
  passed_over,  ///< it is not to be segmented; a note says why
  taken,        ///< a job was made of it
};
inline Words<SeriesState> words_of(SeriesState) {
  return {{"receiving", SeriesState::receiving},
          {"passed over", SeriesState::passed_over},
          {"taken", SeriesState::taken}};
}

/// How far a series is on its way through the network and back to the PACS.
enum class JobState {
  ready,
  running,
  spooled,  ///< the objects are on the disk and are sent
  sent,
  failed,
};
inline Words<JobState> words_of(JobState) {
  return {{"ready", JobState::ready},
          {"running", JobState::running},
          {"spooled", JobState::spooled},
          {"sent", JobState::sent},
          {"failed", JobState::failed}};
}

/// How far an object is on its way to one destination.
enum class DeliveryState { waiting, sent, failed };
inline Words<DeliveryState> words_of(DeliveryState) {
  return {{"waiting", DeliveryState::waiting},
          {"sent", DeliveryState::sent},
          {"failed", DeliveryState::failed}};
}

/// The state that a word of the queue's tables stands for. Throws Error(data) for a word that is
/// none.
template <class State>
State stored_state(const std::string& word) {
  for (const auto& [name, state] : words_of(State{})) {
    if (name == word) return state;
  }
  fail(ErrorKind::data, "the queue holds the unknown state " + in_quotes(word) +
                            "; it was written by another version of the program, or is damaged");
}

}  // namespace groundglass
