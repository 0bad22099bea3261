// Small text helpers (g++ 12 has no <format>): concatenation, numbers for people, nearest name for hints.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint {

// concat("expected ", 3, ", found ", x): everything that a stream prints, joined.
template <typename... Parts>
std::string concat(const Parts&... parts)
{
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
}

std::string join(std::span<const std::string> parts, std::string_view separator);
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string toLower(std::string_view text);
bool startsWith(std::string_view text, std::string_view prefix);
bool endsWith(std::string_view text, std::string_view suffix);

std::string fixed(double value, int digits);              // 0.12345, 3 -> "0.123"; "NaN" if not finite
std::string shortest(double value);                       // the shortest text that reads back as the same double
std::string formatBytes(std::uint64_t bytes);             // "1.2 GB"
std::string formatCount(double count);                    // "8.1k", "2.3M"
std::string formatDuration(double seconds);               // "3 h 12 m", "4 m 05 s", "1.2 s"

// The candidate closest in edit distance, if it is close enough to be a likely slip of the pen.
std::optional<std::string> nearestName(std::string_view name, std::span<const std::string> candidates);

} // namespace midpoint
