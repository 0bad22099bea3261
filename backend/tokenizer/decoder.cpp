#include "backend/tokenizer/decoder.h"

#include "backend/core/unicode.h"
#include "backend/tokenizer/byte_level.h"
#include "backend/tokenizer/pattern.h"

#include <utility>

namespace midpoint::tokenizer {
namespace {

using Texts = std::vector<std::string>;

// A token outside the byte alphabet (an added one) stands for its own text. Characters may be spread over several tokens,
// so validity is decided for the whole.
Texts decodeByteLevel(const Texts& tokens)
{
    std::string bytes;
    for (const std::string& token : tokens)
        bytes += fromByteLevel(token).value_or(token);
    return { toValidUtf8(bytes) };
}

Texts fuse(const Texts& tokens)
{
    std::string all;
    for (const std::string& token : tokens)
        all += token;
    return { std::move(all) };
}

Decoder makeSequence(const JsonPart& part)
{
    std::vector<Decoder> steps;
    for (const JsonPart& step : part.at("decoders").elements())
        steps.push_back(makeDecoder(step));
    return [steps = std::move(steps)](Texts tokens) {
        for (const Decoder& step : steps)
            tokens = step(std::move(tokens));
        return tokens;
    };
}

} // namespace

Decoder makeDecoder(const JsonPart& part)
{
    const std::string type = part.at("type").asText();
    if (type == "ByteLevel")
        return [](Texts tokens) { return decodeByteLevel(tokens); };
    if (type == "Fuse")
        return [](Texts tokens) { return fuse(tokens); };
    if (type == "Replace")
        return [pattern = makePattern(part.at("pattern")), content = part.at("content").asText()](Texts tokens) {
            for (std::string& token : tokens)
                token = pattern.replaceAll(token, content);
            return tokens;
        };
    if (type == "Sequence")
        return makeSequence(part);
    part.at("type").failUnsupported(type, "ByteLevel, Fuse, Replace, Sequence");
}

} // namespace midpoint::tokenizer
