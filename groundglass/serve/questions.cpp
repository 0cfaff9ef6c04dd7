#include "groundglass/serve/questions.h"

#include <istream>
#include <ostream>

#include <nlohmann/json.hpp>

#include "groundglass/annotate/cases.h"
#include "groundglass/annotate/choices.h"
#include "groundglass/annotate/project_files.h"
#include "groundglass/core/error.h"
#include "groundglass/core/json_text.h"
#include "groundglass/io/picture.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

struct Answered {
  ordered_json told = ordered_json::object();
  std::string bytes = {};
};

Answered png_of(const torch::Tensor& pixels) {
  Answered answer;
  answer.bytes = encode_png(pixels.contiguous());
  answer.told["bytes"] = answer.bytes.size();
  return answer;
}

double disagreement_of(AnnotationStore& store, int64_t round, int64_t case_id) {
  const auto proposals = store.proposals(round);
  std::vector<torch::Tensor> masks;
  for (const auto& c : store.candidates(round)) {
    if (c.case_id != case_id) continue;
    masks.push_back(read_case_mask(mask_path(store, c, proposals), store.case_of(case_id),
                                   store.notes().data) != 0);
  }
  double sum = 0;
  int64_t pairs = 0;
  for (size_t i = 0; i < masks.size(); ++i) {
    for (size_t j = i + 1; j < masks.size(); ++j) {
      const auto both = (masks[i] & masks[j]).sum().item<double>();
      const auto all = masks[i].sum().item<double>() + masks[j].sum().item<double>();
      sum += all > 0 ? 2 * both / all : 1;
      ++pairs;
    }
  }
  return pairs == 0 ? 0 : 1 - sum / static_cast<double>(pairs);
}

Answered answer_to(const ordered_json& question) {
  AnnotationStore store(question.at("project").get<std::string>());
  const std::string ask = question.at("ask");
  if (ask == "image") return png_of(read_gray(store.case_of(question.at("case"))));
  if (ask == "mask") {
    return png_of(read_case_mask(question.at("mask").get<std::string>(),
                                 store.case_of(question.at("case")), store.notes().data));
  }
  if (ask == "disagreement") {
    return {{{"value", disagreement_of(store, question.at("round"), question.at("case"))}}};
  }
  if (ask == "choices") {
    read_choices(store, question.at("file").get<std::string>(), question.at("annotator"),
                 Earlier::replace);
    return {};
  }
  fail(ErrorKind::internal, "no question is called '" + ask + "'");
}

Answered answer_or_error(const std::string& line) {
  try {
    return answer_to(ordered_json::parse(line));
  } catch (const Error& e) {
    return {{{"error", e.what()}, {"kind", word_of(e.kind())}}};
  } catch (const std::exception& e) {
    return {{{"error", e.what()}, {"kind", word_of(ErrorKind::internal)}}};
  }
}

}  // namespace

void answer_questions(std::istream& questions, std::ostream& answers) {
  for (std::string line; std::getline(questions, line);) {
    const Answered answer = answer_or_error(line);
    answers << json_text(answer.told) << '\n' << answer.bytes << std::flush;
  }
}

}  // namespace groundglass
