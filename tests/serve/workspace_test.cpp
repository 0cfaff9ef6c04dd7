// What the workspace remembers, and what is left after a kill.
#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/multipart.h"
#include "groundglass/serve/views.h"
#include "groundglass/serve/workspace.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

TEST(Views, ShowProgressOfRunningJobsAlone) {
  JobProgress known;
  known.what = "epochs";
  known.done = 3;
  known.total = 4;
  known.partial = {{"image", 1}, {"slices", 7}};
  JobRecord job;
  job.state = "running";
  const auto running = view_of_job(job, known);
  EXPECT_EQ(running["what"], "epochs");
  EXPECT_EQ(running["done"], 3);
  EXPECT_FALSE(running["eta_s"].is_null());
  EXPECT_EQ(running["partial"]["slices"], 7);
  for (const char* state : {"queued", "done", "failed", "cancelled"}) {
    job.state = state;
    const auto other = view_of_job(job, known);
    EXPECT_EQ(other["what"], "") << state;
    EXPECT_EQ(other["done"], 0) << state;
    EXPECT_EQ(other["total"], 0) << state;
    EXPECT_TRUE(other["eta_s"].is_null()) << state;
    EXPECT_TRUE(other["partial"].is_null()) << state;
  }
}

TEST(Workspace, GoesOnAfterAKill) {
  const ScratchFolder folder;
  std::string study;
  {
    Workspace workspace(folder.path());
    study = workspace.create_study("").id;
    StudyRecord lost = workspace.create_study("named");
    lost.state = "importing";  // and its job never reached the queue
    workspace.keep(lost);
    JobRecord job;
    job.kind = "predict";
    job.study = study;
    job.order = {{"model", "ct_infection"}};
    job = workspace.add_job(job);
    job.state = "running";
    workspace.keep(job);
    write_file(workspace.files_folder(study) / "a.1234.partial", "half");
    write_file(workspace.files_folder(study) / "a", "whole");
    make_folder(folder / "studies/ffffffffffffffff/files");
  }
  Workspace workspace(folder.path());
  EXPECT_EQ(workspace.recover(), 1);
  const auto job = workspace.next_job({"predict"});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->order["model"], "ct_infection");
  EXPECT_EQ(workspace.studies().front().state, "uploading");
  EXPECT_EQ(workspace.study(study).name, "Study 1");
  EXPECT_FALSE(fs::exists(workspace.files_folder(study) / "a.1234.partial"));
  EXPECT_TRUE(fs::exists(workspace.files_folder(study) / "a"));
  EXPECT_FALSE(fs::exists(folder / "studies/ffffffffffffffff"));
}

TEST(Workspace, BelongsToOneServer) {
  const ScratchFolder folder;
  const Workspace workspace(folder.path());
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { Workspace another(folder.path()); }),
                   {"another server has it open"}));
}

TEST(Workspace, IsNoOtherDatabase) {
  const ScratchFolder folder;
  {
    Database other(folder / "serve.sqlite", Database::Opening::or_create);
    other.run("CREATE TABLE other(x)");
  }
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { Workspace workspace(folder.path()); }),
                   {"is no workspace of this version"}));
}

TEST(Workspace, NeverWritesOverAVersion) {
  const ScratchFolder folder;
  Workspace workspace(folder.path());
  const std::string study = workspace.create_study("a").id;
  VersionRecord network;
  network.study = study;
  network.kind = "network";
  network.job = 5;
  EXPECT_EQ(workspace.add_version(network).version, 1);
  EXPECT_EQ(workspace.add_version(network).version, 1) << "the same job again, after a kill";
  VersionRecord correction = network;
  JobRecord job;
  job.kind = "measure";
  job.study = study;
  correction.job = 0;
  workspace.add_correction(correction, job);
  EXPECT_EQ(correction.version, 2);
  EXPECT_EQ(job.version, 2);
  EXPECT_EQ(workspace.version(study, 1, 2).job, job.id);
  EXPECT_THROW(workspace.version(study, 1, 3), HttpError);
  workspace.remove_study(study);
  EXPECT_THROW(workspace.version(study, 1, 1), HttpError);
}

TEST(Multipart, GivesTheSameHoweverItIsCut) {
  const std::string body =
      "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nfield\r\n--b\r\n"
      "Content-Disposition: form-data; name=\"f\"; filename=\"a/b c.nii\"\r\nContent-Type: "
      "x/y\r\n\r\nline\r\n--\r\n-b\r\r\n--b \r\n--b\r\ncontent-disposition: form-data; "
      "name=f; filename=empty\r\n\r\n\r\n--b--\r\nepilogue";
  for (size_t step = 1; step <= body.size(); step += step < 12 ? 1 : 37) {
    std::string said;
    MultipartReader reader(
        "multipart/form-data; boundary=b",
        {.begin = [&](const std::string& name,
                      const std::string& file) { said += name + "=" + file + "["; },
         .data = [&](std::string_view bytes) { said += bytes; },
         .end = [&] { said += "]"; }});
    bool refused = false;
    try {
      for (size_t at = 0; at < body.size(); at += step) reader.take(body.substr(at, step));
      reader.finish();
    } catch (const HttpError&) {
      refused = true;  // "\r\n--b " is a boundary that nothing may follow
    }
    EXPECT_TRUE(refused) << step;
    EXPECT_EQ(said, "x=[field]f=a/b c.nii[line\r\n--\r\n-b\r]") << step;
  }
}

TEST(Multipart, TakesEmptyFiles) {
  std::string said;
  MultipartReader reader(
      "multipart/form-data; boundary=\"b\"",
      {.begin = [&](const std::string&, const std::string& file) { said += file + "["; },
       .data = [&](std::string_view bytes) { said += bytes; },
       .end = [&] { said += "]"; }});
  reader.take(
      "--b\r\nContent-Disposition: form-data; name=f; filename=e\r\n\r\n\r\n--b\r\n"
      "Content-Disposition: form-data; name=f; filename=g\r\n\r\nx\r\n--b--");
  reader.finish();
  EXPECT_EQ(said, "e[]g[x]");
}

}  // namespace
}  // namespace groundglass
