#include "tests/app/process.h"

#include "tests/support/fixtures.h"

#include <cstdlib>
#include <fcntl.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace midpoint::app::test {
namespace {

void redirect(int descriptor, const char* path, int flags)
{
    const int file = ::open(path, flags, 0600);
    if (file < 0 || ::dup2(file, descriptor) < 0)
        ::_exit(126);
}

} // namespace

Finished runProgram(const std::filesystem::path& path, const std::vector<std::string>& words, const std::filesystem::path& folder)
{
    const midpoint::test::TemporaryFolder outputs;
    const std::string program = path.string();
    const std::string out = (outputs / "out").string();
    const std::string err = (outputs / "err").string();
    std::vector<char*> arguments = { const_cast<char*>(program.c_str()) };
    for (const std::string& word : words)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0)
        throw std::runtime_error("cannot fork");
    if (child == 0) {
        for (const char* name : { "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM" })
            ::unsetenv(name);
        if (!folder.empty() && ::chdir(folder.c_str()) != 0)
            ::_exit(126);
        redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
        redirect(STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
        redirect(STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
        ::execv(program.c_str(), arguments.data());
        ::_exit(127);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child)
        throw std::runtime_error("cannot wait for the program");
    constexpr int kSignalBase = 128;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
    return { code, midpoint::test::read(out), midpoint::test::read(err) };
}

Finished runMidpoint(const std::vector<std::string>& words, const std::filesystem::path& folder)
{
    return runProgram(midpoint::test::midpointBinary(), words, folder);
}

} // namespace midpoint::app::test
