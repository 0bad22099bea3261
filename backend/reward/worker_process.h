// One child process that answers lines with lines: pipes, a deadline per answer, a memory limit, and nothing of it left behind.
// POSIX only. Not thread-safe: one owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::reward {

struct WorkerCommand {
    std::vector<std::string> words; // program (looked up in PATH) and arguments
    std::int64_t memoryBytes = 0;   // address space of the process and each of its children; 0: no limit
};

enum class WorkerFailure : std::uint8_t {
    Silent,   // no answer before the deadline
    Ended,    // exited or crashed
    TooLong,  // an answer of more than the limit
    NoStart,  // could not be started again
};

const char* nameOf(WorkerFailure failure);

class WorkerProcess {
public:
    explicit WorkerProcess(WorkerCommand command);
    ~WorkerProcess(); // kills the process and its children
    WorkerProcess(const WorkerProcess&) = delete;
    WorkerProcess& operator=(const WorkerProcess&) = delete;

    struct Answer {
        std::string line; // without its end
        std::optional<WorkerFailure> failure;
        std::string detail; // "exit code 3", "signal 11", ...
    };
    // Sends a line and waits for one. Starts the process if none is running; kills it after any failure.
    Answer ask(std::string_view line, double deadlineSeconds);

    void stop();

private:
    bool start(std::string& problem);
    bool send(std::string_view line, double until);
    std::string reap(); // how it ended

    WorkerCommand m_command;
    int m_pid = -1;
    int m_toChild = -1;
    int m_fromChild = -1;
    std::string m_buffer;
};

// The full path of a program, or an empty string if it is in no folder of PATH or not executable.
std::string findProgram(const std::string& name);

} // namespace midpoint::reward
