#include "groundglass/io/keras_h5.h"

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/io/keras_h5_samples.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

using namespace samples;

const torch::Tensor kKernel = torch::arange(24.f).view({1, 2, 3, 4});

std::vector<KerasLayer> layers() {
  return {{"input_1", {}},
          {"conv1/conv", {{"conv1/conv/kernel:0", kKernel}}},
          {"conv1/bn",
           {{"conv1/bn/gamma:0", torch::ones({4})}, {"conv1/bn/beta:0", torch::zeros({4})}}},
          {"fc",
           {{"fc_1/kernel:0", torch::full({2, 3}, 0.5, torch::kFloat64)},
            {"fc_1/bias:0", torch::tensor({1, 2, 3}, torch::kInt64)}}}};
}

class KerasH5 : public ::testing::Test {
 protected:
  std::filesystem::path path() const { return folder_ / "weights.h5"; }
  TensorArchive read(const std::vector<KerasLayer>& all, const KerasChoices& choices = {}) {
    write_keras_h5(path(), all, choices);
    return read_keras_h5(path());
  }
  std::string refused() {
    return complaint(ErrorKind::checkpoint, [&] { read_keras_h5(path()); });
  }
  ScratchFolder folder_;
};

TEST_F(KerasH5, ReadsWeightsOfLayers) {
  const auto archive = read(layers());
  ASSERT_EQ(archive.tensors.size(), 5u);
  EXPECT_TRUE(torch::equal(archive.tensors.at("conv1/conv/kernel"), kKernel));
  EXPECT_TRUE(torch::equal(archive.tensors.at("conv1/bn/gamma"), torch::ones({4})));
  EXPECT_TRUE(torch::equal(archive.tensors.at("conv1/bn/beta"), torch::zeros({4})));
  // The session called the layer fc_1; the layer's own name counts.
  EXPECT_TRUE(
      torch::equal(archive.tensors.at("fc/kernel"), torch::full({2, 3}, 0.5, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(archive.tensors.at("fc/bias"), torch::tensor({1, 2, 3}, torch::kInt64)));
}

TEST_F(KerasH5, ReadsWholeModelsListsInPiecesAndTextsOfAnyLength) {
  for (const char* group : {"", "model_weights"}) {
    for (const auto texts : {TextKind::fixed, TextKind::variable}) {
      for (const bool in_pieces : {false, true}) {
        const auto archive =
            read(layers(), {.group = group, .texts = texts, .in_pieces = in_pieces});
        EXPECT_EQ(archive.tensors.size(), 5u);
        EXPECT_TRUE(torch::equal(archive.tensors.at("conv1/conv/kernel"), kKernel));
      }
    }
  }
}

TEST_F(KerasH5, KeepsTheNamesInsideALayerThatIsAModel) {
  const auto archive =
      read({{"backbone", {{"a/kernel:0", torch::zeros({1})}, {"b/kernel:0", torch::ones({1})}}}});
  EXPECT_TRUE(torch::equal(archive.tensors.at("backbone/a/kernel:0"), torch::zeros({1})));
  EXPECT_TRUE(torch::equal(archive.tensors.at("backbone/b/kernel:0"), torch::ones({1})));
}

TEST_F(KerasH5, SaysWhatItFoundInstead) {
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { read_keras_h5(folder_ / "none.h5"); }),
                   {"none.h5: no such file"}));
  write_file(path(), "hello", Flush::to_system);
  EXPECT_TRUE(says(refused(), {"weights.h5: not an HDF5 file"}));
  write_keras_h5(path(), layers(), {.group = "layers"});
  EXPECT_TRUE(says(refused(), {"Keras 3", "model.save('NAME.h5')"}));
  write_keras_h5(path(), layers(), {.group = "other"});
  EXPECT_TRUE(says(refused(), {"without the attribute layer_names"}));
  write_keras_h5(path(), {{"input_1", {}}});
  EXPECT_TRUE(says(refused(), {"no weights in it"}));
}

TEST_F(KerasH5, RefusesAFileThatLacksALayerAWeightOrItsEnd) {
  const auto remove = [&](const char* link) {
    write_keras_h5(path(), layers());
    const hid_t file = H5Fopen(path().c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, link, H5P_DEFAULT);
    H5Fclose(file);
    return refused();
  };
  EXPECT_TRUE(says(remove("fc"), {"layer 'fc' is missing"}));
  EXPECT_TRUE(says(remove("fc/fc_1"), {"'fc_1/kernel:0' of layer 'fc' is missing"}));
  write_keras_h5(path(), layers());
  std::filesystem::resize_file(path(), std::filesystem::file_size(path()) / 2);
  EXPECT_TRUE(says(refused(), {"not an HDF5 file, or a truncated one"}));
}

}  // namespace
}  // namespace groundglass
