// What `midpoint doctor` tells about CUDA: the module, driver and devices, and the comparison of every operation on them.
#pragma once

#include <nlohmann/json.hpp>

namespace midpoint::app {

// "module", "runtime", "driver", "architectures", "devices" and, where there is nothing to work with, "problem". Never throws.
nlohmann::json describeCuda();

// For each operation the number of comparisons, the largest share of its tolerance that an error used, and the failures; or
// "skipped" with the reason where `cuda`, as above, has no device.
nlohmann::json selfTestCuda(const nlohmann::json& cuda);

} // namespace midpoint::app
