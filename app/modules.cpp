#include "app/modules.h"

#include "app/freed_memory.h"
#include "app/libtorch.h"
#include "app/openmp.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"

#include <cstdlib>
#include <dlfcn.h>

namespace midpoint::app {
namespace {

std::filesystem::path existingModule(const std::string& name, const std::string& without)
{
    std::filesystem::path path = modulePath(name);
    std::error_code error;
    if (!std::filesystem::exists(path, error))
        throw Error(ErrorKind::Resource, concat("missing: ", path.string(), " (", without, ")"));
    return path;
}

// Modules stay open until the process ends: LibTorch and Qt do not survive being unloaded.
void* openFile(const std::filesystem::path& path)
{
    void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (module == nullptr)
        throw Error(ErrorKind::Resource, concat("cannot open ", path.string(), ": ", ::dlerror()));
    return module;
}

void* openModule(const std::string& name, const std::string& without) { return openFile(existingModule(name, without)); }

bool isSet(const char* name)
{
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
}

// In the tree where it was built the module finds LibTorch itself; elsewhere a Python environment has it.
void* openEngineModule()
{
    const std::filesystem::path path = existingModule(kEngineModule, "this build has no training engine; configure it with MIDPOINT_ENGINE=ON");
    const ShortSpinning shortSpinning;
    keepFreedMemory();
    if (!isSet("MIDPOINT_TORCH")) {
        if (void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL))
            return module;
        const std::string reason = ::dlerror(); // begins with the file that is missing
        if (!reason.starts_with("libtorch") && !reason.starts_with("libc10"))
            throw Error(ErrorKind::Resource, concat("cannot open ", path.string(), ": ", reason));
    }
    openLibTorch(findLibTorch(torchSurroundings(path.parent_path())));
    return openFile(path);
}

template <typename Function>
Function* findFunction(void* module, const char* name)
{
    void* found = ::dlsym(module, name);
    if (found == nullptr)
        throw Error(ErrorKind::Resource, concat("the module does not fit this program: ", ::dlerror()));
    return reinterpret_cast<Function*>(found);
}

} // namespace

std::filesystem::path modulePath(const std::string& name)
{
    const std::filesystem::path folder = launch::executablePath().parent_path().parent_path() / "lib";
    std::error_code error;
    const std::filesystem::path installed = folder / "midpoint";
    return (std::filesystem::is_directory(installed, error) ? installed : folder) / name;
}

engine::EngineApi& openEngine()
{
    return *findFunction<engine::EngineApi*()>(openEngineModule(), "midpoint_engine_api")();
}

kernels::cuda::Module& openCuda()
{
    void* module = openModule(kCudaModule, "this build has no CUDA module; it is built where nvcc is found, see MIDPOINT_CUDA");
    return *findFunction<kernels::cuda::Module*()>(module, "midpoint_cuda_module")();
}

void compareTwins(const std::string& operation, kernels::cuda::Module& module, const kernels::cuda::TwinReport& report)
{
    findFunction<decltype(midpoint_compare_twins)>(openEngineModule(), "midpoint_compare_twins")(
        operation, module, kernels::cuda::TwinSizes::Large, report);
}

bool hasDisplay()
{
    return isSet("DISPLAY") || isSet("WAYLAND_DISPLAY") || isSet("QT_QPA_PLATFORM");
}

int openWindow(const std::vector<std::string>& words)
{
    void* module = openModule(kWindowModule, "this build has no window; configure it with MIDPOINT_GUI=ON");
    auto* run = findFunction<int(int, char**)>(module, "midpoint_gui_main");
    std::vector<std::string> texts = { "midpoint" };
    texts.insert(texts.end(), words.begin(), words.end());
    std::vector<char*> arguments;
    for (std::string& text : texts)
        arguments.push_back(text.data());
    arguments.push_back(nullptr);
    return run(static_cast<int>(texts.size()), arguments.data());
}

} // namespace midpoint::app
