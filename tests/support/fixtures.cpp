#include "tests/support/fixtures.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace midpoint::test {
namespace {

std::filesystem::path fromEnvironment(const char* name)
{
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0')
        throw std::runtime_error(std::string(name) + " is not set; run the tests through ctest");
    return value;
}

} // namespace

TemporaryFolder::TemporaryFolder()
{
    std::string pattern = (std::filesystem::temp_directory_path() / "midpoint-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
        throw std::runtime_error("cannot create a temporary folder");
    m_path = pattern;
}

TemporaryFolder::~TemporaryFolder()
{
    std::error_code ignored;
    std::filesystem::remove_all(m_path, ignored);
}

std::filesystem::path sourceFolder() { return fromEnvironment("MIDPOINT_SOURCE"); }
std::filesystem::path midpointBinary() { return fromEnvironment("MIDPOINT_BINARY"); }

std::filesystem::path fixture(const std::string& relative)
{
    const char* folder = std::getenv("MIDPOINT_FIXTURES");
    if (folder != nullptr && *folder != '\0')
        return std::filesystem::path(folder) / relative;
    return sourceFolder() / "tests" / "fixtures" / relative;
}

void write(const std::filesystem::path& path, const std::string& content)
{
    std::ofstream(path, std::ios::binary) << content;
}

std::string read(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

} // namespace midpoint::test
