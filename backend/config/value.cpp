#include "backend/config/value.h"

#include "backend/core/text.h"

#include <charconv>
#include <toml++/toml.h>

namespace midpoint::config {
namespace {

// Reads `text` as the right side of a TOML assignment.
std::optional<std::vector<std::string>> parseTomlTexts(std::string_view text)
{
    try {
        const toml::table table = toml::parse(concat("v = ", text));
        std::vector<std::string> texts;
        if (const auto* single = table["v"].as_string())
            return std::vector<std::string> { single->get() };
        const toml::array* array = table["v"].as_array();
        if (array == nullptr)
            return std::nullopt;
        for (const toml::node& element : *array) {
            if (!element.is_string())
                return std::nullopt;
            texts.push_back(element.as_string()->get());
        }
        return texts;
    } catch (const toml::parse_error&) {
        return std::nullopt;
    }
}

template <typename Number>
std::optional<Value> parseNumber(std::string_view text)
{
    if (startsWith(text, "+"))
        text.remove_prefix(1);
    Number number {};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size())
        return std::nullopt;
    return Value(number);
}

std::optional<Value> parseText(std::string_view text)
{
    const bool isQuoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
    if (!isQuoted)
        return Value(std::string(text));
    const auto texts = parseTomlTexts(text);
    return texts ? std::optional<Value>(texts->front()) : std::nullopt;
}

std::optional<Value> parseTextList(std::string_view text)
{
    if (startsWith(text, "[")) {
        auto texts = parseTomlTexts(text);
        return texts ? std::optional<Value>(std::move(*texts)) : std::nullopt;
    }
    std::vector<std::string> texts;
    if (!text.empty())
        for (const std::string& part : split(text, ','))
            texts.emplace_back(trim(part));
    return Value(std::move(texts));
}

} // namespace

std::string nameOf(ValueType type)
{
    switch (type) {
    case ValueType::Boolean: return "true or false";
    case ValueType::Integer: return "an integer";
    case ValueType::Number: return "a number";
    case ValueType::Text: return "a text";
    case ValueType::TextList: return "a list of texts";
    }
    return {};
}

std::string quoted(std::string_view text)
{
    std::string result = "\"";
    for (const char c : text) {
        constexpr std::string_view kHex = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            result += std::string("\\") + c;
        else if (c == '\n')
            result += "\\n";
        else if (c == '\t')
            result += "\\t";
        else if (byte < 0x20 || byte == 0x7F)
            result += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
        else
            result += c;
    }
    return result + '"';
}

std::string toToml(const Value& value)
{
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
        std::vector<std::string> parts;
        for (const std::string& text : *list)
            parts.push_back(quoted(text));
        return concat("[", join(parts, ", "), "]");
    }
    if (const auto* text = std::get_if<std::string>(&value))
        return quoted(*text);
    std::string plain = toPlainText(value);
    if (typeOf(value) == ValueType::Number && plain.find_first_of(".e") == std::string::npos)
        plain += ".0"; // TOML tells floats from integers by the point
    return plain;
}

std::string toPlainText(const Value& value)
{
    switch (typeOf(value)) {
    case ValueType::Boolean: return std::get<bool>(value) ? "true" : "false";
    case ValueType::Integer: return std::to_string(std::get<std::int64_t>(value));
    case ValueType::Number: return shortest(std::get<double>(value));
    case ValueType::Text: return std::get<std::string>(value);
    case ValueType::TextList: return toToml(value);
    }
    return {};
}

std::optional<Value> parseValue(ValueType type, std::string_view text)
{
    text = trim(text);
    switch (type) {
    case ValueType::Boolean:
        if (text == "true" || text == "false")
            return Value(text == "true");
        return std::nullopt;
    case ValueType::Integer: return parseNumber<std::int64_t>(text);
    case ValueType::Number: return parseNumber<double>(text);
    case ValueType::Text: return parseText(text);
    case ValueType::TextList: return parseTextList(text);
    }
    return std::nullopt;
}

std::optional<Value> convertValue(ValueType type, const Value& value)
{
    if (typeOf(value) == type)
        return value;
    if (type == ValueType::Number && typeOf(value) == ValueType::Integer)
        return Value(static_cast<double>(std::get<std::int64_t>(value)));
    if (type == ValueType::TextList && typeOf(value) == ValueType::Text)
        return Value(std::vector<std::string> { std::get<std::string>(value) });
    return std::nullopt;
}

} // namespace midpoint::config
