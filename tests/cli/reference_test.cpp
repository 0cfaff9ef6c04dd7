// Pages that are made from the program: they must be those that the sources give.
#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "tests/cli/program_test.h"

namespace groundglass {
namespace {

using Reference = ProgramTest;

TEST_F(Reference, PagesAreThoseThatTheProgramMakes) {
  for (const auto& [page, file] : {std::pair("verbs", "docs/reference/verbs.md"),
                                   std::pair("recipe-keys", "docs/reference/recipe_keys.md")}) {
    const std::string made = run(std::string("groundglass reference ") + page).out;
    EXPECT_TRUE(made == read_file(project_path(file)))
        << file << " is stale: groundglass reference " << page << " > " << file;
  }
}

TEST_F(Reference, NamesEveryVerbAndKeepsItselfToItself) {
  const std::string pages = run("groundglass reference verbs").out;
  for (const char* verb : {"predict", "train", "annotate init", "export"}) {
    EXPECT_NE(pages.find(std::string("## groundglass ") + verb + "\n"), std::string::npos) << verb;
  }
  EXPECT_EQ(pages.find("## groundglass reference"), std::string::npos);
  EXPECT_EQ(run("groundglass --help").out.find("\n  reference "), std::string::npos);
  EXPECT_EQ(run("groundglass info").out.find(" reference"), std::string::npos);
}

TEST_F(Reference, ManualPageHasNoMistakeThatManFinds) {
  run("groundglass reference man > groundglass.1");
  const std::string text = read_file(folder / "groundglass.1");
  for (const char* part :
       {".SH NAME", ".SH EXIT STATUS", ".SS groundglass predict", "GROUNDGLASS_MODELS"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  if (run("command -v groff || true").out.empty()) GTEST_SKIP() << "no groff to read it with";
  EXPECT_EQ(run("groff -man -Tutf8 -P-cbou -ww groundglass.1 >shown").err, "");
  EXPECT_NE(read_file(folder / "shown").find("EXIT STATUS"), std::string::npos);
}

TEST_F(Reference, BashCompletesVerbsOptionsAndWords) {
  run("groundglass reference bash > completion");
  const auto completed = [&](const std::string& words) {
    const int last = static_cast<int>(split_text(words, '|').size()) - 1;
    std::string list;
    for (const auto& word : split_text(words, '|')) list += " '" + word + "'";
    return run("source ./completion; COMP_WORDS=(" + list +
               "); COMP_CWORD=" + std::to_string(last) + "; _groundglass; echo \"${COMPREPLY[*]}\"")
        .out;
  };
  EXPECT_EQ(completed("groundglass|pred"), "predict\n");
  EXPECT_EQ(completed("groundglass|predict|--save-p"), "--save-probabilities\n");
  EXPECT_EQ(completed("groundglass|annotate|in"), "init\n");
  EXPECT_EQ(completed("groundglass|annotate|init|--js"), "--json\n");
  EXPECT_EQ(completed("groundglass|bench|--engine|onnx"), "onnxruntime\n");
  EXPECT_EQ(completed("groundglass|predict|scan"), "\n") << "files are bash's own";
  EXPECT_EQ(completed("groundglass|predict|--model|--x"), "\n");
}

TEST_F(Reference, ZshReadsItsCompletion) {
  run("groundglass reference zsh > _groundglass");
  const std::string text = read_file(folder / "_groundglass");
  EXPECT_EQ(text.rfind("#compdef groundglass\n", 0), 0U);
  EXPECT_NE(text.find("_groundglass_annotate_init()"), std::string::npos);
  if (run("command -v zsh || true").out.empty()) GTEST_SKIP() << "no zsh to read it with";
  EXPECT_EQ(run("zsh -n _groundglass").err, "");
}

}  // namespace
}  // namespace groundglass
