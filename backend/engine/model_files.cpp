#include "backend/engine/model_files.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/model/model.h"

namespace midpoint::engine {

void requireVocabulary(const Tokenizer& tokenizer, const model::ModelConfig& config, const std::filesystem::path& folder)
{
    if (tokenizer.vocabularySize() > config.vocabularySize)
        throw Error(ErrorKind::Model,
            concat(tokenizer.file().string(), ": expected token ids below vocab_size = ", config.vocabularySize, " of ",
                (folder / "config.json").string(), ", found ids up to ", tokenizer.vocabularySize() - 1));
}

void checkModelFiles(const std::filesystem::path& folder)
{
    const model::ModelConfig config = model::Model::checkFiles(folder);
    requireVocabulary(Tokenizer::load(folder), config, folder);
}

} // namespace midpoint::engine
