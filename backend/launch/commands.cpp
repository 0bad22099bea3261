#include "backend/launch/commands.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace midpoint::launch {
namespace {

constexpr std::array kKinds {
    std::pair { CommandKind::Pause, "pause" },
    std::pair { CommandKind::Continue, "continue" },
    std::pair { CommandKind::Checkpoint, "checkpoint" },
    std::pair { CommandKind::StopAfterStep, "stop-after-step" },
    std::pair { CommandKind::StopNow, "stop-now" },
    std::pair { CommandKind::Set, "set" },
    std::pair { CommandKind::ExcludePrompt, "exclude-prompt" },
    std::pair { CommandKind::PinPrompt, "pin-prompt" },
    std::pair { CommandKind::UnpinPrompt, "unpin-prompt" },
};

bool takesPrompt(CommandKind kind)
{
    return kind == CommandKind::ExcludePrompt || kind == CommandKind::PinPrompt || kind == CommandKind::UnpinPrompt;
}

CommandKind kindOf(std::string_view name)
{
    std::vector<std::string> known;
    for (const auto& [kind, word] : kKinds) {
        if (name == word)
            return kind;
        known.emplace_back(word);
    }
    throw Error(ErrorKind::Usage, concat("expected a command (", join(known, ", "), "), found '", name, "'"));
}

Command fromFile(const std::filesystem::path& path)
{
    const auto json = nlohmann::json::parse(readFile(path));
    Command command;
    command.id = path.stem().string();
    command.kind = kindOf(json.at("command").get<std::string>());
    command.key = json.value("key", std::string());
    command.value = json.value("value", std::string());
    command.promptIndex = json.value("prompt", std::int64_t { -1 });
    command.sentMs = json.at("sent_ms").get<std::int64_t>();
    return command;
}

std::vector<std::filesystem::path> commandFiles(const RunFolder& folder)
{
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder.commands(), error), end; !error && entry != end; entry.increment(error))
        if (entry->path().extension() == ".json")
            files.push_back(entry->path());
    std::ranges::sort(files);
    return files;
}

} // namespace

const char* nameOf(CommandKind kind)
{
    for (const auto& [known, word] : kKinds)
        if (known == kind)
            return word;
    return "unknown";
}

Command parseCommand(std::string_view text)
{
    const std::string_view trimmed = trim(text);
    const std::size_t space = trimmed.find(' ');
    const std::string_view argument = space == std::string_view::npos ? std::string_view() : trim(trimmed.substr(space));
    Command command;
    command.kind = kindOf(trimmed.substr(0, space));
    if (command.kind == CommandKind::Set) {
        const std::size_t equals = argument.find('=');
        if (equals == std::string_view::npos || equals == 0)
            throw Error(ErrorKind::Usage, concat("command set: expected key=value, found '", argument, "'"));
        command.key = trim(argument.substr(0, equals));
        command.value = trim(argument.substr(equals + 1));
    } else if (takesPrompt(command.kind)) {
        const auto [end, error] = std::from_chars(argument.data(), argument.data() + argument.size(), command.promptIndex);
        if (error != std::errc() || end != argument.data() + argument.size() || command.promptIndex < 0)
            throw Error(ErrorKind::Usage, concat("command ", nameOf(command.kind), ": expected a prompt's index, found '", argument, "'"));
    } else if (!argument.empty()) {
        throw Error(ErrorKind::Usage, concat("command ", nameOf(command.kind), ": expected no argument, found '", argument, "'"));
    }
    return command;
}

std::string describe(const Command& command)
{
    if (command.kind == CommandKind::Set)
        return concat("set ", command.key, "=", command.value);
    if (takesPrompt(command.kind))
        return concat(nameOf(command.kind), " ", command.promptIndex);
    return nameOf(command.kind);
}

std::string sendCommand(const RunFolder& folder, Command command, const Clock& clock)
{
    static std::atomic<unsigned> counter { 0 }; // commands of one process within one millisecond stay apart and in order
    command.sentMs = clock.wallMilliseconds();
    std::array<char, 96> id {};
    std::snprintf(id.data(), id.size(), "%015lld-%06u-%d", static_cast<long long>(command.sentMs), counter++, ::getpid());
    nlohmann::json json { { "command", nameOf(command.kind) }, { "sent_ms", command.sentMs } };
    if (!command.key.empty()) {
        json["key"] = command.key;
        json["value"] = command.value;
    }
    if (command.promptIndex >= 0)
        json["prompt"] = command.promptIndex;
    createFolders(folder.commands());
    writeFileAtomically(folder.commands() / concat(id.data(), ".json"), json.dump() + "\n");
    return id.data();
}

std::vector<Command> pendingCommands(const RunFolder& folder)
{
    std::vector<Command> commands;
    for (const auto& file : commandFiles(folder)) {
        try {
            commands.push_back(fromFile(file));
        } catch (const std::exception&) {
            continue; // answered in this moment, or not a command: the engine reports the latter
        }
    }
    return commands;
}

std::vector<Command> CommandInbox::read(std::vector<std::string>& problems)
{
    std::vector<Command> commands;
    for (const auto& file : commandFiles(m_folder)) {
        try {
            commands.push_back(fromFile(file));
        } catch (const std::exception& cause) {
            problems.push_back(concat(file.string(), ": expected a command, found: ", cause.what()));
            std::error_code ignored;
            std::filesystem::rename(file, file.string() + ".bad", ignored);
        }
    }
    return commands;
}

store::Event CommandInbox::answer(const Command& command, Answer answer, std::string_view message, std::int64_t step)
{
    std::error_code ignored; // if it cannot be removed now, it is refused at the next start
    std::filesystem::remove(m_folder.commands() / (command.id + ".json"), ignored);
    const bool isDone = answer == Answer::Done;
    store::Event event;
    event.step = step;
    event.level = isDone ? store::EventLevel::Info : store::EventLevel::Warning;
    event.rule = "command";
    event.message = concat(describe(command), isDone ? ": " : " refused: ", message);
    event.data = nlohmann::json { { "id", command.id }, { "command", nameOf(command.kind) }, { "done", isDone } }.dump();
    return event;
}

std::vector<store::Event> CommandInbox::refuseOld(std::int64_t step)
{
    std::vector<std::string> problems;
    std::vector<store::Event> events;
    for (const Command& command : read(problems))
        events.push_back(answer(command, Answer::Refused, "it was sent before this start of the run", step));
    return events;
}

} // namespace midpoint::launch
