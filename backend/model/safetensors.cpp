#include "backend/model/safetensors.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace midpoint::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000; // the limit of the reference reader
constexpr std::uint64_t kHeaderAlignment = 8;

struct DtypeName {
    const char* name;
    torch::ScalarType type;
};
constexpr std::array<DtypeName, 10> kDtypes { {
    { "F64", torch::kFloat64 }, { "F32", torch::kFloat32 }, { "F16", torch::kFloat16 }, { "BF16", torch::kBFloat16 },
    { "I64", torch::kInt64 }, { "I32", torch::kInt32 }, { "I16", torch::kInt16 }, { "I8", torch::kInt8 },
    { "U8", torch::kUInt8 }, { "BOOL", torch::kBool },
} };

const char* nameOf(torch::ScalarType type)
{
    for (const DtypeName& dtype : kDtypes)
        if (dtype.type == type)
            return dtype.name;
    return c10::toString(type);
}

template <typename Numbers>
std::string shapeText(const Numbers& shape)
{
    std::vector<std::string> parts;
    for (const std::int64_t extent : shape)
        parts.push_back(std::to_string(extent));
    return "[" + join(parts, ", ") + "]";
}

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what)
{
    throw Error(ErrorKind::Model, path.string() + ": " + what);
}

[[noreturn]] void failTensor(const std::filesystem::path& path, const std::string& tensor, const std::string& what)
{
    fail(path, "tensor '" + tensor + "': " + what);
}

Json parseHeader(const std::filesystem::path& path, const char* text, std::uint64_t length)
{
    try {
        Json header = Json::parse(text, text + length);
        if (!header.is_object())
            fail(path, "the header is not a JSON object but " + std::string(header.type_name()));
        return header;
    } catch (const Json::parse_error& error) {
        fail(path, concat("the header is not valid JSON (byte ", error.byte, " of ", length, "); is this a safetensors file?"));
    }
}

torch::ScalarType parseDtype(const std::filesystem::path& path, const std::string& tensor, const Json& entry)
{
    const auto found = entry.find("dtype");
    if (found == entry.end() || !found->is_string())
        failTensor(path, tensor, "expected a string under 'dtype'");
    std::vector<std::string> known;
    for (const DtypeName& dtype : kDtypes) {
        if (*found == dtype.name)
            return dtype.type;
        known.emplace_back(dtype.name);
    }
    failTensor(path, tensor, "expected a dtype among " + join(known, ", ") + ", found '" + found->get<std::string>() + "'");
}

std::vector<std::int64_t> parseNumbers(
    const std::filesystem::path& path, const std::string& tensor, const Json& entry, const char* key)
{
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array())
        failTensor(path, tensor, concat("expected a list of numbers under '", key, "'"));
    std::vector<std::int64_t> numbers;
    for (const Json& number : *found) {
        if (!number.is_number_unsigned() || number.get<std::uint64_t>() > std::uint64_t { std::numeric_limits<std::int64_t>::max() })
            failTensor(path, tensor, concat("expected whole numbers from 0 under '", key, "', found ", number.dump()));
        numbers.push_back(number.get<std::int64_t>());
    }
    return numbers;
}

// Bytes of a tensor; fails when the product does not fit 63 bits.
std::uint64_t byteCount(const std::filesystem::path& path, const TensorInfo& tensor)
{
    auto bytes = static_cast<std::uint64_t>(c10::elementSize(tensor.dtype));
    for (const std::int64_t extent : tensor.shape)
        if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes) || bytes >> 63 != 0)
            failTensor(path, tensor.name, "the shape " + shapeText(tensor.shape) + " is too large");
    return bytes;
}

TensorInfo parseTensor(const std::filesystem::path& path, const std::string& name, const Json& entry, std::uint64_t dataBytes)
{
    if (!entry.is_object())
        failTensor(path, name, std::string("expected an object in the header, found ") + entry.type_name());
    TensorInfo tensor { .name = name, .dtype = parseDtype(path, name, entry), .shape = parseNumbers(path, name, entry, "shape") };
    const std::vector<std::int64_t> offsets = parseNumbers(path, name, entry, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1])
        failTensor(path, name, "expected data_offsets [begin, end] with begin <= end, found " + shapeText(offsets));
    tensor.begin = static_cast<std::uint64_t>(offsets[0]);
    tensor.end = static_cast<std::uint64_t>(offsets[1]);
    if (tensor.end > dataBytes)
        failTensor(path, name, concat("its bytes end at ", tensor.end, " of the data, but the file holds only ", dataBytes,
            ": the file is truncated"));
    const std::uint64_t expected = byteCount(path, tensor);
    if (tensor.end - tensor.begin != expected)
        failTensor(path, name, concat("shape ", shapeText(tensor.shape), " of ", nameOf(tensor.dtype), " takes ", expected,
            " bytes, but data_offsets cover ", tensor.end - tensor.begin));
    return tensor;
}

// The data must be covered exactly once, as the format demands.
void checkCoverage(
    const std::filesystem::path& path, const std::map<std::string, TensorInfo>& tensors, std::uint64_t dataBytes)
{
    std::vector<const TensorInfo*> inOrder;
    for (const auto& [name, tensor] : tensors)
        inOrder.push_back(&tensor);
    std::stable_sort(inOrder.begin(), inOrder.end(), [](const TensorInfo* a, const TensorInfo* b) {
        return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
    });
    std::uint64_t position = 0;
    const TensorInfo* previous = nullptr;
    for (const TensorInfo* tensor : inOrder) {
        if (tensor->begin < position)
            failTensor(path, tensor->name, concat("its bytes begin at ", tensor->begin, " and overlap those of '",
                previous->name, "', which end at ", position));
        if (tensor->begin > position)
            failTensor(path, tensor->name, concat("its bytes begin at ", tensor->begin, ", expected ", position,
                ": the header leaves a hole"));
        position = tensor->end;
        previous = tensor;
    }
    if (position != dataBytes)
        fail(path, concat("the tensors end at byte ", position, " of the data, but the file holds ", dataBytes));
}

bool isFloating(torch::ScalarType type)
{
    return type == torch::kFloat64 || type == torch::kFloat32 || type == torch::kFloat16 || type == torch::kBFloat16;
}

} // namespace

class SafetensorsFile::Mapping {
public:
    explicit Mapping(const std::filesystem::path& path)
    {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        struct stat info {};
        if (file < 0 || ::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
            const std::string cause = file >= 0 && errno == 0 ? "not a regular file" : std::strerror(errno);
            if (file >= 0)
                ::close(file);
            throw Error(ErrorKind::Io, concat(path.string(), ": cannot read: ", cause));
        }
        m_bytes = static_cast<std::uint64_t>(info.st_size);
        if (m_bytes > 0)
            m_address = ::mmap(nullptr, m_bytes, PROT_READ, MAP_PRIVATE, file, 0);
        const int cause = errno;
        ::close(file);
        if (m_address == MAP_FAILED)
            throw Error(ErrorKind::Io, concat(path.string(), ": cannot map into memory: ", std::strerror(cause)));
    }
    ~Mapping()
    {
        if (m_address != nullptr)
            ::munmap(m_address, m_bytes);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    const std::uint8_t* data() const { return static_cast<const std::uint8_t*>(m_address); }
    std::uint64_t bytes() const { return m_bytes; }

private:
    void* m_address = nullptr;
    std::uint64_t m_bytes = 0;
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : m_path(path)
{
    errno = 0;
    const auto mapping = std::make_shared<const Mapping>(path);
    if (mapping->bytes() < kLengthBytes)
        fail(path, concat("expected at least ", kLengthBytes, " bytes, found ", mapping->bytes()));
    std::uint64_t headerBytes = 0;
    std::memcpy(&headerBytes, mapping->data(), kLengthBytes); // little-endian, as is every machine we build for
    const std::uint64_t rest = mapping->bytes() - kLengthBytes;
    if (headerBytes > rest || headerBytes > kMaxHeaderBytes)
        fail(path, concat("the header claims ", headerBytes, " bytes, but only ", rest,
            " follow (at most ", kMaxHeaderBytes, " are allowed): truncated, or not a safetensors file"));

    const std::uint64_t dataBytes = rest - headerBytes;
    const Json header = parseHeader(path, reinterpret_cast<const char*>(mapping->data() + kLengthBytes), headerBytes);
    for (const auto& [name, entry] : header.items()) {
        if (name != "__metadata__") {
            m_tensors.emplace(name, parseTensor(path, name, entry, dataBytes));
            continue;
        }
        if (!entry.is_object())
            fail(path, "expected an object under '__metadata__'");
        for (const auto& [key, value] : entry.items()) {
            if (!value.is_string())
                fail(path, "expected a string under '__metadata__." + key + "', found " + value.dump());
            m_metadata.emplace(key, value.get<std::string>());
        }
    }
    checkCoverage(path, m_tensors, dataBytes);
    m_data = mapping->data() + kLengthBytes + headerBytes;
    m_mapping = mapping;
}

const TensorInfo& SafetensorsFile::require(const std::string& name) const
{
    const auto found = m_tensors.find(name);
    if (found == m_tensors.end())
        failTensor(m_path, name, concat("expected, but the file does not hold it (it holds ", m_tensors.size(), " others)"));
    return found->second;
}

torch::Tensor SafetensorsFile::read(const std::string& name) const
{
    const TensorInfo& tensor = require(name);
    torch::Tensor out = torch::empty(tensor.shape, tensor.dtype);
    if (tensor.end > tensor.begin)
        std::memcpy(out.data_ptr(), m_data + tensor.begin, tensor.end - tensor.begin);
    return out;
}

void SafetensorsFile::check(const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) const
{
    const TensorInfo& tensor = require(name);
    if (torch::IntArrayRef(tensor.shape) != shape)
        failTensor(m_path, name, "expected shape " + shapeText(shape) + ", found " + shapeText(tensor.shape));
    if (tensor.dtype != dtype && !(isFloating(tensor.dtype) && isFloating(dtype)))
        failTensor(m_path, name, concat("expected dtype ",
            isFloating(dtype) ? "F64, F32, F16 or BF16" : nameOf(dtype), ", found ", nameOf(tensor.dtype)));
}

torch::Tensor SafetensorsFile::read(const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) const
{
    check(name, shape, dtype);
    return read(name).to(dtype);
}

WeightFiles::WeightFiles(const std::filesystem::path& folder)
    : m_index(folder / "model.safetensors.index.json")
{
    const std::filesystem::path single = folder / "model.safetensors";
    if (std::filesystem::exists(single)) {
        m_index = single;
        m_files.emplace_back(single);
        for (const auto& [name, tensor] : m_files.front().tensors())
            m_owner.emplace(name, 0);
        return;
    }
    if (!std::filesystem::exists(m_index))
        throw Error(ErrorKind::Model, concat(folder.string(),
            ": expected model.safetensors or model.safetensors.index.json, found neither"));
    const Json index = Json::parse(readFile(m_index), nullptr, false);
    if (index.is_discarded() || !index.contains("weight_map") || !index["weight_map"].is_object())
        fail(m_index, "expected a JSON object with an object 'weight_map'");

    std::map<std::string, std::size_t> opened;
    for (const auto& [name, file] : index["weight_map"].items()) {
        if (!file.is_string() || std::filesystem::path(file.get<std::string>()).has_parent_path())
            fail(m_index, "expected a file name under 'weight_map." + name + "', found " + file.dump());
        const auto [entry, isNew] = opened.emplace(file.get<std::string>(), m_files.size());
        if (isNew) {
            if (!std::filesystem::exists(folder / entry->first))
                fail(m_index, "the shard '" + entry->first + "' is listed but not there");
            m_files.emplace_back(folder / entry->first);
        }
        if (!m_files[entry->second].contains(name))
            failTensor(m_files[entry->second].path(), name, "expected by " + m_index.string() + ", but the shard does not hold it");
        m_owner.emplace(name, entry->second);
    }
}

std::vector<std::string> WeightFiles::names() const
{
    std::vector<std::string> names;
    for (const auto& [name, file] : m_owner)
        names.push_back(name);
    return names;
}

const SafetensorsFile& WeightFiles::ownerOf(const std::string& name, torch::IntArrayRef shape) const
{
    const auto owner = m_owner.find(name);
    if (owner == m_owner.end())
        failTensor(m_index, name, "missing; expected shape " + shapeText(shape));
    return m_files[owner->second];
}

torch::Tensor WeightFiles::read(const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) const
{
    return ownerOf(name, shape).read(name, shape, dtype);
}

void WeightFiles::check(const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) const
{
    ownerOf(name, shape).check(name, shape, dtype);
}

namespace {

// The bytes before the data: length and JSON, padded with spaces so that the data is aligned.
std::string makeHeader(std::span<const NamedTensor> tensors, const Metadata& metadata)
{
    Json header = Json::object();
    header["__metadata__"] = { { "format", "pt" } };
    for (const auto& [key, value] : metadata)
        header["__metadata__"][key] = value;
    std::uint64_t position = 0;
    for (const auto& [name, tensor] : tensors) {
        const std::uint64_t end = position + tensor.nbytes();
        header[name] = { { "dtype", nameOf(tensor.scalar_type()) }, { "shape", tensor.sizes().vec() }, { "data_offsets", { position, end } } };
        position = end;
    }
    std::string text = header.dump();
    text.append((kHeaderAlignment - text.size() % kHeaderAlignment) % kHeaderAlignment, ' ');
    const std::uint64_t length = text.size();
    std::string out(kLengthBytes, '\0');
    std::memcpy(out.data(), &length, kLengthBytes);
    return out + text;
}

void writeAll(int file, const void* bytes, std::size_t count, const std::filesystem::path& path)
{
    const char* next = static_cast<const char*>(bytes);
    while (count > 0) {
        const ssize_t written = ::write(file, next, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            throw Error(ErrorKind::Io, concat(path.string(), ": cannot write: ", std::strerror(errno)));
        next += written;
        count -= static_cast<std::size_t>(written);
    }
}

} // namespace

void writeSafetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors, const Metadata& metadata)
{
    for ([[maybe_unused]] const NamedTensor& tensor : tensors)
        MIDPOINT_ASSERT(tensor.second.defined(), "a tensor to be written must exist");
    const std::filesystem::path beside = path.string() + ".writing." + std::to_string(::getpid());
    const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0)
        throw Error(ErrorKind::Io, concat(path.string(), ": cannot write: ", std::strerror(errno)));
    try {
        const std::string header = makeHeader(tensors, metadata);
        writeAll(file, header.data(), header.size(), path);
        for (const auto& [name, tensor] : tensors) {
            const torch::Tensor dense = tensor.detach().cpu().contiguous();
            writeAll(file, dense.data_ptr(), dense.nbytes(), path);
        }
        if (::fsync(file) != 0 || ::rename(beside.c_str(), path.c_str()) != 0)
            throw Error(ErrorKind::Io, concat(path.string(), ": cannot write: ", std::strerror(errno)));
    } catch (...) {
        ::close(file);
        ::unlink(beside.c_str());
        throw;
    }
    ::close(file);
    syncFolder(path.has_parent_path() ? path.parent_path() : ".");
}

} // namespace midpoint::model
