// Internal to backend/launch: starting a rank process with pipes, and its life as the supervisor sees it.
#pragma once

#include "backend/core/owned_descriptor.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace midpoint::launch {

using Environment = std::vector<std::pair<std::string, std::string>>;

struct Pipe {
    OwnedDescriptor read;
    OwnedDescriptor write;
};
Pipe makePipe(); // closed on exec; throws Error{Resource}

// How a process ended.
struct ProcessEnd {
    int code = 0;
    int signal = 0; // 0: it exited with `code`
};

// A child in a process group of its own that dies with the calling thread.
class ChildProcess {
public:
    // `inherited`: descriptors of this process that the child keeps, under the same numbers. Throws Error{Resource} if the program
    // cannot be started.
    ChildProcess(const std::vector<std::string>& command, const Environment& extra, const std::vector<int>& inherited = {});
    ChildProcess(ChildProcess&&) noexcept = default;
    ChildProcess& operator=(ChildProcess&&) noexcept = default;

    pid_t pid() const { return m_pid; }
    int output() const { return m_output.value(); } // non-blocking
    int errors() const { return m_errors.value(); }
    void closeOutput() { m_output.reset(); }
    void closeErrors() { m_errors.reset(); }
    void signal(int number) const;   // the process itself
    void killGroup() const;          // the process and all it started
    // If it has ended: kills what is left of its group, reaps it and says how.
    std::optional<ProcessEnd> poll();
    bool hasEnded() const { return m_end.has_value(); }
    // What the system does with it at this moment, in words: "its process is stopped".
    std::string state() const;

private:
    pid_t m_pid = -1;
    OwnedDescriptor m_output;
    OwnedDescriptor m_errors;
    std::optional<ProcessEnd> m_end;
};

std::string describeEnd(const ProcessEnd& end); // "exit code 3", "signal 9 (Killed)"

} // namespace midpoint::launch
