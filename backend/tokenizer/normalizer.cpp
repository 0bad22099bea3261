#include "backend/tokenizer/normalizer.h"

#include "backend/core/unicode.h"
#include "backend/tokenizer/pattern.h"

#include <utility>
#include <vector>

namespace midpoint::tokenizer {
namespace {

Normalizer makeForm(NormalForm form)
{
    return [form](std::string text) { return normalize(text, form); };
}

std::string strip(const std::string& text, bool left, bool right)
{
    std::size_t begin = 0;
    while (left && begin < text.size() && isWhitespace(characterAt(text, begin)))
        begin += characterLength(text[begin]);
    std::size_t end = begin;
    for (std::size_t i = begin; i < text.size(); i += characterLength(text[i]))
        if (!isWhitespace(characterAt(text, i)))
            end = i + characterLength(text[i]);
    return text.substr(begin, right ? end - begin : std::string::npos);
}

Normalizer makeSequence(const JsonPart& part)
{
    std::vector<Normalizer> steps;
    for (const JsonPart& step : part.at("normalizers").elements())
        steps.push_back(makeNormalizer(step));
    return [steps = std::move(steps)](std::string text) {
        for (const Normalizer& step : steps)
            text = step(std::move(text));
        return text;
    };
}

} // namespace

Normalizer makeNormalizer(const JsonPart& part)
{
    const std::string type = part.at("type").asText();
    if (type == "NFC")
        return makeForm(NormalForm::NFC);
    if (type == "NFD")
        return makeForm(NormalForm::NFD);
    if (type == "NFKC")
        return makeForm(NormalForm::NFKC);
    if (type == "NFKD")
        return makeForm(NormalForm::NFKD);
    if (type == "Lowercase")
        return [](std::string text) { return toLowerUnicode(text); };
    if (type == "Strip")
        return [left = part.flagOr("strip_left", true), right = part.flagOr("strip_right", true)](
                   std::string text) { return strip(text, left, right); };
    if (type == "Prepend")
        return [prefix = part.at("prepend").asText()](std::string text) { return text.empty() ? text : prefix + text; };
    if (type == "Replace")
        return [pattern = makePattern(part.at("pattern")), content = part.at("content").asText()](
                   std::string text) { return pattern.replaceAll(text, content); };
    if (type == "Sequence")
        return makeSequence(part);
    part.at("type").failUnsupported(type, "NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace, Sequence");
}

} // namespace midpoint::tokenizer
