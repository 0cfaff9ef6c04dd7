// Projects whose masks tell several lesions apart.
#include <gtest/gtest.h>

#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/class_segmenter.h"

namespace groundglass {
namespace {

TEST(ProposedClasses, AreThoseOfTheProjectOrTheNetworkIsRefused) {
  const ScratchFolder folder;
  const auto table = write_made_up_set(folder / "data");
  AnnotationStore store =
      AnnotationStore::create(folder / "project", {table.string(), {"", MaskLabels::classes, 3}},
                              cases_of(read_dataset(table), {}, 1));
  const Round round = store.begin_round(1, 1, {"bright", "gray"});
  const auto cases = cases_of_stage(store, 1);
  Segmenter bright = bright_segmenter();
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               propose_cases(store, round, {"bright", {&bright}, "sha"}, cases);
                             }),
                   {"bright: tells 1 classes apart", "project's masks 2"}));
  Segmenter gray = class_segmenter();
  propose_cases(store, round, {"gray", {&gray}, "sha"}, cases);
  const auto proposals = store.proposals(round.id);
  ASSERT_EQ(proposals.size(), cases.size());
  const auto mask = read_mask_picture(store.project() / proposals.front().file);
  EXPECT_EQ(mask.max().item<int>(), 1) << "class numbers, not 0 and 255";
}

}  // namespace
}  // namespace groundglass
