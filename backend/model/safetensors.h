// The safetensors format: an 8-byte header length, a JSON header, raw little-endian tensors. Files are mapped into memory
// and their header is checked completely before anything is read. Errors are Error{Model} naming file, tensor, expected, found.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace midpoint::model {

using Metadata = std::map<std::string, std::string>;
using NamedTensor = std::pair<std::string, torch::Tensor>;

// One tensor as the header describes it.
struct TensorInfo {
    std::string name;
    torch::ScalarType dtype = torch::kFloat32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0; // bytes from the end of the header
    std::uint64_t end = 0;
};

class SafetensorsFile {
public:
    explicit SafetensorsFile(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return m_path; }
    const Metadata& metadata() const { return m_metadata; }
    const std::map<std::string, TensorInfo>& tensors() const { return m_tensors; }
    bool contains(const std::string& name) const { return m_tensors.contains(name); }

    // A copy that the caller owns. Without a shape any is accepted; the second form converts between the floating types
    // (F64, F32, F16, BF16) and refuses another kind of number or another shape.
    torch::Tensor read(const std::string& name) const;
    torch::Tensor read(const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) const;
    // What the second form of read refuses, from the header alone.
    void check(const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) const;

private:
    class Mapping;

    const TensorInfo& require(const std::string& name) const;

    std::filesystem::path m_path;
    std::shared_ptr<const Mapping> m_mapping;
    const std::uint8_t* m_data = nullptr; // first byte after the header
    Metadata m_metadata;
    std::map<std::string, TensorInfo> m_tensors;
};

// The weights of a Hugging Face folder: model.safetensors, or the shards that model.safetensors.index.json lists.
class WeightFiles {
public:
    explicit WeightFiles(const std::filesystem::path& folder);

    bool contains(const std::string& name) const { return m_owner.contains(name); }
    std::vector<std::string> names() const;
    torch::Tensor read(const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) const;
    void check(const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) const; // as SafetensorsFile::check

private:
    const SafetensorsFile& ownerOf(const std::string& name, torch::IntArrayRef shape) const;

    std::filesystem::path m_index; // what lists the names, for messages
    std::vector<SafetensorsFile> m_files;
    std::map<std::string, std::size_t> m_owner;
};

// Writes beside, syncs and renames: a crash leaves the old file or the new. Tensors are stored in the order given.
// Metadata {"format": "pt"} is added, as readers of Hugging Face expect it.
void writeSafetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors, const Metadata& metadata = {});

} // namespace midpoint::model
