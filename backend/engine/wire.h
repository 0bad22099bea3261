// What ranks tell each other about rollouts and rows, as bytes (core/bytes.h). Only ranks of one version speak to each other, so
// there is no version inside.
#pragma once

#include "backend/core/bytes.h"
#include "backend/core/rollout.h"
#include "backend/engine/roller.h"
#include "backend/policy/train_rows.h"
#include "backend/store/records.h"

#include <vector>

namespace midpoint::engine {

void put(ByteWriter& writer, const Group& group);
Group getGroup(ByteReader& reader);

// Rows are written the same way in checkpoints (trainer_state.cpp, with a version beside them).
void putRows(ByteWriter& writer, const std::vector<policy::TrainRow>& rows);
std::vector<policy::TrainRow> getRows(ByteReader& reader);

void put(ByteWriter& writer, const policy::TrainGroup& group);
policy::TrainGroup getTrainGroup(ByteReader& reader);

void put(ByteWriter& writer, const rollout::SamplingOptions& sampling);
rollout::SamplingOptions getSampling(ByteReader& reader);

// Of the step that both sides know.
void put(ByteWriter& writer, const store::PhaseTiming& time);
store::PhaseTiming getTime(ByteReader& reader);

// A request with the prompt it asks for, whatever set that comes from.
void put(ByteWriter& writer, const RollRequest& request);
struct ReceivedRequest {
    PoolPrompt prompt;
    RollRequest request; // its prompt pointer is not set
};
ReceivedRequest getRequest(ByteReader& reader);

template <typename Items>
void putAll(ByteWriter& writer, const Items& items)
{
    writer.put(static_cast<std::uint64_t>(items.size()));
    for (const auto& item : items)
        put(writer, item);
}
template <typename Get>
auto getAll(ByteReader& reader, const Get& get)
{
    std::vector<decltype(get(reader))> items;
    for (auto left = reader.get<std::uint64_t>(); left > 0; --left)
        items.push_back(get(reader));
    return items;
}

} // namespace midpoint::engine
