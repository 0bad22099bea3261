#include "backend/tokenizer/tokenizer.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/core/unicode.h"
#include "backend/tokenizer/added_tokens.h"
#include "backend/tokenizer/bpe.h"
#include "backend/tokenizer/byte_level.h"
#include "backend/tokenizer/decoder.h"
#include "backend/tokenizer/normalizer.h"
#include "backend/tokenizer/pre_tokenizer.h"
#include "backend/tokenizer/word_level.h"

#include <nlohmann/json.hpp>

#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace midpoint {

using tokenizer::AddedToken;
using tokenizer::AddedTokenSearch;
using tokenizer::JsonPart;
using tokenizer::Vocabulary;

// The stages of encoding in their order. What the file lacks is an empty function.
struct Tokenizer::Parts {
    std::filesystem::path file;
    Vocabulary vocabulary;
    AddedTokenSearch rawTokens;        // searched in the text as it is
    tokenizer::Normalizer normalizer;
    AddedTokenSearch normalizedTokens; // searched in the normalised text
    tokenizer::PreTokenizer preTokenizer;
    std::unique_ptr<tokenizer::TokenModel> model;
    tokenizer::Decoder decoder;
    std::vector<SpecialToken> specialTokens;
    std::unordered_set<std::int32_t> specialIds;
    std::unordered_map<std::int32_t, std::string> normalizedTexts; // of added tokens that the normaliser changes

    Parts(const JsonPart& root, std::filesystem::path path);
    void readAddedTokens(const JsonPart& list);
    const std::string* text(std::int32_t id) const;
    void encodeBetween(std::string_view text, std::vector<std::int32_t>& ids) const;
};

namespace {

std::string modelType(const JsonPart& model)
{
    const auto type = model.find("type");
    if (type)
        return type->asText();
    return model.find("merges") ? "BPE" : ""; // files of early versions do not say
}

std::unique_ptr<tokenizer::TokenModel> makeModel(const JsonPart& part, const Vocabulary& vocabulary, const std::string& file)
{
    const std::string type = modelType(part);
    if (type == "BPE")
        return std::make_unique<tokenizer::BpeModel>(part, vocabulary);
    return std::make_unique<tokenizer::WordLevelModel>(part, vocabulary, file);
}

// The kind of model decides how its vocabulary is written, so it is checked first.
JsonPart supportedModel(const JsonPart& root)
{
    const JsonPart model = root.at("model");
    const std::string type = modelType(model);
    if (type.empty())
        model.fail("the part 'type' is missing; supported: BPE, WordLevel");
    if (type != "BPE" && type != "WordLevel")
        model.at("type").failUnsupported(type, "BPE, WordLevel");
    return model;
}

} // namespace

Tokenizer::Parts::Parts(const JsonPart& root, std::filesystem::path path)
    : file(std::move(path))
    , vocabulary(supportedModel(root).at("vocab"))
    , model(makeModel(root.at("model"), vocabulary, file.string()))
{
    if (const auto part = root.find("normalizer"))
        normalizer = tokenizer::makeNormalizer(*part);
    if (const auto part = root.find("pre_tokenizer"))
        preTokenizer = tokenizer::makePreTokenizer(*part);
    if (const auto part = root.find("decoder"))
        decoder = tokenizer::makeDecoder(*part);
    if (const auto part = root.find("added_tokens"))
        readAddedTokens(*part);
}

void Tokenizer::Parts::readAddedTokens(const JsonPart& list)
{
    for (const JsonPart& part : list.elements()) {
        AddedToken token = tokenizer::readAddedToken(part);
        const std::string* owner = vocabulary.text(token.id);
        if (owner != nullptr && *owner != token.content)
            part.fail(concat("the id ", token.id, " of the added token '", token.content, "' already belongs to '", *owner, "'"));
        if (const auto known = vocabulary.find(token.content); known && *known != token.id)
            part.fail(concat("the added token '", token.content, "' has the id ", token.id, " here and ", *known, " in model.vocab"));
        vocabulary.add(token.content, token.id);
        if (token.isSpecial && specialIds.insert(token.id).second)
            specialTokens.push_back({ token.id, token.content });

        AddedTokenSearch& search = token.isNormalized ? normalizedTokens : rawTokens;
        std::string searched = token.isNormalized && normalizer ? normalizer(token.content) : token.content;
        if (searched != token.content)
            normalizedTexts.insert_or_assign(token.id, searched);
        search.add(std::move(token), std::move(searched));
    }
}

const std::string* Tokenizer::Parts::text(std::int32_t id) const
{
    const auto normalized = normalizedTexts.find(id);
    return normalized == normalizedTexts.end() ? vocabulary.text(id) : &normalized->second;
}

// A stretch of text without raw added tokens.
void Tokenizer::Parts::encodeBetween(std::string_view text, std::vector<std::int32_t>& ids) const
{
    const std::string normalized = normalizer ? normalizer(std::string(text)) : std::string(text);
    for (const tokenizer::TextPart& part : normalizedTokens.split(normalized)) {
        if (part.token != nullptr) {
            ids.push_back(part.token->id);
            continue;
        }
        tokenizer::Pieces pieces { std::string(part.text) };
        if (preTokenizer)
            preTokenizer(pieces);
        for (const std::string& piece : pieces)
            model->encode(piece, ids);
    }
}

Tokenizer::Tokenizer(std::shared_ptr<const Parts> parts)
    : m_parts(std::move(parts))
{
}

Tokenizer Tokenizer::load(const std::filesystem::path& path)
{
    const std::filesystem::path file = std::filesystem::is_directory(path) ? path / "tokenizer.json" : path;
    const std::string content = readFile(file);
    try {
        const nlohmann::json document = nlohmann::json::parse(content);
        return Tokenizer(std::make_shared<const Parts>(JsonPart(document, file.string(), ""), file));
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorKind::Model, concat(file.string(), ": expected a tokenizer in JSON, found ", error.what()));
    }
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const
{
    constexpr std::size_t kBytesPerToken = 3; // a little less than usual, to reserve enough
    const std::string valid = toValidUtf8(text);
    std::vector<std::int32_t> ids;
    ids.reserve(valid.size() / kBytesPerToken + 1);
    for (const tokenizer::TextPart& part : m_parts->rawTokens.split(valid)) {
        if (part.token != nullptr)
            ids.push_back(part.token->id);
        else
            m_parts->encodeBetween(part.text, ids);
    }
    return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, SkipSpecial skipSpecial) const
{
    std::vector<std::string> texts;
    texts.reserve(ids.size());
    for (const std::int32_t id : ids) {
        const std::string* text = m_parts->text(id);
        if (text != nullptr && !(skipSpecial == SkipSpecial::Yes && isSpecial(id)))
            texts.push_back(*text);
    }
    if (!m_parts->decoder)
        return toValidUtf8(join(texts, " ")); // words without a decoder are joined by spaces
    return join(m_parts->decoder(std::move(texts)), "");
}

std::optional<std::int32_t> Tokenizer::tokenToId(std::string_view token) const { return m_parts->vocabulary.find(token); }

std::optional<std::string> Tokenizer::idToToken(std::int32_t id) const
{
    const std::string* text = m_parts->text(id);
    return text == nullptr ? std::nullopt : std::optional(*text);
}

std::string Tokenizer::tokenBytes(std::int32_t id) const
{
    const std::string* text = m_parts->text(id);
    if (text == nullptr)
        return {};
    return m_parts->decoder ? tokenizer::fromByteLevel(*text).value_or(*text) : *text;
}

bool Tokenizer::isSpecial(std::int32_t id) const { return m_parts->specialIds.contains(id); }
std::int64_t Tokenizer::vocabularySize() const { return m_parts->vocabulary.size(); }
const std::vector<SpecialToken>& Tokenizer::specialTokens() const { return m_parts->specialTokens; }
const std::filesystem::path& Tokenizer::file() const { return m_parts->file; }

} // namespace midpoint
