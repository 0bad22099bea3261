#include "backend/tokenizer/json_part.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/core/unicode.h"

#include <utility>

namespace midpoint::tokenizer {
namespace {

constexpr std::size_t kExcerptBytes = 60;

std::string shortForm(const nlohmann::json& value)
{
    return excerpt(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), kExcerptBytes);
}

} // namespace

JsonPart::JsonPart(const nlohmann::json& value, std::string file, std::string path)
    : m_value(&value)
    , m_file(std::move(file))
    , m_path(std::move(path))
{
}

void JsonPart::requireObject() const
{
    if (!m_value->is_object())
        failExpected("an object");
}

std::optional<JsonPart> JsonPart::find(std::string_view key) const
{
    requireObject();
    const auto found = m_value->find(key);
    if (found == m_value->end() || found->is_null())
        return std::nullopt;
    return JsonPart(*found, m_file, m_path.empty() ? std::string(key) : concat(m_path, '.', key));
}

JsonPart JsonPart::at(std::string_view key) const
{
    if (auto part = find(key))
        return *std::move(part);
    fail(concat("the part '", key, "' is missing"));
}

std::vector<JsonPart> JsonPart::elements() const
{
    if (!m_value->is_array())
        failExpected("an array");
    std::vector<JsonPart> parts;
    parts.reserve(m_value->size());
    for (const nlohmann::json& element : *m_value)
        parts.emplace_back(element, m_file, concat(m_path, '[', parts.size(), ']'));
    return parts;
}

std::string JsonPart::asText() const
{
    if (!m_value->is_string())
        failExpected("a string");
    return m_value->get<std::string>();
}

bool JsonPart::asFlag() const
{
    if (!m_value->is_boolean())
        failExpected("true or false");
    return m_value->get<bool>();
}

std::int64_t JsonPart::asInteger() const
{
    if (!m_value->is_number_integer())
        failExpected("an integer");
    return m_value->get<std::int64_t>();
}

std::string JsonPart::textOr(std::string_view key, std::string_view fallback) const
{
    const auto part = find(key);
    return part ? part->asText() : std::string(fallback);
}

bool JsonPart::flagOr(std::string_view key, bool fallback) const
{
    const auto part = find(key);
    return part ? part->asFlag() : fallback;
}

void JsonPart::failUnsupported(std::string_view found, std::string_view supported) const
{
    fail(concat("found '", found, "'; supported: ", supported));
}

void JsonPart::failExpected(std::string_view expected) const
{
    fail(concat("expected ", expected, ", found ", shortForm(*m_value)));
}

void JsonPart::fail(std::string_view problem) const
{
    throw Error(ErrorKind::Model, concat(m_file, ": ", m_path, m_path.empty() ? "" : ": ", problem));
}

} // namespace midpoint::tokenizer
