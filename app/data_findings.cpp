#include "app/data_findings.h"

#include "app/inspection.h"
#include "backend/config/checks.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/data/prompt_preparation.h"
#include "backend/data/prompt_set.h"
#include "backend/reward/audit.h"
#include "backend/reward/grader_factory.h"
#include "backend/tokenizer/tokenizer.h"

#include <algorithm>
#include <optional>

namespace midpoint::app {
namespace {

constexpr std::size_t kMostListed = 20;

// A heading and at most kMostListed lines below it.
std::string listed(std::string heading, const std::vector<std::string>& lines)
{
    for (std::size_t i = 0; i < std::min(lines.size(), kMostListed); ++i)
        heading += "\n    " + lines[i];
    if (lines.size() > kMostListed)
        heading += concat("\n    and ", lines.size() - kMostListed, " more");
    return heading;
}

// Prompts that are short enough to be trained on, of the files of one key.
std::int64_t checkSet(const std::string& key, const std::vector<std::string>& files, const config::DataSection& settings, const Tokenizer& tokenizer,
    reward::Grader& grader, DataFindings& findings)
{
    if (files.empty())
        return 0;
    const data::PromptSet set = data::loadPrompts(files, { settings.questionColumn, settings.answerColumn });
    const data::PromptTemplate promptTemplate({ settings.promptTemplate, settings.ownTemplate, settings.systemPrompt },
        [&](std::string_view token) { return tokenizer.tokenToId(token).has_value(); });
    const data::PreparedPrompts prepared = data::preparePrompts(
        set, promptTemplate, [&](std::string_view text) { return tokenizer.encode(text); }, settings.maxPromptTokens);
    for (const auto& lines : { data::describe(set.report), data::describe(prepared.report) })
        for (const std::string& text : lines)
            findings.lines.push_back(concat(key, ": ", text));
    std::vector<std::string> references;
    for (const data::Prompt& prompt : set.prompts)
        references.push_back(prompt.answer);
    std::vector<std::string> unusable;
    for (const reward::ReferenceFinding& finding : reward::unusableReferences(grader, references))
        unusable.push_back(concat(data::describe(set.prompts[finding.index].source), ": '", references[finding.index], "': ", finding.problem));
    if (!unusable.empty())
        findings.warnings.push_back({ key, {}, listed(concat(unusable.size(), " of ", references.size(),
            " reference answers cannot be used by the grader and never count as solved:"), unusable) });
    return prepared.report.kept;
}

} // namespace

DataFindings checkPrompts(const config::RunConfig& config)
{
    DataFindings findings;
    std::unique_ptr<reward::Grader> grader;
    std::optional<Tokenizer> tokenizer;
    try {
        grader = reward::makeGrader(config.reward);
    } catch (const Error& error) {
        findings.problems.push_back({ {}, {}, error.what() }); // names its key
    }
    try {
        inspectPath(config.model.path); // the headers of the weights
        tokenizer = Tokenizer::load(config.model.path);
    } catch (const Error& error) {
        findings.problems.push_back({ "model.path", {}, error.what() });
    }
    if (!findings.problems.empty())
        return findings;
    const auto check = [&](const char* key, const std::vector<std::string>& files) -> std::optional<std::int64_t> {
        try {
            return checkSet(key, files, config.data, *tokenizer, *grader, findings);
        } catch (const Error& error) {
            findings.problems.push_back({ key, {}, error.what() });
            return std::nullopt;
        }
    };
    const auto pool = check("data.train_files", config.data.trainFiles);
    const std::int64_t fresh = config::freshGroupsPerStep(config);
    if (pool && *pool < fresh)
        findings.problems.push_back({ "batch.prompts_per_step", {}, concat("expected at most as many different prompts a step as data.train_files hold, ",
            *pool, ", found ", fresh) });
    for (const std::string& file : config.data.valFiles)
        check("data.val_files", { file });
    return findings;
}

} // namespace midpoint::app
