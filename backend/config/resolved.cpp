#include "backend/config/resolved.h"

#include "backend/core/text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace midpoint::config {

std::string resolvedToml(const LoadedConfig& loaded)
{
    std::ostringstream out;
    out << "# Every key with the value used and where it came from.\n";
    if (!loaded.file.empty())
        out << "# Read from " << loaded.file.string() << ".\n";
    std::string section;
    for (const Setting& setting : schema()) {
        if (setting.section() != section) {
            section = setting.section();
            out << "\n[" << section << "]\n";
        }
        std::string origin = describe(loaded.sourceOf(setting.key));
        std::replace(origin.begin(), origin.end(), '\n', ' '); // a comment ends at the end of its line
        out << setting.field() << " = " << toToml(setting.read(loaded.config)) << "  # " << origin << "\n";
    }
    return out.str();
}

std::string resolvedJson(const LoadedConfig& loaded)
{
    nlohmann::json values = nlohmann::json::object();
    for (const Setting& setting : schema()) {
        nlohmann::json value = std::visit([](const auto& held) { return nlohmann::json(held); }, setting.read(loaded.config));
        values[setting.key] = { { "value", std::move(value) }, { "source", describe(loaded.sourceOf(setting.key)) } };
    }
    nlohmann::json warnings = nlohmann::json::array();
    for (const Problem& warning : loaded.warnings)
        warnings.push_back(describe(warning));
    const nlohmann::json whole = { { "file", loaded.file.string() }, { "preset", loaded.preset }, { "values", std::move(values) },
        { "warnings", std::move(warnings) } };
    return whole.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<Difference> differences(const RunConfig& left, const RunConfig& right)
{
    std::vector<Difference> found;
    for (const Setting& setting : schema()) {
        const Value mine = setting.read(left);
        const Value other = setting.read(right);
        if (mine != other)
            found.push_back({ setting.key, toToml(mine), toToml(other) });
    }
    return found;
}

} // namespace midpoint::config
