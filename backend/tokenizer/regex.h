// Regular expressions of tokenizer.json files. They are written for Oniguruma (Ruby syntax) and run on PCRE2: what the two
// read differently is rewritten first, and what cannot be rewritten is refused.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::tokenizer {

struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
};

// The same expression in PCRE2's syntax. Throws Error{Model} for sets with && or nested sets, and for {n,m}+.
std::string translateFromOniguruma(std::string_view pattern);

class Regex {
public:
    explicit Regex(std::string_view onigurumaPattern); // throws Error{Model} if it does not compile
    // All matches from left to right, without overlap, empty ones included. The text is valid UTF-8. Thread-safe.
    std::vector<Span> matches(std::string_view validText) const;

private:
    struct Compiled;
    std::shared_ptr<const Compiled> m_compiled;
};

} // namespace midpoint::tokenizer
