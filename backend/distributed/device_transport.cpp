// Collectives of a rank that computes on a CUDA device: the module that does them, and the choice between it and the host's.
#include "backend/compute/open_device.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/distributed/nccl/nccl_module.h"

#include <dlfcn.h>
#include <filesystem>

namespace midpoint::distributed {
namespace {

namespace fs = std::filesystem;

class TransportByDevice final : public Transport {
public:
    TransportByDevice(std::unique_ptr<Transport> host, std::unique_ptr<Transport> devices)
        : m_host(std::move(host))
        , m_devices(std::move(devices))
    {
    }
    Wait allReduce(torch::Tensor tensor, Reduction reduction) override { return of(tensor).allReduce(tensor, reduction); }
    Wait reduceScatter(torch::Tensor own, torch::Tensor all) override { return of(own).reduceScatter(own, all); }
    Wait allGather(torch::Tensor all, torch::Tensor own) override { return of(own).allGather(all, own); }
    Wait broadcast(torch::Tensor tensor, std::int64_t root) override { return of(tensor).broadcast(tensor, root); }
    InPlaceShards* inPlace(const torch::Tensor& like) override { return of(like).inPlace(like); }
    void abort() override
    {
        m_devices->abort();
        m_host->abort();
    }

private:
    Transport& of(const torch::Tensor& tensor) const { return tensor.is_cpu() ? *m_host : *m_devices; }

    std::unique_ptr<Transport> m_host;
    std::unique_ptr<Transport> m_devices;
};

// The folder of the library that holds this code, and of LibTorch.
fs::path engineFolder()
{
    Dl_info info {};
    if (::dladdr(reinterpret_cast<const void*>(&openNccl), &info) == 0 || info.dli_fname == nullptr)
        throw Error(ErrorKind::Internal, "the engine does not know where it lies");
    return fs::absolute(info.dli_fname).parent_path();
}

} // namespace

std::unique_ptr<Transport> makeTransportByDevice(std::unique_ptr<Transport> host, std::unique_ptr<Transport> devices)
{
    return std::make_unique<TransportByDevice>(std::move(host), std::move(devices));
}

NcclModule& openNccl()
{
    turnRecorderOff();
    const fs::path file = engineFolder() / kNcclModuleFile;
    std::error_code error;
    if (!fs::exists(file, error))
        throw Error(ErrorKind::Resource, concat("several GPUs work together through NCCL, but ", file.string(),
                                             " is missing: this build has no NCCL module; it is built where nvcc and NCCL's headers are found"));
    compute::openLibTorchCuda();
    void* module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (module == nullptr)
        throw Error(ErrorKind::Resource, concat("cannot open ", file.string(), ": ", ::dlerror(), "; it does not fit this LibTorch"));
    auto* function = reinterpret_cast<decltype(midpoint_nccl_module)*>(::dlsym(module, "midpoint_nccl_module"));
    if (function == nullptr)
        throw Error(ErrorKind::Resource, concat(file.string(), " does not fit this program: ", ::dlerror()));
    return *function();
}

} // namespace midpoint::distributed
