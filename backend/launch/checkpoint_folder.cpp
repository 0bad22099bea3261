#include "backend/launch/checkpoint_folder.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

namespace midpoint::launch {

std::string checkpointProblem(const std::filesystem::path& checkpoint)
{
    std::error_code error;
    if (!std::filesystem::is_directory(checkpoint, error))
        return concat(checkpoint.string(), ": expected a folder");
    const std::filesystem::path manifest = checkpoint / "manifest.json";
    try {
        const auto json = nlohmann::json::parse(readFile(manifest));
        for (const auto& [name, entry] : json.at("files").items()) {
            const auto expected = entry.at("bytes").get<std::uintmax_t>();
            const std::uintmax_t found = std::filesystem::file_size(checkpoint / name, error);
            if (error)
                return concat((checkpoint / name).string(), " is missing");
            if (found != expected)
                return concat((checkpoint / name).string(), ": expected ", expected, " bytes, found ", found);
        }
    } catch (const nlohmann::json::exception&) {
        return concat(manifest.string(), ": expected a list of the checkpoint's files, found something else");
    } catch (const Error& problem) {
        return problem.what();
    }
    return {};
}

} // namespace midpoint::launch
