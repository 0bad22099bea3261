#include "backend/engine/weights_hash.h"

#include "backend/core/files.h"
#include "backend/core/text.h"

#include <algorithm>
#include <vector>

namespace midpoint::engine {

std::string weightsHash(const std::filesystem::path& modelFolder)
{
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(modelFolder))
        if (entry.path().extension() == ".safetensors")
            names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    std::string all;
    for (const std::string& name : names)
        all += concat(name, " ", checksumFile(modelFolder / name), "\n");
    return checksum(all);
}

} // namespace midpoint::engine
