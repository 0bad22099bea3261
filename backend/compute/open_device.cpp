#include "backend/compute/open_device.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/version.h>

#include <charconv>
#include <dlfcn.h>
#include <filesystem>

namespace midpoint::compute {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCudaPrefix = "cuda:";

// Of the library that holds this address.
fs::path folderOf(const void* address)
{
    Dl_info info {};
    if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr)
        throw Error(ErrorKind::Internal, "a function of this process belongs to no library");
    return fs::absolute(info.dli_fname).parent_path();
}

std::string installAdvice()
{
    return concat("install LibTorch with CUDA and its libraries into the Python environment: pip install torch==", TORCH_VERSION_MAJOR, ".",
        TORCH_VERSION_MINOR, ".", TORCH_VERSION_PATCH);
}

// Beside the engine's module, which holds this code.
kernels::cuda::Module& openModule()
{
    const fs::path file = folderOf(reinterpret_cast<const void*>(&openDevice)) / kernels::cuda::kModuleFile;
    std::error_code error;
    if (!fs::exists(file, error))
        throw Error(ErrorKind::Resource,
            concat("missing: ", file.string(), " (this build has no CUDA module; it is built where nvcc is found, see MIDPOINT_CUDA)"));
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr)
        throw Error(ErrorKind::Resource, concat("cannot open ", file.string(), ": ", ::dlerror()));
    auto* find = reinterpret_cast<kernels::cuda::Module* (*)()>(::dlsym(library, "midpoint_cuda_module"));
    if (find == nullptr)
        throw Error(ErrorKind::Resource, concat(file.string(), " does not fit this engine: ", ::dlerror()));
    return *find();
}

int indexIn(const std::string& name)
{
    int index = -1;
    const char* begin = name.data() + kCudaPrefix.size();
    const char* end = name.data() + name.size();
    if (!name.starts_with(kCudaPrefix) || begin == end || std::from_chars(begin, end, index).ptr != end || index < 0)
        throw Error(ErrorKind::Config, concat("run.devices: expected \"cpu\" or \"cuda:N\", found '", name, "'"));
    return index;
}

// LibTorch's part: the device and a stream of its own become the thread's. Graphs cannot be recorded on the default stream.
void enter(const torch::Device& place)
{
    at::globalContext().lazyInitDevice(place.type());
    // Sums inside products of bfloat16 and float16 stay in float32.
    at::globalContext().setAllowBF16ReductionCuBLAS(false);
    at::globalContext().setAllowFP16ReductionCuBLAS(false);
    const c10::impl::VirtualGuardImpl guard(place.type());
    guard.setDevice(place);
    guard.exchangeStream(guard.getStreamFromGlobalPool(place));
}

} // namespace

void openLibTorchCuda()
{
    const fs::path file = folderOf(reinterpret_cast<const void*>(&at::globalContext)) / "libtorch_cuda.so";
    std::error_code error;
    if (!fs::exists(file, error))
        throw Error(ErrorKind::Resource, concat("LibTorch in ", file.parent_path().string(), " has no CUDA (no libtorch_cuda.so); ", installAdvice()));
    if (::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr)
        throw Error(ErrorKind::Resource, concat(file.string(), " cannot be opened: ", ::dlerror(), "; ", installAdvice()));
}

Device openDevice(const std::string& name)
{
    if (name == "cpu")
        return {};
    const int index = indexIn(name);
    try {
        kernels::cuda::Module& module = openModule();
        module.openDevice(index); // the plainest reasons first: no driver, no such device
        openLibTorchCuda();
        const torch::Device place(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
        enter(place);
        module.useDevice(index);
        return { place, module };
    } catch (const c10::Error& error) {
        throw Error(ErrorKind::Resource, concat(name, ": ", error.what_without_backtrace()));
    } catch (const Error& error) {
        throw Error(error.kind(), concat(name, ": ", error.what()));
    }
}

std::vector<std::string> deviceNames(std::string& problem)
{
    std::vector<std::string> names = { "cpu" };
    try {
        const kernels::cuda::Discovery found = openModule().discover();
        problem = found.problem;
        if (!problem.empty())
            return names;
        openLibTorchCuda();
        for (const kernels::cuda::Device& device : found.devices)
            names.push_back(concat(kCudaPrefix, device.index));
    } catch (const Error& error) {
        problem = error.what();
    }
    return names;
}

} // namespace midpoint::compute
