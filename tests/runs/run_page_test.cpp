#include "groundglass/runs/run_page.h"

#include <gtest/gtest.h>

#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

TEST(RunPage, IsRefusedForAFolderWithoutATraining) {
  const ScratchFolder folder;
  Observer silent;
  EXPECT_EQ(complaint(ErrorKind::data, [&] { run_page_html(folder.path(), "", silent); }),
            folder.path().string() + ": holds no training, expected a run");
}

}  // namespace
}  // namespace groundglass
