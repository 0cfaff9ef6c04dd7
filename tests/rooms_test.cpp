// The one dependency rule: a room includes itself and the rooms listed beside it, nothing else.
// Rooms stand in the order in which data walks through them, and the rule looks back only.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {
namespace fs = std::filesystem;

struct Room {
  std::string name;
  std::set<std::string> may_include;
};

const std::vector<Room> kRooms = {
    {"core", {}},
    {"io", {"core"}},
    {"preprocess", {"core", "io"}},
    {"data", {"core", "io", "preprocess"}},
    {"models", {"core"}},
    {"losses", {"core"}},
    {"metrics", {"core"}},
    {"train", {"core", "io", "data", "models", "metrics"}},
    {"infer", {"core", "io", "models"}},
    {"predict", {"core", "io", "preprocess", "data", "models", "infer"}},
    {"evaluate", {"core", "io", "data", "metrics", "train"}},
    {"adapt", {"core", "data", "models", "metrics", "train", "evaluate"}},
    {"explain", {"core", "models"}},
    {"report", {"core", "io", "data", "evaluate"}},
    {"annotate", {"core", "io", "data", "metrics", "predict", "report"}},
    {"recipe", {"core", "preprocess", "data", "models", "losses", "train", "evaluate", "adapt"}},
    {"cli",
     {"core", "io", "preprocess", "data", "models", "losses", "metrics", "train", "predict",
      "evaluate", "adapt", "explain", "report", "annotate", "recipe", "infer"}},
};

const Room* room_named(const std::string& name) {
  const auto found = std::find_if(kRooms.begin(), kRooms.end(),
                                  [&](const Room& room) { return room.name == name; });
  return found == kRooms.end() ? nullptr : &*found;
}

struct Line {
  std::string where;  ///< file:line, from the root of the sources
  std::string room;
  std::string extension;
  std::string text;
};

fs::path root() {
  return fs::path(GROUNDGLASS_SOURCE_DIR) / "groundglass";
}

bool is_source(const fs::path& path) {
  return path.extension() == ".h" || path.extension() == ".cpp";
}

/// The include lines of all rooms.
std::vector<Line> include_lines() {
  std::vector<Line> lines;
  for (const auto& entry : fs::recursive_directory_iterator(root())) {
    if (!entry.is_regular_file() || !is_source(entry.path())) continue;
    const auto inside = fs::relative(entry.path(), root());
    std::ifstream in(entry.path());
    std::string text;
    for (int number = 1; std::getline(in, text); ++number) {
      const size_t hash = text.find_first_not_of(" \t");
      if (hash == std::string::npos || text[hash] != '#') continue;
      const size_t word = text.find_first_not_of(" \t", hash + 1);
      if (word == std::string::npos || text.compare(word, 7, "include") != 0) continue;
      lines.push_back({inside.string() + ":" + std::to_string(number), inside.begin()->string(),
                       inside.extension().string(), text.substr(word + 7)});
    }
  }
  return lines;
}

/// The path between quotes or angle brackets.
std::string included(const Line& line) {
  const size_t begin = line.text.find_first_of("\"<");
  const size_t end = line.text.find_first_of("\">", begin + 1);
  return begin == std::string::npos ? "" : line.text.substr(begin + 1, end - begin - 1);
}

TEST(Rooms, IncludeOnlyWhatTheyMay) {
  const auto lines = include_lines();
  EXPECT_GT(lines.size(), 100U);
  const std::string ours = "groundglass/";
  for (const auto& line : lines) {
    const auto path = included(line);
    if (path.rfind(ours, 0) != 0) continue;
    const Room* room = room_named(line.room);
    ASSERT_NE(room, nullptr) << line.where << ": " << line.room
                             << " is not a room: add it to kRooms";
    const auto other = path.substr(ours.size(), path.find('/', ours.size()) - ours.size());
    EXPECT_TRUE(other == line.room || room->may_include.count(other))
        << line.where << ": " << line.room << " may not include " << other;
  }
}

TEST(Rooms, LookBackOnly) {
  for (auto room = kRooms.begin(); room != kRooms.end(); ++room) {
    for (const auto& other : room->may_include) {
      EXPECT_TRUE(std::any_of(kRooms.begin(), room, [&](const Room& r) { return r.name == other; }))
          << room->name << " looks forward to " << other;
    }
    EXPECT_EQ(room->may_include.count("cli"), 0U) << room->name;
    if (room->name != "cli") {
      EXPECT_EQ(room->may_include.count("recipe"), 0U) << room->name;
    }
  }
}

TEST(Rooms, IncludeTheirOwnFilesByTheFullPath) {
  for (const auto& line : include_lines()) {
    if (line.text.find('"') == std::string::npos) continue;
    const auto path = included(line);
    EXPECT_TRUE(path.rfind("groundglass/", 0) == 0 || path == "commit.h")
        << line.where << ": " << path;
  }
}

TEST(Rooms, DoWithoutTheUmbrellaOfLibTorch) {
  for (const auto& line : include_lines()) {
    EXPECT_NE(included(line), "torch/torch.h") << line.where;
  }
}

// An array that a library returns becomes a tensor at the door of its room. report/canvas.h is for
// that room's own figures.
TEST(Rooms, KeepImageLibrariesBehindTheirDoors) {
  const std::set<std::string> doors = {"io", "preprocess", "report", "explain"};
  for (const auto& line : include_lines()) {
    const auto path = included(line);
    const bool library =
        path.rfind("opencv", 0) == 0 || path.rfind("itk", 0) == 0 || path.rfind("dcmtk", 0) == 0;
    if (!library) continue;
    EXPECT_EQ(doors.count(line.room), 1U) << line.where << ": " << path;
    const bool own = line.where.rfind("report/canvas.h:", 0) == 0;
    EXPECT_TRUE(line.extension == ".cpp" || own) << line.where << ": " << path << " in a header";
  }
}

TEST(Rooms, BeginEveryHeaderWithPragmaOnce) {
  int headers = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root())) {
    if (entry.path().extension() != ".h") continue;
    std::ifstream in(entry.path());
    std::string first;
    std::getline(in, first);
    EXPECT_EQ(first, "#pragma once") << entry.path().string();
    ++headers;
  }
  EXPECT_GT(headers, 30);
}

}  // namespace
