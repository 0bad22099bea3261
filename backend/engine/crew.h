// The ranks at work: one decides, all compute. Rank 0 holds selection, ledger, replay, databases and commands as a run on one
// device does; the Crew deals its rollouts and updates to all ranks and brings the results together. The other ranks hold a model
// and serve orders (worker.h). So nothing that decides exists twice and could drift apart between machines. One rank is a crew as
// well, without orders.
#pragma once

#include "backend/core/bytes.h"
#include "backend/distributed/communicator.h"
#include "backend/engine/roller.h"
#include "backend/policy/policy_update.h"
#include "backend/store/records.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace midpoint::engine {

// What rank 0 asks of the others; the first byte of every order. The step's number in this process and the seconds since it began
// follow, so that all ranks tell times from the same moment.
enum class Order : std::uint8_t {
    RollOut,        // step, sampling, may it be stopped, the share of each rank
    Score,          // groups; log-probs under the present weights
    Update,         // step, groups
    GatherTrained,  // masters and optimizer state to rank 0, for a checkpoint
    Setting,        // key and value
    Idle,           // nothing: the run is paused
    End,            // last step and reason
};

// Indices of the costs for each rank: the dearest first to the rank that has least. Ascending within a rank.
std::vector<std::vector<std::size_t>> dealByCost(std::span<const double> costs, std::int64_t ranks);

class Crew {
public:
    explicit Crew(distributed::Communicator& communicator)
        : m_communicator(communicator)
    {
    }
    std::int64_t size() const { return m_communicator.size(); }
    void beginStep(); // a step begins now

    // Graded groups in the order of the requests if there are several ranks; otherwise not graded yet. `own` computes this rank's
    // share. Throws Error{Cancelled} if any rank was stopped.
    std::vector<Group> rollOut(Roller& own, std::span<const RollRequest> requests, std::int64_t step,
        const rollout::SamplingOptions& sampling, std::stop_token stop);
    void fillOldLogprobs(policy::PolicyUpdate& update, std::span<policy::TrainGroup> groups);
    policy::UpdateReport update(policy::PolicyUpdate& update, std::vector<policy::TrainGroup> groups, std::int64_t step);
    // Where the other ranks' time of this step went, known after its update. "wait" is for other ranks.
    std::vector<store::PhaseTiming> takeTimes() { return std::move(m_times); }
    double waitedSeconds() const { return m_communicator.waitedSeconds(); } // by this rank, for the others
    // Masters and optimizer state are whole on rank 0 afterwards.
    std::vector<model::NamedTensor> gatherTrained(policy::PolicyUpdate& update, model::Model& model);
    void changeSetting(const std::string& key, const std::string& value);
    void idle(); // while paused: the others see that they are not forgotten
    void end(std::int64_t lastStep, const std::string& reason);

    std::vector<distributed::Traffic> traffic() const { return m_communicator.traffic(); }

private:
    void order(Order order, const std::function<void(ByteWriter&)>& details = {});

    distributed::Communicator& m_communicator;
    std::uint64_t m_stepCount = 0;
    double m_stepStarted = 0.0;
    std::vector<store::PhaseTiming> m_times;
};

// Both sides of the end of an update: every rank tells its times, rank 0 gets those of the others.
std::vector<store::PhaseTiming> exchangeTimes(distributed::Communicator& communicator, const std::vector<store::PhaseTiming>& own);
// Both sides of a rollout: the share of this rank, graded, and what all ranks made. Empty optional: somebody was stopped.
std::optional<std::vector<std::vector<Group>>> exchangeRollouts(distributed::Communicator& communicator, Roller& own,
    std::span<const RollRequest> share, std::int64_t step, const rollout::SamplingOptions& sampling, std::stop_token stop);
// Both sides of a checkpoint.
std::vector<model::NamedTensor> gatherTrained(policy::PolicyUpdate& update, model::Model& model);

} // namespace midpoint::engine
