// From a prompt set to token ids: what training and evaluation start from.
#pragma once

#include "backend/data/prompt_template.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::data {

using Encode = std::function<std::vector<std::int32_t>(std::string_view text)>;

struct PreparedPrompt {
    Prompt prompt;
    std::vector<std::int32_t> tokens;
};

struct PreparationReport {
    std::string templateName;          // the one used for "auto"
    std::int64_t maxPromptTokens = 0;
    std::int64_t kept = 0;
    std::int64_t tooLong = 0;          // dropped
    std::int64_t shortestTokens = 0;   // of all prompts, dropped ones included
    std::int64_t longestTokens = 0;
    double meanTokens = 0.0;           // of the kept ones
    RowPosition longest;               // where the longest prompt stands
};

struct PreparedPrompts {
    std::vector<PreparedPrompt> prompts; // in the order of the set
    PreparationReport report;
};

// Prompts of more than `maxPromptTokens` tokens are dropped and counted. Throws Error{Data} if none is left.
PreparedPrompts preparePrompts(
    const PromptSet& set, const PromptTemplate& promptTemplate, const Encode& encode, std::int64_t maxPromptTokens);

std::vector<std::string> describe(const PreparationReport& report); // what a run prints, one line each

} // namespace midpoint::data
