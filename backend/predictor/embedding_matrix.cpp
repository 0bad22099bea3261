#include "backend/predictor/embedding_matrix.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/model/safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace midpoint::predictor {

// Reads rows of the float32 tensor "embeddings" where they stand in the file.
class EmbeddingMatrix::RowFile {
public:
    RowFile(std::filesystem::path path, std::uint64_t tensorBegin)
        : m_path(std::move(path))
        , m_descriptor(::open(m_path.c_str(), O_RDONLY | O_CLOEXEC))
    {
        if (m_descriptor < 0)
            fail(std::strerror(errno));
        std::uint64_t headerLength = 0;
        readAt(reinterpret_cast<char*>(&headerLength), sizeof(headerLength), 0);
        m_begin = sizeof(headerLength) + headerLength + tensorBegin;
    }
    ~RowFile() { ::close(m_descriptor); }
    RowFile(const RowFile&) = delete;
    RowFile& operator=(const RowFile&) = delete;

    void read(std::int64_t row, std::int64_t rows, std::int64_t dimension, float* out) const
    {
        const auto rowBytes = static_cast<std::uint64_t>(dimension) * sizeof(float);
        readAt(reinterpret_cast<char*>(out), static_cast<std::uint64_t>(rows) * rowBytes,
            m_begin + static_cast<std::uint64_t>(row) * rowBytes);
    }

private:
    void readAt(char* out, std::uint64_t size, std::uint64_t offset) const
    {
        while (size > 0) {
            const ssize_t count = ::pread(m_descriptor, out, size, static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0)
                fail(count < 0 ? std::strerror(errno) : "the file ended too early");
            out += count;
            offset += static_cast<std::uint64_t>(count);
            size -= static_cast<std::uint64_t>(count);
        }
    }
    [[noreturn]] void fail(const char* cause) const
    {
        throw Error(ErrorKind::Io, concat(m_path.string(), ": cannot read embeddings: ", cause));
    }

    std::filesystem::path m_path;
    int m_descriptor;
    std::uint64_t m_begin = 0;
};

EmbeddingMatrix EmbeddingMatrix::open(const std::filesystem::path& path)
{
    const model::SafetensorsFile file(path);
    const auto require
        = [&](const char* name, torch::ScalarType type, std::size_t dimensions) -> const model::TensorInfo& {
        const auto place = file.tensors().find(name);
        if (place == file.tensors().end() || place->second.dtype != type || place->second.shape.size() != dimensions)
            throw Error(ErrorKind::Data,
                concat(path.string(), ": not an embedding file: expected a tensor '", name, "' of ",
                    torch::toString(type), " with ", dimensions, " dimension(s)",
                    place == file.tensors().end() ? ", found none" : ", found another type or shape"));
        return place->second;
    };
    const model::TensorInfo& embeddings = require("embeddings", torch::kFloat32, 2);
    const model::TensorInfo& ids = require("ids", torch::kInt64, 1);
    if (embeddings.shape[0] != ids.shape[0])
        throw Error(ErrorKind::Data,
            concat(path.string(), ": ", embeddings.shape[0], " embeddings for ", ids.shape[0], " ids"));

    EmbeddingMatrix result;
    result.m_name = path.string();
    result.m_dimension = embeddings.shape[1];
    const torch::Tensor idTensor = file.read("ids");
    result.m_ids.assign(
        idTensor.const_data_ptr<std::int64_t>(), idTensor.const_data_ptr<std::int64_t>() + idTensor.numel());
    result.m_metadata = file.metadata();
    result.m_file = std::make_shared<const RowFile>(path, embeddings.begin);
    result.indexIds();
    return result;
}

EmbeddingMatrix::EmbeddingMatrix(torch::Tensor embeddings, std::vector<PromptId> ids, Metadata metadata)
    : m_ids(std::move(ids))
    , m_metadata(std::move(metadata))
    , m_inMemory(embeddings.to(torch::kFloat32).contiguous())
{
    if (m_inMemory.dim() != 2 || m_inMemory.size(0) != size())
        throw Error(ErrorKind::Data,
            concat("embeddings: expected one row for each of ", size(), " ids, found the shape ", m_inMemory.sizes()));
    m_dimension = m_inMemory.size(1);
    indexIds();
}

void EmbeddingMatrix::indexIds()
{
    m_rowOf.reserve(m_ids.size());
    for (std::size_t row = 0; row < m_ids.size(); ++row)
        if (!m_rowOf.emplace(m_ids[row], static_cast<std::int64_t>(row)).second)
            throw Error(ErrorKind::Data, concat(m_name, ": the prompt id ", m_ids[row], " stands twice"));
}

std::optional<std::int64_t> EmbeddingMatrix::rowOf(PromptId id) const
{
    const auto place = m_rowOf.find(id);
    return place == m_rowOf.end() ? std::nullopt : std::optional(place->second);
}

torch::Tensor EmbeddingMatrix::gather(std::span<const std::int64_t> rows) const
{
    if (!m_file)
        return m_inMemory.index_select(
            0, torch::tensor(c10::ArrayRef<std::int64_t>(rows.data(), rows.size()), torch::kInt64));
    torch::Tensor result = torch::empty({ static_cast<std::int64_t>(rows.size()), m_dimension }, torch::kFloat32);
    auto* out = result.mutable_data_ptr<float>();
    for (const std::int64_t row : rows) {
        m_file->read(row, 1, m_dimension, out);
        out += m_dimension;
    }
    return result;
}

torch::Tensor EmbeddingMatrix::slice(std::int64_t first, std::int64_t count) const
{
    if (!m_file)
        return m_inMemory.slice(0, first, first + count);
    torch::Tensor result = torch::empty({ count, m_dimension }, torch::kFloat32);
    m_file->read(first, count, m_dimension, result.mutable_data_ptr<float>());
    return result;
}

void EmbeddingMatrix::save(const std::filesystem::path& path) const
{
    const std::vector<model::NamedTensor> tensors = {
        { "embeddings", slice(0, size()) },
        { "ids", torch::tensor(c10::ArrayRef<std::int64_t>(m_ids), torch::kInt64) },
    };
    model::writeSafetensors(path, tensors, m_metadata);
}

} // namespace midpoint::predictor
