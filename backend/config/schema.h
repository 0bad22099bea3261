// The schema table: one entry per setting with its type, range, default, unit, help and aliases. Everything that reads,
// checks, explains or writes settings is derived from it.
#pragma once

#include "backend/config/run_config.h"
#include "backend/config/value.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace midpoint::config {

// Another name under which a setting is known: in verl, in TRL, in the paper or in its script.
struct Alias {
    std::string name;
    std::vector<std::pair<std::string, std::string>> meanings = {}; // values that are written differently there
    bool yields = false; // gives way when the setting is also named directly in the same place
};

enum class PathKind { None, File, Folder, Program };

// What values a setting takes, beyond its type.
struct Range {
    std::optional<double> minimum = {};
    std::optional<double> maximum = {};
    bool excludesMinimum = false;
    bool excludesMaximum = false;
    std::vector<std::string> choices = {};
    PathKind path = PathKind::None; // relative ones are relative to the file that names them
};

struct Setting {
    std::string key;  // "rollout.samples_per_prompt"
    ValueType type = ValueType::Integer;
    Range range;
    std::string unit;
    std::string help; // one line
    std::vector<Alias> aliases;
    Value defaultValue;
    std::function<Value(const RunConfig&)> read;
    std::function<void(RunConfig&, const Value&)> write; // the value must have the setting's type

    std::string section() const { return key.substr(0, key.find('.')); }
    std::string field() const { return key.substr(key.find('.') + 1); }
};

const std::vector<Setting>& schema();
const Setting* findSetting(std::string_view key); // by key only; nullptr if there is none

// Every setting that a name stands for: a key, or an alias (then with the alias).
struct NamedSetting {
    const Setting* setting = nullptr;
    const Alias* alias = nullptr;
};
std::vector<NamedSetting> settingsNamed(std::string_view name);
// "unknown key 'x'; did you mean 'y'?", or what takes the place of a well-known name that has no counterpart here.
std::string unknownNameMessage(std::string_view name);

std::string expectation(const Setting& setting);                    // "an integer from 1 to 64"
bool isInRange(const Setting& setting, const Value& value);

std::string helpText(const std::vector<std::string>& sections = {}); // every setting, by section; of these alone if any is named
std::string schemaJson();                                            // an array with everything a form needs

} // namespace midpoint::config
