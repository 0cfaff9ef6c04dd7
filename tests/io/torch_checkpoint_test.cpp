#include "groundglass/io/torch_checkpoint.h"

#include "tests/complaint.h"
#include "tests/io/torch_checkpoint_samples.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

using namespace samples;

class TorchCheckpoint : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& bytes) {
    write_file(folder_ / "weights.pth", bytes, Flush::to_system);
    return folder_ / "weights.pth";
  }
  /// A zip archive of this pickle and a storage "0" with 0..5 as float32.
  std::filesystem::path write(const PickleText& pickle) {
    return write(zip({{"archive/data.pkl", pickle.done()},
                      {"archive/data/0", bytes_of<float>({0, 1, 2, 3, 4, 5})}}));
  }
  TensorArchive read(const std::string& bytes) { return read_torch_checkpoint(write(bytes)); }
  TensorArchive read(const PickleText& pickle) { return read_torch_checkpoint(write(pickle)); }
  template <class What>
  std::string refused(const What& what) {
    const auto path = write(what);
    const std::string text = complaint(ErrorKind::checkpoint, [&] { read_torch_checkpoint(path); });
    EXPECT_TRUE(says(text, {path.string() + ": "}));
    return text;
  }

  ScratchFolder folder_;
};

/// {"w": a tensor of that storage}
PickleText one_tensor(int64_t count, int64_t offset, const std::vector<int64_t>& shape,
                      const std::vector<int64_t>& strides,
                      const std::string& type = "FloatStorage") {
  return PickleText().raw("}(").text("w").tensor(type, "0", count, offset, shape, strides).raw("u");
}

const Named kTensors = {{"conv.weight", torch::arange(24.f).view({2, 3, 2, 2})},
                        {"conv.bias", torch::tensor({-1.5f, 0.25f})},
                        {"scale", torch::tensor(3.f)},
                        {"none", torch::zeros({0, 4})}};

void expect_the_tensors(const TensorArchive& archive) {
  ASSERT_EQ(archive.tensors.size(), kTensors.size());
  for (const auto& [name, tensor] : kTensors) {
    EXPECT_TRUE(torch::equal(archive.tensors.at(name), tensor)) << name;
  }
}

TEST_F(TorchCheckpoint, ReadsAZippedStateDict) {
  expect_the_tensors(read(zipped(kTensors)));
}

TEST_F(TorchCheckpoint, ReadsTheRowOfPicklesOfOlderVersions) {
  expect_the_tensors(read(rowed(kTensors)));
}

TEST_F(TorchCheckpoint, ReadsArchivesWithSizesIn64BitsAndWithAComment) {
  const std::vector<ZipFile> files = {{"data.pkl", one_tensor(6, 0, {6}, {1}).done()},
                                      {"data/0", bytes_of<float>({0, 1, 2, 3, 4, 5})}};
  for (const bool wide : {false, true}) {
    const auto archive = read(zip(files, {.wide = wide, .comment = "PK\5\6, but not the record"}));
    EXPECT_TRUE(torch::equal(archive.tensors.at("w"), torch::arange(6.f))) << wide;
  }
}

TEST_F(TorchCheckpoint, KeepsStridesOffsetsAndSharedStorages) {
  PickleText pickle;
  pickle.raw("}(").text("turned").tensor("FloatStorage", "0", 6, 0, {3, 2}, {1, 3});
  pickle.text("tail").tensor("FloatStorage", "0", 6, 4, {2}, {1}).raw("u");
  const auto archive = read(pickle);
  EXPECT_TRUE(torch::equal(archive.tensors.at("turned"), torch::arange(6.f).view({2, 3}).t()));
  EXPECT_TRUE(torch::equal(archive.tensors.at("tail"), torch::tensor({4.f, 5.f})));
  EXPECT_TRUE(archive.tensors.at("tail").is_alias_of(archive.tensors.at("turned")));
}

TEST_F(TorchCheckpoint, ReadsEveryTypeOfNumber) {
  const auto read_as = [&](const std::string& type, const std::string& bytes, int64_t count) {
    return read(zip({{"a/data.pkl", one_tensor(count, 0, {count}, {1}, type).done()},
                     {"a/data/0", bytes}}))
        .tensors.at("w");
  };
  const auto same = [](const torch::Tensor& a, const torch::Tensor& b) {
    return a.scalar_type() == b.scalar_type() && torch::equal(a, b);
  };
  EXPECT_TRUE(same(read_as("DoubleStorage", bytes_of<double>({0.1, -2}), 2),
                   torch::tensor({0.1, -2.0}, torch::kFloat64)));
  EXPECT_TRUE(same(read_as("HalfStorage", le(0x3e00, 2) + le(0xc000, 2), 2),
                   torch::tensor({1.5, -2.0}, torch::kFloat16)));
  EXPECT_TRUE(
      same(read_as("BFloat16Storage", le(0x3fc0, 2), 1), torch::tensor({1.5}, torch::kBFloat16)));
  EXPECT_TRUE(same(read_as("LongStorage", bytes_of<int64_t>({-7, 1l << 40}), 2),
                   torch::tensor({-7l, 1l << 40}, torch::kInt64)));
  EXPECT_TRUE(
      same(read_as("IntStorage", bytes_of<int32_t>({-7}), 1), torch::tensor({-7}, torch::kInt32)));
  EXPECT_TRUE(same(read_as("ShortStorage", bytes_of<int16_t>({-7}), 1),
                   torch::tensor({-7}, torch::kInt16)));
  EXPECT_TRUE(same(read_as("CharStorage", "\xf9", 1), torch::tensor({-7}, torch::kInt8)));
  EXPECT_TRUE(same(read_as("ByteStorage", "\xf9", 1), torch::tensor({249}, torch::kUInt8)));
  EXPECT_TRUE(same(read_as("BoolStorage", "\1", 1), torch::tensor({true}, torch::kBool)));
}

TEST_F(TorchCheckpoint, FindsTheWeightsInsideATrainingState) {
  for (const char* key : {"state_dict", "model_state_dict", "model", "net"}) {
    PickleText pickle;
    pickle.raw("}(").text("epoch").number(3).text("best").raw("G?\xe0").raw(std::string(6, '\0'));
    pickle.text("optimizer").raw("}").text("names").raw("](").text("a").raw("Ne");
    pickle.text(key).raw("}(").text("w").tensor("FloatStorage", "0", 6, 1, {5}, {1}).raw("uu");
    const auto archive = read(pickle);
    ASSERT_EQ(archive.tensors.size(), 1u) << key;
    EXPECT_TRUE(torch::equal(archive.tensors.at("w"), torch::arange(1.f, 6.f)));
  }
}

TEST_F(TorchCheckpoint, ReadsParametersAndTheVersionsOfAStateDict) {
  PickleText pickle;
  pickle.name("collections", "OrderedDict").raw(")Rq\1(").text("w");
  pickle.name("torch._utils", "_rebuild_parameter").raw("(");
  pickle.tensor("FloatStorage", "0", 6, 0, {6}, {1}).raw("\x88h\1tRu");
  pickle.raw("}").text("_metadata").raw("}sb");
  EXPECT_TRUE(torch::equal(read(pickle).tensors.at("w"), torch::arange(6.f)));
}

// Python 2 writes the content of an ordered dict as pairs, texts as bytes, and PyTorch 0.3 an
// earlier function.
TEST_F(TorchCheckpoint, ReadsWhatPython2Wrote) {
  PickleText pickle;
  pickle.name("collections", "OrderedDict").raw("(](](").raw("U\1w");
  pickle.name("torch._utils", "_rebuild_tensor").raw("((U\7storage").name("torch", "FloatStorage");
  pickle
      .raw(
          "U\1"
          "0U\6cuda:0")
      .number(6)
      .raw("NtQ")
      .number(0)
      .tuple({2, 3})
      .tuple({3, 1});
  pickle.raw("tReetR");
  const auto archive =
      read(older(pickle.done(), {"0"}, le(6, 8) + bytes_of<float>({0, 1, 2, 3, 4, 5})));
  EXPECT_TRUE(torch::equal(archive.tensors.at("w"), torch::arange(6.f).view({2, 3})));
}

// The one test that matters most: what would run code in Python is a word that is not known here.
TEST_F(TorchCheckpoint, RunsNothing) {
  EXPECT_TRUE(says(refused(PickleText().name("os", "system").raw("(").text("true").raw("tR")),
                   {"'os.system'", "not run", "save the state_dict alone"}));
  EXPECT_TRUE(
      says(refused(PickleText().text("builtins").text("eval").raw("\x93(").text("1").raw("tR")),
           {"'builtins.eval'"}));
  EXPECT_TRUE(says(refused(PickleText().name("torch.nn.modules.conv", "Conv2d").raw(")\x81}b")),
                   {"'torch.nn.modules.conv.Conv2d'"}));
  EXPECT_TRUE(says(refused(PickleText().name("collections", "OrderedDict").raw(")\x81")),
                   {"instruction 0x81"}));
  EXPECT_TRUE(says(refused(PickleText().raw("(").text("true").raw("ios\nsystem\n")), {"0x69"}));
  EXPECT_TRUE(says(refused(PickleText().name("torch", "FloatStorage").number(4).raw("\x85R")),
                   {"storage of its own"}));
}

TEST_F(TorchCheckpoint, RefusesTensorsThatReachOutsideTheirStorage) {
  for (const auto& pickle :
       {one_tensor(6, 0, {7}, {1}), one_tensor(6, 1, {6}, {1}), one_tensor(6, 0, {2, 3}, {4, 1}),
        one_tensor(6, 0, {-1}, {1}), one_tensor(6, 0, {2}, {-1}), one_tensor(6, -1, {2}, {1}),
        one_tensor(6, 0, {2, 2}, {1}), one_tensor(6, 0, {1 << 30, 1 << 30, 1 << 30}, {0, 0, 0}),
        one_tensor(6, 0, {7, 1}, {0, 1}), one_tensor(6, 0, {1 << 30, 3}, {1 << 30, 1 << 30})}) {
    EXPECT_TRUE(says(refused(pickle), {"damaged"}));
  }
  EXPECT_TRUE(says(refused(one_tensor(5, 0, {5}, {1})), {"24 bytes", "5 numbers of 4"}));
  EXPECT_TRUE(says(refused(one_tensor(6, 0, {6}, {1}, "DoubleStorage")), {"6 numbers of 8"}));
  PickleText twice;
  twice.raw("}(").text("a").tensor("FloatStorage", "0", 6, 0, {6}, {1});
  twice.text("b").tensor("IntStorage", "0", 6, 0, {6}, {1}).raw("u");
  EXPECT_TRUE(says(refused(twice), {"'0' is described in two ways"}));
}

TEST_F(TorchCheckpoint, RefusesAPickleThatMakesNoSense) {
  const std::string weird[] = {"",
                               "t",
                               "R",
                               "u",
                               "(0",
                               "N(1N",
                               "h\5",
                               "Ns",
                               "}NNs.",
                               "NNN\x87",
                               "}(NNNu",
                               "Nb",
                               "NQ",
                               "X\xff\xff\xff\x7f",
                               "\x8a\x09zzzzzzzzz",
                               "cno\n",
                               "NR",
                               ")NR"};
  for (const auto& code : weird) {
    EXPECT_FALSE(refused(PickleText().raw(code)).empty()) << code;
  }
}

TEST_F(TorchCheckpoint, RefusesEveryTruncatedFileWithoutReadingOutsideIt) {
  for (const auto& whole : {zipped(kTensors), rowed(kTensors)}) {
    for (size_t size = 0; size < whole.size(); size += size < 600 ? 7 : 31) {
      EXPECT_FALSE(refused(whole.substr(0, size)).empty()) << size;
    }
  }
}

// Any byte may be wrong: the file is refused, or its weights are other weights.
TEST_F(TorchCheckpoint, SurvivesEveryWrongByte) {
  const Named tensors = {{"w", torch::arange(6.f).view({2, 3})}};
  for (const auto& whole : {zipped(tensors), rowed(tensors)}) {
    for (size_t i = 0; i < whole.size(); ++i) {
      for (const int wrong : {0x00, 0x7f, 0xff}) {
        auto bytes = whole;
        bytes[i] = static_cast<char>(wrong);
        try {
          read(bytes);
        } catch (const Error& e) {
          EXPECT_EQ(e.kind(), ErrorKind::checkpoint) << e.what();
        }
      }
    }
  }
}

TEST_F(TorchCheckpoint, SaysWhatAnotherFileIs) {
  const std::string program = PickleText().raw("}").done();
  EXPECT_TRUE(says(refused(std::string("\x89HDF\r\n\x1a\n")), {"an HDF5 file"}));
  EXPECT_TRUE(says(refused(std::string("version https://git-lfs.github.com/spec/v1\n")),
                   {"Git LFS pointer"}));
  EXPECT_TRUE(says(refused(std::string("<!DOCTYPE html>")), {"a web page"}));
  EXPECT_TRUE(says(refused(program), {"a bare pickle", "save model.state_dict() again"}));
  EXPECT_TRUE(says(refused(std::string(257, 'x') + "ustar\0" + std::string(300, 'x')),
                   {"a tar archive", "PyTorch 0.1"}));
  EXPECT_TRUE(says(refused(le(2, 8) + "{}"), {"a safetensors file"}));
  EXPECT_TRUE(says(refused(std::string("hello")), {"neither"}));
  EXPECT_TRUE(says(refused(std::string()), {"an empty file"}));
  EXPECT_TRUE(says(refused(zip({{"a.txt", "x"}})), {"without data.pkl"}));
  EXPECT_TRUE(
      says(refused(zip({{"a/DATA.PKL", "x"}})), {"without data.pkl"}));  // found by tools/fuzz
  EXPECT_TRUE(says(refused(zip({{"a/data.pkl", program}}, {.method = 8})),
                   {"'a/data.pkl' is compressed", "stored"}));
  EXPECT_TRUE(says(refused(zip({{"a/data.pkl", program}, {"a/constants.pkl", program}})),
                   {"TorchScript", "save model.state_dict()"}));
  EXPECT_TRUE(
      says(refused(zip({{"a/data.pkl", program}, {"a/byteorder", "big"}})), {"big-endian"}));
  EXPECT_TRUE(
      says(complaint(ErrorKind::checkpoint, [&] { read_torch_checkpoint(folder_ / "none.pth"); }),
           {"none.pth: no such file"}));
}

TEST_F(TorchCheckpoint, SaysWhatItHoldsInsteadOfWeights) {
  EXPECT_TRUE(says(refused(PickleText().number(3)), {"it holds a number", "a dict of tensors"}));
  EXPECT_TRUE(says(refused(PickleText().raw("}(").text("epoch").number(3).text("args").raw("Nu")),
                   {"it holds epoch and args"}));
  auto mixed = one_tensor(6, 0, {6}, {1});
  EXPECT_TRUE(says(refused(mixed.text("epoch").number(3).raw("s")), {"'epoch' is a number"}));
  PickleText module;
  module.raw("(").text("module").raw("NNNtQ");
  EXPECT_TRUE(says(refused(module), {"a whole module", "state_dict"}));
}

TEST_F(TorchCheckpoint, DoesNotFillTheMemoryForASmallFile) {
  // One byte makes one value: a long pickle is refused before it makes too many.
  EXPECT_TRUE(says(refused(PickleText().raw(std::string(4'100'000, 'N'))), {"more than 4000000"}));
  // A storage that the row of pickles only promises.
  EXPECT_TRUE(says(refused(older(one_tensor(1 << 30, 0, {1 << 30}, {1}).done(), {"0"}, "")),
                   {"larger than the file"}));
}

}  // namespace
}  // namespace groundglass
