#include "groundglass/annotate/choices.h"

#include <cmath>
#include <map>
#include <set>

#include "groundglass/annotate/cases.h"
#include "groundglass/annotate/project_files.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/data/problems.h"
#include "groundglass/io/picture.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// A choice as it stands in the file, with the mask that was drawn.
struct Line {
  int64_t number = 0;
  Choice choice;
  torch::Tensor drawn;
};

/// What the rounds offer: letters of each case.
using Offers = std::map<int64_t, std::map<int64_t, std::string>>;

Offers offers_of(AnnotationStore& store) {
  Offers offers;
  for (const auto& round : store.rounds()) {
    if (round.finished.empty()) continue;
    for (const auto& c : store.candidates(round.id)) offers[round.id][c.case_id] += c.letter;
  }
  return offers;
}

/// The letters with commas between: "A, B and C".
std::string letters_text(const std::string& letters) {
  std::vector<std::string> words;
  for (const char letter : letters) words.emplace_back(1, letter);
  return listed(words);
}

class Reader {
 public:
  Reader(AnnotationStore& store, const fs::path& file, std::string annotator)
      : store_(store), file_(file), annotator_(std::move(annotator)), offers_(offers_of(store)) {
    if (offers_.empty()) {
      fail(ErrorKind::data, store.project().string() +
                                ": has no finished round to choose in; call `groundglass annotate "
                                "propose` first");
    }
  }

  std::vector<Line> read(ChoicesRead& counts) {
    table_ = read_csv(file_);
    for (const char* name : {"case", "choice"}) {
      if (table_.column(name) < 0) {
        fail(ErrorKind::data, file_.string() + ":1: no column '" + name + "'; the header is " +
                                  joined(table_.header, ","));
      }
    }
    std::vector<Line> lines;
    for (const auto& row : table_.rows) {
      ++counts.lines;
      Line line;
      if (!read_line(row, line)) continue;
      if (open(row)) {
        ++counts.open;
      } else {
        lines.push_back(std::move(line));
      }
    }
    return lines;
  }

  void add_problem(int64_t line, const std::string& what) {
    problems_.add(file_.string() + ":" + std::to_string(line) + ": " + what);
  }
  void refuse() const { problems_.refuse(file_.string()); }

 private:
  std::string cell(const CsvRow& row, const char* column) const {
    const int at = table_.column(column);
    return at < 0 ? std::string() : row.cells[static_cast<size_t>(at)];
  }
  bool open(const CsvRow& row) const { return cell(row, "choice").empty(); }

  bool problem(const CsvRow& row, const std::string& what) {
    add_problem(row.line, what);
    return false;
  }

  bool read_line(const CsvRow& row, Line& line) {
    line.number = row.line;
    Choice& c = line.choice;
    c.annotator = annotator_;
    c.note = cell(row, "note");
    const std::string round = cell(row, "round");
    c.round = offers_.rbegin()->first;
    if (!round.empty()) {
      const auto known = std::find_if(offers_.begin(), offers_.end(), [&](const auto& offer) {
        return std::to_string(offer.first) == round;
      });
      if (known == offers_.end()) return problem(row, "no finished round " + in_quotes(round));
      c.round = known->first;
    }
    const std::string name = cell(row, "case");
    const AnnotationCase* of = store_.case_named(name);
    if (of == nullptr) return problem(row, "unknown case " + in_quotes(name));
    c.case_id = of->id;
    const auto& offered = offers_.at(c.round);
    if (offered.count(of->id) == 0) {
      return problem(
          row, "case " + in_quotes(name) + " was not shown in round " + std::to_string(c.round));
    }
    if (!seen_.emplace(c.round, of->id).second) {
      return problem(row, "case " + in_quotes(name) + " stands in the file twice");
    }
    return read_choice(row, offered.at(of->id), c) && read_seconds(row, c) &&
           read_mask(row, *of, line);
  }

  bool read_choice(const CsvRow& row, const std::string& letters, Choice& c) {
    const std::string word = lower(cell(row, "choice"));
    if (word.empty() || word == "reject") return true;
    const char letter = static_cast<char>(std::toupper(static_cast<unsigned char>(word.front())));
    if (word.size() != 1 || letters.find(letter) == std::string::npos) {
      return problem(row, "choice " + in_quotes(cell(row, "choice")) + ", expected " +
                              letters_text(letters) + " or reject");
    }
    c.letter = letter;
    return true;
  }

  bool read_seconds(const CsvRow& row, Choice& c) {
    const std::string text = cell(row, "seconds");
    if (text.empty()) return true;
    const auto value = number_in(text);
    if (!value || *value < 0) {
      return problem(row, "seconds is " + in_quotes(text) + ", expected a number from 0 on");
    }
    c.seconds = *value;
    return true;
  }

  bool read_mask(const CsvRow& row, const AnnotationCase& of, Line& line) {
    const std::string text = cell(row, "mask");
    if (text.empty()) return true;
    if (open(row)) return problem(row, "names a mask and no choice; expected reject");
    if (line.choice.letter != 0) {
      return problem(row, "names a mask and the letter " + std::string(1, line.choice.letter) +
                              "; a drawn mask goes with reject");
    }
    try {
      line.drawn = read_case_mask(file_.parent_path() / text, of, store_.notes().data);
    } catch (const Error& e) {
      return problem(row, e.what());
    }
    // The name tells the drawing, so that another one never takes the place of this one.
    const auto pixels = line.drawn.contiguous();
    const std::string_view bytes(reinterpret_cast<const char*>(pixels.data_ptr<uint8_t>()),
                                 static_cast<size_t>(pixels.numel()));
    line.choice.drawn = fs::path("drawn") / ("round_" + std::to_string(line.choice.round)) /
                        annotator_ / (of.file + "-" + sha256(bytes).substr(0, 8) + ".png");
    return true;
  }

  AnnotationStore& store_;
  fs::path file_;
  std::string annotator_;
  Offers offers_;
  CsvTable table_;
  Problems problems_;
  std::set<std::pair<int64_t, int64_t>> seen_;
};

void check_annotator(const std::string& name) {
  if (name.empty() || name != file_word(name)) {
    fail(ErrorKind::usage, "--annotator " + in_quotes(name) +
                               ": expected a name of letters, digits, '-', '_' and '.'");
  }
}

const Choice* earlier_choice(const std::vector<Choice>& choices, const Choice& of) {
  const auto found = std::find_if(choices.begin(), choices.end(), [&](const Choice& c) {
    return c.round == of.round && c.case_id == of.case_id && c.annotator == of.annotator;
  });
  return found == choices.end() ? nullptr : &*found;
}

}  // namespace

ChoicesRead read_choices(AnnotationStore& store, const fs::path& file, const std::string& annotator,
                         Earlier earlier) {
  check_annotator(annotator);
  ChoicesRead counts;
  Reader reader(store, file, annotator);
  const auto lines = reader.read(counts);
  const auto before = store.choices();
  std::vector<Choice> choices;
  for (const auto& line : lines) {
    const Choice* known = earlier_choice(before, line.choice);
    const bool same = known != nullptr && known->same_as(line.choice);
    if (same) ++counts.known;
    if (known != nullptr && !same && earlier == Earlier::keep) {
      reader.add_problem(line.number, store.case_of(line.choice.case_id).name + ": " + annotator +
                                          " has chosen already, on " + known->time +
                                          "; --replace takes the new choice");
    }
    choices.push_back(line.choice);
  }
  reader.refuse();
  for (const auto& line : lines) {
    if (!line.drawn.defined()) continue;
    write_png(store.project() / line.choice.drawn, stored_mask(line.drawn, store.notes().data));
  }
  counts.added = store.add_choices(choices, earlier);
  return counts;
}

}  // namespace groundglass
