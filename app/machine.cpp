#include "app/machine.h"

#include "app/modules.h"
#include "backend/core/text.h"

#include <filesystem>
#include <fstream>
#include <gnu/libc-version.h>
#include <set>
#include <sstream>
#include <sys/utsname.h>
#include <thread>

namespace midpoint::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The value after "key   :" of a file such as /proc/cpuinfo; empty if there is none.
std::string fieldOf(const fs::path& path, std::string_view key)
{
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(':');
        if (colon != std::string::npos && trim(std::string_view(line).substr(0, colon)) == key)
            return std::string(trim(std::string_view(line).substr(colon + 1)));
    }
    return {};
}

json instructionSets()
{
    std::istringstream flags(fieldOf("/proc/cpuinfo", "flags"));
    std::set<std::string> present;
    for (std::string flag; flags >> flag;)
        present.insert(flag);
    json found = json::array();
    for (const char* wanted : { "avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16", "amx_int8" })
        if (present.count(wanted) > 0)
            found.push_back(wanted);
    return found;
}

std::int64_t kilobytesOf(std::string_view key)
{
    const std::string text = fieldOf("/proc/meminfo", key);
    return text.empty() ? 0 : std::stoll(text);
}

// The limit of the control group, which in a container is what counts; 0 if there is none.
std::int64_t memoryLimitBytes()
{
    std::ifstream file("/sys/fs/cgroup/memory.max");
    std::int64_t bytes = 0;
    return file >> bytes ? bytes : 0;
}

json gpus()
{
    json found = json::array();
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc/driver/nvidia/gpus", error))
        found.push_back({ { "bus", entry.path().filename().string() }, { "name", fieldOf(entry.path() / "information", "Model") } });
    return found;
}

std::string driverVersion()
{
    std::ifstream file("/sys/module/nvidia/version");
    std::string version;
    std::getline(file, version);
    return version;
}

} // namespace

json describeMachine()
{
    utsname system {};
    ::uname(&system);
    std::error_code error;
    const fs::space_info disk = fs::space(fs::current_path(error), error);
    constexpr std::int64_t kKilo = 1024;
    return { { "system", concat(system.sysname, " ", system.release, " ", system.machine) }, { "glibc", ::gnu_get_libc_version() },
        { "cpu", fieldOf("/proc/cpuinfo", "model name") }, { "cores", std::thread::hardware_concurrency() }, { "instruction_sets", instructionSets() },
        { "memory_bytes", kilobytesOf("MemTotal") * kKilo }, { "memory_available_bytes", kilobytesOf("MemAvailable") * kKilo },
        { "memory_limit_bytes", memoryLimitBytes() }, { "disk_free_bytes", error ? 0 : disk.available }, { "display", hasDisplay() },
        { "nvidia_driver", driverVersion() }, { "gpus", gpus() } };
}

json describeBuild()
{
    json modules = json::object();
    std::error_code error;
    for (const char* name : { kEngineModule, kCudaModule, kNcclModule, kWindowModule })
        modules[name] = fs::exists(modulePath(name), error);
    return { { "version", MIDPOINT_VERSION }, { "compiler", __VERSION__ }, { "modules", std::move(modules) },
        { "module_folder", modulePath(kEngineModule).parent_path().string() } };
}

} // namespace midpoint::app
