#include "app/prompt_embeddings.h"

#include "app/safetensors_header.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <fstream>
#include <unordered_map>

namespace midpoint::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Tensor {
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0; // in the file
};

Tensor findTensor(const fs::path& file, const SafetensorsHeader& header, const std::string& name, const std::string& type, std::size_t dimensions)
{
    const json tensor = header.json.value(name, json::object());
    const bool isExpected = tensor.is_object() && tensor.value("dtype", json()) == json(type) && tensor.contains("data_offsets")
        && tensor.contains("shape") && tensor["shape"].is_array() && tensor["shape"].size() == dimensions;
    if (!isExpected)
        throw Error(ErrorKind::Data,
            concat(file.string(), ": not an embedding file: expected a tensor '", name, "' of ", type, " with ", dimensions, " dimension(s), found ",
                header.json.contains(name) ? tensor.dump() : "none"));
    try {
        return { tensor["shape"].get<std::vector<std::int64_t>>(), header.dataBegin + tensor["data_offsets"].at(0).get<std::uint64_t>() };
    } catch (const json::exception&) {
        throw Error(ErrorKind::Data, concat(file.string(), ": tensor '", name, "': expected lengths and two offsets, found ", tensor.dump()));
    }
}

class RowFile {
public:
    explicit RowFile(const fs::path& path)
        : m_path(path)
        , m_file(path, std::ios::binary)
    {
    }
    template <typename Number>
    void read(std::uint64_t offset, std::span<Number> out)
    {
        m_file.seekg(static_cast<std::streamoff>(offset));
        if (!m_file.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size_bytes())))
            throw Error(ErrorKind::Data, concat(m_path.string(), ": expected ", out.size_bytes(), " bytes at ", offset, ", found the end of the file"));
    }

private:
    fs::path m_path;
    std::ifstream m_file;
};

} // namespace

PromptEmbeddings readPromptEmbeddings(const fs::path& file, std::span<const PromptId> prompts)
{
    const SafetensorsHeader header = safetensorsHeader(file);
    const Tensor embeddings = findTensor(file, header, "embeddings", "F32", 2);
    const Tensor ids = findTensor(file, header, "ids", "I64", 1);
    const std::int64_t rows = embeddings.shape[0];
    PromptEmbeddings result;
    result.dimension = embeddings.shape[1];
    const auto most = static_cast<std::int64_t>(fs::file_size(file) / sizeof(float)); // numbers that it can hold
    if (rows < 1 || result.dimension < 1 || rows > most || result.dimension > most / rows || ids.shape[0] != rows)
        throw Error(ErrorKind::Data,
            concat(file.string(), ": expected as many ids as embeddings, and no more numbers than the file holds, found ", ids.shape[0], " ids, ", rows,
                " embeddings of ", result.dimension, " and ", fs::file_size(file), " bytes"));
    RowFile bytes(file);
    std::vector<PromptId> known(static_cast<std::size_t>(rows));
    bytes.read(ids.begin, std::span(known));
    std::unordered_map<PromptId, std::uint64_t> rowOf;
    for (std::uint64_t row = 0; row < known.size(); ++row)
        rowOf.emplace(known[row], row);
    const auto width = static_cast<std::size_t>(result.dimension);
    result.values.resize(prompts.size() * width);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        const auto row = rowOf.find(prompts[i]);
        if (row == rowOf.end())
            throw Error(ErrorKind::Data, concat(file.string(), ": expected an embedding of prompt ", prompts[i], ", found none"));
        bytes.read(embeddings.begin + row->second * width * sizeof(float), std::span(result.values).subspan(i * width, width));
    }
    return result;
}

} // namespace midpoint::app
