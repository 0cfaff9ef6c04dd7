// Names, links and folders as they are found on real machines.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/program_test.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

class FilesAndFolders : public ProgramTest {
 protected:
  nlohmann::json summary_in(const std::string& output) const {
    return nlohmann::json::parse(run("cat " + output + "/summary.json").out);
  }
};

TEST_F(FilesAndFolders, ADotIsCalledAsTheFolderItMeans) {
  run("groundglass phantom a --format dicom --cases 1 --slices 3 --side 32 -q && mkdir b && "
      "mv a/case_000 a/s; cp -r a/s b/t; ln -s loop loop");
  run("cd a/s && groundglass predict . -o ../../o -q");
  const auto said = run("cd b/t && groundglass predict . -o ../../o --plans ../../loop/p");
  EXPECT_TRUE(says(said.err, {"the plan is not kept", "Too many levels of symbolic links"}));
  EXPECT_EQ(run("ls o").out, "s_mask.nii.gz\nsummary.json\nt_mask.nii.gz\n");
}

TEST_F(FilesAndFolders, SlicesThatOutgrowTheLimitOfTheShellAreNamed) {
  const auto said =
      run("ulimit -f 8; groundglass phantom d --cases 1 --slices 2 --format dicom -q", 4);
  EXPECT_TRUE(says(said.err, {"case_000", ".dcm: cannot be written (File too large)"}));
  EXPECT_EQ(run("find d -type f").out, "");
}

TEST_F(FilesAndFolders, NamesThatAreNotUtf8EndNothing) {
  run("groundglass phantom p --cases 1 --slices 2 --side 64 -q && mkdir in && "
      "f=p/case_000/z000.png && cp $f in/ok.png && cp $f in/$'M\\xfcller.png' && "
      "echo no > in/$'\\xe4.png'");
  const auto failed = run("groundglass predict in -o o --overlay --model ct_infection", 4);
  EXPECT_TRUE(says(failed.err, {"is no picture"}));
  const auto summary = summary_in("o");
  EXPECT_EQ(summary["cases"][0]["output"], "M\\xFCller_mask.png");
  EXPECT_EQ(summary["failed"][0]["input"], "in/\\xE4.png");
  run("test -e o/$'M\\xfcller_mask.png' && rm in/$'\\xe4.png'");
  const auto page = run("groundglass report o -o page.html && cat page.html").out;
  EXPECT_TRUE(says(page, {"M\\xFCller: prediction in red", "Not segmented"}));
  for (const char* verb :
       {"predict in -o o --model ct_infection", "inspect in",
        "explain in -o e --model ct_infection", "detect in --model xray_infection"}) {
    const auto out = run(std::string("groundglass ") + verb + " --json -q").out;
    EXPECT_TRUE(says(nlohmann::json::parse(out).dump(), {"M\\\\xFCller"})) << verb;
  }
}

TEST_F(FilesAndFolders, LinksThatLeadNowhereAreThePatientsDataNotOurMistake) {
  run("ln -s loop loop; mkdir loops; ln -s loop.png loops/loop.png");
  for (const char* verb : {"predict loop -o o", "inspect loop", "explain loop -o e",
                           "detect loop --model xray_infection", "evaluate loop loop",
                           "report loop", "predict loops -o o"}) {
    const auto said = run(std::string("groundglass ") + verb, 4);
    EXPECT_TRUE(says(said.err, {"loop", "symbolic links"})) << verb;
  }
}

TEST_F(FilesAndFolders, RefusesThousandsOfThreads) {
  EXPECT_TRUE(says(run("groundglass info --threads 100000", 2).err,
                   {"--threads 100000: expected 0 to ", "this process may use "}));
  EXPECT_TRUE(says(run("groundglass info --threads -1", 2).err, {"--threads -1: expected 0 to "}));
}

}  // namespace
}  // namespace groundglass
