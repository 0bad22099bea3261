// Reads a configuration: defaults, then a preset, then a file, then overrides, each over the one before; checks it as a
// whole and remembers where every value came from. Does not look whether the files it names exist (see checks.h).
#pragma once

#include "backend/config/schema.h"

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::config {

enum class Origin { Default, Preset, File, Override, Derived };
struct Source {
    Origin origin = Origin::Default;
    std::string where; // preset's name, "FILE:line", the override as given, or what it was derived from
};
std::string describe(const Source& source); // "default", "preset dots-rr", "file runs/a.toml:12", "override alpha=0.4"

// One thing that is wrong, or (in the list of warnings) legal but probably not meant.
struct Problem {
    std::string key;     // the setting it is about; empty: the file as a whole
    std::string where;   // "FILE:line", "override 'alpha=2'", ... ; empty where no single place is at fault
    std::string message; // what was expected and what was found
};
std::string describe(const Problem& problem); // "FILE:line: key: message"

struct LoadedConfig {
    RunConfig config;
    std::filesystem::path file; // absolute; empty if there is none
    std::string preset;         // empty: none
    std::map<std::string, Source> sources; // by key; a key that is missing has its default
    std::vector<Problem> warnings;

    Source sourceOf(const std::string& key) const;
};

// What was read, as far as it could be, and everything that is wrong with it.
struct ConfigReport {
    LoadedConfig loaded;
    std::vector<Problem> problems;
};

// Whole: as needed to train. ValuesOnly: for commands that use some settings of it; sums and needed inputs are not checked.
enum class Check { Whole, ValuesOnly };

struct ConfigInput {
    std::string text;              // TOML
    std::string name;              // what messages call it; also the source of a derived run.name
    std::filesystem::path folder;  // what its relative paths are relative to
    Check check = Check::Whole;
};

ConfigReport readConfig(const std::filesystem::path& file, std::span<const std::string> overrides = {});
ConfigReport readConfigText(const ConfigInput& input, std::span<const std::string> overrides = {});

// As readConfig; all problems together become one Error{Config}.
LoadedConfig loadConfig(const std::filesystem::path& file, std::span<const std::string> overrides = {});

// Words of a command line as "key=value" overrides: takes key=value, --key=value and --key value. Throws Error{Usage}.
std::vector<std::string> parseOverrides(std::span<const std::string> words);

[[noreturn]] void throwProblems(std::string_view what, std::span<const Problem> problems);

std::vector<std::string> presetNames();
std::string_view presetText(std::string_view name); // TOML; empty if there is none of that name

} // namespace midpoint::config
