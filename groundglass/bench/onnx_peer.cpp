#include "groundglass/bench/onnx_peer.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/infer/onnx/onnx.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

/// Answers each word on stdin with a line of JSON.
constexpr const char* kScript = R"js(
const fs = require('fs'), path = require('path'), ort = require('onnxruntime-node');
const [folder, shape, threads] = process.argv.slice(1);
const say = (x) => fs.writeSync(1, JSON.stringify(x) + '\n');
const bytes = fs.readFileSync(path.join(folder, 'image.bin'));
const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const image = new ort.Tensor('float32', numbers, JSON.parse(shape));
const status = (key) => Number(new RegExp(key + ':\\s*(\\d+)').exec(fs.readFileSync('/proc/self/status'))[1]);
try { fs.writeFileSync('/proc/self/clear_refs', '5'); } catch {}  // forgets the peak so far
const before = status('VmRSS');
(async () => {
  const session = await ort.InferenceSession.create(path.join(folder, 'model.onnx'), {
    logSeverityLevel: 3, graphOptimizationLevel: 'all', executionMode: 'sequential',
    intraOpNumThreads: Number(threads), interOpNumThreads: 1 });
  say({ version: ort.env.versions.node ?? ort.env.versions.common });
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    if (line === 'memory') { say({ kib: process.resourceUsage().maxRSS, grown: status('VmHWM') - before }); continue; }
    const { logits } = await session.run({ image });
    if (line === 'logits') {
      const d = logits.data;
      fs.writeFileSync(path.join(folder, 'logits.bin'), Buffer.from(d.buffer, d.byteOffset, d.byteLength));
    }
    say({ shape: logits.dims });
  }
})().catch((e) => { say({ error: String(e.message ?? e) }); process.exit(1); });
)js";

bool has_node() {
  const char* path = std::getenv("PATH");
  std::string folders = path == nullptr ? "" : path;
  for (size_t begin = 0; begin <= folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    if (access((folders.substr(begin, end - begin) + "/node").c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

void write_numbers(const fs::path& path, const torch::Tensor& t) {
  const auto stored = t.to(torch::kCPU, torch::kFloat32).contiguous();
  write_file(path, std::string(static_cast<const char*>(stored.data_ptr()), stored.nbytes()));
}

fs::path scratch_folder() {
  std::string name = (fs::temp_directory_path() / "groundglass-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    fail(ErrorKind::data, name + ": cannot be made (" + std::strerror(errno) + ")");
  }
  return name;
}

}  // namespace

fs::path OnnxPeer::node_modules() {
  std::error_code code;
  const fs::path binary = fs::read_symlink("/proc/self/exe", code);
  const char* named = std::getenv("GROUNDGLASS_NODE_MODULES");
  const fs::path folder =
      named != nullptr ? fs::path(named)
                       : binary.parent_path().parent_path().parent_path() / "node" / "node_modules";
  return fs::is_directory(folder / "onnxruntime-node") && has_node() ? folder : fs::path();
}

OnnxPeer::OnnxPeer(const TracedModel& traced, const torch::Tensor& image,
                   const fs::path& node_modules)
    : folder_(scratch_folder()) {
  export_onnx(traced, folder_ / "model.onnx", {});
  write_numbers(folder_ / "image.bin", image);
  const std::string shape = json(image.sizes().vec()).dump();
  const std::string threads = std::to_string(at::get_num_threads());
  std::array<int, 2> question{}, answer{};
  if (pipe2(question.data(), O_CLOEXEC) != 0 || pipe2(answer.data(), O_CLOEXEC) != 0) {
    fail(ErrorKind::internal, std::string("no pipe (") + std::strerror(errno) + ")");
  }
  process_ = fork();
  if (process_ == 0) {
    dup2(question[0], STDIN_FILENO);
    dup2(answer[1], STDOUT_FILENO);
    setenv("NODE_PATH", node_modules.c_str(), 1);
    execlp("node", "node", "-e", kScript, "--", folder_.c_str(), shape.c_str(), threads.c_str(),
           nullptr);
    _exit(127);
  }
  close(question[0]);
  close(answer[1]);
  to_.reset(fdopen(question[1], "w"));
  from_.reset(fdopen(answer[0], "r"));
  version_ = json::parse(ask("")).value("version", "unknown");
}

OnnxPeer::~OnnxPeer() {
  to_.reset();  // the end of its input ends it
  if (process_ > 0) waitpid(process_, nullptr, 0);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

/// The line that answers a word; an empty word asks nothing.
std::string OnnxPeer::ask(const std::string& word) {
  if (!word.empty()) {
    std::fprintf(to_.get(), "%s\n", word.c_str());
    std::fflush(to_.get());
  }
  std::string line;
  for (int c = std::fgetc(from_.get()); c != EOF && c != '\n'; c = std::fgetc(from_.get())) {
    line += static_cast<char>(c);
  }
  const json answer = json::parse(line, nullptr, false);
  if (!answer.is_object() || answer.contains("error")) {
    fail(ErrorKind::internal,
         "ONNX Runtime: " + (answer.is_object() ? answer["error"].get<std::string>()
                                                : std::string("its process ended")));
  }
  return line;
}

void OnnxPeer::run() {
  ask("run");
}

torch::Tensor OnnxPeer::logits() {
  const auto shape = json::parse(ask("logits")).at("shape").get<std::vector<int64_t>>();
  std::string bytes = read_file(folder_ / "logits.bin");
  return torch::from_blob(bytes.data(), shape, torch::kFloat32).clone();
}

double OnnxPeer::memory_mib() {
  return json::parse(ask("memory")).at("grown").get<double>() / 1024;
}

double OnnxPeer::peak_rss_mib() {
  return json::parse(ask("memory")).at("kib").get<double>() / 1024;
}

}  // namespace groundglass
