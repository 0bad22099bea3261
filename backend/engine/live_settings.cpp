#include "backend/engine/live_settings.h"

#include "backend/config/schema.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/engine/crew.h"

#include <algorithm>
#include <array>

namespace midpoint::engine {
namespace {

// Settings that are read anew in every step or round.
constexpr std::array<const char*, 4> kChangeable
    = { "selection.target", "selection.temperature", "optimizer.learning_rate", "run.steps" };

// What has copied a setting when the run was put together takes it over again.
void propagate(RunParts& parts)
{
    parts.update->setSettings(policy::updateSettings(parts.config));
    parts.selector->setStrategy(difficulty::makeStrategy(parts.config.selection));
}

void toggle(std::vector<PromptId>& list, PromptId id, bool isIn)
{
    list.erase(std::remove(list.begin(), list.end(), id), list.end());
    if (isIn)
        list.push_back(id);
}

} // namespace

void writeSetting(config::RunConfig& target, const std::string& key, const std::string& text)
{
    const config::Setting* setting = config::findSetting(key);
    if (setting == nullptr)
        throw Error(ErrorKind::Config, config::unknownNameMessage(key));
    const std::optional<config::Value> value = config::parseValue(setting->type, text);
    if (!value.has_value() || !config::isInRange(*setting, *value))
        throw Error(ErrorKind::Config, concat(key, ": expected ", config::expectation(*setting), ", found '", text, "'"));
    setting->write(target, *value);
}

std::string changeSetting(RunParts& parts, const std::string& key, const std::string& value)
{
    if (std::find(kChangeable.begin(), kChangeable.end(), key) == kChangeable.end())
        throw Error(ErrorKind::Config,
            concat(key, ": cannot change while the run trains; what can: ",
                join(std::vector<std::string>(kChangeable.begin(), kChangeable.end()), ", ")));
    writeSetting(parts.config, key, value);
    parts.crew->changeSetting(key, value);
    parts.progress.changedSettings[key] = value;
    propagate(parts);
    return concat(key, " = ", value, " from step ", parts.progress.step + 1, " on");
}

std::string steerPrompt(RunParts& parts, const launch::Command& command)
{
    const std::int64_t index = command.promptIndex;
    if (index < 0 || index >= parts.pool->size())
        throw Error(ErrorKind::Usage, concat("prompt ", index, ": expected an index from 0 to ", parts.pool->size() - 1));
    const PromptId id = parts.pool->idAt(index);
    toggle(parts.progress.pinned, id, command.kind == launch::CommandKind::PinPrompt);
    if (command.kind != launch::CommandKind::UnpinPrompt)
        toggle(parts.progress.excluded, id, command.kind == launch::CommandKind::ExcludePrompt);
    parts.selector->setSteering(parts.progress.pinned, parts.progress.excluded);
    return concat("prompt ", index, " from the next round on");
}

void applyLiveSettings(RunParts& parts)
{
    for (const auto& [key, value] : parts.progress.changedSettings) {
        writeSetting(parts.config, key, value);
        parts.crew->changeSetting(key, value);
    }
    if (!parts.progress.changedSettings.empty())
        propagate(parts);
    parts.selector->setSteering(parts.progress.pinned, parts.progress.excluded);
}

} // namespace midpoint::engine
