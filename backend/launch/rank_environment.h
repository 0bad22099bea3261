// Where a rank stands among the ranks of its run, and how it reaches them: what a supervisor puts into its environment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace midpoint::launch {

struct RankEnvironment {
    std::int64_t rank = 0;
    std::int64_t localRank = 0;
    std::int64_t worldSize = 1;
    std::int64_t localWorldSize = 1;
    std::string masterAddress = "127.0.0.1";
    std::int64_t masterPort = 0;
    bool holdsStore = false;   // this rank serves the store at that address
    int storeDescriptor = -1;  // with this bound socket, if its supervisor made one
    std::string attempt = "0"; // of a launcher that restarts ranks beside a store that stays
    std::string ownAddress;    // empty: found by the way to the master
    std::string configHash;    // of the configuration that this rank's supervisor read
    int beatDescriptor = -1;   // pipe to the supervisor
    std::string resolvedFile;  // the configuration; empty: resolved.toml of the run folder
    bool wantsProgressBar = false;
    std::int64_t columns = 80;
};

// What a rank reads from its environment; defaults (0 of 1) when started by hand. Throws Error{Usage} for values that are not
// numbers or do not fit together.
RankEnvironment rankEnvironment();

// The place that another launcher gave this process; nothing if there was none: torchrun (TORCHELASTIC_RUN_ID), a step of Slurm with
// several tasks (SLURM_STEP_ID), Open MPI (OMPI_COMM_WORLD_SIZE). Throws Error{Usage} if it is not complete.
struct ForeignPlace {
    std::string launcher; // "torchrun", "Slurm", "Open MPI"
    RankEnvironment environment;
};
std::optional<ForeignPlace> foreignPlace();

// The first host of Slurm's short form: "node[03-05,9],other" is node03.
std::string firstSlurmHost(const std::string& list);

} // namespace midpoint::launch
