#include "backend/engine/pool_prompt.h"

#include "backend/data/prompt_preparation.h"

namespace midpoint::engine {

data::PromptTemplate makeTemplate(const config::DataSection& settings, const Tokenizer& tokenizer)
{
    return data::PromptTemplate({ settings.promptTemplate, settings.ownTemplate, settings.systemPrompt },
        [&](std::string_view token) { return tokenizer.tokenToId(token).has_value(); });
}

LoadedPrompts loadPrompts(const std::vector<std::string>& files, const config::DataSection& settings, const Tokenizer& tokenizer,
    std::int64_t maxPrompts)
{
    data::PromptSet set = data::loadPrompts(files, { settings.questionColumn, settings.answerColumn });
    LoadedPrompts loaded;
    loaded.dataHash = set.hash;
    loaded.report = data::describe(set.report);
    if (maxPrompts > 0 && static_cast<std::int64_t>(set.prompts.size()) > maxPrompts)
        set.prompts.resize(static_cast<std::size_t>(maxPrompts));

    const data::PromptTemplate promptTemplate = makeTemplate(settings, tokenizer);
    data::PreparedPrompts prepared = data::preparePrompts(
        set, promptTemplate, [&](std::string_view text) { return tokenizer.encode(text); }, settings.maxPromptTokens);
    for (std::string& line : data::describe(prepared.report))
        loaded.report.push_back(std::move(line));
    for (data::PreparedPrompt& item : prepared.prompts)
        loaded.prompts.push_back({ item.prompt.id, static_cast<std::int64_t>(loaded.prompts.size()), std::move(item.prompt.question),
            std::move(item.prompt.answer), std::move(item.prompt.dataSource), std::move(item.tokens) });
    return loaded;
}

} // namespace midpoint::engine
