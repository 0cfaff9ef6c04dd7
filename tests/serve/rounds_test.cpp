// Annotation rounds and trainings through the interface: two annotators at once, and a run that
// goes on.
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/serve/serve.h"
#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A server in this process, and a client with its token.
class Desk : public testing::Test {
 protected:
  void SetUp() override {
    ServeOptions options;
    options.folder = folder / "w";
    options.port = 0;
    options.job_command = command;
    session = std::make_unique<ServeSession>(options);
    session->start();
    client = std::make_unique<httplib::Client>("127.0.0.1", session->port());
    client->set_default_headers({{"Authorization", "Bearer " + session->token()}});
  }
  json get(const std::string& path, int status = 200) {
    return answer(client->Get("/api/v1" + path), status, path);
  }
  json post(const std::string& path, const json& body, int status = 200) {
    return answer(client->Post("/api/v1" + path, body.dump(), "application/json"), status, path);
  }
  json answer(const httplib::Result& result, int status, const std::string& path) {
    EXPECT_TRUE(result) << path;
    if (!result) return {};
    EXPECT_EQ(result->status, status) << path << "\n" << result->body;
    return json::parse(result->body, nullptr, false);
  }
  std::vector<std::string> command = {"/bin/true"};
  ScratchFolder folder;
  std::unique_ptr<ServeSession> session;
  std::unique_ptr<httplib::Client> client;
};

/// Jobs stay in the queue for a while.
class Slow : public Desk {
 protected:
  Slow() { command = {"/bin/sh", "-c", "exec sleep 20"}; }
};

class Rounds : public Desk {
 protected:
  /// Questions on images are answered; no job does anything.
  Rounds() {
    command = {"/bin/sh", "-c",
               "[ \"$0\" != - ] || exec " GROUNDGLASS_BINARY " serve-job --device cpu -"};
  }
  void SetUp() override {
    Desk::SetUp();
    fs::create_directories(folder / "w/rounds");
    fs::copy(made.store.project(), folder / "w/rounds/p", fs::copy_options::recursive);
  }
  MadeUpProject made;
};

TEST_F(Desk, KnowsNoPacsWithoutASite) {
  EXPECT_TRUE(get("/destinations").empty());
  EXPECT_TRUE(says(post("/fetches", {{"from", "pacs"}, {"study_uid", "1.2"}}, 409)["error"],
                   {"no PACS is configured", "--site FILE"}));
  get("/fetches", 405);
}

TEST_F(Rounds, HandEachCaseToOneAnnotator) {
  EXPECT_EQ(get("/rounds")[0]["name"], "p");
  const json anna = post("/rounds/p/next", {{"annotator", "anna"}});
  const json bert = post("/rounds/p/next", {{"annotator", "bert"}});
  EXPECT_NE(anna["id"], bert["id"]);
  EXPECT_EQ(anna["locked_by"], "anna");
  EXPECT_EQ(post("/rounds/p/next", {{"annotator", "anna"}})["id"], anna["id"]) << "still theirs";
  const std::string of_anna = "/rounds/p/cases/" + std::to_string(anna["id"].get<int64_t>());
  const json refused = post(of_anna + "/choice", {{"annotator", "bert"}, {"letter", "A"}}, 409);
  EXPECT_TRUE(says(refused["error"], {"anna works on it"}));
  EXPECT_EQ(answer(client->Put("/api/v1" + of_anna + "/lock", R"({"annotator": "bert"})",
                               "application/json"),
                   409, "lock")["kind"],
            "usage");
  EXPECT_EQ(get("/rounds/p")["locks"].size(), 2U);
  client->Delete("/api/v1" + of_anna + "/lock?annotator=bert");
  EXPECT_EQ(get(of_anna)["locked_by"], "anna") << "not theirs to give back";
  client->Delete("/api/v1" + of_anna + "/lock?annotator=anna");
  EXPECT_TRUE(get(of_anna)["locked_by"].is_null());
}

TEST_F(Rounds, AreBlindAndKeepChoices) {
  std::set<int64_t> seen;
  json next = post("/rounds/p/next", {{"annotator", "anna"}, {"order", "uncertain"}});
  const auto all = next["left"].get<size_t>();
  while (!next.is_null()) {
    const auto id = next["id"].get<int64_t>();
    EXPECT_TRUE(seen.insert(id).second);
    const std::string at = "/rounds/p/cases/" + std::to_string(id);
    for (const auto& network : made.store.rounds().back().networks) {
      EXPECT_EQ(next.dump().find(network), std::string::npos) << "tells who made a candidate";
    }
    EXPECT_EQ(client->Get("/api/v1" + at + "/image.png")->body.substr(1, 3), "PNG");
    for (const std::string letter : next["letters"]) {
      EXPECT_EQ(client->Get("/api/v1" + at + "/candidates/" + letter + ".png")->body.substr(1, 3),
                "PNG");
    }
    EXPECT_EQ(client->Get("/api/v1" + at + "/candidates/Z.png")->status, 404);
    post(at + "/choice", {{"annotator", "anna"}, {"letter", "Z"}}, 400);
    const json done = post(at + "/choice", {{"annotator", "anna"},
                                            {"letter", next["letters"][0]},
                                            {"seconds", 2.5},
                                            {"note", "clear, \"quite\""}});
    EXPECT_EQ(done["choice"]["letter"], next["letters"][0]);
    EXPECT_TRUE(done["locked_by"].is_null());
    next = post("/rounds/p/next", {{"annotator", "anna"}, {"order", "random"}});
  }
  EXPECT_EQ(seen.size(), all);
  const json after = get("/rounds/p");
  EXPECT_EQ(after["annotators"][0]["choices"], all);
  EXPECT_EQ(after["annotators"][0]["median_seconds"], 2.5);
  EXPECT_EQ(AnnotationStore(folder / "w/rounds/p").choices().size(), all);
}

TEST_F(Rounds, TakeDrawings) {
  const json mine = post("/rounds/p/next", {{"annotator", "anna"}});
  const std::string at = "/rounds/p/cases/" + std::to_string(mine["id"].get<int64_t>());
  const std::string candidate =
      client->Get("/api/v1" + at + "/candidates/" + mine["letters"][0].get<std::string>() + ".png")
          ->body;
  const std::string draw = "/api/v1" + at + "/drawing?annotator=anna&seconds=7&note=a%2Cb";
  answer(client->Post(draw, "hello", "image/png"), 422, "no picture");
  const json done = answer(client->Post(draw, candidate, "image/png"), 200, "drawing");
  EXPECT_TRUE(done["choice"]["letter"].is_null());
  EXPECT_EQ(done["choice"]["drawn"], true);
  EXPECT_EQ(done["choice"]["seconds"], 7);
  for (const auto& file : fs::directory_iterator(folder / "w/rounds/p")) {
    EXPECT_NE(file.path().filename().string().substr(0, 5), ".sent");
  }
  answer(client->Post(draw, candidate, "image/png"), 409, "not locked any more");
  post("/rounds/p/next", {{"annotator", "../x"}}, 400);
  post("/rounds/p/next", {{"annotator", "anna"}, {"order", "best"}}, 400);
}

TEST_F(Rounds, AreChosenFromByHand) {
  const json cases = get("/rounds/p/cases?annotator=anna");
  ASSERT_EQ(cases.size(), 4U);
  EXPECT_EQ(cases[0]["name"], "Case 1");
  EXPECT_EQ(cases[0]["done"], false);
  EXPECT_TRUE(cases[0]["locked_by"].is_null());
  EXPECT_TRUE(cases[0]["entropy_bits"].is_null()) << "these proposals did not keep it";
  EXPECT_GT(cases[0]["disagreement"], 0);
  const std::string third = "/rounds/p/cases/" + std::to_string(cases[2]["id"].get<int64_t>());
  answer(client->Put("/api/v1" + third + "/lock", R"({"annotator": "anna"})", "application/json"),
         200, "lock");
  EXPECT_EQ(get("/rounds/p/cases?annotator=bert")[2]["locked_by"], "anna");
  post(third + "/choice", {{"annotator", "anna"}, {"letter", nullptr}});
  EXPECT_EQ(get("/rounds/p/cases?annotator=anna")[2]["done"], true);
  get("/rounds/p/cases", 400);
  get("/rounds/q/cases?annotator=anna", 404);
  const json refused = post("/rounds/p/next", {{"annotator", "anna"}, {"order", "entropy"}}, 409);
  EXPECT_TRUE(says(refused["error"], {"without keeping the entropy"}));
}

TEST_F(Rounds, BeginWithTheLeastDecidedCase) {
  AnnotationStore store(folder / "w/rounds/p");
  const Round round = store.begin_round(2, 1, {"one"});
  const auto cases = cases_of_stage(store, 2);
  ASSERT_EQ(cases.size(), 2U);
  std::vector<Proposal> proposals;
  for (const auto& c : cases) {
    const double bits = c.id == cases[1].id ? 0.5 : 0.25;
    write_png(store.project() / ("proposals/one/" + c.file + ".png"), square(10, 10) * 255);
    proposals.push_back({0, c.id, "one", "proposals/one/" + c.file + ".png", "", 0.5, bits});
  }
  store.add_proposals(round.id, proposals);
  store.finish_round(round.id, shuffled_candidates(round, cases, store.proposals(round.id)));
  EXPECT_EQ(get("/rounds/p/cases?annotator=anna")[1]["entropy_bits"], 0.5);
  for (const std::string order : {"entropy", "uncertain"}) {  // of one candidate, the same
    EXPECT_EQ(post("/rounds/p/next", {{"annotator", "anna"}, {"order", order}})["id"], cases[1].id)
        << order;
    client->Delete("/api/v1/rounds/p/cases/" + std::to_string(cases[1].id) +
                   "/lock?annotator=anna");
  }
}

TEST_F(Rounds, RefuseProposalsAndTrainingsInOneLine) {
  const auto refused = [&](const std::string& path, const json& body, int status) {
    return post(path, body, status)["error"];
  };
  const std::string to = "/rounds/p/proposals";
  const json models = {"ct_infection"};
  EXPECT_TRUE(says(refused(to, {{"stage", 3}, {"models", models}}, 400), {"stage: expected 1"}));
  EXPECT_TRUE(says(refused(to, {{"stage", 2}}, 400), {"models: expected 1 to 25 names"}));
  EXPECT_TRUE(
      says(refused(to, {{"stage", 2}, {"models", {"../x"}}}, 400), {"models: expected a name of"}));
  EXPECT_TRUE(says(refused("/rounds/q/proposals", {{"stage", 2}, {"models", models}}, 404),
                   {"'q': there is none"}));
  EXPECT_TRUE(says(refused("/trainings", {{"round", "p"}}, 422),
                   {"4 images of 2 patients have a mask, expected at least 3 patients"}));
  EXPECT_TRUE(
      says(refused("/trainings", {{"round", "p"}, {"studies", json::array()}}, 400), {"not both"}));
  EXPECT_TRUE(says(refused("/trainings", {{"round", "p"}, {"epochs", 1001}}, 400),
                   {"epochs: expected at most 1000"}));
  EXPECT_TRUE(
      says(refused("/trainings", {{"round", "p"}, {"rounds", 1}}, 400), {"'rounds' is not known"}));
}

TEST_F(Slow, RoundsHaveOneProposingAtATime) {
  fs::create_directories(folder / "w/rounds");
  MadeUpProject made;
  fs::copy(made.store.project(), folder / "w/rounds/p", fs::copy_options::recursive);
  const json asked = {{"stage", 2}, {"models", {"ct_infection"}}};
  post("/rounds/p/proposals", asked, 202);
  EXPECT_TRUE(says(post("/rounds/p/proposals", asked, 409)["error"], {"proposes for it already"}));
}

TEST_F(Desk, ShowsTrainingsThatGoOn) {
  const fs::path run = folder / "w/runs/study/fold_0";
  write_file(run / "recipe.toml",
             "[model]\nname = \"unet\"  # which\n\n[train]\nepochs = 10  # most\n");
  write_file(run / "environment.json", R"({"begun": "2026-01-31T08:15:00Z"})");
  write_file(run / "events.jsonl",
             R"({"event":"epoch","epoch":1,"loss":0.5,"monitor":0.25,"seconds":2.0})"
             "\n"
             R"({"event":"warning","message":"w"})"
             "\n"
             R"({"event":"epoch","epoch":2,"loss":0.4,"monitor":0.5,"seconds":4.0})"
             "\n"
             R"({"event":"epoch","epo)");
  write_file(run / "progress.png", "picture");
  write_file(run / "weights.safetensors", "weights");
  fs::create_symlink("/etc/passwd", run / "link.csv");
  const json all = get("/runs");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["name"], "study~fold_0");
  EXPECT_EQ(all[0]["model"], "unet");
  EXPECT_EQ(all[0]["state"], "running");
  EXPECT_EQ(all[0]["epoch"], 2);
  EXPECT_EQ(all[0]["epochs"], 10);
  EXPECT_EQ(all[0]["eta_s"], 24.0);
  EXPECT_EQ(all[0]["best"], 0.5);
  const json one = get("/runs/study~fold_0");
  EXPECT_EQ(one["curves"].size(), 2U);
  EXPECT_EQ(one["curves"][1]["loss"], 0.4);
  EXPECT_EQ(client->Get("/api/v1/runs/study~fold_0/files/progress.png")->body, "picture");
  for (const std::string file : {"weights.safetensors", "link.csv", "none.png", "..", "%2e%2e"}) {
    const int status = client->Get("/api/v1/runs/study~fold_0/files/" + file)->status;
    EXPECT_TRUE(status == 404 || status == 400) << file;
  }
  EXPECT_TRUE(one["test"].is_null());
  write_file(run / "test.json", "{}");
  EXPECT_EQ(get("/runs")[0]["state"], "finished");
  EXPECT_TRUE(get("/runs/study~fold_0")["test"].is_null());
}

TEST_F(Desk, ShowsFoldsAndTheWorstTestImages) {
  const fs::path run = folder / "w/runs/study";
  for (const std::string fold : {"fold_0", "fold_10", "fold_2", "folded"}) {
    write_file(run / fold / "recipe.toml", "[train]\nepochs = 4\n");
    write_file(run / fold / "events.jsonl",
               R"({"event":"epoch","epoch":1,"monitor":0.5,"seconds":3.0})"
               "\n");
  }
  write_file(run / "fold_2/test.json",
             R"({"fold": 2, "best_epoch": 1, "threshold": 0.4,
                 "columns": ["id", "case", "patient", "domain", "tp", "fp", "fn", "tn"],
                 "items": [["Miller/1", "c", "p", "", 8, 2, 2, 9], ["Miller/2", "c", "p", "", 0, 5, 0, 9],
                           ["Miller/3", "c", "p", "", 1, 1, 3, 9]]})");
  const json one = get("/runs/study~fold_2");
  ASSERT_EQ(one["folds"].size(), 3U);
  EXPECT_EQ(one["folds"][1]["name"], "study~fold_2");
  EXPECT_EQ(one["folds"][2]["fold"], 10);
  EXPECT_EQ(one["folds"][1]["state"], "finished");
  EXPECT_EQ(one["folds"][0]["eta_s"], 9);
  EXPECT_TRUE(one["folds"][0]["test"].is_null());
  EXPECT_EQ(one["folds"][1]["test"]["cases"], 3);
  EXPECT_DOUBLE_EQ(one["test"]["dice"], 18.0 / 31);
  EXPECT_DOUBLE_EQ(one["test"]["iou"], 9.0 / 22);
  EXPECT_DOUBLE_EQ(one["test"]["precision"], 9.0 / 17);
  EXPECT_DOUBLE_EQ(one["test"]["sensitivity"], 9.0 / 14);
  ASSERT_EQ(one["worst"].size(), 2U) << "an image without infection has no Dice to be bad at";
  EXPECT_EQ(one["worst"][0]["name"], "test image 3");
  EXPECT_DOUBLE_EQ(one["worst"][0]["dice"], 1.0 / 3);
  EXPECT_EQ(one["worst"][0]["missed"], 3);
  EXPECT_EQ(one["worst"][1]["name"], "test image 1");
  EXPECT_TRUE(get("/runs/study~folded")["folds"].empty());
}

}  // namespace
}  // namespace groundglass
