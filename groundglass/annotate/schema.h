#pragma once

#include <array>

namespace groundglass {

/// Marks the file as ours ("GGan"), and the version of its layout.
constexpr int kApplicationId = 0x4747616e;
constexpr int kSchemaVersion = 1;

/// Layout 1. docs/reference/annotation.md explains the columns.
constexpr std::array<const char*, 8> kSchema = {
    "CREATE TABLE notes(name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE cases(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, file TEXT NOT NULL "
    "UNIQUE, study TEXT NOT NULL, patient TEXT NOT NULL, domain TEXT NOT NULL, image TEXT NOT "
    "NULL, manual TEXT, height INTEGER NOT NULL, width INTEGER NOT NULL)",
    "CREATE TABLE rounds(id INTEGER PRIMARY KEY, stage INTEGER NOT NULL CHECK(stage IN (1, 2)), "
    "seed INTEGER NOT NULL, begun TEXT NOT NULL, finished TEXT)",
    "CREATE TABLE networks(id INTEGER PRIMARY KEY, round INTEGER NOT NULL REFERENCES rounds ON "
    "DELETE CASCADE, name TEXT NOT NULL, UNIQUE(round, name))",
    "CREATE TABLE proposals(id INTEGER PRIMARY KEY, network INTEGER NOT NULL REFERENCES networks "
    "ON DELETE CASCADE, case_id INTEGER NOT NULL REFERENCES cases, file TEXT NOT NULL, "
    "weights_sha256 TEXT NOT NULL, threshold REAL NOT NULL, UNIQUE(network, case_id))",
    "CREATE TABLE candidates(round INTEGER NOT NULL REFERENCES rounds, case_id INTEGER NOT NULL "
    "REFERENCES cases, letter TEXT NOT NULL, proposal INTEGER REFERENCES proposals, "
    "PRIMARY KEY(round, case_id, letter))",
    "CREATE TABLE choices(id INTEGER PRIMARY KEY, round INTEGER NOT NULL REFERENCES rounds, "
    "case_id INTEGER NOT NULL REFERENCES cases, annotator TEXT NOT NULL, letter TEXT, drawn TEXT, "
    "seconds REAL, note TEXT NOT NULL, time TEXT NOT NULL, replaced TEXT, "
    "CHECK(letter IS NULL OR drawn IS NULL), "
    "FOREIGN KEY(round, case_id, letter) REFERENCES candidates)",
    "CREATE UNIQUE INDEX one_choice ON choices(round, case_id, annotator) WHERE replaced IS NULL",
};

/// Beside layout 1, made when it is first written to: programs that do not know it pass it by.
constexpr const char* kEntropyTable =
    "CREATE TABLE IF NOT EXISTS entropies(proposal INTEGER PRIMARY KEY REFERENCES proposals ON "
    "DELETE CASCADE, bits REAL NOT NULL)";

}  // namespace groundglass
