#include "backend/data/prompt_columns.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/core/unicode.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace midpoint::data {
namespace {

using nlohmann::json;

constexpr std::size_t kExcerptBytes = 80;
constexpr std::array<std::string_view, 3> kQuestionColumns { "question", "problem", "prompt" };
constexpr std::array<std::string_view, 4> kAnswerColumns { "reward_model.ground_truth", "answer", "ground_truth", "solution" };
constexpr std::string_view kMessagesColumn = "prompt";
constexpr std::string_view kSourceColumn = "data_source";

[[noreturn]] void fail(const RowPosition& position, std::string_view problem)
{
    throw Error(ErrorKind::Data, concat(describe(position), ": ", problem));
}

std::string shortForm(const json& value)
{
    return excerpt(value.dump(-1, ' ', false, json::error_handler_t::replace), kExcerptBytes);
}

template <typename Names>
std::string listed(const Names& names)
{
    std::string out;
    for (const std::string_view name : names)
        out += concat(out.empty() ? "" : ", ", name);
    return out;
}

std::string keysOf(const json& record)
{
    std::vector<std::string> keys;
    for (const auto& item : record.items())
        keys.push_back(item.key());
    return keys.empty() ? "none" : join(keys, ", ");
}

// The value at a dotted path, or null where a part of it is missing. A column whose own name has dots comes first.
const json* valueAt(const json& record, std::string_view path)
{
    if (const auto whole = record.find(path); whole != record.end())
        return whole->is_null() ? nullptr : &*whole;
    const json* value = &record;
    for (const std::string& key : split(path, '.')) {
        if (!value->is_object() || !value->contains(key))
            return nullptr;
        value = &(*value)[key];
    }
    return value->is_null() ? nullptr : value;
}

// The first of several columns that the row has.
template <typename Names>
const json* findFirst(const json& record, const Names& names, std::string& found)
{
    for (const std::string_view name : names)
        if (const json* value = valueAt(record, name)) {
            found = name;
            return value;
        }
    return nullptr;
}

std::string requireText(const json& value, std::string_view column, const RowPosition& position)
{
    if (!value.is_string())
        fail(position, concat("column '", column, "': expected a string, found ", value.type_name(), ' ', shortForm(value)));
    std::string text = value.get<std::string>();
    if (!isValidUtf8(text))
        fail(position, concat("column '", column, "': expected UTF-8, found other bytes in '", excerpt(text, kExcerptBytes), "'"));
    return text;
}

void requireNotEmpty(std::string_view text, std::string_view column, const RowPosition& position)
{
    if (normalizedQuestion(text).empty())
        fail(position, concat("column '", column, "': expected a text, found an empty one"));
}

// A conversation of verl: at most one system message, then one user message.
void readMessages(const json& messages, PromptFields& fields, const RowPosition& position)
{
    bool hasQuestion = false;
    for (const json& message : messages) {
        if (!message.is_object() || !message.contains("role") || !message.contains("content"))
            fail(position, concat("column 'prompt': expected messages with role and content, found ", shortForm(message)));
        const std::string role = requireText(message["role"], "prompt.role", position);
        std::string content = requireText(message["content"], "prompt.content", position);
        if (role == "system" && !hasQuestion)
            fields.system = std::move(content);
        else if (role == "user" && !hasQuestion) {
            fields.question = std::move(content);
            hasQuestion = true;
        } else
            fail(position, concat("column 'prompt': expected an optional system message and one user message, found a further "
                "message of role '", role, "'"));
    }
    if (!hasQuestion)
        fail(position, "column 'prompt': expected a message of role 'user', found none");
}

void readQuestion(const json& record, const ColumnNames& columns, PromptFields& fields, const RowPosition& position)
{
    std::string column = columns.question;
    const json* value = nullptr;
    if (!column.empty()) {
        value = valueAt(record, column);
    } else if (const json* messages = valueAt(record, kMessagesColumn); messages != nullptr && messages->is_array()) {
        column = kMessagesColumn;
        value = messages;
    } else {
        value = findFirst(record, kQuestionColumns, column);
    }
    if (value == nullptr)
        fail(position, concat("no question: expected a column ", column.empty() ? listed(kQuestionColumns) : concat("'", column, "'"),
            "; found ", keysOf(record), column.empty() ? " (data.question_column names another)" : " (set by data.question_column)"));
    if (value->is_array())
        readMessages(*value, fields, position);
    else
        fields.question = requireText(*value, column, position);
    requireNotEmpty(fields.question, column, position);
}

void readAnswer(const json& record, const ColumnNames& columns, PromptFields& fields, const RowPosition& position)
{
    std::string column = columns.answer;
    const json* value = column.empty() ? findFirst(record, kAnswerColumns, column) : valueAt(record, column);
    if (value == nullptr)
        fail(position, concat("no answer: expected a column ", column.empty() ? listed(kAnswerColumns) : concat("'", column, "'"),
            "; found ", keysOf(record), column.empty() ? " (data.answer_column names another)" : " (set by data.answer_column)"));
    // Data sets of contests store their answers as numbers.
    fields.answer = value->is_number() ? value->dump() : requireText(*value, column, position);
    requireNotEmpty(fields.answer, column, position);
}

// The columns that hold the configured path, or else one of the usual ones.
template <typename Names>
ColumnGroup topLevel(std::string_view what, std::string_view configured, const Names& usual)
{
    ColumnGroup group { std::string(what), {}, true };
    const auto add = [&](std::string_view path) {
        const std::string top = split(path, '.').front();
        if (std::find(group.names.begin(), group.names.end(), top) == group.names.end())
            group.names.push_back(top);
        if (top != path)
            group.names.emplace_back(path); // a column whose own name has dots
    };
    if (!configured.empty())
        add(configured);
    else
        for (const std::string_view name : usual)
            add(name);
    return group;
}

} // namespace

std::vector<ColumnGroup> columnsToRead(const ColumnNames& columns)
{
    return { topLevel("question", columns.question, kQuestionColumns), topLevel("answer", columns.answer, kAnswerColumns),
        { "source", { std::string(kSourceColumn) }, false } };
}

PromptFields readFields(const json& record, const ColumnNames& columns, const RowPosition& position)
{
    PromptFields fields;
    readQuestion(record, columns, fields, position);
    readAnswer(record, columns, fields, position);
    if (const json* source = valueAt(record, kSourceColumn))
        fields.dataSource = requireText(*source, kSourceColumn, position);
    return fields;
}

} // namespace midpoint::data
