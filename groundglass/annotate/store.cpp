#include "groundglass/annotate/store.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <set>

#include "groundglass/annotate/project_files.h"
#include "groundglass/annotate/schema.h"
#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

fs::path store_path(const fs::path& project) {
  return project / "annotation.sqlite";
}

SqlValue text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

bool same_cases(const std::vector<AnnotationCase>& a, const std::vector<AnnotationCase>& b) {
  const auto same = [](const AnnotationCase& x, const AnnotationCase& y) {
    return x.name == y.name && x.patient == y.patient && x.image == y.image &&
           x.manual == y.manual && x.height == y.height && x.width == y.width;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

void write_schema(Database& database, const ProjectNotes& notes,
                  const std::vector<AnnotationCase>& cases) {
  for (const char* table : kSchema) database.run(table);
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"source", notes.source},
                                    {"mask", notes.data.mask},
                                    {"labels", word_of(notes.data.labels)},
                                    {"classes", std::to_string(notes.data.classes)},
                                    {"begun", utc_now()}}) {
    database.run("INSERT INTO notes VALUES(?, ?)", {name, value});
  }
  for (const auto& c : cases) {
    database.run(
        "INSERT INTO cases(name, file, study, patient, domain, image, manual, height, "
        "width) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {c.name, c.file, c.study, c.patient, c.domain, c.image.string(),
         text_or_null(c.manual.string()), c.height, c.width});
  }
  database.run("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.run("PRAGMA user_version = " + std::to_string(kSchemaVersion));
}

void check_networks(const std::vector<std::string>& networks) {
  std::set<std::string> names;
  for (const auto& name : networks) {
    if (name == kManualSource) {
      fail(ErrorKind::usage,
           "a network is called 'manual', the name of the manual masks; rename "
           "its recipe or folder");
    }
    if (!names.insert(file_word(name)).second) {
      fail(ErrorKind::usage, "two networks are called " + in_quotes(name) +
                                 "; give their recipes or folders different names");
    }
  }
  constexpr size_t kMost = 25;  // letters, less one for the manual mask
  if (networks.empty() || networks.size() > kMost) {
    fail(ErrorKind::usage, std::to_string(networks.size()) +
                               " networks are to propose, expected 1 to " + std::to_string(kMost) +
                               " (a letter for each)");
  }
}

int64_t classes_noted(const std::string& value, const fs::path& store) {
  const double number = number_in(value).value_or(0);
  const auto classes = static_cast<int64_t>(std::clamp(number, 0.0, 65.0));
  if (classes >= 2 && classes <= 64 && static_cast<double>(classes) == number) return classes;
  fail(ErrorKind::data, store.string() + ": its note 'classes' is " + in_quotes(value) +
                            ", expected a whole number from 2 to 64; the project is damaged");
}

}  // namespace

bool Choice::same_as(const Choice& o) const {
  return round == o.round && case_id == o.case_id && annotator == o.annotator &&
         letter == o.letter && drawn == o.drawn && seconds == o.seconds && note == o.note;
}

AnnotationStore::AnnotationStore(const fs::path& project, std::unique_ptr<Database> database)
    : project_(project), database_(std::move(database)) {
  load();
}

AnnotationStore AnnotationStore::create(const fs::path& project, const ProjectNotes& notes,
                                        const std::vector<AnnotationCase>& cases) {
  make_folder(project);
  auto database = std::make_unique<Database>(store_path(project), Database::Opening::or_create);
  {
    Transaction transaction(*database);
    // A call that was killed before its first commit leaves an empty file.
    if (database->number("SELECT count(*) FROM sqlite_master") == 0) {
      write_schema(*database, notes, cases);
      transaction.commit();
    }
  }
  AnnotationStore store(project, std::move(database));
  const DataOptions &now = notes.data, &then = store.notes().data;
  const bool same_reading = now.labels == then.labels && now.classes == then.classes;
  if (!same_reading || !same_cases(store.cases(), cases)) {
    fail(ErrorKind::usage, project.string() + ": holds a project of other cases (" +
                               store.notes().source + "); choose another folder");
  }
  return store;
}

AnnotationStore::AnnotationStore(const fs::path& project) : project_(project) {
  if (!fs::exists(store_path(project))) {
    fail(ErrorKind::data,
         project.string() + ": holds no annotation.sqlite; begin with `groundglass annotate init`");
  }
  database_ = std::make_unique<Database>(store_path(project), Database::Opening::existing);
  load();
}

void AnnotationStore::load() {
  const auto ours = database_->number("PRAGMA application_id");
  const auto version = database_->number("PRAGMA user_version");
  if (ours != kApplicationId) {
    fail(ErrorKind::data, store_path(project_).string() +
                              ": is no annotation project; begin one with `groundglass annotate "
                              "init` in another folder");
  }
  if (version != kSchemaVersion) {
    fail(ErrorKind::data, store_path(project_).string() + ": has layout " +
                              std::to_string(version) + ", this program knows " +
                              std::to_string(kSchemaVersion) + "; use the program that wrote it");
  }
  database_->each("SELECT name, value FROM notes", {}, [&](const SqlRow& row) {
    const std::string name = row.text(0), value = row.text(1);
    if (name == "source") notes_.source = value;
    if (name == "mask") notes_.data.mask = value;
    if (name == "labels") notes_.data.labels = value_of<MaskLabels>("data", "labels", value);
    if (name == "classes") notes_.data.classes = classes_noted(value, store_path(project_));
  });
  database_->each(
      "SELECT id, name, file, study, patient, domain, image, manual, height, width "
      "FROM cases ORDER BY id",
      {}, [&](const SqlRow& row) {
        cases_.push_back({row.integer(0), row.text(1), row.text(2), row.text(3), row.text(4),
                          row.text(5), row.text(6), row.text(7), row.integer(8), row.integer(9)});
      });
}

const AnnotationCase* AnnotationStore::case_named(const std::string& name) const {
  for (const auto& c : cases_) {
    if (c.name == name) return &c;
  }
  return nullptr;
}

std::vector<Round> AnnotationStore::rounds() {
  std::vector<Round> rounds;
  database_->each("SELECT id, stage, seed, begun, finished FROM rounds ORDER BY id", {},
                  [&](const SqlRow& row) {
                    rounds.push_back({row.integer(0),
                                      row.integer(1),
                                      static_cast<uint64_t>(row.integer(2)),
                                      {},
                                      row.text(3),
                                      row.text(4)});
                  });
  for (auto& round : rounds) {
    database_->each("SELECT name FROM networks WHERE round = ? ORDER BY id", {round.id},
                    [&](const SqlRow& row) { round.networks.push_back(row.text(0)); });
  }
  return rounds;
}

Round AnnotationStore::begin_round(int64_t stage, uint64_t seed,
                                   const std::vector<std::string>& networks) {
  check_networks(networks);
  const auto before = rounds();
  if (!before.empty()) {
    const Round& last = before.back();
    const bool same = last.stage == stage && last.seed == seed && last.networks == networks;
    const bool chosen =
        database_->number("SELECT count(*) FROM choices WHERE round = ?", {last.id}) > 0;
    if (same && !chosen) return last;
  }
  for (const auto& round : before) {
    if (!round.finished.empty()) continue;
    fail(ErrorKind::usage, project_.string() + ": round " + std::to_string(round.id) + " (stage " +
                               std::to_string(round.stage) + ", networks " +
                               listed(round.networks) +
                               ") is unfinished; finish it with the same call, or give it up with "
                               "--restart");
  }
  Transaction transaction(*database_);
  database_->run("INSERT INTO rounds(stage, seed, begun) VALUES(?, ?, ?)",
                 {stage, static_cast<int64_t>(seed), utc_now()});
  const int64_t id = database_->last_id();
  for (const auto& name : networks) {
    database_->run("INSERT INTO networks(round, name) VALUES(?, ?)", {id, name});
  }
  transaction.commit();
  return rounds().back();
}

int64_t AnnotationStore::drop_unfinished_round() {
  Transaction transaction(*database_);
  const int64_t id = database_->number("SELECT id FROM rounds WHERE finished IS NULL");
  database_->run("DELETE FROM rounds WHERE id = ?", {id});
  transaction.commit();
  return id;
}

void AnnotationStore::add_proposals(int64_t round, const std::vector<Proposal>& proposals) {
  Transaction transaction(*database_);
  for (const auto& p : proposals) {
    database_->run(
        "INSERT INTO proposals(network, case_id, file, weights_sha256, threshold) "
        "VALUES((SELECT id FROM networks WHERE round = ? AND name = ?), ?, ?, ?, ?)",
        {round, p.network, p.case_id, p.file.generic_string(), p.weights_sha256, p.threshold});
    if (!p.entropy) continue;
    const int64_t id = database_->last_id();
    database_->run(kEntropyTable);
    database_->run("INSERT INTO entropies VALUES(?, ?)", {id, *p.entropy});
  }
  transaction.commit();
}

std::vector<Proposal> AnnotationStore::proposals(int64_t round) {
  std::vector<Proposal> all;
  database_->each(
      "SELECT p.id, p.case_id, n.name, p.file, p.weights_sha256, p.threshold FROM "
      "proposals p JOIN networks n ON p.network = n.id WHERE n.round = ? "
      "ORDER BY p.case_id, n.id",
      {round}, [&](const SqlRow& row) {
        all.push_back(
            {row.integer(0), row.integer(1), row.text(2), row.text(3), row.text(4), row.real(5)});
      });
  if (database_->number("SELECT count(*) FROM sqlite_master WHERE name = 'entropies'") == 0) {
    return all;
  }
  std::map<int64_t, double> bits;
  database_->each("SELECT proposal, bits FROM entropies", {},
                  [&](const SqlRow& row) { bits[row.integer(0)] = row.real(1); });
  for (auto& proposal : all) {
    if (const auto found = bits.find(proposal.id); found != bits.end()) {
      proposal.entropy = found->second;
    }
  }
  return all;
}

void AnnotationStore::finish_round(int64_t round, const std::vector<Candidate>& candidates) {
  Transaction transaction(*database_);
  for (const auto& c : candidates) {
    database_->run("INSERT INTO candidates VALUES(?, ?, ?, ?)",
                   {round, c.case_id, std::string(1, c.letter),
                    c.proposal == 0 ? SqlValue(nullptr) : SqlValue(c.proposal)});
  }
  database_->run("UPDATE rounds SET finished = ? WHERE id = ?", {utc_now(), round});
  transaction.commit();
}

std::vector<Candidate> AnnotationStore::candidates(int64_t round) {
  std::vector<Candidate> all;
  database_->each(
      "SELECT c.case_id, c.letter, c.proposal, n.name FROM candidates c LEFT JOIN "
      "proposals p ON c.proposal = p.id LEFT JOIN networks n ON p.network = n.id "
      "WHERE c.round = ? ORDER BY c.case_id, c.letter",
      {round}, [&](const SqlRow& row) {
        all.push_back({row.integer(0), row.text(1).at(0), row.integer(2),
                       row.null(2) ? kManualSource : row.text(3)});
      });
  return all;
}

int64_t AnnotationStore::add_choices(const std::vector<Choice>& choices, Earlier earlier) {
  const auto before = this->choices();
  Transaction transaction(*database_);
  int64_t added = 0;
  for (const auto& c : choices) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const Choice& b) {
      return b.round == c.round && b.case_id == c.case_id && b.annotator == c.annotator;
    });
    if (known != before.end()) {
      if (known->same_as(c)) continue;
      if (earlier == Earlier::keep) {
        fail(ErrorKind::data, case_of(c.case_id).name + ": " + c.annotator +
                                  " has chosen already, on " + known->time +
                                  "; --replace takes the new choice");
      }
      database_->run(
          "UPDATE choices SET replaced = ? WHERE round = ? AND case_id = ? AND "
          "annotator = ? AND replaced IS NULL",
          {utc_now(), c.round, c.case_id, c.annotator});
    }
    database_->run(
        "INSERT INTO choices(round, case_id, annotator, letter, drawn, seconds, note, time) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        {c.round, c.case_id, c.annotator,
         c.letter == 0 ? SqlValue(nullptr) : SqlValue(std::string(1, c.letter)),
         text_or_null(c.drawn.generic_string()), c.seconds ? SqlValue(*c.seconds) : nullptr, c.note,
         c.time.empty() ? utc_now() : c.time});
    ++added;
  }
  transaction.commit();
  return added;
}

std::vector<Choice> AnnotationStore::choices() {
  std::vector<Choice> all;
  database_->each(
      "SELECT round, case_id, annotator, letter, drawn, seconds, note, time FROM "
      "choices WHERE replaced IS NULL ORDER BY id",
      {}, [&](const SqlRow& row) {
        Choice c;
        c.round = row.integer(0);
        c.case_id = row.integer(1);
        c.annotator = row.text(2);
        c.letter = row.null(3) ? '\0' : row.text(3).at(0);
        c.drawn = row.text(4);
        if (!row.null(5)) c.seconds = row.real(5);
        c.note = row.text(6);
        c.time = row.text(7);
        all.push_back(std::move(c));
      });
  return all;
}

}  // namespace groundglass
