// The MATH normal form: a purely textual rewriting of an answer, as graders of the MATH data set do it. Two answers with
// the same form are equal; answers with different forms may still be. Algebra is the business of the mathematical grader.
#pragma once

#include <string>
#include <string_view>

namespace midpoint::reward {

std::string mathNormalForm(std::string_view answer);

} // namespace midpoint::reward
