// Internal to backend/distributed: what c10d's process groups do alike, whatever carries the bytes.
#pragma once

#include "backend/distributed/transports.h"

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <utility>
#include <vector>

namespace midpoint::distributed {

template <typename Group> // a c10d::Backend
class ProcessGroupTransport : public Transport {
public:
    Wait allReduce(torch::Tensor tensor, Reduction reduction) override
    {
        c10d::AllreduceOptions options;
        options.reduceOp = reduction == Reduction::Sum ? c10d::ReduceOp::SUM : c10d::ReduceOp::MAX;
        std::vector<at::Tensor> tensors { tensor };
        return waitFor(m_group->allreduce(tensors, options));
    }

    Wait allGather(torch::Tensor all, torch::Tensor own) override { return waitFor(m_group->_allgather_base(all, own)); }

    Wait broadcast(torch::Tensor tensor, std::int64_t root) override
    {
        c10d::BroadcastOptions options;
        options.rootRank = root;
        std::vector<at::Tensor> tensors { tensor };
        return waitFor(m_group->broadcast(tensors, options));
    }

    InPlaceShards* inPlace(const torch::Tensor& /*like*/) override { return nullptr; }

protected:
    static Wait waitFor(c10::intrusive_ptr<c10d::Work> work)
    {
        return [work = std::move(work)] { work->wait(); };
    }

    c10::intrusive_ptr<Group> m_group; // made by the constructor of each transport
};

} // namespace midpoint::distributed
