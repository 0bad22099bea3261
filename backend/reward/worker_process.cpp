#include "backend/reward/worker_process.h"

#include "backend/core/clock.h"
#include "backend/core/text.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace midpoint::reward {

namespace {

constexpr std::size_t kLongestAnswer = 1 << 20; // bytes

int millisecondsUntil(double until)
{
    const double left = until - systemClock().steadySeconds();
    return left <= 0.0 ? 0 : static_cast<int>(std::min(left * 1000.0 + 1.0, 1e9));
}

// Between fork and exec only async-signal-safe calls are allowed: the parent has threads.
[[noreturn]] void runChild(const char* program, char* const* arguments, int standardInput, int standardOutput, rlim_t memory)
{
    setpgid(0, 0); // so that its children die with it
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(standardInput, STDIN_FILENO);
    dup2(standardOutput, STDOUT_FILENO);
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0)
        dup2(nothing, STDERR_FILENO);
    if (memory > 0) {
        const rlimit limit { memory, memory };
        setrlimit(RLIMIT_AS, &limit);
    }
    const rlimit noCore { 0, 0 };
    setrlimit(RLIMIT_CORE, &noCore);
    for (const int signalNumber : { SIGPIPE, SIGINT, SIGTERM })
        signal(signalNumber, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execv(program, arguments);
    _exit(127);
}

void closeOnce(int& descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
    descriptor = -1;
}

} // namespace

const char* nameOf(WorkerFailure failure)
{
    switch (failure) {
    case WorkerFailure::Silent:
        return "no answer before the deadline";
    case WorkerFailure::Ended:
        return "ended without an answer";
    case WorkerFailure::TooLong:
        return "an answer longer than 1 MiB";
    case WorkerFailure::NoStart:
        return "could not be started";
    }
    return "unknown";
}

std::string findProgram(const std::string& name)
{
    const auto canRun = [](const std::string& file) {
        std::error_code error;
        return access(file.c_str(), X_OK) == 0 && !std::filesystem::is_directory(file, error);
    };
    if (name.find('/') != std::string::npos)
        return canRun(name) ? name : std::string();
    const char* path = std::getenv("PATH");
    for (const std::string& folder : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
        const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
        if (canRun(candidate))
            return candidate;
    }
    return {};
}

WorkerProcess::WorkerProcess(WorkerCommand command)
    : m_command(std::move(command))
{
}

WorkerProcess::~WorkerProcess() { stop(); }

bool WorkerProcess::start(std::string& problem)
{
    const std::string program = m_command.words.empty() ? std::string() : findProgram(m_command.words.front());
    if (program.empty()) {
        problem = "the program is not there";
        return false;
    }
    std::vector<char*> arguments;
    for (std::string& word : m_command.words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    // A socket pair instead of pipes: sending to a dead process is an error here and not a signal to us.
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        problem = std::strerror(errno);
        return false;
    }
    const pid_t pid = fork();
    if (pid == 0)
        runChild(program.c_str(), arguments.data(), ends[1], ends[1], static_cast<rlim_t>(std::max<std::int64_t>(0, m_command.memoryBytes)));
    close(ends[1]);
    if (pid < 0) {
        problem = std::strerror(errno);
        close(ends[0]);
        return false;
    }
    setpgid(pid, pid); // both sides set it, so that it holds before either goes on
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    m_pid = pid;
    m_toChild = ends[0];
    m_fromChild = ends[0];
    m_buffer.clear();
    return true;
}

bool WorkerProcess::send(std::string_view line, double until)
{
    while (!line.empty()) {
        const ssize_t sent = ::send(m_toChild, line.data(), line.size(), MSG_NOSIGNAL);
        if (sent > 0) {
            line.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return false;
        pollfd ready { m_toChild, POLLOUT, 0 };
        if (poll(&ready, 1, millisecondsUntil(until)) == 0)
            return false;
    }
    return true;
}

WorkerProcess::Answer WorkerProcess::ask(std::string_view line, double deadlineSeconds)
{
    const double until = systemClock().steadySeconds() + deadlineSeconds;
    std::string problem;
    if (m_pid < 0 && !start(problem))
        return { {}, WorkerFailure::NoStart, problem };
    m_buffer.clear(); // what came unasked belongs to no question
    char stale[4096];
    while (recv(m_fromChild, stale, sizeof(stale), 0) > 0) { }
    const auto fail = [&](WorkerFailure failure) {
        std::string detail = reap();
        return Answer { {}, failure, std::move(detail) };
    };
    if (!send(std::string(line) + '\n', until))
        return fail(millisecondsUntil(until) == 0 ? WorkerFailure::Silent : WorkerFailure::Ended);
    while (true) {
        if (const std::size_t end = m_buffer.find('\n'); end != std::string::npos)
            return { m_buffer.substr(0, end), std::nullopt, {} };
        if (m_buffer.size() > kLongestAnswer)
            return fail(WorkerFailure::TooLong);
        pollfd ready { m_fromChild, POLLIN, 0 };
        const int count = poll(&ready, 1, millisecondsUntil(until));
        if (count == 0)
            return fail(WorkerFailure::Silent);
        if (count < 0) {
            if (errno == EINTR)
                continue;
            return fail(WorkerFailure::Ended);
        }
        char chunk[16384];
        const ssize_t received = recv(m_fromChild, chunk, sizeof(chunk), 0);
        if (received > 0)
            m_buffer.append(chunk, static_cast<std::size_t>(received));
        else if (received == 0 || (errno != EAGAIN && errno != EINTR))
            return fail(WorkerFailure::Ended);
    }
}

std::string WorkerProcess::reap()
{
    if (m_pid < 0)
        return {};
    closeOnce(m_toChild);
    m_fromChild = -1;
    // A process that has closed its output is given a moment to end by itself, so that its exit code can be told.
    int status = 0;
    bool isOver = false;
    for (int i = 0; i < 20 && !isOver; ++i) {
        isOver = waitpid(m_pid, &status, WNOHANG) == m_pid;
        if (!isOver)
            poll(nullptr, 0, 1);
    }
    kill(-m_pid, SIGKILL); // the children it may have made
    if (!isOver) {
        kill(m_pid, SIGKILL);
        while (waitpid(m_pid, &status, 0) < 0 && errno == EINTR) { }
    }
    m_pid = -1;
    if (!isOver)
        return "killed";
    return WIFSIGNALED(status) ? concat("signal ", WTERMSIG(status)) : concat("exit code ", WEXITSTATUS(status));
}

void WorkerProcess::stop() { reap(); }

} // namespace midpoint::reward
