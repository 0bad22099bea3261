#include "backend/policy/policy_update.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/model/memory.h"
#include "backend/policy/loss_rows.h"
#include "backend/policy/minibatches.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>

namespace midpoint::policy {
namespace {

LossSettings lossSettings(const UpdateSettings& settings)
{
    return {
        .kind = parseLoss(settings.policy.loss),
        .aggregation = parseAggregation(settings.policy.aggregation),
        .clipLow = settings.policy.clipLow,
        .clipHigh = settings.policy.clipHigh,
        .weightCap = settings.weightCap,
        .klCoefficient = settings.policy.klCoefficient,
        .entropyCoefficient = settings.policy.entropyCoefficient,
        .horizon = static_cast<double>(settings.maxNewTokens),
    };
}

// Only the advantage makes a gradient.
bool onlyAdvantages(const config::PolicySection& policy)
{
    return policy.klCoefficient == 0.0 && policy.entropyCoefficient == 0.0;
}

DivisionSettings divisionSettings(const UpdateSettings& settings)
{
    return { settings.batch, settings.policy.dropGroupsWithoutSignal && onlyAdvantages(settings.policy) };
}

model::Entropy entropyMode(const config::PolicySection& policy)
{
    if (policy.entropyCoefficient != 0.0)
        return model::Entropy::WithGradient;
    return policy.logEntropy ? model::Entropy::Value : model::Entropy::No;
}

bool lacksOldLogprobs(const TrainGroup& group)
{
    return std::any_of(group.rows.begin(), group.rows.end(), [](const TrainRow& row) { return row.oldLogprobs.empty(); });
}

// In this rank's shards; empty: none.
std::string firstBadGradient(std::span<const model::Parameter> parameters, const RankGroup& ranks)
{
    for (const model::Parameter& parameter : parameters) {
        const Shard shard = shardOf(parameter.gradient.numel(), ranks.rank(), ranks.size());
        if (!torch::isfinite(shardView(parameter.gradient, shard)).all().item<bool>())
            return parameter.name;
    }
    return {};
}

void setOldLogprobs(std::span<TrainGroup> groups, PolicyUpdate::Logprobs logprobs)
{
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (std::size_t r = 0; r < groups[g].rows.size(); ++r)
            groups[g].rows[r].oldLogprobs = std::move(logprobs[g][r]);
}

} // namespace

// What the micro-batches of one update add up to.
struct PolicyUpdate::Accumulated {
    double loss = 0.0;
    LossStatistics statistics;
    bool hasEntropy = false;
    double differenceSum = 0.0;
    double differenceMax = 0.0;
    std::int64_t differenceTokens = 0;
    std::int64_t microbatches = 0;
    std::int64_t packedTokens = 0;
    std::int64_t activationBytes = 0;
};

// One optimizer update: this rank's rows, and what all ranks have together.
struct PolicyUpdate::MiniBatch {
    std::vector<TrainGroup> groups;
    LossNormaliser counts;
    std::vector<std::int64_t> allGroups; // ids
    std::int64_t allRows = 0;
};

UpdateSettings updateSettings(const config::RunConfig& config)
{
    return { .policy = config.policy, .optimizer = config.optimizer, .batch = config.batch,
        .temperature = config.rollout.temperature, .weightCap = config.replay.weightCap,
        .maxNewTokens = config.rollout.maxNewTokens, .steps = config.run.steps };
}

PolicyUpdate::PolicyUpdate(model::Model& model, const UpdateSettings& settings, model::Model* reference, RankGroup* ranks)
    : m_model(model)
    , m_settings(settings)
    , m_reference(reference)
    , m_ranks(ranks != nullptr ? *ranks : m_alone)
    , m_buckets(model.parameters())
    , m_optimizer(model.parameters(), settings.optimizer, m_ranks.rank(), m_ranks.size())
    , m_memory(settings.batch.tokensPerMicrobatch)
{
    lossSettings(settings); // refuses unknown names before a rollout was paid for
    learningRateAt(settings.optimizer, settings.optimizer.warmupSteps, settings.steps);
    MIDPOINT_ASSERT(settings.policy.klCoefficient == 0.0 || reference != nullptr, "a KL term needs the frozen reference policy");
}

UpdateReport PolicyUpdate::step(std::vector<TrainGroup> groups, std::int64_t step, std::stop_token stop)
{
    checkRows(groups);
    groups.insert(groups.begin(), m_carried.begin(), m_carried.end());
    Division division = divide(std::move(groups), divisionSettings(m_settings));
    UpdateReport report;
    report.droppedGroups = division.droppedGroups;
    report.learningRate = learningRateAt(m_settings.optimizer, step, m_settings.steps);
    std::vector<MiniBatch> miniBatches = takeShares(std::move(division.miniBatches));
    prepareOlderRows(miniBatches);

    Accumulated total;
    for (std::int64_t update = 0; update < std::ssize(miniBatches); ++update) {
        const MiniBatch& miniBatch = miniBatches[static_cast<std::size_t>(update)];
        const bool mayStop = report.updates == 0; // later the step is finished, so that a stop never leaves half of one
        Accumulated sums = accumulate(miniBatch, mayStop ? stop : std::stop_token());
        if (update == 0 && measureDifference(sums, report)) {
            recomputeBehaviour(miniBatches);
            sums = accumulate(miniBatch, stop);
        }
        apply(update, miniBatch, sums, report);
        addTo(total, sums);
    }
    addOverRanks(total, report);
    finishReport(total, report);
    reportMemory(total, report);
    m_carried = std::move(division.carried);
    for (TrainGroup& group : m_carried) {
        group.isCarried = true;
        report.carriedRows += static_cast<std::int64_t>(group.rows.size());
        for (TrainRow& row : group.rows)
            row.oldLogprobs.clear(); // another policy will be the old one then
    }
    return report;
}

std::vector<PolicyUpdate::MiniBatch> PolicyUpdate::takeShares(std::vector<std::vector<TrainGroup>> miniBatches) const
{
    std::vector<MiniBatch> taken;
    for (std::vector<TrainGroup>& groups : miniBatches) {
        MiniBatch& miniBatch = taken.emplace_back();
        miniBatch.counts = countTokens(groups);
        for (const TrainGroup& group : groups) {
            miniBatch.allGroups.push_back(group.id);
            miniBatch.allRows += std::ssize(group.rows);
        }
        miniBatch.groups = shareOf(std::move(groups), m_ranks.rank(), m_ranks.size());
    }
    return taken;
}

// Log-probs that only a forward pass can give: of the policy before this step for rows that an older one sampled, and of
// the reference. Of this rank's rows.
void PolicyUpdate::prepareOlderRows(std::vector<MiniBatch>& miniBatches) const
{
    std::vector<TrainGroup*> places;
    std::vector<TrainGroup> older; // taken out, so that one pass packs them all
    for (MiniBatch& miniBatch : miniBatches)
        for (TrainGroup& group : miniBatch.groups)
            if (!isFresh(group) && lacksOldLogprobs(group)) {
                places.push_back(&group);
                older.push_back(std::move(group));
            }
    setOldLogprobs(older, logprobsUnder(m_model, older));
    for (std::size_t i = 0; i < places.size(); ++i)
        *places[i] = std::move(older[i]);
    if (m_settings.policy.klCoefficient == 0.0)
        return;
    for (MiniBatch& miniBatch : miniBatches) {
        Logprobs logprobs = logprobsUnder(*m_reference, miniBatch.groups);
        for (std::size_t g = 0; g < miniBatch.groups.size(); ++g)
            for (std::size_t r = 0; r < miniBatch.groups[g].rows.size(); ++r)
                miniBatch.groups[g].rows[r].referenceLogprobs = std::move(logprobs[g][r]);
    }
}

// Leaves the gradients of the mini-batch, added up over the ranks, in this rank's shards.
PolicyUpdate::Accumulated PolicyUpdate::accumulate(const MiniBatch& miniBatch, const std::stop_token& stop)
{
    Accumulated sums
        = m_memory.fit([&](std::int64_t tokens) { return accumulateOwn(miniBatch, tokens, Sending::WithLastPass, stop); });
    m_buckets.finish(m_model.parameters(), m_ranks);
    return sums;
}

// Begins with no gradients, so that it can be repeated when memory runs out in the middle of a pass.
PolicyUpdate::Accumulated PolicyUpdate::accumulateOwn(
    const MiniBatch& miniBatch, std::int64_t tokensPerMicrobatch, Sending sending, const std::stop_token& stop)
{
    m_buckets.restart(m_ranks);
    m_model.zeroGradients();
    const model::AllocationWatch watch(m_model.options().device.place());
    Accumulated sums;
    const std::vector<MicroBatch> microBatches = pack(miniBatch.groups, tokensPerMicrobatch);
    for (const MicroBatch& microBatch : microBatches) {
        if (stop.stop_requested())
            throw Error(ErrorKind::Cancelled, "stopped before the first update of the step");
        const bool isSending = sending == Sending::WithLastPass && &microBatch == &microBatches.back();
        runMicroBatch(microBatch, miniBatch.counts, isSending, sums);
    }
    sums.activationBytes = watch.peakBytes();
    return sums;
}

UpdateReport PolicyUpdate::tryLargest(std::int64_t promptTokens, std::int64_t responseTokens)
{
    TrainRow row;
    row.tokens.assign(static_cast<std::size_t>(responseTokens), 0);
    row.behaviourLogprobs.assign(row.tokens.size(), 0.0F);
    row.oldLogprobs = row.behaviourLogprobs;
    row.advantage = 1.0;
    if (m_settings.policy.klCoefficient != 0.0)
        row.referenceLogprobs = row.behaviourLogprobs;
    TrainGroup group;
    group.promptTokens.assign(static_cast<std::size_t>(promptTokens), 0);
    const std::int64_t rows = (m_memory.tokens() - promptTokens) / std::max<std::int64_t>(fedTokens(row), 1);
    group.rows.assign(static_cast<std::size_t>(std::max<std::int64_t>(rows, 1)), row);
    MiniBatch miniBatch;
    miniBatch.groups = { group };
    miniBatch.counts = countTokens(miniBatch.groups);
    UpdateReport report;
    const Accumulated sums = m_memory.fit([&](std::int64_t tokens) { return accumulateOwn(miniBatch, tokens, Sending::No, {}); });
    m_model.zeroGradients();
    report.packedTokens = sums.packedTokens;
    reportMemory(sums, report);
    return report;
}

void PolicyUpdate::reportMemory(const Accumulated& total, UpdateReport& report) const
{
    report.activationBytes = total.activationBytes;
    report.memorySplits = m_memory.takeSplits();
}

void PolicyUpdate::runMicroBatch(
    const MicroBatch& microBatch, const LossNormaliser& normaliser, bool isLast, Accumulated& sums)
{
    const model::PackedBatch batch = packedBatch(microBatch);
    auto pass = m_model.forward(batch, { m_settings.temperature, entropyMode(m_settings.policy) });
    const LossRows rows(microBatch, pass->scores());
    const LossResult result = policyLoss(lossSettings(m_settings), rows.rows(), normaliser);
    for (const LossRow& row : rows.rows())
        if (!row.isReplayed)
            addDifference(row, sums);
    sums.loss += result.loss;
    sums.statistics.add(result.statistics);
    sums.hasEntropy = pass->scores().entropy.defined();
    sums.packedTokens += batch.tokenCount();
    ++sums.microbatches;
    const torch::Tensor gradEntropy
        = result.gradEntropy.empty() ? torch::Tensor() : flatten(result.gradEntropy, batch.scoredCount());
    std::function<void(std::int64_t)> completed;
    if (isLast)
        completed = [this](std::int64_t layer) { m_buckets.completed(layer, m_model.parameters(), m_ranks); };
    m_model.backward(std::move(pass), flatten(result.gradLogprobs, batch.scoredCount()), gradEntropy, completed);
}

void PolicyUpdate::addDifference(const LossRow& row, Accumulated& sums)
{
    for (std::size_t i = 0; i < row.logprobs.size(); ++i) {
        if (!row.weights.empty() && row.weights[i] == 0.0)
            continue;
        const double difference = std::abs(row.logprobs[i] - row.behaviour[i]);
        sums.differenceSum += difference;
        sums.differenceMax = std::max(sums.differenceMax, difference);
        ++sums.differenceTokens;
    }
}

// Writes the difference into the report; true if recorded log-probs are too far off to serve as the behaviour policy's.
bool PolicyUpdate::measureDifference(const Accumulated& sums, UpdateReport& report) const
{
    std::array<double, 2> totals { sums.differenceSum, static_cast<double>(sums.differenceTokens) };
    m_ranks.sum(totals);
    report.difference.mean = totals[1] > 0.0 ? totals[0] / totals[1] : 0.0;
    report.difference.maximum = sums.differenceMax;
    report.difference.tokens = static_cast<std::int64_t>(totals[1]);
    report.isBehaviourRecomputed = report.difference.mean > m_settings.policy.maxLogprobDifference;
    return report.isBehaviourRecomputed;
}

void PolicyUpdate::recomputeBehaviour(std::vector<MiniBatch>& miniBatches) const
{
    for (MiniBatch& miniBatch : miniBatches) {
        std::vector<TrainGroup>& groups = miniBatch.groups;
        Logprobs logprobs = logprobsUnder(m_model, groups);
        for (std::size_t g = 0; g < groups.size(); ++g)
            for (std::size_t r = 0; isFresh(groups[g]) && r < groups[g].rows.size(); ++r)
                groups[g].rows[r].behaviourLogprobs = std::move(logprobs[g][r]);
    }
}

void PolicyUpdate::apply(std::int64_t update, const MiniBatch& miniBatch, Accumulated& sums, UpdateReport& report)
{
    std::array<double, 2> totals { sums.loss, gradientSquares(m_model.parameters(), m_ranks.rank(), m_ranks.size()) };
    m_ranks.sum(totals);
    sums.loss = totals[0];
    const double norm = std::sqrt(totals[1]);
    report.microbatches += sums.microbatches;
    if (!std::isfinite(sums.loss) || !std::isfinite(norm)) {
        report.skipped.push_back({ .update = update, .reason = whatIsNotFinite(sums.loss), .loss = sums.loss, .gradientNorm = norm,
            .groups = miniBatch.allGroups });
        return;
    }
    const double limit = m_settings.optimizer.gradientClip;
    m_optimizer.step(m_model.parameters(), report.learningRate, limit > 0.0 && norm > limit ? limit / norm : 1.0);
    gatherWeights();
    ++report.updates;
    report.loss += sums.loss;
    report.gradientNorm += norm;
    report.maxGradientNorm = std::max(report.maxGradientNorm, norm);
    report.trainedGroups += std::ssize(miniBatch.allGroups);
    report.trainedRows += miniBatch.allRows;
}

// All ranks come here together: loss and norm are sums over all of them.
std::string PolicyUpdate::whatIsNotFinite(double loss) const
{
    const std::span<const model::Parameter> parameters = std::as_const(m_model).parameters();
    std::string bad;
    for (const std::string& found : m_ranks.gather(firstBadGradient(parameters, m_ranks)))
        bad = bad.empty() ? found : bad;
    if (!std::isfinite(loss))
        return "the loss is not finite";
    return "the gradient of " + (bad.empty() ? "the sum of squares" : bad) + " is not finite";
}

// Every rank has updated its shards of the weights that computing reads.
void PolicyUpdate::gatherWeights()
{
    std::vector<torch::Tensor> weights;
    for (const model::Parameter& parameter : m_model.parameters())
        weights.push_back(parameter.compute);
    m_ranks.gatherShards(weights);
}

void PolicyUpdate::addTo(Accumulated& total, const Accumulated& sums)
{
    total.statistics.add(sums.statistics);
    total.hasEntropy = total.hasEntropy || sums.hasEntropy;
    total.packedTokens += sums.packedTokens;
    total.activationBytes = std::max(total.activationBytes, sums.activationBytes);
}

// What was counted on each rank; loss and norm were added up update by update.
void PolicyUpdate::addOverRanks(Accumulated& total, UpdateReport& report) const
{
    LossStatistics& s = total.statistics;
    std::array<double, 13> sums { s.tokens, s.replayedTokens, s.clippedTokens, s.clippedReplayedTokens, s.kl, s.klToBehaviour, s.entropy,
        s.ratio, s.weight, s.weightSquare, total.hasEntropy ? 1.0 : 0.0, static_cast<double>(total.packedTokens),
        static_cast<double>(report.microbatches) };
    m_ranks.sum(sums);
    std::array<double, 3> maxima { s.maxRatio, s.maxWeight, report.difference.maximum };
    m_ranks.maximum(maxima);
    s = { .tokens = sums[0], .replayedTokens = sums[1], .clippedTokens = sums[2], .clippedReplayedTokens = sums[3], .kl = sums[4],
        .klToBehaviour = sums[5], .entropy = sums[6], .ratio = sums[7], .maxRatio = maxima[0], .weight = sums[8],
        .weightSquare = sums[9], .maxWeight = maxima[1] };
    total.hasEntropy = sums[10] > 0.0;
    total.packedTokens = static_cast<std::int64_t>(sums[11]);
    report.microbatches = static_cast<std::int64_t>(sums[12]);
    report.difference.maximum = maxima[2];
}

void PolicyUpdate::finishReport(const Accumulated& total, UpdateReport& report)
{
    if (report.updates > 0) {
        report.loss /= static_cast<double>(report.updates);
        report.gradientNorm /= static_cast<double>(report.updates);
    }
    const LossStatistics& statistics = total.statistics;
    const auto share = [](double part, double whole) { return whole > 0.0 ? part / whole : 0.0; };
    const double fresh = statistics.tokens - statistics.replayedTokens;
    report.clipShare = share(statistics.clippedTokens, statistics.tokens);
    report.clipShareFresh = share(statistics.clippedTokens - statistics.clippedReplayedTokens, fresh);
    report.clipShareReplayed = share(statistics.clippedReplayedTokens, statistics.replayedTokens);
    report.kl = share(statistics.kl, statistics.tokens);
    report.klToBehaviour = share(statistics.klToBehaviour, statistics.tokens);
    if (total.hasEntropy && statistics.tokens > 0.0)
        report.entropy = statistics.entropy / statistics.tokens;
    if (statistics.tokens > 0.0) {
        report.ratioMean = statistics.ratio / statistics.tokens;
        report.ratioMax = statistics.maxRatio;
    }
    if (statistics.replayedTokens > 0.0) {
        report.weightMean = statistics.weight / statistics.replayedTokens;
        report.weightMax = statistics.maxWeight;
    }
    report.effectiveSampleShare = statistics.effectiveSampleShare();
    report.trainedTokens = static_cast<std::int64_t>(statistics.tokens);
    report.packedTokens = total.packedTokens;
}

PolicyUpdate::Logprobs PolicyUpdate::logprobsUnder(
    const model::Model& model, std::span<const TrainGroup> groups) const
{
    return m_memory.fit([&](std::int64_t tokens) { return logprobsUnder(model, groups, tokens); });
}

PolicyUpdate::Logprobs PolicyUpdate::logprobsUnder(
    const model::Model& model, std::span<const TrainGroup> groups, std::int64_t tokensPerMicrobatch) const
{
    Logprobs out(groups.size());
    for (std::size_t g = 0; g < groups.size(); ++g)
        out[g].resize(groups[g].rows.size());
    for (const MicroBatch& microBatch : pack(groups, tokensPerMicrobatch)) {
        const torch::Tensor logprobs = model.score(packedBatch(microBatch), { m_settings.temperature }).logprobs.cpu();
        const float* next = logprobs.const_data_ptr<float>();
        for (const GroupRows& part : microBatch)
            for (const TrainRow* row : part.rows) {
                std::vector<float>& target
                    = out[static_cast<std::size_t>(part.group - groups.data())][static_cast<std::size_t>(row - part.group->rows.data())];
                target.assign(next, next + row->tokens.size());
                next += row->tokens.size();
            }
    }
    return out;
}

PolicyUpdate::Logprobs PolicyUpdate::computeLogprobs(std::span<const TrainGroup> groups) const
{
    if (m_ranks.size() == 1)
        return logprobsUnder(m_model, groups);
    const std::vector<TrainGroup> share = shareOf({ groups.begin(), groups.end() }, m_ranks.rank(), m_ranks.size());
    std::string own;
    for (const std::vector<std::vector<float>>& rows : logprobsUnder(m_model, share))
        for (const std::vector<float>& row : rows)
            own.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
    // Shares are cut out of the rows in their order, so one after another they are all rows.
    std::string all;
    for (const std::string& part : m_ranks.gather(std::move(own)))
        all += part;
    const char* next = all.data();
    Logprobs logprobs(groups.size());
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (const TrainRow& row : groups[g].rows) {
            std::vector<float>& target = logprobs[g].emplace_back(row.tokens.size());
            const std::size_t bytes = target.size() * sizeof(float);
            MIDPOINT_ASSERT(next + bytes <= all.data() + all.size(), "the ranks cut the same rows");
            if (bytes > 0)
                std::memcpy(target.data(), next, bytes);
            next += bytes;
        }
    return logprobs;
}

void PolicyUpdate::fillOldLogprobs(std::span<TrainGroup> groups) const { setOldLogprobs(groups, computeLogprobs(groups)); }

} // namespace midpoint::policy
