#include "app/cuda_device.h"

#include "app/modules.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>

namespace midpoint::app {
namespace {

using nlohmann::json;

json describe(const kernels::cuda::Device& device)
{
    return { { "index", device.index }, { "name", device.name },
        { "capability", concat(device.capability / 10, ".", device.capability % 10) }, { "multiprocessors", device.multiprocessors },
        { "memory_bytes", device.memoryBytes }, { "memory_free_bytes", device.freeMemoryBytes },
        { "peers", device.peers } };
}

json compareOperation(const char* operation, kernels::cuda::Module& module)
{
    std::int64_t comparisons = 0;
    double worst = 0;
    json failures = json::array();
    try {
        compareTwins(operation, module, [&](const kernels::cuda::TwinResult& result) {
            ++comparisons;
            if (result.tolerance > 0)
                worst = std::max(worst, result.error / result.tolerance);
            if (!result.isWithin())
                failures.push_back({ { "what", result.what }, { "error", shortest(result.error) }, { "tolerance", result.tolerance } });
        });
    } catch (const Error& error) {
        failures.push_back({ { "what", error.what() } });
    }
    return { { "comparisons", comparisons }, { "worst_share_of_tolerance", worst }, { "failures", std::move(failures) } };
}

} // namespace

json describeCuda()
{
    json report = { { "module", false }, { "devices", json::array() } };
    try {
        const kernels::cuda::Discovery found = openCuda().discover();
        report["module"] = true;
        report["runtime"] = found.runtime;
        report["driver"] = found.driver;
        report["architectures"] = found.architectures;
        for (const kernels::cuda::Device& device : found.devices)
            report["devices"].push_back(describe(device));
        if (!found.problem.empty())
            report["problem"] = found.problem;
    } catch (const Error& error) {
        report["problem"] = error.what();
    }
    return report;
}

json selfTestCuda(const json& cuda)
{
    if (cuda.contains("problem"))
        return { { "skipped", cuda["problem"] } };
    kernels::cuda::Module& module = openCuda();
    json report = json::array();
    for (const json& device : cuda["devices"]) {
        json operations = json::object();
        module.useDevice(device["index"].get<int>());
        for (const char* operation : kernels::cuda::kTwinOperations)
            operations[operation] = compareOperation(operation, module);
        report.push_back({ { "device", device["index"] }, { "operations", std::move(operations) } });
    }
    return report;
}

} // namespace midpoint::app
