// A loaded configuration written out again: as resolved.toml, as JSON for a form, as a list of differences.
#pragma once

#include "backend/config/load.h"

#include <string>
#include <vector>

namespace midpoint::config {

// Every key with the value used and, as a comment, where it came from. Reads back as the same configuration.
std::string resolvedToml(const LoadedConfig& loaded);
// { "file", "preset", "values": { key: { "value", "source" } }, "warnings": [text] }
std::string resolvedJson(const LoadedConfig& loaded);

struct Difference {
    std::string key;
    std::string left;  // as in TOML
    std::string right;
};
std::vector<Difference> differences(const RunConfig& left, const RunConfig& right);

} // namespace midpoint::config
