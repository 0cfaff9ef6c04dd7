// The second program, linked from the same objects without what belongs to the full shape.
#include <algorithm>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "tests/cli/program_test.h"

namespace groundglass {
namespace {

class CoreProgram : public ProgramTest {
 protected:
  /// The libraries that a program names itself, not those that LibTorch brings.
  std::string needed_by(const std::string& program) const {
    return run("readelf -d \"$(dirname $(command -v groundglass))/" + program + "\" | grep NEEDED")
        .out;
  }
};

TEST_F(CoreProgram, IsLinkedWithoutImageLibraries) {
  const std::string core = needed_by("../libexec/groundglass_core-program"),
                    full = needed_by("../libexec/groundglass-program");
  EXPECT_NE(core.find("libtorch"), std::string::npos) << core;
  for (const char* library : {"opencv", "ITK", "dcmdata", "hdf5", "protobuf", "onnx", "sqlite",
                              "nifti", "charls", "openjp2"}) {
    EXPECT_EQ(core.find(library), std::string::npos) << core;
  }
  for (const char* library : {"opencv", "ITK", "dcmdata", "hdf5", "protobuf"}) {
    EXPECT_NE(full.find(library), std::string::npos) << full;
  }
}

TEST_F(CoreProgram, SaysItsShapeAndHasItsVerbs) {
  const auto info = nlohmann::json::parse(run("groundglass_core info --json").out);
  EXPECT_EQ(info["build"], "core");
  const std::vector<std::string> verbs = info["verbs"];
  const auto has = [&](const std::string& verb) {
    return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
  };
  EXPECT_TRUE(has("train") && has("bench") && has("export"));
  EXPECT_FALSE(has("predict") || has("study") || has("inspect"));
}

TEST_F(CoreProgram, RefusesADataSetAndSaysWhatToDo) {
  run("groundglass phantom data --cases 3 --slices 3 --side 32");
  const auto refused = run("groundglass_core train " + project_path("recipes/yardstick_unet.toml") +
                               " --data data/cases.csv -o run",
                           2);
  EXPECT_NE(refused.err.find("data/cases.csv: this build reads no images; prepare the data set "
                             "elsewhere"),
            std::string::npos)
      << refused.err;
}

TEST_F(CoreProgram, TrainsFromAPreparedSetToTheSameBits) {
  run("groundglass phantom data --cases 5 --slices 3 --side 32");
  const std::string recipe = project_path("recipes/yardstick_unet.toml");
  const std::string small = " --set preprocess.size=[32,32] --set model.widths=[2,4]";
  run("groundglass prepare data/cases.csv --recipe " + recipe + small + " -o set.ggset");
  for (const char* program : {"groundglass", "groundglass_core"}) {
    run(std::string(program) + " train " + recipe + small + " --data set.ggset --epochs 1 -o " +
        program);
  }
  EXPECT_EQ(read_file(folder / "groundglass/weights.safetensors"),
            read_file(folder / "groundglass_core/weights.safetensors"));
}

}  // namespace
}  // namespace groundglass
