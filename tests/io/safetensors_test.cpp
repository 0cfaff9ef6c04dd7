#include <fstream>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/io/safetensors.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

void write_raw(const std::filesystem::path& path, const std::string& header,
               const std::string& data) {
  const uint64_t length = header.size();
  write_file(path, std::string(reinterpret_cast<const char*>(&length), 8) + header + data);
}

TEST(Safetensors, GivesBackTensorsOfEveryTypeAndTheirTexts) {
  const ScratchFolder folder;
  TensorArchive archive;
  archive.metadata = {{"recipe", "a = \"b\"\nc = 1"}};
  const auto x = torch::randn({3, 4}) * 10;
  for (const auto type :
       {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
        torch::kInt32, torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool}) {
    archive.tensors[torch::toString(type)] = x.to(type);
  }
  archive.tensors["scalar"] = torch::tensor(7, torch::kInt64);
  archive.tensors["empty"] = torch::zeros({0, 3});
  archive.tensors["strided"] = torch::arange(12).view({3, 4}).t();
  write_safetensors(folder / "a.safetensors", archive);
  const TensorArchive back = read_safetensors(folder / "a.safetensors");
  EXPECT_EQ(back.metadata, archive.metadata);
  EXPECT_EQ(read_safetensors_metadata(folder / "a.safetensors"), archive.metadata);
  ASSERT_EQ(back.tensors.size(), archive.tensors.size());
  for (const auto& [name, tensor] : archive.tensors) {
    EXPECT_EQ(back.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(back.tensors.at(name), tensor)) << name;
  }
}

TEST(Safetensors, MappedItTakesMemoryOnlyForWhatIsLookedAt) {
  const ScratchFolder folder;
  TensorArchive archive;
  archive.metadata = {{"key", "k"}};
  for (const char* name : {"a", "b", "c"}) archive.tensors[name] = torch::rand({4 << 20});
  archive.tensors["empty"] = torch::zeros({0, 3});
  write_safetensors(folder / "m", archive);
  const double before = watch_peak_mib();
  TensorArchive mapped = map_safetensors(folder / "m");
  EXPECT_EQ(mapped.metadata, archive.metadata);
  EXPECT_LT(rss_mib() - before, 4);
  for (const auto& [name, tensor] : archive.tensors) {  // 16 MiB each, and gone with the tensor
    EXPECT_TRUE(torch::equal(mapped.tensors.at(name), tensor)) << name;
    mapped.tensors.erase(name);
  }
  EXPECT_LT(watched_peak_mib() - before, 16 + 8);
  EXPECT_LT(rss_mib() - before, 8);
}

// Bytes as the format's own description lays them out.
TEST(Safetensors, ReadsAFileOfAnotherWriter) {
  const ScratchFolder folder;
  write_raw(folder / "a", R"({"t":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}})",
            std::string("\x01\x00\xff\xff", 4));
  const auto t = read_safetensors(folder / "a").tensors.at("t");
  EXPECT_TRUE(torch::equal(t, torch::tensor({1, -1}, torch::kInt16)));
}

TEST(Safetensors, RefusesDamagedFiles) {
  const ScratchFolder folder;
  const auto refusal = [&] {
    return complaint(ErrorKind::checkpoint, [&] { read_safetensors(folder / "a"); });
  };
  EXPECT_TRUE(says(refusal(), {"no such file"}));
  write_file(folder / "a", "short");
  EXPECT_TRUE(says(refusal(), {"too short"}));
  write_file(folder / "a", "PK\x03\x04 this is a zip archive and no weights");
  EXPECT_TRUE(says(refusal(), {"truncated, or not a safetensors file"}));
  write_raw(folder / "a", "[1, 2, 3]", "");
  EXPECT_TRUE(says(refusal(), {"no JSON object"}));
  const auto entry = [&](const std::string& text) {
    write_raw(folder / "a", "{\"t\":" + text + "}", std::string(8, '\0'));
    return refusal();
  };
  EXPECT_TRUE(
      says(entry(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16]})"), {"'t'", "outside"}));
  EXPECT_TRUE(
      says(entry(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})"), {"'t'", "outside"}));
  EXPECT_TRUE(
      says(entry(R"({"dtype":"F99","shape":[1],"data_offsets":[0,4]})"), {"F99", "not known"}));
  EXPECT_TRUE(says(entry(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"), {"negative"}));
  EXPECT_TRUE(says(entry(R"({"dtype":"F32"})"), {"no dtype, shape or data_offsets"}));
  EXPECT_TRUE(says(entry(R"({"dtype":"F32","shape":"x","data_offsets":[0,4]})"), {"damaged"}));
  write_safetensors(folder / "a", {{{"w", torch::rand({100})}}, {}});
  std::filesystem::resize_file(folder / "a", 300);
  EXPECT_TRUE(says(refusal(), {"'w'", "truncated"}));
}

TEST(Safetensors, RefusesTypesItCannotStore) {
  const ScratchFolder folder;
  EXPECT_TRUE(says(
      complaint(
          ErrorKind::checkpoint,
          [&] {
            write_safetensors(folder / "a", {{{"c", torch::zeros({1}, torch::kComplexFloat)}}, {}});
          }),
      {"'c'", "no storable type"}));
}

}  // namespace
}  // namespace groundglass
