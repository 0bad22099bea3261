#include "backend/reward/math/number_words.h"

#include "backend/core/text.h"
#include "backend/reward/math/words.h"

#include <algorithm>
#include <array>
#include <utility>

namespace midpoint::reward::math {

namespace {

constexpr auto kParts = std::to_array<std::pair<std::string_view, long>>({ { "third", 3 }, { "fourth", 4 }, { "quarter", 4 },
    { "fifth", 5 }, { "sixth", 6 }, { "seventh", 7 }, { "eighth", 8 }, { "ninth", 9 }, { "tenth", 10 }, { "eleventh", 11 },
    { "twelfth", 12 }, { "thirteenth", 13 }, { "fourteenth", 14 }, { "fifteenth", 15 }, { "sixteenth", 16 }, { "twentieth", 20 },
    { "thirtieth", 30 }, { "fortieth", 40 }, { "fiftieth", 50 }, { "hundredth", 100 }, { "thousandth", 1000 } });

struct Part {
    long denominator = 0;
    bool isPlural = false;
};

std::optional<Part> partOf(std::string_view word)
{
    if (word == "half" || word == "halves")
        return Part { 2, word == "halves" };
    const bool isPlural = word.ends_with('s');
    const std::string_view singular = isPlural ? word.substr(0, word.size() - 1) : word;
    for (const auto& [name, denominator] : kParts)
        if (name == singular)
            return Part { denominator, isPlural };
    return std::nullopt;
}

bool isArticle(std::string_view word) { return word == "a" || word == "an"; }

class PhraseReader {
public:
    explicit PhraseReader(std::span<const std::string> words)
        : m_words(words)
    {
    }

    std::optional<NumberPhrase> read()
    {
        const bool isNegative = word() == "minus" || word() == "negative";
        m_at += isNegative ? 1 : 0;
        std::optional<Rational> value = fraction();
        if (!value) {
            const auto whole = integer();
            if (!whole || partOf(word()))
                return std::nullopt;
            value = Rational(*whole);
            const std::size_t end = m_at;
            if (word() == "and") {
                ++m_at;
                const auto rest = fraction();
                if (rest && *rest < Rational(1))
                    value = *value + *rest;
                else
                    m_at = end;
            }
        }
        return NumberPhrase { isNegative ? Rational() - *value : *value, m_at };
    }

private:
    std::string_view word(std::size_t ahead = 0) const
    {
        return m_at + ahead < m_words.size() ? std::string_view(m_words[m_at + ahead]) : std::string_view();
    }

    // "half", "a third", "one fifth", "two thirds": the plural is what tells "twenty fifths" from the twenty-fifth.
    std::optional<Rational> fraction()
    {
        const std::size_t start = m_at;
        if (word() == "half") {
            ++m_at;
            return Rational(1) / Rational(2);
        }
        std::optional<long> above;
        if (isArticle(word())) {
            above = 1;
            ++m_at;
        } else {
            above = integer();
        }
        const auto part = above ? partOf(word()) : std::nullopt;
        if (!part || part->isPlural == (*above == 1)) {
            m_at = start;
            return std::nullopt;
        }
        ++m_at;
        return Rational(*above) / Rational(part->denominator);
    }

    // Groups below a thousand with falling scales: two million, three hundred thousand, five
    std::optional<long> integer()
    {
        long total = 0;
        long smallest = 1'000'000'000'000'000;
        bool hasAny = false;
        while (true) {
            const std::size_t start = m_at;
            if (hasAny && word() == "and")
                ++m_at;
            const auto below = hundreds();
            const long scale = below ? takeScale() : 0;
            const bool isPart = hasAny && partOf(word()); // "one thousand and two thirds"
            const bool isNext = below && !isPart && scale < smallest && !(hasAny && smallest == 1);
            if (!isNext) {
                m_at = start;
                break;
            }
            total += *below * scale;
            smallest = scale;
            hasAny = true;
        }
        return hasAny ? std::optional(total) : std::nullopt;
    }

    long takeScale()
    {
        const auto power = scaleWord(word());
        if (!power || *power < 3)
            return 1;
        ++m_at;
        long scale = 1;
        for (int i = 0; i < *power; ++i)
            scale *= 10;
        return scale;
    }

    // 1 to 999, "twelve hundred", "a hundred", "a thousand" (its article).
    std::optional<long> hundreds()
    {
        const std::size_t start = m_at;
        std::optional<long> out;
        if (isArticle(word()) && scaleWord(word(1))) {
            out = 1;
            ++m_at;
        } else {
            out = small();
        }
        if (!out || word() != "hundred")
            return out;
        if (*out == 0) {
            m_at = start;
            return std::nullopt;
        }
        ++m_at;
        *out *= 100;
        const std::size_t end = m_at;
        m_at += word() == "and" ? 1 : 0;
        const std::size_t before = m_at;
        const auto rest = small();
        const bool isFraction = rest && partOf(word()); // "one hundred and two thirds"
        if (rest && *rest > 0 && !isFraction && m_at > before)
            *out += *rest;
        else
            m_at = end;
        return out;
    }

    std::optional<long> small()
    {
        auto out = numberWord(word());
        if (!out)
            return std::nullopt;
        ++m_at;
        const auto ones = numberWord(word());
        if (*out >= 20 && *out % 10 == 0 && ones && *ones >= 1 && *ones <= 9) {
            *out += *ones;
            ++m_at;
        }
        return out;
    }

    std::span<const std::string> m_words;
    std::size_t m_at = 0;
};

} // namespace

std::optional<NumberPhrase> readNumberPhrase(std::span<const std::string> lowerCaseWords)
{
    return PhraseReader(lowerCaseWords).read();
}

std::vector<std::string> wordsOf(std::string_view text)
{
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (c != ' ' && c != '-' && c != '\t' && c != '\n') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(toLower(word));
            word.clear();
        }
    }
    if (!word.empty())
        words.push_back(toLower(word));
    return words;
}

} // namespace midpoint::reward::math
