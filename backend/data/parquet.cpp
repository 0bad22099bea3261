#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/data/records.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <nlohmann/json.hpp>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace midpoint::data {
namespace {

[[noreturn]] void failRead(const std::filesystem::path& file, std::string_view cause)
{
    throw Error(ErrorKind::Data, concat(file.string(), ": expected a readable Parquet file, found: ", cause));
}

template <typename Value>
Value require(const std::filesystem::path& file, arrow::Result<Value> result)
{
    if (!result.ok())
        failRead(file, result.status().message());
    return std::move(result).ValueUnsafe();
}

// The value at `row` as JSON: text, numbers, booleans, lists and structs of them.
class ValueReader {
public:
    explicit ValueReader(const std::filesystem::path& file)
        : m_file(file)
    {
    }

    nlohmann::json read(const arrow::Array& array, std::int64_t row) const
    {
        using arrow::Type;
        if (array.IsNull(row))
            return nullptr;
        switch (array.type_id()) {
        case Type::STRING: return text(static_cast<const arrow::StringArray&>(array).GetView(row));
        case Type::LARGE_STRING: return text(static_cast<const arrow::LargeStringArray&>(array).GetView(row));
        case Type::BOOL: return static_cast<const arrow::BooleanArray&>(array).Value(row);
        case Type::INT8: return static_cast<const arrow::Int8Array&>(array).Value(row);
        case Type::INT16: return static_cast<const arrow::Int16Array&>(array).Value(row);
        case Type::INT32: return static_cast<const arrow::Int32Array&>(array).Value(row);
        case Type::INT64: return static_cast<const arrow::Int64Array&>(array).Value(row);
        case Type::UINT8: return static_cast<const arrow::UInt8Array&>(array).Value(row);
        case Type::UINT16: return static_cast<const arrow::UInt16Array&>(array).Value(row);
        case Type::UINT32: return static_cast<const arrow::UInt32Array&>(array).Value(row);
        case Type::UINT64: return static_cast<const arrow::UInt64Array&>(array).Value(row);
        case Type::FLOAT: return static_cast<const arrow::FloatArray&>(array).Value(row);
        case Type::DOUBLE: return static_cast<const arrow::DoubleArray&>(array).Value(row);
        case Type::DICTIONARY: return dictionary(static_cast<const arrow::DictionaryArray&>(array), row);
        case Type::STRUCT: return object(static_cast<const arrow::StructArray&>(array), row);
        case Type::LIST: return list(static_cast<const arrow::ListArray&>(array), row);
        case Type::LARGE_LIST: return list(static_cast<const arrow::LargeListArray&>(array), row);
        default: failRead(m_file, concat("a column of type ", array.type()->ToString(), ", which a prompt set cannot hold"));
        }
    }

private:
    static nlohmann::json text(std::string_view view) { return std::string(view); }

    nlohmann::json dictionary(const arrow::DictionaryArray& array, std::int64_t row) const
    {
        return read(*array.dictionary(), array.GetValueIndex(row));
    }

    nlohmann::json object(const arrow::StructArray& array, std::int64_t row) const
    {
        nlohmann::json fields = nlohmann::json::object();
        for (int i = 0; i < array.num_fields(); ++i)
            fields[array.struct_type()->field(i)->name()] = read(*array.field(i), row);
        return fields;
    }

    template <typename ListArray>
    nlohmann::json list(const ListArray& array, std::int64_t row) const
    {
        nlohmann::json elements = nlohmann::json::array();
        for (std::int64_t i = 0; i < array.value_length(row); ++i)
            elements.push_back(read(*array.values(), array.value_offset(row) + i));
        return elements;
    }

    const std::filesystem::path& m_file;
};

std::unique_ptr<parquet::arrow::FileReader> open(const std::filesystem::path& file)
{
    auto input = arrow::io::ReadableFile::Open(file.string());
    if (!input.ok())
        throw Error(ErrorKind::Io, concat(file.string(), ": cannot open: ",
            std::filesystem::exists(file) ? input.status().message() : std::strerror(ENOENT)));
    return require(file, parquet::arrow::OpenFile(*input, arrow::default_memory_pool()));
}

std::vector<std::string> columnNames(const parquet::SchemaDescriptor& schema)
{
    std::vector<std::string> names;
    for (int i = 0; i < schema.group_node()->field_count(); ++i)
        names.push_back(schema.group_node()->field(i)->name());
    return names;
}

void requireColumns(const std::filesystem::path& file, std::span<const ColumnGroup> wanted, std::span<const std::string> present)
{
    for (const ColumnGroup& group : wanted) {
        const bool isThere = std::find_first_of(present.begin(), present.end(), group.names.begin(), group.names.end()) != present.end();
        if (group.isRequired && !isThere)
            throw Error(ErrorKind::Data, concat(file.string(), ": no ", group.what, ": expected a column ", join(group.names, ", "),
                "; found ", join(present, ", ")));
    }
}

// Indices of the leaf columns under the wanted top-level columns.
std::vector<int> leavesOf(const parquet::SchemaDescriptor& schema, std::span<const ColumnGroup> wanted)
{
    std::vector<int> leaves;
    for (int i = 0; i < schema.num_columns(); ++i) {
        const std::string& name = schema.GetColumnRoot(i)->name();
        const bool isWanted = std::any_of(wanted.begin(), wanted.end(), [&](const ColumnGroup& group) {
            return std::find(group.names.begin(), group.names.end(), name) != group.names.end();
        });
        if (isWanted)
            leaves.push_back(i);
    }
    return leaves;
}

void visitTable(const std::filesystem::path& file, const arrow::Table& table, RowPosition& position, const RecordVisitor& visit)
{
    const ValueReader reader(file);
    arrow::TableBatchReader batches(table);
    std::shared_ptr<arrow::RecordBatch> batch;
    while (true) {
        if (const arrow::Status status = batches.ReadNext(&batch); !status.ok())
            failRead(file, status.message());
        if (!batch)
            return;
        for (std::int64_t row = 0; row < batch->num_rows(); ++row, ++position.row) {
            nlohmann::json record = nlohmann::json::object();
            for (int column = 0; column < batch->num_columns(); ++column)
                record[batch->column_name(column)] = reader.read(*batch->column(column), row);
            visit(record, position);
        }
    }
}

} // namespace

void readParquet(const std::filesystem::path& file, std::span<const ColumnGroup> wanted, const RecordVisitor& visit)
{
    try {
        const auto reader = open(file);
        const parquet::SchemaDescriptor& schema = *reader->parquet_reader()->metadata()->schema();
        requireColumns(file, wanted, columnNames(schema));
        const std::vector<int> leaves = leavesOf(schema, wanted);
        RowPosition position { file.string(), 0 };
        for (int group = 0; group < reader->num_row_groups(); ++group)
            visitTable(file, *require(file, reader->ReadRowGroup(group, leaves)), position, visit);
    } catch (const parquet::ParquetException& error) {
        failRead(file, error.what());
    }
}

} // namespace midpoint::data
