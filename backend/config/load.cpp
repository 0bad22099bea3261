#include "backend/config/load.h"

#include "backend/config/checks.h"
#include "backend/config/layer.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

namespace midpoint::config {
namespace {

// The preset that the overrides name, or else the file, laid under both.
void applyPreset(const Layer& file, const Layer& overrides, ConfigReport& report)
{
    const Layer& naming = overrides.preset.empty() ? file : overrides;
    if (naming.preset.empty())
        return;
    const std::vector<std::string> names = presetNames();
    const std::string_view text = presetText(naming.preset);
    if (text.empty()) {
        const auto nearest = nearestName(naming.preset, names);
        report.problems.push_back({ "preset", naming.presetWhere,
            concat("expected one of ", join(names, ", "), ", found '", naming.preset, "'",
                nearest ? concat("; did you mean '", *nearest, "'?") : "") });
        return;
    }
    report.loaded.preset = naming.preset;
    applyLayer(readToml(text, naming.preset, Origin::Preset, report.problems), {}, report.loaded, report.problems);
}

void deriveName(const std::string& stem, LoadedConfig& loaded)
{
    if (!loaded.config.run.name.empty() || stem.empty())
        return;
    loaded.config.run.name = stem;
    loaded.sources["run.name"] = { Origin::Derived, "the configuration's file name" };
}

// A relative path of an override is relative to where the command was started; it is made absolute so that ranks and a
// later resume find the same file.
std::filesystem::path workingFolder()
{
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::current_path(error);
    return error ? std::filesystem::path() : folder;
}

} // namespace

std::string describe(const Source& source)
{
    switch (source.origin) {
    case Origin::Default: return "default";
    case Origin::Preset: return "preset " + source.where;
    case Origin::File: return "file " + source.where;
    case Origin::Override: return "override " + source.where;
    case Origin::Derived: return "from " + source.where;
    }
    return {};
}

std::string describe(const Problem& problem)
{
    std::string text;
    if (!problem.where.empty())
        text += problem.where + ": ";
    if (!problem.key.empty())
        text += problem.key + ": ";
    return text + problem.message;
}

Source LoadedConfig::sourceOf(const std::string& key) const
{
    const auto found = sources.find(key);
    return found == sources.end() ? Source {} : found->second;
}

ConfigReport readConfigText(const ConfigInput& input, std::span<const std::string> overrides)
{
    ConfigReport report;
    const Layer file = readToml(input.text, input.name, Origin::File, report.problems);
    const Layer given = readOverrides(overrides, report.problems);
    applyPreset(file, given, report);
    applyLayer(file, input.folder, report.loaded, report.problems);
    applyLayer(given, workingFolder(), report.loaded, report.problems);
    deriveName(std::filesystem::path(input.name).stem().string(), report.loaded);
    if (input.check == Check::Whole && report.problems.empty()) // sums over values that were refused would only confuse
        checkArithmetic(report);
    return report;
}

ConfigReport readConfig(const std::filesystem::path& file, std::span<const std::string> overrides)
{
    std::error_code error;
    if (!std::filesystem::exists(file, error))
        throw Error(ErrorKind::Config, concat(file.string(), ": no such configuration file"));
    if (!std::filesystem::is_regular_file(file, error))
        throw Error(ErrorKind::Config, concat(file.string(), ": expected a configuration file, found a folder or device"));
    const std::filesystem::path absolute = std::filesystem::absolute(file).lexically_normal();
    ConfigReport report = readConfigText({ readFile(file), file.string(), absolute.parent_path() }, overrides);
    report.loaded.file = absolute;
    return report;
}

LoadedConfig loadConfig(const std::filesystem::path& file, std::span<const std::string> overrides)
{
    ConfigReport report = readConfig(file, overrides);
    if (!report.problems.empty())
        throwProblems(file.string(), report.problems);
    return std::move(report.loaded);
}

std::vector<std::string> parseOverrides(std::span<const std::string> words)
{
    std::vector<std::string> overrides;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        const bool isOption = startsWith(word, "--");
        const std::string name = isOption ? word.substr(2) : word;
        if (name.find('=') != std::string::npos && name.front() != '=') {
            overrides.push_back(name);
            continue;
        }
        if (!isOption || name.empty())
            throw Error(ErrorKind::Usage, concat("expected key=value or --key value, found '", word, "'"));
        if (settingsNamed(name).empty() && name != "preset")
            throw Error(ErrorKind::Usage, concat("'", word, "': ", unknownNameMessage(name)));
        if (i + 1 == words.size())
            throw Error(ErrorKind::Usage, concat("'", word, "' needs a value"));
        overrides.push_back(concat(name, "=", words[++i]));
    }
    return overrides;
}

void throwProblems(std::string_view what, std::span<const Problem> problems)
{
    std::string message = problems.size() == 1 ? std::string() : concat(what, ": ", problems.size(), " problems");
    for (const Problem& problem : problems) {
        Problem shown = problem;
        if (problems.size() == 1 && shown.where.empty())
            shown.where = std::string(what);
        message += concat(problems.size() == 1 ? "" : "\n  ", describe(shown));
    }
    throw Error(ErrorKind::Config, message);
}

} // namespace midpoint::config
