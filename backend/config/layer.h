// One layer of a configuration: what a preset, a file or the overrides name, before it is looked up in the schema.
// Used by load.cpp only.
#pragma once

#include "backend/config/load.h"

#include <optional>
#include <string>
#include <vector>

namespace midpoint::config {

// A name with what it was given. Overrides are text until the setting's type is known; TOML values have a type already.
struct Given {
    std::string name;
    Source source;
    std::string where;          // for messages
    std::optional<Value> value; // empty for an override, and for a TOML value of a kind that no setting has
    std::string text;           // as found
    bool isOverride = false;
};

struct Layer {
    std::vector<Given> given;     // in the order of the text
    std::string preset;           // of the special name `preset`
    std::string presetWhere;
};

Layer readToml(std::string_view text, const std::string& name, Origin origin, std::vector<Problem>& problems);
Layer readOverrides(std::span<const std::string> overrides, std::vector<Problem>& problems);

// Writes the layer's values over those of `loaded`. Relative paths are taken from `folder` unless it is empty.
void applyLayer(const Layer& layer, const std::filesystem::path& folder, LoadedConfig& loaded, std::vector<Problem>& problems);

} // namespace midpoint::config
