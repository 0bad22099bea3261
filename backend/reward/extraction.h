// Where the final answer of a response stands. Steps are tried in the order of the enumeration; each has a name that goes
// into the verdict and can be switched off. Looks at the response only and never interprets mathematics.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::reward {

enum class ExtractionStep : std::uint8_t {
    Boxed,        // the last balanced \boxed{...} or \fbox{...}
    Hashes,       // the line after the last "####"
    AnswerPhrase, // after the last "answer is", "answer:", "answer ="
    Dollars,      // the last expression in $...$, $$...$$, \(...\) or \[...\]
    LastNumber,   // the last number of the text
};

const char* nameOf(ExtractionStep step); // "boxed", "hashes", "answer-phrase", "dollars", "last-number"

// Whether the response states its answer in the agreed form, and not merely contains one.
inline bool isStated(ExtractionStep step) { return step == ExtractionStep::Boxed || step == ExtractionStep::Hashes; }

struct ExtractionOptions {
    bool boxed = true;
    bool hashes = true;
    bool answerPhrase = true;
    bool dollars = true;
    bool lastNumber = true;

    bool isOn(ExtractionStep step) const;
    // A response that was cut at its limit has not stated its answer unless it says so itself.
    ExtractionOptions forTruncated() const;
};

// Names of steps, as in the configuration key reward.extraction; throws Error{Config} for an unknown one.
ExtractionOptions extractionOptions(std::span<const std::string> names);

struct Extraction {
    std::string_view text; // a part of the response, trimmed
    ExtractionStep step = ExtractionStep::Boxed;
};

std::optional<Extraction> extractAnswer(std::string_view response, const ExtractionOptions& options = {});

} // namespace midpoint::reward
