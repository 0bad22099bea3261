// Prompts as the engine uses them: loaded, deduplicated, with template and token ids.
#pragma once

#include "backend/config/run_config.h"
#include "backend/core/log.h"
#include "backend/core/rollout.h"
#include "backend/data/prompt_template.h"
#include "backend/tokenizer/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace midpoint::engine {

struct PoolPrompt {
    PromptId id = 0;
    std::int64_t index = 0; // position in its pool
    std::string question;
    std::string answer;
    std::string source;
    std::vector<std::int32_t> tokens; // with the template
};

struct LoadedPrompts {
    std::vector<PoolPrompt> prompts;
    std::string dataHash;
    std::vector<std::string> report; // duplicates, contradictions, dropped prompts: lines for people
};

data::PromptTemplate makeTemplate(const config::DataSection& settings, const Tokenizer& tokenizer);

// Throws Error{Data} for what cannot be used. At most `maxPrompts` (0: all) are kept, the first ones.
LoadedPrompts loadPrompts(const std::vector<std::string>& files, const config::DataSection& settings, const Tokenizer& tokenizer,
    std::int64_t maxPrompts = 0);

} // namespace midpoint::engine
