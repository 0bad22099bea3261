#include "backend/data/records.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

namespace midpoint::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool isParquet(std::string_view file) { return endsWith(toLower(file), ".parquet"); }

// "[json.exception.parse_error.101] parse error at line 1, column 13: syntax error ..." from "column" on.
std::string_view plainReason(std::string_view what)
{
    const std::size_t column = what.find("column ");
    return column == std::string_view::npos ? what : what.substr(column);
}

nlohmann::json parseLine(std::string_view line, const RowPosition& position)
{
    nlohmann::json record;
    try {
        record = nlohmann::json::parse(line);
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorKind::Data, concat(describe(position), ": expected one JSON object, found malformed text: ", plainReason(error.what())));
    }
    if (!record.is_object())
        throw Error(ErrorKind::Data, concat(describe(position), ": expected a JSON object, found ", record.type_name()));
    return record;
}

} // namespace

std::string describe(const RowPosition& position)
{
    return concat(position.file, isParquet(position.file) ? ": row " : ": line ", position.row);
}

void readJsonLines(const std::filesystem::path& file, const RecordVisitor& visit)
{
    const std::string content = readFile(file);
    std::string_view rest = content;
    if (startsWith(rest, kByteOrderMark))
        rest.remove_prefix(kByteOrderMark.size());
    RowPosition position { file.string(), 0 };
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = trim(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        ++position.row;
        if (!line.empty())
            visit(parseLine(line, position), position);
    }
}

void readRecords(const std::filesystem::path& file, std::span<const ColumnGroup> wanted, const RecordVisitor& visit)
{
    if (isParquet(file.string()))
        return readParquet(file, wanted, visit);
    if (endsWith(toLower(file.string()), ".jsonl"))
        return readJsonLines(file, visit);
    throw Error(ErrorKind::Data, concat(file.string(), ": expected a file named .jsonl or .parquet, found '",
        file.extension().string(), "'"));
}

} // namespace midpoint::data
