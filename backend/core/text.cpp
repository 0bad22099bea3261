#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace midpoint {

std::string join(std::span<const std::string> parts, std::string_view separator)
{
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0)
            out += separator;
        out += parts[i];
    }
    return out;
}

std::vector<std::string> split(std::string_view text, char separator)
{
    std::vector<std::string> parts;
    std::size_t start = 0;
    while (true) {
        const std::size_t end = text.find(separator, start);
        parts.emplace_back(text.substr(start, end - start));
        if (end == std::string_view::npos)
            return parts;
        start = end + 1;
    }
}

std::string_view trim(std::string_view text)
{
    constexpr std::string_view kBlank = " \t\r\n\f\v";
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string toLower(std::string_view text)
{
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return out;
}

bool startsWith(std::string_view text, std::string_view prefix) { return text.starts_with(prefix); }
bool endsWith(std::string_view text, std::string_view suffix) { return text.ends_with(suffix); }

std::string fixed(double value, int digits)
{
    if (!std::isfinite(value))
        return std::isnan(value) ? "NaN" : (value > 0 ? "inf" : "-inf");
    std::array<char, 400> buffer{};
    const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);
    return std::string(buffer.data(), static_cast<std::size_t>(length));
}

std::string shortest(double value)
{
    if (!std::isfinite(value))
        return fixed(value, 0);
    std::array<char, 64> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    return std::string(buffer.data(), result.ptr);
}

std::string formatBytes(std::uint64_t bytes)
{
    constexpr std::array<const char*, 5> kUnits = { "B", "kB", "MB", "GB", "TB" };
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1000.0 && unit + 1 < kUnits.size()) {
        value /= 1000.0;
        ++unit;
    }
    return concat(fixed(value, unit == 0 || value >= 100 ? 0 : 1), " ", kUnits[unit]);
}

std::string formatCount(double count)
{
    constexpr std::array<const char*, 4> kSuffixes = { "", "k", "M", "G" };
    std::size_t suffix = 0;
    while (std::abs(count) >= 1000.0 && suffix + 1 < kSuffixes.size()) {
        count /= 1000.0;
        ++suffix;
    }
    const bool isWhole = suffix == 0 && count == std::floor(count);
    return concat(fixed(count, isWhole || std::abs(count) >= 100 ? 0 : 1), kSuffixes[suffix]);
}

std::string formatDuration(double seconds)
{
    if (!std::isfinite(seconds) || seconds < 0)
        return "-";
    if (seconds < 60)
        return concat(fixed(seconds, seconds < 10 ? 1 : 0), " s");
    const auto total = static_cast<std::int64_t>(std::llround(seconds));
    const auto twoDigits = [](std::int64_t value) { return concat(value < 10 ? "0" : "", value); };
    if (total < 3600)
        return concat(total / 60, " m ", twoDigits(total % 60), " s");
    if (total < 86400)
        return concat(total / 3600, " h ", twoDigits(total % 3600 / 60), " m");
    return concat(total / 86400, " d ", total % 86400 / 3600, " h");
}

namespace {

std::size_t editDistance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({ row[j] + 1, row[j - 1] + 1, substitution });
        }
    }
    return row[b.size()];
}

} // namespace

std::optional<std::string> nearestName(std::string_view name, std::span<const std::string> candidates)
{
    const std::string wanted = toLower(name);
    std::optional<std::string> best;
    std::size_t bestDistance = wanted.size() / 3 + 2; // more slips than this are another word
    for (const std::string& candidate : candidates) {
        const std::string lower = toLower(candidate);
        std::size_t distance = editDistance(wanted, lower);
        const std::size_t dot = lower.rfind('.');
        if (dot != std::string::npos) // the section was forgotten or is another one
            distance = std::min(distance, editDistance(wanted.substr(wanted.rfind('.') + 1), lower.substr(dot + 1)) + 1);
        if (distance < bestDistance) {
            bestDistance = distance;
            best = candidate;
        }
    }
    return best;
}

} // namespace midpoint
