#include "backend/tokenizer/pre_tokenizer.h"

#include "backend/core/unicode.h"
#include "backend/tokenizer/byte_level.h"
#include "backend/tokenizer/pattern.h"

#include <memory>
#include <string_view>
#include <utility>

namespace midpoint::tokenizer {
namespace {

// GPT-2's expression, which ByteLevel applies unless use_regex is false.
constexpr std::string_view kByteLevelRegex
    = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
constexpr std::string_view kWordOrSymbolsRegex
    = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}]+|[^\\s\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}]+";

// What happens to the matches (the delimiters) of a split.
enum class Behaviour { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };
enum class Invert { No, Yes };

struct Section {
    Span span;
    bool isMatch = false;
};

using Finder = std::function<std::vector<Span>(std::string_view)>;

// The whole text as alternating sections, matches and what lies between them.
std::vector<Section> sectionsOf(std::string_view text, const std::vector<Span>& matches, Invert invert)
{
    std::vector<Section> sections;
    sections.reserve(matches.size() + 1);
    const bool matchIsMatch = invert == Invert::No;
    std::size_t done = 0;
    for (const Span& match : matches) {
        if (done < match.begin)
            sections.push_back({ { done, match.begin }, !matchIsMatch });
        sections.push_back({ match, matchIsMatch });
        done = match.end;
    }
    if (done < text.size())
        sections.push_back({ { done, text.size() }, !matchIsMatch });
    return sections;
}

std::vector<Span> mergeWithPrevious(const std::vector<Section>& sections)
{
    std::vector<Span> spans;
    bool previousIsMatch = false;
    for (const Section& section : sections) {
        if (section.isMatch && !previousIsMatch && !spans.empty())
            spans.back().end = section.span.end;
        else
            spans.push_back(section.span);
        previousIsMatch = section.isMatch;
    }
    return spans;
}

std::vector<Span> mergeWithNext(const std::vector<Section>& sections)
{
    std::vector<Span> spans;
    for (std::size_t i = 0; i < sections.size(); ++i) {
        const bool mergesNext = sections[i].isMatch && i + 1 < sections.size() && !sections[i + 1].isMatch;
        spans.push_back({ sections[i].span.begin, sections[mergesNext ? i + 1 : i].span.end });
        i += mergesNext ? 1 : 0;
    }
    return spans;
}

std::vector<Span> arrange(const std::vector<Section>& sections, Behaviour behaviour)
{
    if (behaviour == Behaviour::MergedWithPrevious)
        return mergeWithPrevious(sections);
    if (behaviour == Behaviour::MergedWithNext)
        return mergeWithNext(sections);
    std::vector<Span> spans;
    spans.reserve(sections.size());
    for (std::size_t i = 0; i < sections.size(); ++i) {
        if (behaviour == Behaviour::Contiguous && i > 0 && sections[i].isMatch == sections[i - 1].isMatch)
            spans.back().end = sections[i].span.end;
        else if (behaviour != Behaviour::Removed || !sections[i].isMatch)
            spans.push_back(sections[i].span);
    }
    return spans;
}

PreTokenizer makeSplit(Finder find, Behaviour behaviour, Invert invert = Invert::No)
{
    return [find = std::move(find), behaviour, invert](Pieces& pieces) {
        Pieces smaller;
        smaller.reserve(pieces.size());
        for (std::string& piece : pieces) {
            const std::vector<Span> spans = arrange(sectionsOf(piece, find(piece), invert), behaviour);
            if (spans.size() == 1 && spans[0].begin == 0 && spans[0].end == piece.size()) {
                smaller.push_back(std::move(piece));
                continue;
            }
            for (const Span& span : spans)
                if (span.begin < span.end)
                    smaller.push_back(piece.substr(span.begin, span.end - span.begin));
        }
        pieces = std::move(smaller);
    };
}

// Every character of a class is one match.
Finder findCharacters(bool (*isWanted)(char32_t))
{
    return [isWanted](std::string_view text) {
        std::vector<Span> found;
        for (std::size_t i = 0; i < text.size(); i += characterLength(text[i]))
            if (isWanted(characterAt(text, i)))
                found.push_back({ i, i + characterLength(text[i]) });
        return found;
    };
}

Finder findPattern(Pattern pattern)
{
    return [pattern = std::move(pattern)](std::string_view text) { return pattern.matches(text); };
}

Behaviour readBehaviour(const JsonPart& part)
{
    const std::string name = part.asText();
    if (name == "Removed")
        return Behaviour::Removed;
    if (name == "Isolated")
        return Behaviour::Isolated;
    if (name == "MergedWithPrevious")
        return Behaviour::MergedWithPrevious;
    if (name == "MergedWithNext")
        return Behaviour::MergedWithNext;
    if (name == "Contiguous")
        return Behaviour::Contiguous;
    part.failUnsupported(name, "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

PreTokenizer makeByteLevel(const JsonPart& part)
{
    const bool addsPrefixSpace = part.flagOr("add_prefix_space", true);
    PreTokenizer split;
    if (part.flagOr("use_regex", true))
        split = makeSplit(findPattern(Pattern(Regex(kByteLevelRegex))), Behaviour::Isolated);
    return [addsPrefixSpace, split = std::move(split)](Pieces& pieces) {
        if (addsPrefixSpace)
            for (std::string& piece : pieces)
                if (piece.front() != ' ')
                    piece.insert(piece.begin(), ' ');
        if (split)
            split(pieces);
        for (std::string& piece : pieces)
            piece = toByteLevel(piece);
    };
}

PreTokenizer makeSequence(const JsonPart& part)
{
    std::vector<PreTokenizer> steps;
    for (const JsonPart& step : part.at("pretokenizers").elements())
        steps.push_back(makePreTokenizer(step));
    return [steps = std::move(steps)](Pieces& pieces) {
        for (const PreTokenizer& step : steps)
            step(pieces);
    };
}

} // namespace

PreTokenizer makePreTokenizer(const JsonPart& part)
{
    const std::string type = part.at("type").asText();
    if (type == "Sequence")
        return makeSequence(part);
    if (type == "Split")
        return makeSplit(findPattern(makePattern(part.at("pattern"))), readBehaviour(part.at("behavior")),
            part.flagOr("invert", false) ? Invert::Yes : Invert::No);
    if (type == "Digits")
        return makeSplit(findCharacters(&isNumeric), part.flagOr("individual_digits", false) ? Behaviour::Isolated : Behaviour::Contiguous);
    if (type == "ByteLevel")
        return makeByteLevel(part);
    if (type == "WhitespaceSplit")
        return makeSplit(findCharacters(&isWhitespace), Behaviour::Removed);
    if (type == "Whitespace")
        return makeSplit(findPattern(Pattern(Regex(kWordOrSymbolsRegex))), Behaviour::Removed, Invert::Yes);
    if (type == "Punctuation")
        return makeSplit(findCharacters(&isPunctuation),
            part.find("behavior") ? readBehaviour(part.at("behavior")) : Behaviour::Isolated);
    if (type == "CharDelimiterSplit")
        return makeSplit(findPattern(Pattern(part.at("delimiter").asText())), Behaviour::Removed);
    part.at("type").failUnsupported(
        type, "Split, Digits, ByteLevel, Whitespace, WhitespaceSplit, Punctuation, CharDelimiterSplit, Sequence");
}

} // namespace midpoint::tokenizer
