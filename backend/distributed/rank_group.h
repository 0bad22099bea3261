// The ranks of a policy update (policy/rank_group.h) over a communicator.
#pragma once

#include "backend/distributed/communicator.h"
#include "backend/policy/rank_group.h"

#include <string>
#include <vector>

namespace midpoint::distributed {

class CommunicatingRanks final : public policy::RankGroup {
public:
    explicit CommunicatingRanks(Communicator& communicator)
        : m_communicator(communicator)
    {
    }

    std::int64_t rank() const override { return m_communicator.rank(); }
    std::int64_t size() const override { return m_communicator.size(); }
    void sum(std::span<double> values) override;
    void maximum(std::span<double> values) override;
    std::vector<std::string> gather(std::string own) override;
    void startGradients(std::vector<torch::Tensor> gradients) override;
    void finishGradients() override;
    void gatherShards(std::span<const torch::Tensor> tensors) override;

private:
    struct Reducing {
        std::vector<torch::Tensor> gradients;
        torch::Tensor all; // kept until the sums have arrived
        torch::Tensor own;
        Pending pending;
    };
    void reduce(std::span<double> values, Reduction reduction, const char* name);

    Communicator& m_communicator;
    std::vector<Reducing> m_reducing;
};

} // namespace midpoint::distributed
