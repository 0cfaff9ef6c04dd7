#pragma once

#include <iosfwd>

namespace groundglass {

/// Answers the questions of a server's Assistant, one a line, until they end: images and masks of
/// annotation rounds. A question that fails is answered with its error.
void answer_questions(std::istream& questions, std::ostream& answers);

}  // namespace groundglass
