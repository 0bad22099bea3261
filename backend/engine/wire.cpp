#include "backend/engine/wire.h"

namespace midpoint::engine {
namespace {

void put(ByteWriter& writer, const Rollout& rollout)
{
    writer.putVector(rollout.tokens);
    writer.putVector(rollout.logprobs);
    writer.put(rollout.finish);
    writer.put(rollout.verdict);
    writer.put(rollout.reward);
    writer.put(static_cast<std::uint64_t>(rollout.rewardParts.size()));
    for (const auto& [name, value] : rollout.rewardParts) {
        writer.putText(name);
        writer.put(value);
    }
    writer.putText(rollout.extracted);
    writer.putText(rollout.rule);
    writer.putText(rollout.text);
}

Rollout getRollout(ByteReader& reader)
{
    Rollout rollout;
    rollout.tokens = reader.getVector<std::int32_t>();
    rollout.logprobs = reader.getVector<float>();
    rollout.finish = reader.get<FinishReason>();
    rollout.verdict = reader.get<Verdict>();
    rollout.reward = reader.get<double>();
    for (auto left = reader.get<std::uint64_t>(); left > 0; --left) {
        std::string name = reader.getText();
        rollout.rewardParts.emplace_back(std::move(name), reader.get<double>());
    }
    rollout.extracted = reader.getText();
    rollout.rule = reader.getText();
    rollout.text = reader.getText();
    return rollout;
}

} // namespace

void put(ByteWriter& writer, const Group& group)
{
    writer.put(group.prompt);
    writer.put(group.promptIndex);
    writer.put(group.purpose);
    writer.put(group.birthStep);
    writer.putVector(group.promptTokens);
    writer.put(static_cast<std::uint64_t>(group.rollouts.size()));
    for (const Rollout& rollout : group.rollouts)
        put(writer, rollout);
}

Group getGroup(ByteReader& reader)
{
    Group group;
    group.prompt = reader.get<PromptId>();
    group.promptIndex = reader.get<std::int64_t>();
    group.purpose = reader.get<Purpose>();
    group.birthStep = reader.get<std::int64_t>();
    group.promptTokens = reader.getVector<std::int32_t>();
    group.rollouts = getAll(reader, getRollout);
    return group;
}

void putRows(ByteWriter& writer, const std::vector<policy::TrainRow>& rows)
{
    writer.put(static_cast<std::uint64_t>(rows.size()));
    for (const policy::TrainRow& row : rows) {
        writer.putVector(row.tokens);
        writer.putVector(row.behaviourLogprobs);
        writer.putVector(row.oldLogprobs);
        writer.putVector(row.referenceLogprobs);
        writer.putVector(row.tokenWeights);
        writer.put(row.advantage);
    }
}

std::vector<policy::TrainRow> getRows(ByteReader& reader)
{
    std::vector<policy::TrainRow> rows(reader.get<std::uint64_t>());
    for (policy::TrainRow& row : rows) {
        row.tokens = reader.getVector<std::int32_t>();
        row.behaviourLogprobs = reader.getVector<float>();
        row.oldLogprobs = reader.getVector<float>();
        row.referenceLogprobs = reader.getVector<float>();
        row.tokenWeights = reader.getVector<float>();
        row.advantage = reader.get<double>();
    }
    return rows;
}

void put(ByteWriter& writer, const policy::TrainGroup& group)
{
    writer.put(group.id);
    writer.put(static_cast<std::uint8_t>(group.isReplayed));
    writer.put(static_cast<std::uint8_t>(group.isCarried));
    writer.putVector(group.promptTokens);
    putRows(writer, group.rows);
}

policy::TrainGroup getTrainGroup(ByteReader& reader)
{
    policy::TrainGroup group;
    group.id = reader.get<std::int64_t>();
    group.isReplayed = reader.get<std::uint8_t>() != 0;
    group.isCarried = reader.get<std::uint8_t>() != 0;
    group.promptTokens = reader.getVector<std::int32_t>();
    group.rows = getRows(reader);
    return group;
}

void put(ByteWriter& writer, const rollout::SamplingOptions& sampling)
{
    writer.put(sampling.seed);
    writer.put(sampling.temperature);
    writer.put(sampling.topK);
    writer.put(sampling.topP);
    writer.put(sampling.maxNewTokens);
    writer.put(static_cast<std::uint8_t>(sampling.ignoresEndTokens));
    writer.putVector(sampling.extraEndTokens);
}

rollout::SamplingOptions getSampling(ByteReader& reader)
{
    rollout::SamplingOptions sampling;
    sampling.seed = reader.get<decltype(sampling.seed)>();
    sampling.temperature = reader.get<decltype(sampling.temperature)>();
    sampling.topK = reader.get<decltype(sampling.topK)>();
    sampling.topP = reader.get<decltype(sampling.topP)>();
    sampling.maxNewTokens = reader.get<decltype(sampling.maxNewTokens)>();
    sampling.ignoresEndTokens = reader.get<std::uint8_t>() != 0;
    sampling.extraEndTokens = reader.getVector<std::int32_t>();
    return sampling;
}

void put(ByteWriter& writer, const store::PhaseTiming& time)
{
    writer.put(time.rank);
    writer.putText(time.phase);
    writer.put(time.startSeconds);
    writer.put(time.seconds);
}

store::PhaseTiming getTime(ByteReader& reader)
{
    store::PhaseTiming time;
    time.rank = reader.get<std::int64_t>();
    time.phase = reader.getText();
    time.startSeconds = reader.get<double>();
    time.seconds = reader.get<double>();
    return time;
}

void put(ByteWriter& writer, const RollRequest& request)
{
    writer.put(request.prompt->id);
    writer.put(request.prompt->index);
    writer.putText(request.prompt->question);
    writer.putText(request.prompt->answer);
    writer.putVector(request.prompt->tokens);
    writer.put(request.purpose);
    writer.put(request.samples);
    writer.put(request.firstSample);
    writer.put(request.expectedTokens);
}

ReceivedRequest getRequest(ByteReader& reader)
{
    ReceivedRequest received;
    received.prompt.id = reader.get<PromptId>();
    received.prompt.index = reader.get<std::int64_t>();
    received.prompt.question = reader.getText();
    received.prompt.answer = reader.getText();
    received.prompt.tokens = reader.getVector<std::int32_t>();
    received.request.purpose = reader.get<Purpose>();
    received.request.samples = reader.get<std::int64_t>();
    received.request.firstSample = reader.get<std::int64_t>();
    received.request.expectedTokens = reader.get<double>();
    return received;
}

} // namespace midpoint::engine
