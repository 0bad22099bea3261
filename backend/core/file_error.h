// std::filesystem's exceptions as ours, for the borders that catch what nobody foresaw (a loop of links, a folder without rights).
#pragma once

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <filesystem>

namespace midpoint {

inline Error fileError(const std::filesystem::filesystem_error& cause)
{
    const std::string second = cause.path2().empty() ? std::string() : concat(" -> ", cause.path2().string());
    return Error(ErrorKind::Io, concat(cause.path1().string(), second, ": ", cause.code().message()));
}

} // namespace midpoint
