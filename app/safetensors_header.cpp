#include "app/safetensors_header.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <cstring>
#include <fstream>

namespace midpoint::app {

namespace fs = std::filesystem;
using nlohmann::json;

// 8 bytes of its length, then JSON.
SafetensorsHeader safetensorsHeader(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    if (error)
        throw Error(ErrorKind::Model, concat(path.string(), ": cannot read: ", error.message()));
    std::uint64_t length = 0;
    char bytes[sizeof length] = {};
    if (size < sizeof length || !file.read(bytes, sizeof length))
        throw Error(ErrorKind::Model, concat(path.string(), ": expected at least 8 bytes, found ", size));
    std::memcpy(&length, bytes, sizeof length); // little endian, as every machine we run on
    if (length > size - sizeof length)
        throw Error(ErrorKind::Model, concat(path.string(), ": the header says ", length, " bytes, the file has ", size - sizeof length, " after it"));
    std::string text(length, '\0');
    file.read(text.data(), static_cast<std::streamsize>(length));
    json header = json::parse(text, nullptr, false);
    if (!header.is_object())
        throw Error(ErrorKind::Model, concat(path.string(), ": the header is not a JSON object"));
    return { std::move(header), sizeof length + length };
}

} // namespace midpoint::app
