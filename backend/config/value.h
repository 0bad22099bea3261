// The five kinds of value that a setting can have, and their text. Knows nothing of particular settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace midpoint::config {

enum class ValueType { Boolean, Integer, Number, Text, TextList };
using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>; // in the order of ValueType

inline ValueType typeOf(const Value& value) { return static_cast<ValueType>(value.index()); }

std::string nameOf(ValueType type);            // "true or false", "an integer", ...
std::string quoted(std::string_view text);     // as a basic string of TOML
std::string toToml(const Value& value);        // as it stands in a TOML file; reads back as the same value
std::string toPlainText(const Value& value);   // as it stands after `key=` on a command line

// The text of an override read as the given type. A list is "a,b" or ["a", "b"]; quotes around a text are optional.
std::optional<Value> parseValue(ValueType type, std::string_view text);
// An integer where a number is wanted, and a text where a list is wanted, become one; anything else must already fit.
std::optional<Value> convertValue(ValueType type, const Value& value);

} // namespace midpoint::config
