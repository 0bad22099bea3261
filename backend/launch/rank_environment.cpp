#include "backend/launch/rank_environment.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace midpoint::launch {
namespace {

std::optional<std::string> textFrom(const char* name)
{
    const char* text = std::getenv(name);
    return text == nullptr || *text == '\0' ? std::nullopt : std::optional<std::string>(text);
}

std::int64_t numberFrom(const char* name, std::int64_t otherwise)
{
    const std::optional<std::string> text = textFrom(name);
    if (!text)
        return otherwise;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || *end != '\0' || value < 0)
        throw Error(ErrorKind::Usage, concat("environment variable ", name, ": expected a whole number >= 0, found '", *text, "'"));
    return value;
}

std::int64_t requiredNumber(const char* name, const std::string& launcher)
{
    if (!textFrom(name))
        throw Error(ErrorKind::Usage, concat("started by ", launcher, ", but ", name, " is not set"));
    return numberFrom(name, 0);
}

void check(const RankEnvironment& environment)
{
    if (environment.rank >= environment.worldSize)
        throw Error(ErrorKind::Usage, concat("environment: expected RANK below WORLD_SIZE, found ", environment.rank, " of ",
                                             environment.worldSize));
    if (environment.localRank >= environment.localWorldSize || environment.localWorldSize > environment.worldSize)
        throw Error(ErrorKind::Usage, concat("environment: expected LOCAL_RANK < LOCAL_WORLD_SIZE <= WORLD_SIZE, found ",
                                             environment.localRank, ", ", environment.localWorldSize, ", ", environment.worldSize));
}

// Ports that nothing else asks for by default; the same for all ranks of a job, different for jobs beside each other.
std::int64_t portOfJob(std::int64_t job)
{
    constexpr std::int64_t kFirst = 20000;
    constexpr std::int64_t kCount = 12000; // below the range that systems give out by themselves
    return kFirst + job % kCount;
}

// "2(x3),1": two tasks on each of the first three nodes, one on the fourth. 0: not known.
std::int64_t slurmTasksOfNode(const std::string& list, std::int64_t node)
{
    std::int64_t first = 0;
    for (const std::string& part : split(list, ',')) {
        const std::int64_t tasks = std::atoll(part.c_str());
        const std::size_t times = part.find("(x");
        first += times == std::string::npos ? 1 : std::atoll(part.c_str() + times + 2);
        if (node < first)
            return tasks;
    }
    return 0;
}

RankEnvironment fromTorchrun()
{
    RankEnvironment place;
    place.rank = requiredNumber("RANK", "torchrun");
    place.worldSize = requiredNumber("WORLD_SIZE", "torchrun");
    place.localRank = requiredNumber("LOCAL_RANK", "torchrun");
    place.localWorldSize = requiredNumber("LOCAL_WORLD_SIZE", "torchrun");
    place.masterAddress = textFrom("MASTER_ADDR").value_or("127.0.0.1");
    place.masterPort = requiredNumber("MASTER_PORT", "torchrun");
    place.holdsStore = place.rank == 0 && textFrom("TORCHELASTIC_USE_AGENT_STORE").value_or("False") != "True";
    place.attempt = concat(*textFrom("TORCHELASTIC_RUN_ID"), ".", numberFrom("TORCHELASTIC_RESTART_COUNT", 0));
    return place;
}

RankEnvironment fromSlurm()
{
    RankEnvironment place;
    place.rank = requiredNumber("SLURM_PROCID", "Slurm");
    place.worldSize = requiredNumber("SLURM_STEP_NUM_TASKS", "Slurm");
    place.localRank = requiredNumber("SLURM_LOCALID", "Slurm");
    place.localWorldSize = std::max(place.localRank + 1,
        slurmTasksOfNode(textFrom("SLURM_STEP_TASKS_PER_NODE").value_or(""), numberFrom("SLURM_NODEID", 0)));
    const std::optional<std::string> nodes = textFrom("SLURM_STEP_NODELIST");
    if (numberFrom("SLURM_STEP_NUM_NODES", 1) == 1)
        place.localWorldSize = place.worldSize;
    else if (!textFrom("MASTER_ADDR") && !nodes)
        throw Error(ErrorKind::Usage, "started by Slurm on several nodes, but neither SLURM_STEP_NODELIST nor MASTER_ADDR is set");
    else
        place.masterAddress = firstSlurmHost(nodes.value_or(""));
    place.masterAddress = textFrom("MASTER_ADDR").value_or(place.masterAddress);
    place.masterPort = numberFrom("MASTER_PORT", portOfJob(numberFrom("SLURM_JOB_ID", 0) * 7 + numberFrom("SLURM_STEP_ID", 0)));
    place.holdsStore = place.rank == 0;
    return place;
}

RankEnvironment fromOpenMpi()
{
    RankEnvironment place;
    place.rank = requiredNumber("OMPI_COMM_WORLD_RANK", "Open MPI");
    place.worldSize = requiredNumber("OMPI_COMM_WORLD_SIZE", "Open MPI");
    place.localRank = requiredNumber("OMPI_COMM_WORLD_LOCAL_RANK", "Open MPI");
    place.localWorldSize = requiredNumber("OMPI_COMM_WORLD_LOCAL_SIZE", "Open MPI");
    const std::optional<std::string> master = textFrom("MASTER_ADDR");
    if (!master && place.localWorldSize != place.worldSize)
        throw Error(ErrorKind::Usage, "started by Open MPI on several hosts: expected MASTER_ADDR, the host of rank 0 (mpirun -x MASTER_ADDR=...)");
    place.masterAddress = master.value_or(place.masterAddress);
    // The job's number is the upper half of the first word of PMIX_NAMESPACE or of the older OMPI_MCA_ess_base_jobid.
    place.masterPort = numberFrom("MASTER_PORT", portOfJob(numberFrom("OMPI_MCA_ess_base_jobid", 0) >> 16));
    place.holdsStore = place.rank == 0;
    return place;
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
    environment.holdsStore = numberFrom("MIDPOINT_HOLDS_STORE", environment.rank == 0 ? 1 : 0) != 0;
    environment.storeDescriptor = textFrom("MIDPOINT_STORE_FD") ? static_cast<int>(numberFrom("MIDPOINT_STORE_FD", 0)) : -1;
    environment.beatDescriptor = textFrom("MIDPOINT_BEAT_FD") ? static_cast<int>(numberFrom("MIDPOINT_BEAT_FD", 0)) : -1;
    environment.attempt = textFrom("MIDPOINT_ATTEMPT").value_or(environment.attempt);
    environment.ownAddress = textFrom("MIDPOINT_OWN_ADDRESS").value_or("");
    environment.configHash = textFrom("MIDPOINT_CONFIG_HASH").value_or("");
    environment.resolvedFile = textFrom("MIDPOINT_RESOLVED").value_or("");
    environment.columns = numberFrom("MIDPOINT_COLUMNS", environment.columns);
    environment.masterAddress = textFrom("MASTER_ADDR").value_or(environment.masterAddress);
    environment.wantsProgressBar = textFrom("MIDPOINT_PROGRESS").value_or("") == "bar";
    check(environment);
    return environment;
}

std::optional<ForeignPlace> foreignPlace()
{
    std::optional<ForeignPlace> place;
    if (textFrom("TORCHELASTIC_RUN_ID"))
        place = { "torchrun", fromTorchrun() };
    else if (numberFrom("OMPI_COMM_WORLD_SIZE", 0) > 0)
        place = { "Open MPI", fromOpenMpi() };
    else if (textFrom("SLURM_STEP_ID") && numberFrom("SLURM_STEP_NUM_TASKS", 1) > 1)
        place = { "Slurm", fromSlurm() };
    if (place)
        check(place->environment);
    return place;
}

std::string firstSlurmHost(const std::string& list)
{
    const std::size_t bracket = list.find('[');
    const std::size_t comma = list.find(',');
    if (bracket == std::string::npos || comma < bracket)
        return list.substr(0, comma);
    const std::size_t end = list.find_first_of(",-]", bracket);
    const std::size_t closed = list.find(']', bracket);
    if (end == std::string::npos || closed == std::string::npos)
        throw Error(ErrorKind::Usage, concat("SLURM_STEP_NODELIST: expected a list of hosts, found '", list, "'"));
    const std::size_t after = list.find(',', closed);
    const std::string suffix = list.substr(closed + 1, after == std::string::npos ? after : after - closed - 1);
    return concat(list.substr(0, bracket), list.substr(bracket + 1, end - bracket - 1), suffix);
}

} // namespace midpoint::launch
