#include "backend/launch/process.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace midpoint::launch {
namespace {

constexpr int kExecFailed = 127;

// Argument and environment blocks, made before the fork: after it only async-signal-safe calls are allowed.
class Blocks {
public:
    Blocks(const std::vector<std::string>& command, const Environment& extra)
        : m_arguments(command)
    {
        if (command.empty())
            throw Error(ErrorKind::Internal, "a process needs a program to run");
        for (char** entry = environ; *entry != nullptr; ++entry) {
            const std::string_view text = *entry;
            const std::string_view name = text.substr(0, text.find('='));
            bool isReplaced = false;
            for (const auto& [key, value] : extra)
                isReplaced = isReplaced || key == name;
            if (!isReplaced)
                m_environment.emplace_back(text);
        }
        for (const auto& [key, value] : extra)
            m_environment.push_back(key + "=" + value);
        for (std::string& text : m_arguments)
            m_argv.push_back(text.data());
        for (std::string& text : m_environment)
            m_envp.push_back(text.data());
        m_argv.push_back(nullptr);
        m_envp.push_back(nullptr);
    }
    char* const* argv() const { return m_argv.data(); }
    char* const* envp() const { return m_envp.data(); }

private:
    std::vector<std::string> m_arguments;
    std::vector<std::string> m_environment;
    std::vector<char*> m_argv;
    std::vector<char*> m_envp;
};

// In the child: a clean signal state, then the program; reports errno through `report` if that fails.
[[noreturn]] void becomeProgram(const Blocks& blocks, int report)
{
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD })
        ::signal(number, SIG_DFL);
    ::execvpe(blocks.argv()[0], blocks.argv(), blocks.envp());
    const int cause = errno;
    [[maybe_unused]] const ssize_t written = ::write(report, &cause, sizeof cause);
    ::_exit(kExecFailed);
}

[[noreturn]] void failStart(const std::vector<std::string>& command, int cause)
{
    throw Error(ErrorKind::Resource, concat("cannot start '", command.front(), "': ", std::strerror(cause)));
}

// 0 if the program was started, else the child's errno.
int readReport(int descriptor)
{
    int cause = 0;
    ssize_t size = 0;
    do {
        size = ::read(descriptor, &cause, sizeof cause);
    } while (size < 0 && errno == EINTR);
    return size == static_cast<ssize_t>(sizeof cause) ? cause : 0;
}

} // namespace

Pipe makePipe()
{
    std::array<int, 2> ends {};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw Error(ErrorKind::Resource, concat("cannot make a pipe: ", std::strerror(errno)));
    return { OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]) };
}

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Environment& extra, const std::vector<int>& inherited)
{
    const Blocks blocks(command, extra);
    Pipe output = makePipe();
    Pipe errors = makePipe();
    Pipe report = makePipe();
    const OwnedDescriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const pid_t parent = ::getpid();
    m_pid = ::fork();
    if (m_pid < 0)
        failStart(command, errno);
    if (m_pid == 0) {
        ::setpgid(0, 0); // Ctrl-C at the terminal reaches the supervisor alone, which passes it on once
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(kExecFailed); // it died before the line above
        ::dup2(nothing.value(), STDIN_FILENO);
        ::dup2(output.write.value(), STDOUT_FILENO);
        ::dup2(errors.write.value(), STDERR_FILENO);
        for (const int descriptor : inherited)
            ::fcntl(descriptor, F_SETFD, 0);
        becomeProgram(blocks, report.write.value());
    }
    ::setpgid(m_pid, m_pid); // both sides, so that it holds whoever runs first
    report.write.reset();
    if (const int cause = readReport(report.read.value()); cause != 0) {
        ::waitpid(m_pid, nullptr, 0);
        failStart(command, cause);
    }
    m_output = std::move(output.read);
    m_errors = std::move(errors.read);
    ::fcntl(m_output.value(), F_SETFL, O_NONBLOCK);
    ::fcntl(m_errors.value(), F_SETFL, O_NONBLOCK);
}

void ChildProcess::signal(int number) const
{
    if (!m_end)
        ::kill(m_pid, number);
}

void ChildProcess::killGroup() const
{
    if (!m_end)
        ::killpg(m_pid, SIGKILL);
}

std::optional<ProcessEnd> ChildProcess::poll()
{
    if (m_end)
        return m_end;
    siginfo_t info {};
    if (::waitid(P_PID, static_cast<id_t>(m_pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
        return std::nullopt;
    ::killpg(m_pid, SIGKILL); // not reaped yet, so the group's number is still its own
    int status = 0;
    ::waitpid(m_pid, &status, 0);
    m_end = WIFSIGNALED(status) ? ProcessEnd { 0, WTERMSIG(status) } : ProcessEnd { WEXITSTATUS(status), 0 };
    return m_end;
}

std::string ChildProcess::state() const
{
    std::ifstream file(concat("/proc/", m_pid, "/stat"));
    const std::string stat { std::istreambuf_iterator<char>(file), {} };
    const std::size_t name = stat.rfind(')'); // which may hold anything
    switch (name != std::string::npos && name + 2 < stat.size() ? stat[name + 2] : ' ') {
    case 'T':
    case 't':
        return "its process is stopped";
    case 'D':
        return "its process waits in the kernel, for a disk or a file system that does not answer";
    case 'R':
        return "its process runs, but the thread that beats gets no processor";
    case 'S':
        return "its process sleeps";
    default:
        return "its process is gone";
    }
}

std::string describeEnd(const ProcessEnd& end)
{
    return end.signal != 0 ? concat("signal ", end.signal, " (", ::strsignal(end.signal), ")") : concat("exit code ", end.code);
}

std::int64_t startDetached(const std::vector<std::string>& command, const std::filesystem::path& log)
{
    const Blocks blocks(command, {});
    const OwnedDescriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const OwnedDescriptor file(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file.isOpen())
        throw Error(ErrorKind::Io, concat(log.string(), ": cannot open the log: ", std::strerror(errno)));
    Pipe report = makePipe();
    Pipe identity = makePipe();
    const pid_t between = ::fork();
    if (between < 0)
        failStart(command, errno);
    if (between == 0) {
        ::setsid();
        const pid_t grandchild = ::fork(); // not a session leader, and no zombie of the caller
        if (grandchild != 0) {
            [[maybe_unused]] const ssize_t written = ::write(identity.write.value(), &grandchild, sizeof grandchild);
            ::_exit(grandchild < 0 ? 1 : 0);
        }
        ::dup2(nothing.value(), STDIN_FILENO);
        ::dup2(file.value(), STDOUT_FILENO);
        ::dup2(file.value(), STDERR_FILENO);
        becomeProgram(blocks, report.write.value());
    }
    report.write.reset();
    identity.write.reset();
    pid_t pid = -1;
    if (::read(identity.read.value(), &pid, sizeof pid) != static_cast<ssize_t>(sizeof pid))
        pid = -1;
    ::waitpid(between, nullptr, 0);
    const int cause = readReport(report.read.value());
    if (cause != 0 || pid < 0)
        failStart(command, cause != 0 ? cause : EAGAIN);
    return pid;
}

std::filesystem::path executablePath()
{
    std::error_code error;
    auto path = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error)
        throw Error(ErrorKind::Resource, concat("cannot find this program's own file: ", error.message()));
    return path;
}

} // namespace midpoint::launch
