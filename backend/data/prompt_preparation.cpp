#include "backend/data/prompt_preparation.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace midpoint::data {

namespace {

std::vector<std::int32_t> encodePrompt(const Prompt& prompt, const PromptTemplate& promptTemplate, const Encode& encode)
{
    try {
        return encode(promptTemplate.render(prompt));
    } catch (const Error& error) { // a word without a token
        throw Error(error.kind(), concat(describe(prompt.source), ": ", error.what()));
    }
}

} // namespace

PreparedPrompts preparePrompts(
    const PromptSet& set, const PromptTemplate& promptTemplate, const Encode& encode, std::int64_t maxPromptTokens)
{
    PreparedPrompts prepared;
    PreparationReport& report = prepared.report;
    report.templateName = promptTemplate.name();
    report.maxPromptTokens = maxPromptTokens;
    report.shortestTokens = std::numeric_limits<std::int64_t>::max();
    std::int64_t keptTokens = 0;
    for (const Prompt& prompt : set.prompts) {
        std::vector<std::int32_t> tokens = encodePrompt(prompt, promptTemplate, encode);
        const auto count = static_cast<std::int64_t>(tokens.size());
        if (count == 0)
            throw Error(ErrorKind::Data, concat(describe(prompt.source), ": expected a prompt of at least one token, found none after "
                "the template '", promptTemplate.name(), "'"));
        report.shortestTokens = std::min(report.shortestTokens, count);
        if (count > report.longestTokens) {
            report.longestTokens = count;
            report.longest = prompt.source;
        }
        if (count > maxPromptTokens) {
            ++report.tooLong;
            continue;
        }
        keptTokens += count;
        prepared.prompts.push_back({ prompt, std::move(tokens) });
    }
    report.kept = static_cast<std::int64_t>(prepared.prompts.size());
    if (report.kept == 0)
        throw Error(ErrorKind::Data, concat("no prompt is left: expected prompts of at most data.max_prompt_tokens = ", maxPromptTokens,
            " tokens, found ", report.tooLong, " prompts of ", report.shortestTokens, " to ", report.longestTokens, " tokens"));
    report.meanTokens = static_cast<double>(keptTokens) / static_cast<double>(report.kept);
    return prepared;
}

std::vector<std::string> describe(const PreparationReport& report)
{
    std::vector<std::string> lines;
    lines.push_back(concat(report.kept, " prompts by the template '", report.templateName, "', ", fixed(report.meanTokens, 1),
        " tokens on average, the longest of all ", report.longestTokens, " (", describe(report.longest), ")"));
    if (report.tooLong > 0)
        lines.push_back(concat(report.tooLong, " prompts dropped: longer than data.max_prompt_tokens = ", report.maxPromptTokens));
    return lines;
}

} // namespace midpoint::data
