// Whether the files of a model folder fit each other: config.json, the weights and the tokenizer.
#pragma once

#include "backend/model/model_config.h"
#include "backend/tokenizer/tokenizer.h"

#include <filesystem>

namespace midpoint::engine {

// Every token id of the tokenizer has a row in the embedding. Throws Error{Model}.
void requireVocabulary(const Tokenizer& tokenizer, const model::ModelConfig& config, const std::filesystem::path& folder);

// What loading the folder would refuse, from the headers of its weights alone. Throws Error{Model} naming file and tensor.
void checkModelFiles(const std::filesystem::path& folder);

} // namespace midpoint::engine
