#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace midpoint::launch {
namespace {

std::int64_t numberFrom(const char* name, std::int64_t otherwise)
{
    const char* text = std::getenv(name);
    if (text == nullptr || *text == '\0')
        return otherwise;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
    if (error != std::errc() || *end != '\0' || value < 0)
        throw Error(ErrorKind::Usage, concat("environment variable ", name, ": expected a whole number >= 0, found '", text, "'"));
    return value;
}

} // namespace

RankEnvironment rankEnvironment()
{
    RankEnvironment environment;
    environment.rank = numberFrom("RANK", 0);
    environment.localRank = numberFrom("LOCAL_RANK", environment.rank);
    environment.worldSize = numberFrom("WORLD_SIZE", 1);
    environment.localWorldSize = numberFrom("LOCAL_WORLD_SIZE", environment.worldSize);
    environment.masterPort = numberFrom("MASTER_PORT", 0);
    environment.columns = numberFrom("MIDPOINT_COLUMNS", environment.columns);
    if (const char* address = std::getenv("MASTER_ADDR"); address != nullptr && *address != '\0')
        environment.masterAddress = address;
    if (const char* progress = std::getenv("MIDPOINT_PROGRESS"); progress != nullptr)
        environment.wantsProgressBar = std::string_view(progress) == "bar";
    if (environment.rank >= environment.worldSize)
        throw Error(ErrorKind::Usage, concat("environment: expected RANK below WORLD_SIZE, found ", environment.rank, " of ",
                                             environment.worldSize));
    if (environment.localRank >= environment.localWorldSize || environment.localWorldSize > environment.worldSize)
        throw Error(ErrorKind::Usage, concat("environment: expected LOCAL_RANK < LOCAL_WORLD_SIZE <= WORLD_SIZE, found ",
                                             environment.localRank, ", ", environment.localWorldSize, ", ", environment.worldSize));
    return environment;
}

} // namespace midpoint::launch
