// commands/: one small JSON file per command. The window (or `midpoint ...`) writes it beside and renames it; rank 0 reads between
// phases, acts, answers with an event in run.db (rule "command") and removes the file. While the file is there it is "requested".
#pragma once

#include "backend/core/clock.h"
#include "backend/launch/run_folder.h"
#include "backend/store/records.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::launch {

enum class CommandKind { Pause, Continue, Checkpoint, StopAfterStep, StopNow, Set, ExcludePrompt, PinPrompt, UnpinPrompt };

struct Command {
    std::string id;                // filled by sendCommand; names sort in the order of sending
    CommandKind kind = CommandKind::Pause;
    std::string key;               // Set: a configuration key that may change while running, for example "selection.target"
    std::string value;             // Set: its new value as text
    std::int64_t promptIndex = -1; // ExcludePrompt, PinPrompt, UnpinPrompt
    std::int64_t sentMs = 0;
    bool operator==(const Command&) const = default;
};

const char* nameOf(CommandKind kind); // "pause", "continue", "checkpoint", "stop-after-step", "stop-now", "set", ...
// Reads "pause" or "set selection.target=0.4" or "exclude-prompt 17"; throws Error{Usage} naming the known commands.
Command parseCommand(std::string_view text);
std::string describe(const Command& command); // "set selection.target=0.4"

// The sender's side. Returns the id. Throws Error{Io} if the folder cannot be written.
std::string sendCommand(const RunFolder& folder, Command command, const Clock& clock = systemClock());
// Commands that wait for an answer, oldest first.
std::vector<Command> pendingCommands(const RunFolder& folder);

enum class Answer { Done, Refused };

// The engine's side.
class CommandInbox {
public:
    explicit CommandInbox(RunFolder folder)
        : m_folder(std::move(folder))
    {
    }
    // Commands not yet answered, oldest first. An unreadable file is set aside as <name>.bad and reported in `problems`.
    std::vector<Command> read(std::vector<std::string>& problems);
    // Removes the file and returns the event that answers it; the caller commits the event.
    store::Event answer(const Command& command, Answer answer, std::string_view message, std::int64_t step);
    // At the start of a run: what was left from a run before is refused and removed.
    std::vector<store::Event> refuseOld(std::int64_t step);

private:
    RunFolder m_folder;
};

} // namespace midpoint::launch
