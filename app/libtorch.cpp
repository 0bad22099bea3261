#include "app/libtorch.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <linux/limits.h>
#include <regex>
#include <vector>

namespace midpoint::app {
namespace {

namespace fs = std::filesystem;

// The folder torch that an environment, its site-packages or a path to the folder itself stands for; empty if there is none.
fs::path torchIn(const fs::path& place)
{
    std::error_code error;
    const auto holdsLibraries = [&](const fs::path& folder) { return fs::exists(folder / "lib" / "libtorch_cpu.so", error); };
    for (const fs::path& folder : { place, place / "torch" })
        if (holdsLibraries(folder))
            return folder;
    for (const fs::directory_entry& entry : fs::directory_iterator(place / "lib", error)) {
        const fs::path folder = entry.path() / "site-packages" / "torch";
        if (entry.path().filename().string().starts_with("python3") && holdsLibraries(folder))
            return folder;
    }
    return {};
}

// "2.11.0+cu130" from torch/version.py.
std::string versionOf(const fs::path& folder)
{
    std::error_code error;
    const fs::path file = folder / "version.py";
    if (!fs::exists(file, error))
        return "of unknown version";
    static const std::regex pattern(R"re(__version__\s*=\s*['"]([^'"]+)['"])re");
    const std::string text = readFile(file);
    std::smatch found;
    return std::regex_search(text, found, pattern) ? found[1].str() : "of unknown version";
}

// LibTorch keeps its interface within "2.11.".
bool fits(const std::string& version)
{
    const std::string_view built(kTorchVersion);
    return version.starts_with(built.substr(0, built.rfind('.') + 1));
}

fs::path askPython()
{
    constexpr const char* kCommand = "python3 -c 'import importlib.util as u; s = u.find_spec(\"torch\"); "
                                     "print(list(s.submodule_search_locations)[0] if s else \"\")' 2>/dev/null";
    std::FILE* answer = ::popen(kCommand, "r");
    if (answer == nullptr)
        return {};
    std::string text;
    std::array<char, 512> part {};
    while (std::fgets(part.data(), part.size(), answer) != nullptr)
        text += part.data();
    ::pclose(answer);
    return std::string(trim(text));
}

nlohmann::json describeNccl(const fs::path& file)
{
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        return { { "problem", ::dlerror() } };
    int version = 0;
    auto* ask = reinterpret_cast<int (*)(int*)>(::dlsym(library, "ncclGetVersion"));
    if (ask == nullptr || ask(&version) != 0)
        return { { "problem", concat(file.string(), " does not tell its version") } };
    return { { "file", file.string() }, { "version", concat(version / 10000, ".", version / 100 % 100, ".", version % 100) } };
}

} // namespace

TorchSurroundings torchSurroundings(const fs::path& moduleFolder)
{
    const auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value != nullptr ? value : "");
    };
    return { variable, askPython, moduleFolder / "libtorch" };
}

fs::path findLibTorch(const TorchSurroundings& surroundings)
{
    std::vector<std::string> seen;
    // The folder if it is the one; otherwise remembers why not.
    const auto look = [&](const std::string& where, const fs::path& place) -> fs::path {
        const fs::path folder = place.empty() ? fs::path() : torchIn(place);
        if (folder.empty()) {
            seen.push_back(concat(where, place.empty() ? "" : concat(" = ", place.string()), ": no torch"));
            return {};
        }
        const std::string version = versionOf(folder);
        if (fits(version))
            return folder;
        seen.push_back(concat(where, ": ", folder.string(), " is torch ", version));
        return {};
    };
    const auto missing = [&] {
        return Error(ErrorKind::Resource, concat("LibTorch ", kTorchVersion, " was not found (", join(seen, "; "),
            "). Install it into a Python environment with: pip install torch==", kTorchVersion,
            " and activate that environment, or name it in MIDPOINT_TORCH"));
    };
    if (const std::string named = surroundings.variable("MIDPOINT_TORCH"); !named.empty()) {
        const fs::path found = look("MIDPOINT_TORCH", named);
        if (found.empty())
            throw missing(); // whoever names a place wants no other
        return found;
    }
    for (const char* name : { "VIRTUAL_ENV", "CONDA_PREFIX" })
        if (const std::string active = surroundings.variable(name); !active.empty())
            if (const fs::path found = look(name, active); !found.empty())
                return found;
    std::error_code error;
    if (fs::exists(surroundings.note, error))
        if (const fs::path found = look(surroundings.note.string(), std::string(trim(readFile(surroundings.note)))); !found.empty())
            return found;
    if (const fs::path found = look("python3", surroundings.ofPython()); !found.empty())
        return found;
    throw missing();
}

void openLibTorch(const fs::path& folder)
{
    for (const char* name : { "libc10.so", "libtorch_cpu.so" })
        if (::dlopen((folder / "lib" / name).c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr)
            throw Error(ErrorKind::Resource, concat("cannot open LibTorch: ", ::dlerror(), "; repair it with: pip install --force-reinstall torch==", kTorchVersion));
}

nlohmann::json describeLibTorch()
{
    void* opened = ::dlopen("libtorch_cpu.so", RTLD_NOW | RTLD_NOLOAD);
    std::array<char, PATH_MAX> origin {};
    if (opened == nullptr || ::dlinfo(opened, RTLD_DI_ORIGIN, origin.data()) != 0)
        return nlohmann::json::object();
    const fs::path folder = fs::path(origin.data()).parent_path();
    std::error_code error;
    return { { "folder", folder.string() }, { "version", versionOf(folder) }, { "has_cuda", fs::exists(folder / "lib" / "libtorch_cuda.so", error) },
        { "nccl", describeNccl(folder.parent_path() / "nvidia" / "nccl" / "lib" / "libnccl.so.2") } };
}

} // namespace midpoint::app
