// The embeddings of a pool's prompts out of a file of `midpoint predictor embed`, read without LibTorch.
#pragma once

#include "backend/core/rollout.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace midpoint::app {

struct PromptEmbeddings {
    std::vector<float> values; // [prompts, dimension], in the order asked for
    std::int64_t dimension = 0;
};

// Throws Error{Data} naming file, expected and found: another kind of file, a prompt without a row.
PromptEmbeddings readPromptEmbeddings(const std::filesystem::path& file, std::span<const PromptId> prompts);

} // namespace midpoint::app
