// Reads an answer in LaTeX or plain text into an expression tree. Lengths and depths are bounded; nothing is computed.
#pragma once

#include "backend/reward/math/expression.h"
#include "backend/reward/math/tokens.h"

#include <stdexcept>
#include <string_view>

namespace midpoint::reward::math {

// Why a text is no answer. Thrown inside the reader, caught by its callers in this folder.
class Unreadable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct ReadLimits {
    std::size_t maxCharacters = 4000;
    std::size_t maxTokens = 1500;
    int maxDepth = 60;
};

// Throws Unreadable.
Expression readAnswer(std::string_view answer, const TokenOptions& options = {}, const ReadLimits& limits = {});

} // namespace midpoint::reward::math
