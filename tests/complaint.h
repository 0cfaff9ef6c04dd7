#pragma once

#include <string>

#include <gtest/gtest.h>

#include "groundglass/core/error.h"

namespace groundglass {

/// The message of the Error that `work` throws; a failure if it throws none or one of another kind.
template <class Work>
std::string complaint(ErrorKind kind, const Work& work) {
  try {
    work();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

/// True if every word stands in the text; says which one does not.
inline ::testing::AssertionResult says(const std::string& text,
                                       std::initializer_list<std::string> words) {
  for (const auto& word : words) {
    if (text.find(word) == std::string::npos) {
      return ::testing::AssertionFailure() << "'" << word << "' is not said in: " << text;
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace groundglass
