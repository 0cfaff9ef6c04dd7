// What happens before LibTorch is loaded.
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/blas_kernels.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

class FirstStage : public ProgramTest {
 protected:
  /// What `info` says in an environment.
  nlohmann::json info(const std::string& environment) const {
    return nlohmann::json::parse(
        run("env -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY -u OPENBLAS_CORETYPE " + environment +
            " groundglass info --json")
            .out);
  }
};

TEST_F(FirstStage, LimitsTheSpinningOfOpenMpAndSaysSo) {
  const auto said = info("");
  EXPECT_EQ(said["openmp_spin_count"], "1000");
  EXPECT_EQ(said["openmp_spin_count_set_by"], "groundglass");
}

TEST_F(FirstStage, ChoosesTheKernelsOfOpenBlasUnlessTheUserHas) {
  const auto said = info("");
  const std::string suits = cpu_blas_kernels();
  if (suits.empty()) {
    EXPECT_TRUE(said["openblas_kernels"].is_null());
    EXPECT_EQ(said["openblas_kernels_set_by"], "OpenBLAS");
  } else {
    EXPECT_EQ(said["openblas_kernels"], suits);
    EXPECT_EQ(said["openblas_kernels_set_by"], "groundglass");
    // Nothing is told where LibTorch multiplies with another library.
    const std::string told =
        run("env -u OPENBLAS_CORETYPE OPENBLAS_VERBOSE=2 groundglass models 2>&1 | "
            "sed -n 's/^Core: //p'")
            .out;
    if (!told.empty()) {
      EXPECT_EQ(told, suits + "\n");
    }
  }
  const auto wished = info("OPENBLAS_CORETYPE=Nehalem");
  EXPECT_EQ(wished["openblas_kernels"], "Nehalem");
  EXPECT_EQ(wished["openblas_kernels_set_by"], "OPENBLAS_CORETYPE");
}

TEST_F(FirstStage, HandsTheLimitOnToTheProgramBehindIt) {
  run("mkdir bin libexec && cp $(command -v groundglass) bin/ && "
      "echo '#!/bin/sh\necho \"$GOMP_SPINCOUNT: $*\"' > libexec/groundglass-program && "
      "chmod +x libexec/groundglass-program");
  EXPECT_EQ(run("env -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY bin/groundglass models --json").out,
            "1000: models --json\n");
}

TEST_F(FirstStage, ServesWithAProgramWithoutLibTorch) {
  const auto needed =
      run("ldd $(dirname $(command -v groundglass))/../libexec/groundglass-serve").out;
  for (const char* library : {"torch", "libc10", "blas", "opencv", "ITK", "hdf5"}) {
    EXPECT_EQ(needed.find(library), std::string::npos) << needed;
  }
  run("mkdir bin libexec && cp $(command -v groundglass) bin/ && "
      "echo '#!/bin/sh\necho \"here: $*\"' > libexec/groundglass-serve && "
      "chmod +x libexec/groundglass-serve");
  EXPECT_EQ(run("bin/groundglass serve there --port 0").out, "here: serve there --port 0\n");
  EXPECT_TRUE(says(run("bin/groundglass serve --port x", 2).err, {"error: ", "--port"}));
  EXPECT_TRUE(says(
      run("$(dirname $(command -v groundglass))/../libexec/groundglass-program serve w", 2).err,
      {"error: serve: is done by groundglass-serve", "call `groundglass serve`"}));
}

TEST_F(FirstStage, RefusesNumbersThatAreNoneOrTooLarge) {
  for (const char* option : {"--threshold nan", "--temperature inf", "--threshold -nan",
                             "--seed 18446744073709551616", "--batch 99999999999999999999"}) {
    EXPECT_TRUE(says(run(std::string("groundglass predict x.png -o out ") + option, 2).err,
                     {"error: ", std::string(option).substr(0, 6)}))
        << option;
  }
}

TEST_F(FirstStage, LeavesWhatTheUserHasSet) {
  const auto count = info("GOMP_SPINCOUNT=77");
  EXPECT_EQ(count["openmp_spin_count"], "77");
  EXPECT_EQ(count["openmp_spin_count_set_by"], "GOMP_SPINCOUNT");
  const auto policy = info("OMP_WAIT_POLICY=passive");
  EXPECT_TRUE(policy["openmp_spin_count"].is_null());
  EXPECT_EQ(policy["openmp_spin_count_set_by"], "OMP_WAIT_POLICY");
}

TEST_F(FirstStage, RefusesALimitUnderWhichLibrariesWouldHang) {
  const auto refused = run("ulimit -v 700000; timeout 20 groundglass models", 6);
  EXPECT_TRUE(says(refused.err, {"error: the address space is limited to 683 MiB (ulimit -v)",
                                 "expected 1024 MiB or more"}));
}

// OpenBLAS maps a buffer for each thread that multiplies, and tries for ever where it cannot.
TEST_F(FirstStage, RefusesALimitUnderWhichThreadsWouldHang) {
  const auto refused = run("ulimit -v 1150000; timeout -k 1 60 groundglass models", 6);
  EXPECT_TRUE(says(refused.err, {"error: the address space is limited to 1123 MiB (ulimit -v)",
                                 "expected 129 MiB for each of", "fewer threads (--threads)"}));
  run("ulimit -v 2500000; timeout -k 1 60 groundglass phantom p --cases 1 --slices 1 --side 32");
}

// pthreadpool waits for ever for a thread that could not be started.
TEST_F(FirstStage, RefusesALimitOfProcessesUnderWhichThreadsWouldHang) {
  // The limit does not hold for root, and for another user only where it may see the program.
  const std::string other = geteuid() == 0 ? "setpriv --reuid 54321 --clear-groups " : "";
  if (run_shell(other + "groundglass models --bundled", folder.path()).code != 0) {
    GTEST_SKIP() << "another user cannot run the program";
  }
  const auto refused =
      run(other + "bash -c 'ulimit -u 1; exec groundglass models --bundled --threads 4'", 6);
  EXPECT_TRUE(says(refused.err, {"error: 4 threads cannot be started", "ulimit -u", "--threads"}));
}

TEST_F(FirstStage, RefusesAStackThatLibrariesOverrun) {
  const auto refused = run("bash -c 'ulimit -s 128; groundglass models --bundled'", 6);
  EXPECT_TRUE(says(refused.err, {"error: the stack is limited to 128 KiB (ulimit -s)",
                                 "expected 256 KiB or more; raise the limit"}));
  run("bash -c 'ulimit -s 256; groundglass models --bundled'");
}

// Of 9.7 KiB the last 700 bytes are written when DCMTK closes the file, of which it says nothing.
TEST_F(FirstStage, LeavesNoDicomFileWithoutItsLastBytes) {
  const auto limited = run(
      "bash -c 'ulimit -f 9; groundglass phantom d --format dicom --cases 1 --slices 1 --side 64'",
      4);
  EXPECT_TRUE(
      says(limited.err, {"error: d/case_000/0001.dcm: cannot be written (File too large)"}));
  EXPECT_EQ(run("find d -name '*.dcm'").out, "");
}

TEST_F(FirstStage, TellsItsVersionWithoutLibTorch) {
  EXPECT_EQ(run("groundglass --version").out.rfind("groundglass ", 0), 0U);
  const auto needed = run("readelf -d $(command -v groundglass) | grep NEEDED").out;
  EXPECT_EQ(needed.find("torch"), std::string::npos) << needed;
  EXPECT_EQ(needed.find("blas"), std::string::npos) << needed;
}

TEST_F(FirstStage, AnswersWithoutTheProgramBehindItWhatNeedsNoNetwork) {
  run("mkdir bin && cp $(command -v groundglass) bin/");
  EXPECT_TRUE(says(run("bin/groundglass --help").out, {"predict", "Exit codes:"}));
  EXPECT_TRUE(says(run("bin/groundglass predict --help").out, {"--save-probabilities"}));
  EXPECT_TRUE(says(run("bin/groundglass info").out, {"verbs", "predict", "not a medical device"}));
  EXPECT_TRUE(says(run("bin/groundglass predict x", 2).err, {"error: --output is required"}));
}

// The line is read twice, by the table and by the options themselves: both have to say the same.
TEST_F(FirstStage, SpeaksAsTheProgramBehindItDoes) {
  for (const std::string line :
       {"--help", "", "nonsense", "predict --help", "predict x -o y --threshold abc",
        "predict x -o y --threshold 3", "predict a b c -o d", "predict x -o y --threads",
        "phantom x --cases 0", "export x --outputs foo", "annotate", "annotate init --help",
        "annotate propose --help", "annotate simulate --help", "evaluate --help",
        "models --threads 99999", "models --seed x", "bench --help"}) {
    const std::string both =
        "first=$(command -v groundglass); second=$(dirname $first)/../libexec/groundglass-program; "
        "$first " +
        line + " > a 2>&1; echo $? >> a; $second " + line + " > b 2>&1; echo $? >> b; diff a b";
    EXPECT_EQ(run(both).out, "") << line;
  }
}

TEST_F(FirstStage, SaysThatTheProgramBehindItIsMissing) {
  run("mkdir bin && cp $(command -v groundglass) bin/");
  EXPECT_TRUE(says(run("bin/groundglass models", 1).err,
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
