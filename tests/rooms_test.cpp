// The one dependency rule: a room includes itself and the rooms that it NEEDS, nothing else. Rooms
// stand in the order in which data walks through them, and the rule looks back only.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {
namespace fs = std::filesystem;

struct Room {
  std::string name;
  std::set<std::string> may_include;
};

/// The rooms and their NEEDS in groundglass/CMakeLists.txt, in its order: the one table there is.
std::vector<Room> rooms_of(const std::string& cmake) {
  std::vector<Room> rooms;
  const std::string begin = "\ngroundglass_room(";
  for (size_t at = cmake.find(begin); at != std::string::npos; at = cmake.find(begin, at + 1)) {
    const size_t first = at + begin.size();
    std::istringstream words(cmake.substr(first, cmake.find(')', first) - first));
    Room room;
    words >> room.name;
    bool needs = false;
    for (std::string word; words >> word;) {
      const bool key = std::all_of(word.begin(), word.end(), [](unsigned char c) {
        return std::isupper(c) != 0 || c == '_';
      });
      if (key) {
        needs = word == "NEEDS";
      } else if (needs) {
        room.may_include.insert(word);
      }
    }
    rooms.push_back(room);
  }
  return rooms;
}

const std::vector<Room>& rooms() {
  static const auto all = [] {
    std::ifstream in(fs::path(GROUNDGLASS_SOURCE_DIR) / "groundglass/CMakeLists.txt");
    std::ostringstream text;
    text << in.rdbuf();
    return rooms_of(text.str());
  }();
  return all;
}

const Room* room_named(const std::string& name) {
  const auto found = std::find_if(rooms().begin(), rooms().end(),
                                  [&](const Room& room) { return room.name == name; });
  return found == rooms().end() ? nullptr : &*found;
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
    if (!inside.has_parent_path()) continue;  // the face of the library, which is no room
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

TEST(Rooms, AreReadFromTheBuildList) {
  const auto found = rooms_of(
      "# groundglass_room(comment)\ngroundglass_room(a\n  SOURCES\n    x.cpp)\n"
      "groundglass_room(b NN FULL\n  NEEDS a core\n  IO_SOURCES\n    y.cpp)\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "a");
  EXPECT_TRUE(found[0].may_include.empty());
  EXPECT_EQ(found[1].may_include, (std::set<std::string>{"a", "core"}));
  EXPECT_GT(rooms().size(), 15U);
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
                             << " is not a room of groundglass/CMakeLists.txt";
    const auto other = path.substr(ours.size(), path.find('/', ours.size()) - ours.size());
    EXPECT_TRUE(other == line.room || room->may_include.count(other))
        << line.where << ": " << line.room << " may not include " << other;
  }
}

TEST(Rooms, DoNotIncludeTheFaceOfTheLibrary) {
  for (const auto& line : include_lines()) {
    EXPECT_NE(included(line), "groundglass/groundglass.h") << line.where;
  }
}

TEST(Rooms, LookBackOnly) {
  for (auto room = rooms().begin(); room != rooms().end(); ++room) {
    for (const auto& other : room->may_include) {
      EXPECT_TRUE(
          std::any_of(rooms().begin(), room, [&](const Room& r) { return r.name == other; }))
          << room->name << " looks forward to " << other;
    }
    EXPECT_EQ(room->may_include.count("cli"), 0U) << room->name;
  }
}

TEST(Rooms, IncludeTheirOwnFilesByTheFullPath) {
  for (const auto& line : include_lines()) {
    if (line.text.find('"') == std::string::npos) continue;
    const auto path = included(line);
    EXPECT_TRUE(path.rfind("groundglass/", 0) == 0 || path == "commit.h" ||
                path == "option_table.inc")
        << line.where << ": " << path;
  }
}

TEST(Rooms, DoWithoutTheUmbrellaOfLibTorch) {
  for (const auto& line : include_lines()) {
    EXPECT_NE(included(line), "torch/torch.h") << line.where;
  }
}

// An array that a library returns becomes a tensor at the door of its room. report/canvas.h is for
// that room's own figures; pacs speaks DICOM's network.
TEST(Rooms, KeepImageLibrariesBehindTheirDoors) {
  const std::set<std::string> doors = {"io", "preprocess", "report", "explain", "pacs"};
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
