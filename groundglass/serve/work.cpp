#include "groundglass/serve/work.h"

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"

namespace groundglass {
namespace {

/// Events of the rooms as lines.
class LineObserver final : public Observer {
 public:
  explicit LineObserver(const Teller& tell) : tell_(tell) {}
  void on(const Progress& e) override {
    const double now = now_s();
    const bool same = e.what == what_;
    if (same && e.done < e.total && now - told_s_ < 0.1) return;
    what_ = e.what;
    told_s_ = now;
    tell_({{"progress", {{"what", e.what}, {"done", e.done}, {"total", e.total}}}});
  }
  void on(const Warning& e) override { tell_({{"note", e.message}}); }
  void on(const Note& e) override { tell_({{"note", e.message}}); }

 private:
  const Teller& tell_;
  std::string what_;
  double told_s_ = 0;
};

}  // namespace

std::filesystem::path Work::folder() const {
  return text("folder");
}

std::string Work::text(const char* key) const {
  const auto found = order.find(key);
  return found == order.end() || found->is_null() ? "" : found->get<std::string>();
}

void Work::result(const nlohmann::ordered_json& value) const {
  tell({{"result", value}});
}

void run_order(const std::filesystem::path& order, const RunSettings& settings,
               const Teller& tell) {
  LineObserver observer(tell);
  auto document = nlohmann::ordered_json::parse(read_file(order), nullptr, false);
  if (!document.is_object()) {
    fail(ErrorKind::usage, order.string() + ": expected an order that `serve` wrote");
  }
  const Work work = {std::move(document), settings, tell, observer};
  const std::string kind = work.text("kind");
  if (kind == "import") return do_import(work);
  if (kind == "predict") return do_predict(work);
  if (kind == "explain") return do_explain(work);
  if (kind == "report") return do_report(work);
  if (kind == "measure") return do_measure(work);
  if (kind == "export") return do_export(work);
  if (kind == "train") return do_train(work);
  if (kind == "send") return do_send(work);
  if (kind == "fetch") return do_fetch(work);
  if (kind == "propose") return do_propose(work);
  fail(ErrorKind::usage, order.string() + ": no job is called '" + kind + "'");
}

}  // namespace groundglass
