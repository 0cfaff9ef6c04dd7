// Training on what people chose or corrected, through the program: killed in between, cancelled,
// and with its network in the next round and on a study.
#include <set>

#include "groundglass/annotate/store.h"
#include "tests/complaint.h"
#include "tests/serve/served_program.h"

namespace groundglass {
namespace {

/// The epochs of a run, as its events tell them.
std::vector<int64_t> epochs_of(const json& run) {
  std::vector<int64_t> epochs;
  for (const auto& one : run["curves"]) epochs.push_back(one["epoch"]);
  return epochs;
}

TEST_F(Serve, TrainsOnARoundAndProposesWithTheNewNetwork) {
  run("groundglass phantom data --cases 4 --slices 2 --side 64 -q");
  // The last patient has no masks.
  std::string table = read_file(folder / "data/cases.csv");
  for (const std::string name : {"case_003/z000_infection.png", "case_003/z001_infection.png"}) {
    const size_t at = table.find(name);
    ASSERT_NE(at, std::string::npos) << table;
    table.erase(at, name.size());
  }
  write_file(folder / "data/cases.csv", table);
  run("groundglass annotate init data/cases.csv -o w/rounds/p -q");
  int64_t job = 0;
  {
    Program program(folder / "w");
    Api api(program);
    const json begun = api.post("/trainings", {{"round", "p"}, {"epochs", 3}}, 202);
    EXPECT_EQ(begun["run"], "tuned_p_1");
    EXPECT_EQ(begun["round"], "p");
    job = begun["id"];
    for (const double begin = now_s(); now_s() - begin < 60;) {
      const json now = api.get("/jobs/" + std::to_string(job));
      if (now["what"] == "epochs" && now["done"] >= 1) break;
      ASSERT_TRUE(now["state"] == "queued" || now["state"] == "running") << now.dump(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    program.end(SIGKILL);
  }
  Program program(folder / "w");
  Api api(program);
  const json done = api.done(job);
  EXPECT_EQ(done["total"], 0) << "progress is of running jobs";
  const json trained = api.get("/runs/tuned_p_1");
  EXPECT_EQ(trained["state"], "finished");
  EXPECT_EQ(epochs_of(trained), (std::vector<int64_t>{1, 2, 3}));
  bool offered = false;
  for (const auto& model : api.get("/models")) offered |= model["name"] == "run:tuned_p_1";
  EXPECT_TRUE(offered);

  const json asked = {{"stage", 2}, {"models", {"run:tuned_p_1", "ct_infection"}}};
  api.done(api.post("/rounds/p/proposals", asked, 202)["id"]);
  const json cases = api.get("/rounds/p/cases?annotator=anna");
  ASSERT_EQ(cases.size(), 2U);
  for (const auto& one : cases) EXPECT_GT(one["entropy_bits"], 0);
  const json first = api.post("/rounds/p/next", {{"annotator", "anna"}, {"order", "entropy"}}, 200);
  EXPECT_EQ(first["id"], cases[cases[0]["entropy_bits"] >= cases[1]["entropy_bits"] ? 0 : 1]["id"]);
  EXPECT_EQ(AnnotationStore(folder / "w/rounds/p").rounds().back().networks,
            (std::vector<std::string>{"tuned_p_1", "ct_infection"}));

  const json refused = api.done(
      api.post("/rounds/p/proposals", {{"stage", 1}, {"models", {"run:tuned_p_1"}}}, 202)["id"],
      "failed");
  EXPECT_TRUE(says(refused["error"]["error"], {"runs/tuned_p_1: was trained on"}));
  EXPECT_EQ(refused["error"]["error"].get<std::string>().find(folder.path().string()),
            std::string::npos);

  const json second = api.post("/trainings", {{"round", "p"}, {"epochs", 900}}, 202);
  EXPECT_EQ(second["run"], "tuned_p_2");
  api.remove("/jobs/" + std::to_string(second["id"].get<int64_t>()));
  api.done(second["id"], "cancelled");
}

TEST_F(Serve, TrainsOnCorrectedStudiesAlone) {
  Program program(folder / "w");
  Api api(program);
  const std::string id = small_study(api, "dicom");
  const std::string two = small_study(api), three = small_study(api);
  EXPECT_TRUE(says(api.post("/trainings", json::object(), 422)["error"],
                   {"0 images of 0 patients have a mask, expected at least 3 patients"}));
  for (const std::string& study : {id, two, three}) {
    api.done(api.post("/studies/" + study + "/jobs", {{"kind", "predict"}}, 202)["id"]);
    const std::string at = "/studies/" + study + "/images/1/versions";
    const std::string mask = api.bytes(at + "/1/mask.nii.gz");
    if (study == three) {
      EXPECT_TRUE(says(api.post("/trainings", json::object(), 422)["error"],
                       {"2 images of 2 patients have a mask"}))
          << "a network's own mask counts for nothing";
    }
    api.send(at + "?author=A&reason=r&parent=1", mask, 201);
    api.ready(at + "/2");
  }
  const json begun = api.post("/trainings", {{"epochs", 1}, {"studies", {id, two, three}}}, 202);
  EXPECT_EQ(begun["run"], "tuned_studies_1");
  api.done(begun["id"]);
  api.done(api.post("/studies/" + two + "/jobs",
                    {{"kind", "predict"}, {"model", "run:tuned_studies_1"}}, 202)["id"]);
  const json version = api.ready("/studies/" + two + "/images/1/versions/3");
  EXPECT_EQ(version["author"], "run:tuned_studies_1");
  EXPECT_EQ(version["model"]["name"], "run:tuned_studies_1");
}

}  // namespace
}  // namespace groundglass
