// One vector per prompt, from a frozen backbone. File: safetensors with "embeddings" [N, d] float32 and "ids" [N]
// int64, and metadata that says what made it ("model_hash", "data_hash", "pooling"). Rows are read when asked for: a
// pool of a million prompts need not fit in memory.
#pragma once

#include "backend/core/rollout.h"

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace midpoint::predictor {

using Metadata = std::map<std::string, std::string>;

class EmbeddingMatrix {
public:
    static EmbeddingMatrix open(const std::filesystem::path& path); // throws Error{Data} or Error{Model}
    EmbeddingMatrix(torch::Tensor embeddings, std::vector<PromptId> ids, Metadata metadata = {});

    std::int64_t size() const { return static_cast<std::int64_t>(m_ids.size()); }
    std::int64_t dimension() const { return m_dimension; }
    std::span<const PromptId> ids() const { return m_ids; }
    const Metadata& metadata() const { return m_metadata; }
    const std::string& name() const { return m_name; } // the file, for messages
    std::optional<std::int64_t> rowOf(PromptId id) const;

    // Float32 [rows, d]; the second form is a range of consecutive rows.
    torch::Tensor gather(std::span<const std::int64_t> rows) const;
    torch::Tensor slice(std::int64_t first, std::int64_t count) const;

    void save(const std::filesystem::path& path) const;

private:
    class RowFile;
    EmbeddingMatrix() = default;
    void indexIds();

    std::string m_name = "embeddings";
    std::vector<PromptId> m_ids;
    std::unordered_map<PromptId, std::int64_t> m_rowOf;
    Metadata m_metadata;
    std::int64_t m_dimension = 0;
    torch::Tensor m_inMemory; // or
    std::shared_ptr<const RowFile> m_file;
};

} // namespace midpoint::predictor
