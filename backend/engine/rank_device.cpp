#include "backend/engine/rank_device.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

namespace midpoint::engine {

std::string deviceOf(const std::vector<std::string>& devices, const launch::RankEnvironment& place)
{
    const auto listed = static_cast<std::int64_t>(devices.size());
    if (listed >= place.localWorldSize)
        return devices[static_cast<std::size_t>(place.localRank)];
    if (listed != 1)
        throw Error(ErrorKind::Config, concat("run.devices: expected a device for each of the ", place.localWorldSize, " ranks of this host, found ",
                                           listed, ": ", join(devices, ", ")));
    return cudaIndex(devices.front()).has_value() ? concat("cuda:", place.localRank) : devices.front();
}

std::optional<std::int64_t> cudaIndex(const std::string& device)
{
    constexpr std::string_view kPrefix = "cuda:";
    return device.starts_with(kPrefix) ? std::optional<std::int64_t>(std::stoll(device.substr(kPrefix.size()))) : std::nullopt;
}

} // namespace midpoint::engine
