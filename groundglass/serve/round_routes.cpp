#include <algorithm>
#include <ctime>
#include <map>
#include <random>
#include <set>

#include "groundglass/annotate/agreement.h"
#include "groundglass/annotate/annotators.h"
#include "groundglass/annotate/final_masks.h"
#include "groundglass/annotate/project_files.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/serve/annotation_rounds.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/round_images.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

std::string utc_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string annotator_of(const std::string& name) {
  if (name.empty() || name.size() > 64 || name != file_word(name) || name.front() == '.') {
    throw HttpError(400, ErrorKind::usage,
                    "annotator: expected 1 to 64 letters, digits, '-', '_' and '.'");
  }
  return name;
}

std::string annotator_in(const ordered_json& body) {
  const auto name = body.value("annotator", ordered_json());
  return annotator_of(name.is_string() ? name.get<std::string>() : "");
}

/// Annotation projects of the workspace as the browser sees them. Requests take turns: a project's
/// choices are checked against what is there.
class RoundDesk {
 public:
  explicit RoundDesk(Api& api) : api_(api) {}

  void list(Call& call) {
    auto all = ordered_json::array();
    for (const auto& name : project_names(folder())) {
      AnnotationStore store(folder() / name);
      all.push_back(summary(store, name));
    }
    call.reply(all);
  }

  void get(Call& call) {
    const std::string name = name_of(call);
    AnnotationStore store(folder() / name);
    ordered_json view = summary(store, name);
    const auto masks = final_masks(store);
    view["with_manual"] = std::count_if(store.cases().begin(), store.cases().end(),
                                        [](const AnnotationCase& c) { return !c.manual.empty(); });
    view["chosen_or_drawn"] = masks.masks.size();
    view["rejected_and_not_drawn"] = masks.rejected.size();
    view["waiting"] = masks.waiting.size();
    view["annotators"] = annotators_json(store.choices());
    view["agreement"] = agreement_json(agreement(store));
    view["locks"] = ordered_json::array();
    for (const auto& [id, held] : locks_.of_project(name)) {
      view["locks"].push_back(
          {{"case", id}, {"annotator", held.annotator}, {"until", utc_text(held.until)}});
    }
    call.reply(view);
  }

  void next(Call& call) {
    const auto body = call.json_body(api_.limits.json_bytes);
    const std::string annotator = annotator_in(body);
    const auto order = body.value("order", ordered_json("listed"));
    if (order != "listed" && order != "random" && order != "uncertain" && order != "entropy") {
      throw HttpError(400, ErrorKind::usage,
                      "order: expected listed, random, uncertain or entropy");
    }
    const std::lock_guard lock(mutex_);
    const std::string name = name_of(call);
    AnnotationStore store(folder() / name);
    const Round round = open_round(store);
    std::vector<int64_t> left = left_for(store, round, annotator);
    const auto taken = [&](int64_t id) {
      const auto held = locks_.holder({name, id});
      return held && held->annotator != annotator;
    };
    left.erase(std::remove_if(left.begin(), left.end(), taken), left.end());
    if (left.empty()) return call.reply(nullptr);
    if (order == "random") {
      std::shuffle(left.begin(), left.end(), std::random_device());
    } else if (order == "uncertain") {
      const auto entropies = entropies_of(store, round);
      const auto entropy = [&](int64_t id) {
        const auto found = entropies.find(id);
        return found == entropies.end() ? 0 : found->second;
      };
      std::stable_sort(left.begin(), left.end(), [&](int64_t a, int64_t b) {
        return std::pair(uncertainty(store, name, round, a), entropy(a)) >
               std::pair(uncertainty(store, name, round, b), entropy(b));
      });
    } else if (order == "entropy") {
      const auto entropies = entropies_of(store, round);
      if (entropies.empty()) {
        throw HttpError(409, ErrorKind::usage,
                        "order: the round's proposals were made without keeping the entropy of "
                        "their probabilities; take another order, or propose a new round");
      }
      std::stable_sort(left.begin(), left.end(),
                       [&](int64_t a, int64_t b) { return entropies.at(a) > entropies.at(b); });
    }
    locks_.take({name, left.front()}, annotator);
    tell_lock(name, left.front());
    call.reply(case_view(store, name, round, left.front(), annotator));
  }

  /// What is there to choose from by hand.
  void cases(Call& call) {
    const std::string annotator = annotator_of(call.query("annotator", 64));
    const std::string name = name_of(call);
    AnnotationStore store(folder() / name);
    const Round round = open_round(store);
    const auto left = left_for(store, round, annotator);
    const auto entropies = entropies_of(store, round);
    auto all = ordered_json::array();
    const std::lock_guard lock(mutex_);
    for (const int64_t id : shown_in(store, round)) {
      const auto held = locks_.holder({name, id});
      const auto bits = entropies.find(id);
      all.push_back({{"id", id},
                     {"name", shown_name(store.case_of(id))},
                     {"done", std::find(left.begin(), left.end(), id) == left.end()},
                     {"locked_by", held ? ordered_json(held->annotator) : ordered_json(nullptr)},
                     {"disagreement", uncertainty(store, name, round, id)},
                     {"entropy_bits", bits == entropies.end() ? ordered_json(nullptr)
                                                              : ordered_json(bits->second)}});
    }
    call.reply(all);
  }

  void get_case(Call& call) {
    const std::string name = name_of(call);
    AnnotationStore store(folder() / name);
    const Round round = open_round(store);
    call.reply(case_view(store, name, round, case_of(call, store, round),
                         call.query_or("annotator", "", 64)));
  }

  void image(Call& call) {
    AnnotationStore store(folder() / name_of(call));
    const int64_t id = case_of(call, store, open_round(store));
    reply_png(call, case_image_png(api_.assistant, store.project(), id));
  }

  void candidate(Call& call) {
    AnnotationStore store(folder() / name_of(call));
    const Round round = open_round(store);
    const int64_t id = case_of(call, store, round);
    const std::string& letter = call.parts.at("letter");
    for (const auto& c : store.candidates(round.id)) {
      if (c.case_id != id || letter != std::string(1, c.letter)) continue;
      const auto path = mask_path(store, c, store.proposals(round.id));
      return reply_png(call, case_mask_png(api_.assistant, store.project(), id, path));
    }
    throw HttpError(404, ErrorKind::usage,
                    "candidate " + in_quotes(letter.substr(0, 10)) + ": the case has none such");
  }

  void take_lock(Call& call) {
    const std::string annotator = annotator_in(call.json_body(api_.limits.json_bytes));
    const std::string name = name_of(call);
    AnnotationStore store(folder() / name);
    const Round round = open_round(store);
    const int64_t id = case_of(call, store, round);
    if (!locks_.take({name, id}, annotator)) refuse_held(name, id);
    tell_lock(name, id);
    call.reply(case_view(store, name, round, id, annotator));
  }

  void give_lock(Call& call) {
    const std::string name = name_of(call);
    AnnotationStore store(folder() / name);
    const int64_t id = case_of(call, store, open_round(store));
    locks_.give_back({name, id}, annotator_of(call.query("annotator", 64)));
    tell_lock(name, id);
    call.reply_nothing();
  }

  void choose(Call& call) {
    const auto body = call.json_body(api_.limits.json_bytes);
    Choice choice;
    choice.annotator = annotator_in(body);
    const auto letter = body.value("letter", ordered_json());
    if (!body.contains("letter") || !(letter.is_null() || letter.is_string())) {
      throw HttpError(400, ErrorKind::usage, "letter: expected one of the case's, or null");
    }
    if (body.contains("seconds") && !body["seconds"].is_null()) {
      if (!body["seconds"].is_number() || body["seconds"] < 0) {
        throw HttpError(400, ErrorKind::usage, "seconds: expected a number from 0 on");
      }
      choice.seconds = body["seconds"].get<double>();
    }
    if (body.value("note", ordered_json("")).is_string()) choice.note = body.value("note", "");
    const std::lock_guard lock(mutex_);
    const std::string name = name_of(call);
    AnnotationStore store(folder() / name);
    const Round round = open_round(store);
    choice.round = round.id;
    choice.case_id = case_of(call, store, round);
    if (letter.is_string()) {
      const auto letters = letters_of(store, round, choice.case_id);
      if (std::find(letters.begin(), letters.end(), letter) == letters.end()) {
        throw HttpError(400, ErrorKind::usage, "letter: expected " + listed(letters) + " or null");
      }
      choice.letter = letter.get<std::string>().front();
    }
    check_held(name, choice.case_id, choice.annotator);
    const bool replace = body.value("replace", ordered_json(false)) == true;
    store.add_choices({choice}, replace ? Earlier::replace : Earlier::keep);
    finish(call, store, name, round, choice);
  }

  void draw(Call& call) {
    Choice choice;
    choice.annotator = annotator_of(call.query("annotator", 64));
    const std::string seconds = call.query_or("seconds", "", 20);
    const std::string note = call.query_or("note", "", 500);
    const std::string png = call.whole_body(std::min<int64_t>(api_.limits.mask_bytes, 64 << 20));
    const std::lock_guard lock(mutex_);
    const std::string name = name_of(call);
    AnnotationStore store(folder() / name);
    const Round round = open_round(store);
    choice.case_id = case_of(call, store, round);
    check_held(name, choice.case_id, choice.annotator);
    // The way of `annotate choose`, with all its checks.
    const fs::path sent = folder() / name / (".sent_" + random_token(8));
    make_folder(sent);
    try {
      write_file(sent / "drawn.png", png);
      write_file(sent / "choices.csv",
                 csv_line({"round", "case", "choice", "mask", "seconds", "note"}) +
                     csv_line({std::to_string(round.id), store.case_of(choice.case_id).name,
                               "reject", "drawn.png", seconds, note}));
      take_choices(api_.assistant, store.project(), sent / "choices.csv", choice.annotator);
    } catch (...) {
      fs::remove_all(sent);
      throw;
    }
    fs::remove_all(sent);
    finish(call, store, name, round, choice);
  }

 private:
  fs::path folder() const { return api_.workspace.folder() / "rounds"; }

  std::string name_of(const Call& call) const {
    return project_folder(folder(), call.parts.at("round")).filename().string();
  }

  static std::optional<Round> latest_round(AnnotationStore& store) {
    std::optional<Round> latest;
    for (auto& round : store.rounds()) {
      if (!round.finished.empty()) latest = std::move(round);
    }
    return latest;
  }

  static Round open_round(AnnotationStore& store) {
    if (auto round = latest_round(store)) return *round;
    throw HttpError(409, ErrorKind::usage,
                    "the project has no finished round; call `groundglass annotate propose` first");
  }

  static ordered_json summary(AnnotationStore& store, const std::string& name) {
    const auto latest = latest_round(store);
    return {{"name", name},
            {"cases", store.cases().size()},
            {"rounds", store.rounds().size()},
            {"stage", latest ? ordered_json(latest->stage) : ordered_json(nullptr)},
            {"open", latest.has_value()}};
  }

  static std::vector<std::string> letters_of(AnnotationStore& store, const Round& round,
                                             int64_t id) {
    std::vector<std::string> letters;
    for (const auto& c : store.candidates(round.id)) {
      if (c.case_id == id) letters.emplace_back(1, c.letter);
    }
    return letters;
  }

  static std::vector<int64_t> shown_in(AnnotationStore& store, const Round& round) {
    std::set<int64_t> shown;
    for (const auto& c : store.candidates(round.id)) shown.insert(c.case_id);
    return {shown.begin(), shown.end()};
  }

  static std::vector<int64_t> left_for(AnnotationStore& store, const Round& round,
                                       const std::string& annotator) {
    std::set<int64_t> done;
    for (const auto& c : store.choices()) {
      if (c.round == round.id && c.annotator == annotator) done.insert(c.case_id);
    }
    std::vector<int64_t> left;
    for (const int64_t id : shown_in(store, round)) {
      if (done.count(id) == 0) left.push_back(id);
    }
    return left;
  }

  static int64_t case_of(const Call& call, AnnotationStore& store, const Round& round) {
    const int64_t id = call.number("case");
    const auto shown = shown_in(store, round);
    if (std::find(shown.begin(), shown.end(), id) != shown.end()) return id;
    throw HttpError(404, ErrorKind::usage,
                    "case " + std::to_string(id) + ": is not shown in the latest round");
  }

  std::string shown_name(const AnnotationCase& c) const {
    return api_.show_identity ? c.name : "Case " + std::to_string(c.id);
  }

  /// By case: the mean of its networks' entropies. Empty unless all of them kept it.
  static std::map<int64_t, double> entropies_of(AnnotationStore& store, const Round& round) {
    std::map<int64_t, double> sums;
    for (const auto& p : store.proposals(round.id)) {
      if (!p.entropy) return {};
      sums[p.case_id] += *p.entropy / static_cast<double>(round.networks.size());
    }
    return sums;
  }

  double uncertainty(AnnotationStore& store, const std::string& name, const Round& round,
                     int64_t id) {
    const auto key = std::make_tuple(name, round.id, id);
    const auto known = uncertainties_.find(key);
    if (known != uncertainties_.end()) return known->second;
    const double value = disagreement(api_.assistant, store.project(), round.id, id);
    uncertainties_[key] = value;
    return value;
  }

  ordered_json case_view(AnnotationStore& store, const std::string& name, const Round& round,
                         int64_t id, const std::string& annotator) {
    const AnnotationCase& c = store.case_of(id);
    ordered_json choice = nullptr;
    for (const auto& one : store.choices()) {
      if (one.round != round.id || one.case_id != id || one.annotator != annotator) continue;
      choice = {{"letter", one.letter == 0 ? ordered_json(nullptr)
                                           : ordered_json(std::string(1, one.letter))},
                {"drawn", !one.drawn.empty()},
                {"seconds", one.seconds ? ordered_json(*one.seconds) : ordered_json(nullptr)},
                {"note", one.note}};
    }
    const auto held = locks_.holder({name, id});
    return {{"id", id},
            {"round", round.id},
            {"stage", round.stage},
            {"name", shown_name(c)},
            {"height", c.height},
            {"width", c.width},
            {"letters", letters_of(store, round, id)},
            {"locked_by", held ? ordered_json(held->annotator) : ordered_json(nullptr)},
            {"until", held ? ordered_json(utc_text(held->until)) : ordered_json(nullptr)},
            {"choice", choice},
            {"left", annotator.empty() ? 0 : left_for(store, round, annotator).size()}};
  }

  [[noreturn]] void refuse_held(const std::string& name, int64_t id) {
    const auto held = locks_.holder({name, id});
    throw HttpError(409, ErrorKind::usage,
                    "case " + std::to_string(id) + ": " +
                        (held ? held->annotator + " works on it" : "nobody has taken it") +
                        "; take it first");
  }

  void check_held(const std::string& name, int64_t id, const std::string& annotator) {
    const auto held = locks_.holder({name, id});
    if (!held || held->annotator != annotator) refuse_held(name, id);
  }

  void tell_lock(const std::string& name, int64_t id) {
    const auto held = locks_.holder({name, id});
    api_.events.tell("lock",
                     {{"round", name},
                      {"case", id},
                      {"annotator", held ? ordered_json(held->annotator) : ordered_json(nullptr)}},
                     "");
  }

  void finish(Call& call, AnnotationStore& store, const std::string& name, const Round& round,
              const Choice& choice) {
    locks_.give_back({name, choice.case_id}, choice.annotator);
    tell_lock(name, choice.case_id);
    call.reply(case_view(store, name, round, choice.case_id, choice.annotator));
  }

  static void reply_png(Call& call, const std::string& png) {
    call.response.status = 200;
    call.response.set_content(png, "image/png");
  }

  Api& api_;
  CaseLocks locks_;
  std::mutex mutex_;
  std::map<std::tuple<std::string, int64_t, int64_t>, double> uncertainties_;
};

}  // namespace

void add_round_routes(Api& api, std::vector<Route>& routes) {
  const auto desk = std::make_shared<RoundDesk>(api);
  const auto add = [&](const char* method, const std::string& pattern,
                       void (RoundDesk::*handler)(Call&)) {
    routes.push_back({method, pattern, [desk, handler](Call& call) { ((*desk).*handler)(call); }});
  };
  add("GET", "/rounds", &RoundDesk::list);
  add("GET", "/rounds/{round}", &RoundDesk::get);
  add("POST", "/rounds/{round}/next", &RoundDesk::next);
  add("GET", "/rounds/{round}/cases", &RoundDesk::cases);
  const std::string one = "/rounds/{round}/cases/{case}";
  add("GET", one, &RoundDesk::get_case);
  add("GET", one + "/image.png", &RoundDesk::image);
  add("GET", one + "/candidates/{letter}.png", &RoundDesk::candidate);
  add("PUT", one + "/lock", &RoundDesk::take_lock);
  add("DELETE", one + "/lock", &RoundDesk::give_lock);
  add("POST", one + "/choice", &RoundDesk::choose);
  add("POST", one + "/drawing", &RoundDesk::draw);
}

}  // namespace groundglass
