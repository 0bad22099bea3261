// What tests share: a folder of their own, and the oracle data.
#pragma once

#include <filesystem>
#include <string>

namespace midpoint::test {

// A new empty folder, removed with everything in it at the end.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return m_path; }
    std::filesystem::path operator/(const std::string& name) const { return m_path / name; }

private:
    std::filesystem::path m_path;
};

std::filesystem::path sourceFolder();    // MIDPOINT_SOURCE
std::filesystem::path midpointBinary();  // MIDPOINT_BINARY
// MIDPOINT_FIXTURES, or tests/fixtures. The file may be missing: a parity test then skips and says which.
std::filesystem::path fixture(const std::string& relative);

void write(const std::filesystem::path& path, const std::string& content);
std::string read(const std::filesystem::path& path);

} // namespace midpoint::test

// Ends the test as skipped, with the reason, when a piece of oracle data is not there.
#define MIDPOINT_REQUIRE_FIXTURE(path) \
    if (!std::filesystem::exists(path)) \
    GTEST_SKIP() << "oracle data missing: " << (path).string()
