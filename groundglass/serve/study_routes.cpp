#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "groundglass/core/shared_files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/multipart.h"
#include "groundglass/serve/target.h"
#include "groundglass/serve/upload_path.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// A file that is being uploaded: it appears under its name when it is whole.
class UploadedFile {
 public:
  explicit UploadedFile(fs::path path)
      : path_(std::move(path)), partial_(path_.string() + "." + random_token(4) + ".partial") {
    handle_ = open(partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (handle_ < 0) refuse();
  }
  ~UploadedFile() {
    if (handle_ >= 0) close(handle_);
    std::error_code ignored;
    if (!committed_) fs::remove(partial_, ignored);
  }
  UploadedFile(const UploadedFile&) = delete;
  UploadedFile& operator=(const UploadedFile&) = delete;

  void write(std::string_view bytes) {
    bytes_ += static_cast<int64_t>(bytes.size());
    while (!bytes.empty()) {
      const ssize_t done = ::write(handle_, bytes.data(), bytes.size());
      if (done < 0 && errno != EINTR) refuse();
      if (done > 0) bytes.remove_prefix(static_cast<size_t>(done));
    }
  }

  /// Returns the bytes of the file that was there before, -1 if there was none.
  int64_t commit() {
    std::error_code unknown;
    const auto before = fs::file_size(path_, unknown);
    if (fdatasync(handle_) != 0 || rename(partial_.c_str(), path_.c_str()) != 0) refuse();
    committed_ = true;
    return unknown ? -1 : static_cast<int64_t>(before);
  }

  int64_t bytes() const { return bytes_; }

 private:
  [[noreturn]] void refuse() const {
    throw HttpError(507, ErrorKind::data,
                    "the file cannot be stored (" + std::string(std::strerror(errno)) + ")");
  }

  fs::path path_, partial_;
  int handle_ = -1;
  int64_t bytes_ = 0;
  bool committed_ = false;
};

StudyRecord uploading_study(Api& api, const Call& call) {
  StudyRecord study = api.workspace.study(call.study());
  if (study.state != "uploading") {
    throw HttpError(409, ErrorKind::usage,
                    "study " + study.id + ": is '" + study.state +
                        "', files are taken while it is 'uploading'; begin another study");
  }
  return study;
}

int64_t left_for(const Api& api, const StudyRecord& study) {
  if (study.files >= api.limits.files) {
    throw HttpError(413, ErrorKind::usage,
                    "study " + study.id + ": holds " + std::to_string(study.files) +
                        " files, the most that are taken; send more as a .zip");
  }
  return std::max<int64_t>(0,
                           std::min(api.limits.file_bytes, api.limits.upload_bytes - study.bytes));
}

/// What came in beside this file counts, too: an import that began, other files.
void add_to(Api& api, const std::string& study, UploadedFile& file) {
  const std::lock_guard lock(api.adding);
  const StudyRecord now = api.workspace.study(study);
  if (now.state != "uploading") {
    throw HttpError(409, ErrorKind::usage,
                    "study " + study + ": became '" + now.state + "' before the file was whole");
  }
  if (now.bytes + file.bytes() > api.limits.upload_bytes || now.files >= api.limits.files) {
    throw HttpError(413, ErrorKind::usage,
                    "study " + study + ": takes no more than " +
                        human_bytes(static_cast<double>(api.limits.upload_bytes)) + " and " +
                        std::to_string(api.limits.files) + " files");
  }
  const int64_t before = file.commit();
  api.workspace.add_files(study, before < 0 ? 1 : 0, file.bytes() - std::max<int64_t>(0, before));
}

void reply_uploaded(Api& api, Call& call, const std::string& study) {
  const StudyRecord now = api.workspace.study(study);
  call.reply({{"files", now.files}, {"bytes", now.bytes}}, 201);
}

void put_file(Api& api, Call& call) {
  const StudyRecord study = uploading_study(api, call);
  const fs::path path =
      place_in(api.workspace.files_folder(study.id), upload_path(call.query("path", 2000)));
  UploadedFile file(path);
  call.read_body(left_for(api, study), [&](std::string_view bytes) { file.write(bytes); });
  add_to(api, study.id, file);
  reply_uploaded(api, call, study.id);
}

void post_files(Api& api, Call& call) {
  const StudyRecord study = uploading_study(api, call);
  const int64_t most = left_for(api, study);
  std::unique_ptr<UploadedFile> file;
  int64_t files = study.files;
  MultipartReader reader(
      call.content_type(),
      {.begin =
           [&](const std::string&, const std::string& filename) {
             if (filename.empty()) return;  // a field of the form
             if (++files > api.limits.files) left_for(api, api.workspace.study(study.id));
             file = std::make_unique<UploadedFile>(
                 place_in(api.workspace.files_folder(study.id), upload_path(filename)));
           },
       .data =
           [&](std::string_view bytes) {
             if (!file) return;
             file->write(bytes);
             if (file->bytes() > api.limits.file_bytes) {
               throw HttpError(413, ErrorKind::usage,
                               "a file of more than " +
                                   human_bytes(static_cast<double>(api.limits.file_bytes)));
             }
           },
       .end =
           [&] {
             if (file) add_to(api, study.id, *file);
             file.reset();
           }});
  // Of the whole form: names and boundaries are little beside the files.
  call.read_body(std::max(most, int64_t{1} << 16),
                 [&](std::string_view bytes) { reader.take(bytes); });
  reader.finish();
  reply_uploaded(api, call, study.id);
}

std::string study_name(const ordered_json& body) {
  const auto given = body.value("name", ordered_json(""));
  if (!given.is_string()) throw HttpError(400, ErrorKind::usage, "name: expected a text");
  const auto name = given.get<std::string>();
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      throw HttpError(400, ErrorKind::usage, "name: expected a text without control characters");
    }
  }
  if (name.size() > 100) {
    throw HttpError(400, ErrorKind::usage,
                    "name: " + std::to_string(name.size()) + " bytes, expected at most 100");
  }
  return name;
}

void reply_study(Api& api, Call& call, const std::string& id, int status) {
  call.reply(api.queue.study_json(api.workspace.study(id)), status);
}

void create_phantom(Api& api, Call& call) {
  const auto body = call.json_body(api.limits.json_bytes);
  const auto kind = body.value("kind", ordered_json("ct"));
  if (kind != "ct" && kind != "dicom" && kind != "xray") {
    throw HttpError(400, ErrorKind::usage, "kind: expected ct, dicom or xray");
  }
  StudyRecord study =
      api.workspace.create_study("Phantom " + std::string(kind == "xray" ? "X-ray" : "CT"));
  study.state = "importing";
  api.workspace.keep(study);
  JobRecord job;
  job.kind = "import";
  job.study = study.id;
  job.order = {{"phantom", kind}};
  api.queue.add(job);
  reply_study(api, call, study.id, 201);
}

void import_study(Api& api, Call& call) {
  call.json_body(api.limits.json_bytes);
  StudyRecord study = uploading_study(api, call);
  if (study.files == 0) {
    throw HttpError(409, ErrorKind::usage, "study " + study.id + ": holds no files yet");
  }
  study.state = "importing";
  api.workspace.keep(study);
  JobRecord job;
  job.kind = "import";
  job.study = study.id;
  const JobRecord added = api.queue.add(job);
  api.queue.tell_study(study.id);
  call.reply(api.queue.json(added), 202);
}

ordered_json version_document(const Api& api) {
  return {{"name", "groundglass"},
          {"version", version()},
          {"commit", commit()},
          {"note", kNotAMedicalDevice},
          {"show_identity", api.show_identity},
          {"workspace", api.workspace.folder().filename().string()},
          {"limits",
           {{"upload_bytes", api.limits.upload_bytes},
            {"file_bytes", api.limits.file_bytes},
            {"files", api.limits.files},
            {"mask_bytes", api.limits.mask_bytes},
            {"streams", api.limits.streams},
            {"json_bytes", api.limits.json_bytes}}}};
}

/// The bundled models: files in the shared folders, with what their card says first.
ordered_json models_document(const Api& api) {
  std::set<std::string> names;
  std::error_code unknown;
  auto folders = shared_folders("models");
  if (const char* own = std::getenv("GROUNDGLASS_MODELS")) folders.insert(folders.begin(), own);
  for (const auto& folder : folders) {
    for (fs::directory_iterator at(folder, unknown), end; at != end; at.increment(unknown)) {
      if (at->path().extension() == ".safetensors") names.insert(at->path().stem().string());
    }
  }
  auto models = ordered_json::array();
  for (const auto& name : names) {
    if (name.ends_with("_detector")) continue;  // decides and outlines nothing
    const bool ct = name.compare(0, 2, "ct") == 0, xray = name.compare(0, 4, "xray") == 0;
    models.push_back({{"name", name},
                      {"modality", ct     ? "CT"
                                   : xray ? "X-ray"
                                          : ""},
                      {"caution", ""},
                      {"bundled", true}});
  }
  for (fs::directory_iterator at(api.runs, unknown), end; at != end; at.increment(unknown)) {
    if (fs::exists(at->path() / "weights.safetensors", unknown)) {
      models.push_back({{"name", "run:" + at->path().filename().string()},
                        {"modality", ""},
                        {"caution", ""},
                        {"bundled", false}});
    }
  }
  return models;
}

void stream_events(Api& api, Call& call) {
  const std::string study = call.query_or("study", "", 16);
  if (++api.streams > api.limits.streams) {
    --api.streams;
    throw HttpError(
        429, ErrorKind::usage,
        std::to_string(api.limits.streams) + " event streams are open, the most at once");
  }
  // The number goes back when the last copy of the provider is gone, whatever ends the stream.
  struct Stream {
    explicit Stream(Api& a) : api(a) {}
    ~Stream() { --api.streams; }
    Api& api;
    std::unique_ptr<EventHub::Listener> listener;
    bool begun = false;
  };
  auto stream = std::make_shared<Stream>(api);
  stream->listener = api.events.listen(study);
  call.response.status = 200;
  call.response.set_header("Cache-Control", "no-store");
  call.response.set_chunked_content_provider(
      "text/event-stream", [stream](size_t, httplib::DataSink& sink) {
        std::string text;
        if (!stream->begun) {
          text = event_text("hello", version_document(stream->api));
          stream->begun = true;
        } else {
          text = stream->listener->next(15);
          if (stream->api.events.closed()) {
            sink.done();
            return true;
          }
          if (text.empty()) text = ":\n\n";
        }
        return sink.write(text.data(), text.size());
      });
}

}  // namespace

void add_study_routes(Api& api, std::vector<Route>& routes) {
  const auto add = [&](const char* method, const char* pattern, void (*handler)(Api&, Call&)) {
    routes.push_back({method, pattern, [&api, handler](Call& call) { handler(api, call); }});
  };
  add("GET", "/version", [](Api& a, Call& call) { call.reply(version_document(a)); });
  add("GET", "/models", [](Api& a, Call& call) { call.reply(models_document(a)); });
  add("GET", "/events", stream_events);
  add("GET", "/studies", [](Api& a, Call& call) {
    auto all = ordered_json::array();
    for (const auto& study : a.workspace.studies()) all.push_back(a.queue.study_json(study));
    call.reply(all);
  });
  add("POST", "/studies", [](Api& a, Call& call) {
    const auto study = a.workspace.create_study(study_name(call.json_body(a.limits.json_bytes)));
    a.queue.tell_study(study.id);
    reply_study(a, call, study.id, 201);
  });
  add("POST", "/phantom", create_phantom);
  add("GET", "/studies/{study}",
      [](Api& a, Call& call) { reply_study(a, call, call.study(), 200); });
  add("PATCH", "/studies/{study}", [](Api& a, Call& call) {
    StudyRecord study = a.workspace.study(call.study());
    const std::string name = study_name(call.json_body(a.limits.json_bytes));
    if (name.empty()) throw HttpError(400, ErrorKind::usage, "name: expected a text");
    study.name = name;
    a.workspace.keep(study);
    a.queue.tell_study(study.id);
    reply_study(a, call, study.id, 200);
  });
  add("DELETE", "/studies/{study}", [](Api& a, Call& call) {
    const StudyRecord study = a.workspace.study(call.study());
    a.queue.cancel_of_study(study.id);
    a.workspace.remove_study(study.id);
    a.events.tell("gone", {{"id", study.id}}, study.id);
    call.reply_nothing();
  });
  add("PUT", "/studies/{study}/files", put_file);
  add("POST", "/studies/{study}/files", post_files);
  add("POST", "/studies/{study}/import", import_study);
}

}  // namespace groundglass
