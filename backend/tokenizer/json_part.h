// One part of a JSON file together with where it stands, so that every complaint names file, part, found and supported.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::tokenizer {

class JsonPart {
public:
    // The values stay owned by the caller; `file` is only for messages.
    JsonPart(const nlohmann::json& value, std::string file, std::string path);

    const nlohmann::json& value() const { return *m_value; }
    bool isNull() const { return m_value->is_null(); }
    bool isString() const { return m_value->is_string(); }

    JsonPart at(std::string_view key) const;                  // throws if it is missing
    std::optional<JsonPart> find(std::string_view key) const; // nothing if missing or null
    std::vector<JsonPart> elements() const;                   // of an array

    std::string asText() const;
    bool asFlag() const;
    std::int64_t asInteger() const;
    std::string textOr(std::string_view key, std::string_view fallback) const;
    bool flagOr(std::string_view key, bool fallback) const;

    // "FILE: model.type: found 'Unigram'; supported: BPE, WordLevel".
    [[noreturn]] void failUnsupported(std::string_view found, std::string_view supported) const;
    [[noreturn]] void failExpected(std::string_view expected) const;
    [[noreturn]] void fail(std::string_view problem) const;

private:
    void requireObject() const;

    const nlohmann::json* m_value;
    std::string m_file;
    std::string m_path;
};

} // namespace midpoint::tokenizer
