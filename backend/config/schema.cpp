#include "backend/config/schema.h"

#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace midpoint::config {
namespace {

// Names that users of other systems try and that have no setting here, with what does their work.
struct ForeignName {
    std::string_view name;
    std::string_view instead;
};
constexpr std::array kForeignNames = {
    ForeignName { "trainer.n_gpus_per_node", "list the devices in run.devices" },
    ForeignName { "trainer.nnodes", "start `midpoint train` once per machine" },
    ForeignName { "trainer.default_local_dir", "give `midpoint train --run-dir DIR`" },
    ForeignName { "output_dir", "give `midpoint train --run-dir DIR`" },
    ForeignName { "trainer.resume_mode", "give `midpoint train --resume auto|never|DIR`" },
    ForeignName { "resume", "give `midpoint train --resume auto|never|DIR`" },
    ForeignName { "trainer.total_epochs", "count steps with run.steps" },
    ForeignName { "num_train_epochs", "count steps with run.steps" },
    ForeignName { "trainer.logger", "metrics are always written to run.db and metrics.jsonl" },
    ForeignName { "report_to", "metrics are always written to run.db and metrics.jsonl" },
    ForeignName { "data.replay_strategy", "replayed groups are drawn uniformly" },
    ForeignName { "model.lora_rank", "every weight is trained" },
    ForeignName { "model.lora_alpha", "every weight is trained" },
    ForeignName { "model.target_modules", "every weight is trained" },
    ForeignName { "algorithm.filter_groups.metric", "a group is dropped when its rewards are all equal" },
    ForeignName { "algorithm.filter_groups.max_num_gen_batches", "dropped groups are not generated again" },
    ForeignName { "per_device_train_batch_size", "set batch.tokens_per_microbatch, the one memory setting of training" },
    ForeignName { "gradient_accumulation_steps", "set batch.prompts_per_update and batch.tokens_per_microbatch" },
};

// verl's own files nest everything under this name.
std::string_view withoutVerlPrefix(std::string_view name)
{
    constexpr std::string_view kPrefix = "actor_rollout_ref.";
    return startsWith(name, kPrefix) ? name.substr(kPrefix.size()) : name;
}

std::string rangeText(const Range& range)
{
    if (range.minimum && range.maximum && !range.excludesMinimum && !range.excludesMaximum)
        return concat(" from ", shortest(*range.minimum), " to ", shortest(*range.maximum));
    std::string text;
    if (range.minimum)
        text += concat(range.excludesMinimum ? " above " : " of at least ", shortest(*range.minimum));
    if (range.maximum)
        text += concat(range.minimum ? " and" : "", range.excludesMaximum ? " below " : " at most ", shortest(*range.maximum));
    return text;
}

nlohmann::json toJson(const Value& value)
{
    return std::visit([](const auto& held) { return nlohmann::json(held); }, value);
}

} // namespace

const Setting* findSetting(std::string_view key)
{
    for (const Setting& setting : schema())
        if (setting.key == key)
            return &setting;
    return nullptr;
}

std::vector<NamedSetting> settingsNamed(std::string_view name)
{
    name = withoutVerlPrefix(name);
    if (const Setting* setting = findSetting(name))
        return { { setting, nullptr } };
    std::vector<NamedSetting> found;
    for (const Setting& setting : schema())
        for (const Alias& alias : setting.aliases)
            if (alias.name == name)
                found.push_back({ &setting, &alias });
    return found;
}

std::string unknownNameMessage(std::string_view name)
{
    const auto* foreign = std::find_if(kForeignNames.begin(), kForeignNames.end(),
        [plain = withoutVerlPrefix(name)](const ForeignName& entry) { return entry.name == plain; });
    if (foreign != kForeignNames.end())
        return concat("there is no key '", name, "' here; ", foreign->instead);
    std::vector<std::string> names = { "preset" };
    for (const Setting& setting : schema())
        names.push_back(setting.key);
    std::optional<std::string> nearest = nearestName(name, names);
    if (!nearest) {
        names.clear();
        for (const Setting& setting : schema())
            for (const Alias& alias : setting.aliases)
                names.push_back(alias.name);
        nearest = nearestName(name, names);
    }
    if (nearest)
        return concat("unknown key '", name, "'; did you mean '", *nearest, "'?");
    return concat("unknown key '", name, "'; `midpoint train --help` lists all keys");
}

std::string expectation(const Setting& setting)
{
    if (!setting.range.choices.empty())
        return concat("one of ", join(setting.range.choices, ", "));
    return nameOf(setting.type) + rangeText(setting.range);
}

bool isInRange(const Setting& setting, const Value& value)
{
    const Range& range = setting.range;
    if (const auto* text = std::get_if<std::string>(&value))
        return range.choices.empty() || std::find(range.choices.begin(), range.choices.end(), *text) != range.choices.end();
    double number = 0.0;
    if (const auto* integer = std::get_if<std::int64_t>(&value))
        number = static_cast<double>(*integer);
    else if (const auto* real = std::get_if<double>(&value))
        number = *real;
    else
        return true;
    if (!std::isfinite(number))
        return false;
    const bool isAbove = !range.minimum || number > *range.minimum || (!range.excludesMinimum && number >= *range.minimum);
    const bool isBelow = !range.maximum || number < *range.maximum || (!range.excludesMaximum && number <= *range.maximum);
    return isAbove && isBelow;
}

std::string helpText(const std::vector<std::string>& sections)
{
    std::ostringstream out;
    std::string section;
    for (const Setting& setting : schema()) {
        if (!sections.empty() && std::find(sections.begin(), sections.end(), setting.section()) == sections.end())
            continue;
        if (setting.section() != section) {
            section = setting.section();
            out << "\n[" << section << "]\n";
        }
        out << "  " << setting.key << " = " << toToml(setting.defaultValue);
        if (!setting.unit.empty())
            out << "  (" << setting.unit << ")";
        out << "\n      " << setting.help << "\n      Takes " << expectation(setting) << ".";
        std::vector<std::string> names;
        for (const Alias& alias : setting.aliases)
            names.push_back(alias.name);
        if (!names.empty())
            out << " Also known as " << join(names, ", ") << ".";
        out << "\n";
    }
    return out.str();
}

std::string schemaJson()
{
    nlohmann::json settings = nlohmann::json::array();
    for (const Setting& setting : schema()) {
        nlohmann::json entry = { { "key", setting.key }, { "section", setting.section() }, { "unit", setting.unit },
            { "help", setting.help }, { "expected", expectation(setting) }, { "default", toJson(setting.defaultValue) } };
        constexpr std::array kTypes = { "boolean", "integer", "number", "text", "list" };
        entry["type"] = kTypes[static_cast<std::size_t>(setting.type)];
        if (setting.range.minimum)
            entry["minimum"] = *setting.range.minimum;
        if (setting.range.maximum)
            entry["maximum"] = *setting.range.maximum;
        if (!setting.range.choices.empty())
            entry["choices"] = setting.range.choices;
        entry["aliases"] = nlohmann::json::array();
        for (const Alias& alias : setting.aliases)
            entry["aliases"].push_back(alias.name);
        settings.push_back(std::move(entry));
    }
    return settings.dump(2);
}

} // namespace midpoint::config
