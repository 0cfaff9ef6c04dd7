#include "groundglass/cli/context.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <iostream>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/distributed/team.h"

namespace groundglass {
namespace {

/// " (classes 0.4123 0.2210)", or nothing for a network of one class.
std::string dice_of_classes(const std::vector<double>& values) {
  if (values.empty()) return "";
  std::string text = " (classes";
  for (const double value : values) text += " " + (value < 0 ? "n/a" : fixed(value, 4));
  return text + ")";
}

class Console final : public Observer {
 public:
  explicit Console(bool terminal) : terminal_(terminal) {}
  ~Console() override { end_line(); }

  void on(const Progress& e) override {
    const double now = now_s();
    if (e.what != what_ || e.done < last_done_ || e.total != total_) {
      what_ = e.what;
      total_ = e.total;
      begin_s_ = now;
      begin_done_ = e.done;
      spoken_s_ = now;
    }
    last_done_ = e.done;
    const bool last = e.done >= e.total;
    if (!last && now - spoken_s_ < (terminal_ ? 0.1 : 15)) return;
    spoken_s_ = now;
    const double rate = static_cast<double>(e.done - begin_done_) / std::max(now - begin_s_, 1e-9);
    std::string line = std::to_string(e.done) + "/" + std::to_string(e.total) + " " + e.what;
    if (!last && rate > 0) {
      line += ", " + human_seconds(static_cast<double>(e.total - e.done) / rate) + " to go";
    }
    if (!e.note.empty()) line += ", " + e.note;
    if (!terminal_) {
      if (!last) std::cerr << line << std::endl;
      return;
    }
    constexpr int64_t kWidth = 24;
    const int64_t filled = e.total > 0 ? kWidth * e.done / e.total : kWidth;
    std::cerr << "\r\033[K[" << std::string(static_cast<size_t>(filled), '=')
              << std::string(static_cast<size_t>(kWidth - filled), ' ') << "] " << line
              << std::flush;
    open_line_ = true;
    if (last) end_line();
  }

  void on(const Warning& e) override {
    end_line();
    std::cerr << "warning: " << e.message << std::endl;
  }

  void on(const Note& e) override {
    end_line();
    std::cerr << e.message << std::endl;
  }

  void on(const EpochDone& e) override {
    end_line();
    std::cerr << "epoch " << e.epoch << "/" << e.epochs << "  loss " << fixed(e.loss, 4)
              << "  val loss " << fixed(e.validation_loss, 4) << "  soft Dice "
              << fixed(e.soft_dice, 4) << "  Dice " << fixed(e.hard_dice, 4)
              << dice_of_classes(e.class_dice) << "  monitor " << fixed(e.monitor, 4)
              << (e.best ? " *" : "  ") << "  " << fixed(e.images_per_s, 1)
              << " img/s (loader alone " << fixed(e.loader_images_per_s, 0) << ")  "
              << human_seconds(e.seconds) << "  " << fixed(e.rss_mib, 0) << " MiB" << std::endl;
  }

 private:
  void end_line() {
    if (open_line_) std::cerr << std::endl;
    open_line_ = false;
  }

  bool terminal_, open_line_ = false;
  std::string what_;
  int64_t total_ = -1, last_done_ = 0, begin_done_ = 0;
  double begin_s_ = 0, spoken_s_ = 0;
};

/// A word as a POSIX shell reads it back: as it is, or in single quotes where it holds more than
/// letters, digits and _@%+=:,./-
std::string shell_quoted(const std::string& word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("_@%+=:,./-").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::string command_text(const CLI::App& verb) {
  std::string text = verb.get_name();
  for (const CLI::App* above = verb.get_parent(); above != nullptr; above = above->get_parent()) {
    text = (above->get_parent() == nullptr ? "groundglass" : above->get_name()) + " " + text;
  }
  std::string named;
  for (const CLI::Option* option : verb.get_options()) {
    const auto& longs = option->get_lnames();
    const auto shown = [&](const char* name) { return longs == std::vector<std::string>{name}; };
    if (option->count() == 0 || shown("json") || shown("quiet") || shown("resume")) continue;
    if (option->get_positional()) {
      for (const auto& word : option->results()) text += " " + shell_quoted(word);
      continue;
    }
    const auto& shorts = option->get_snames();
    const std::string name = shorts.empty() ? "--" + longs.front() : "-" + shorts.front();
    if (option->get_expected_min() == 0) {
      named += " " + name;
      continue;
    }
    for (const auto& word : option->results()) named += " " + name + " " + shell_quoted(word);
  }
  return text + named;
}

CLI::App* add_verb(CLI::App& app, Context& context, const std::string& name,
                   const std::string& help, std::function<void()> work) {
  CLI::App* verb = app.add_subcommand(name, help);
  verb->footer(kNotAMedicalDevice);
  verb->add_flag("--json", context.json, "one JSON document on stdout, nothing else there");
  verb->add_flag("-q,--quiet", context.quiet, "no progress");
  verb->add_option("--threads", context.threads, "processors to use (0: all)");
  verb->add_option("--seed", context.seed, "instead of the recipe's");
  verb->callback([&context, verb, work] {
    context.work = work;
    context.command = command_text(*verb);
  });
  return verb;
}

void add_engine_options(CLI::App* verb, Context& context) {
  verb->add_option("--device", context.device, "auto, cpu, cuda or cuda:n");
  verb->add_option("--precision", context.precision, "auto, fp32 or bf16");
}

void add_labels_option(CLI::App* verb, DataOptions& data, const std::string& help) {
  verb->add_option_function<std::string>(
      "--labels",
      [&data](const std::string& word) {
        data.labels = value_of<MaskLabels>("data", "labels", word);
      },
      help);
}

void add_override_option(CLI::App* verb, Context& context) {
  verb->add_option("--set", context.overrides, "section.key=value of the recipe")
      ->take_all()
      ->allow_extra_args(false);
}

Engine engine_of(const Context& context) {
  return engine_named(context.device, context.precision);
}

RunSettings run_settings(const Context& context) {
  return {engine_of(context), context.threads, context.seed, context.overrides};
}

std::unique_ptr<Observer> console_observer(const Context& context) {
  if (context.quiet || !team().leads()) return std::make_unique<Observer>();
  return std::make_unique<Console>(isatty(STDERR_FILENO) != 0);
}

void print_json(const nlohmann::ordered_json& document) {
  std::cout << json_text(document, 1) << std::endl;
}

}  // namespace groundglass
