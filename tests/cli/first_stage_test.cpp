// What happens before LibTorch is loaded.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

class FirstStage : public ProgramTest {
 protected:
  /// What `info` says of spinning in an environment.
  nlohmann::json spinning(const std::string& environment) const {
    return nlohmann::json::parse(
        run("env -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY " + environment + " groundglass info --json")
            .out);
  }
};

TEST_F(FirstStage, LimitsTheSpinningOfOpenMpAndSaysSo) {
  const auto info = spinning("");
  EXPECT_EQ(info["openmp_spin_count"], "1000");
  EXPECT_EQ(info["openmp_spin_count_set_by"], "groundglass");
}

TEST_F(FirstStage, LeavesWhatTheUserHasSet) {
  const auto count = spinning("GOMP_SPINCOUNT=77");
  EXPECT_EQ(count["openmp_spin_count"], "77");
  EXPECT_EQ(count["openmp_spin_count_set_by"], "GOMP_SPINCOUNT");
  const auto policy = spinning("OMP_WAIT_POLICY=passive");
  EXPECT_TRUE(policy["openmp_spin_count"].is_null());
  EXPECT_EQ(policy["openmp_spin_count_set_by"], "OMP_WAIT_POLICY");
}

TEST_F(FirstStage, RefusesALimitUnderWhichLibrariesWouldHang) {
  const auto refused = run("ulimit -v 700000; timeout 20 groundglass models", 6);
  EXPECT_TRUE(says(refused.err, {"error: the address space is limited to 683 MiB (ulimit -v)",
                                 "expected 1024 MiB or more"}));
  run("ulimit -v 1100000; timeout 60 groundglass info");
}

TEST_F(FirstStage, TellsItsVersionWithoutLibTorch) {
  EXPECT_EQ(run("groundglass --version").out.rfind("groundglass ", 0), 0U);
  const auto needed = run("readelf -d $(command -v groundglass) | grep NEEDED").out;
  EXPECT_EQ(needed.find("torch"), std::string::npos) << needed;
  EXPECT_EQ(needed.find("blas"), std::string::npos) << needed;
}

TEST_F(FirstStage, SaysThatTheProgramBehindItIsMissing) {
  run("mkdir bin && cp $(command -v groundglass) bin/");
  EXPECT_TRUE(says(run("bin/groundglass info", 1).err,
                   {"libexec/groundglass-program: cannot be run (No such file or directory)"}));
}

TEST_F(FirstStage, HandsOnExitCodesAndSignals) {
  EXPECT_TRUE(says(run("groundglass nonsense", 2).err, {"unknown verb 'nonsense'"}));
  write_small_recipe(folder / "r.toml");
  run("groundglass phantom data --cases 4 --slices 3 --side 32");
  run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset");
  run("groundglass train r.toml --data set.ggset --epochs 9999 -o run -q & "
      "while [ ! -e run/state.safetensors ]; do sleep 0.1; done; kill -TERM $!; wait $!",
      143);
}

}  // namespace
}  // namespace groundglass
