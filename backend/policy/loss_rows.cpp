#include "backend/policy/loss_rows.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>

namespace midpoint::policy {
namespace {

std::vector<double> toDouble(std::span<const float> values) { return { values.begin(), values.end() }; }
std::vector<double> toDouble(const torch::Tensor& values)
{
    const torch::Tensor here = values.cpu();
    const float* data = here.const_data_ptr<float>();
    return { data, data + here.numel() };
}

} // namespace

void checkRows(std::span<const TrainGroup> groups)
{
    for (const TrainGroup& group : groups)
        for (const TrainRow& row : group.rows) {
            const std::size_t tokens = row.tokens.size();
            const auto fits = [&](const std::vector<float>& values) { return values.empty() || values.size() == tokens; };
            if (row.behaviourLogprobs.size() != tokens || !fits(row.oldLogprobs) || !fits(row.referenceLogprobs)
                || !fits(row.tokenWeights) || group.promptTokens.empty())
                throw Error(ErrorKind::Internal, concat("group ", group.id, ": expected a prompt and one log-prob for each of ",
                    tokens, " response tokens, found ", group.promptTokens.size(), " prompt tokens and ",
                    row.behaviourLogprobs.size(), " log-probs"));
        }
}

bool isFresh(const TrainGroup& group) { return !group.isReplayed && !group.isCarried; }

LossNormaliser countTokens(std::span<const TrainGroup> groups)
{
    LossNormaliser counts;
    for (const TrainGroup& group : groups)
        for (const TrainRow& row : group.rows) {
            double tokens = static_cast<double>(row.tokens.size());
            if (!row.tokenWeights.empty()) {
                tokens = 0.0;
                for (const float weight : row.tokenWeights)
                    tokens += static_cast<double>(weight);
            }
            counts.tokens += tokens;
            counts.sequences += tokens > 0.0 ? 1.0 : 0.0;
        }
    return counts;
}

model::PackedBatch packedBatch(const MicroBatch& microBatch)
{
    model::PackedBatch batch;
    for (const GroupRows& part : microBatch) {
        std::vector<std::span<const std::int32_t>> responses;
        for (const TrainRow* row : part.rows)
            responses.emplace_back(row->tokens);
        batch.addGroup(part.group->promptTokens, responses);
    }
    return batch;
}

LossRows::LossRows(const MicroBatch& microBatch, const model::TokenScores& scores)
    : m_logprobs(toDouble(scores.logprobs))
    , m_entropy(scores.entropy.defined() ? toDouble(scores.entropy) : std::vector<double>())
{
    std::size_t begin = 0;
    for (const GroupRows& part : microBatch)
        for (const TrainRow* row : part.rows) {
            const std::size_t count = row->tokens.size();
            m_rows.push_back({
                .logprobs = std::span(m_logprobs).subspan(begin, count),
                .behaviour = keep(row->behaviourLogprobs),
                .old = keep(row->oldLogprobs),
                .reference = keep(row->referenceLogprobs),
                .entropy = m_entropy.empty() ? std::span<const double>() : std::span(m_entropy).subspan(begin, count),
                .weights = keep(row->tokenWeights),
                .advantage = row->advantage,
                .isReplayed = !isFresh(*part.group),
            });
            begin += count;
        }
}

std::span<const double> LossRows::keep(const std::vector<float>& values)
{
    if (values.empty())
        return {};
    return m_kept.emplace_back(toDouble(values)); // moving a vector does not move its numbers
}

torch::Tensor flatten(const std::vector<std::vector<double>>& rows, std::int64_t count)
{
    torch::Tensor out = torch::empty({ count }, torch::kFloat32);
    float* next = out.data_ptr<float>();
    for (const std::vector<double>& row : rows)
        next = std::transform(row.begin(), row.end(), next, [](double value) { return static_cast<float>(value); });
    return out;
}

} // namespace midpoint::policy
