// Runs programs as processes and keeps what it printed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace midpoint::app::test {

struct Finished {
    int code = -1; // 128 + signal if it was killed
    std::string out;
    std::string err;
};

// Without a display, in `folder` (the present one if empty), with nothing on standard input.
Finished runProgram(const std::filesystem::path& program, const std::vector<std::string>& words, const std::filesystem::path& folder = {});
// The program of this build.
Finished runMidpoint(const std::vector<std::string>& words, const std::filesystem::path& folder = {});

} // namespace midpoint::app::test
