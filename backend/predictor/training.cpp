#include "backend/predictor/training.h"

#include "backend/core/error.h"
#include "backend/core/rng.h"
#include "backend/core/text.h"

#include <algorithm>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/optim/adam.h>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

namespace midpoint::predictor {
namespace {

constexpr std::int64_t kMostWarmupSteps = 100;
constexpr std::int64_t kFewestReferences = 2; // the calibration head needs a spread

struct Example {
    std::size_t policy = 0;
    std::size_t label = 0; // position in its policy's labels
};

Rng rngOf(std::uint64_t seed, std::int64_t epoch, std::int64_t batch)
{
    RngKey key;
    key.seed = seed;
    key.purpose = DrawPurpose::Predictor;
    key.step = epoch;
    key.sample = batch;
    return Rng(key);
}

torch::Tensor indexTensor(const std::vector<std::int64_t>& values)
{
    return torch::tensor(values, torch::kInt64);
}

// `count` different members of `from`.
std::vector<std::int64_t> drawSome(std::vector<std::int64_t> from, std::int64_t count, Rng& rng)
{
    for (std::int64_t i = 0; i < count; ++i)
        std::swap(
            from[static_cast<std::size_t>(i)], from[static_cast<std::size_t>(i + rng.below(std::ssize(from) - i))]);
    from.resize(static_cast<std::size_t>(count));
    return from;
}

// One gradient step's worth: queries with their labels, and references with the labels each query's policy has for
// them.
struct Batch {
    std::vector<std::int64_t> rows;
    std::vector<std::int64_t> references;
    torch::Tensor targets; // [B]
    torch::Tensor referenceLabels; // [B, K]
};

class Trainer {
public:
    Trainer(const EmbeddingMatrix& embeddings, std::span<const PolicyLabels> train,
        std::span<const PolicyLabels> heldOut, const TrainOptions& options);
    TrainResult run();

private:
    void indexLabels();
    std::vector<std::vector<Example>> batchesOf(std::int64_t epoch) const;
    Batch makeBatch(const std::vector<Example>& examples, Rng& rng) const;
    double runEpoch(std::int64_t epoch);
    double step(const Batch& batch, at::Generator dropoutGenerator);
    double learningRateAt(std::int64_t stepNumber) const;
    std::optional<double> heldOutPearson() const;

    const EmbeddingMatrix& m_embeddings;
    std::span<const PolicyLabels> m_train;
    std::span<const PolicyLabels> m_heldOut;
    TrainOptions m_options;
    AttentionPredictor m_predictor;
    std::unique_ptr<torch::optim::Adam> m_optimizer;
    torch::Tensor m_matrix; // all embeddings
    torch::Tensor m_rates; // [policies, rows], 0 where unknown
    std::vector<std::int64_t> m_common; // rows that every training policy has labels for
    bool m_isShared = false; // one reference set for all policies of a batch
    std::int64_t m_references = 0;
    std::int64_t m_totalSteps = 0;
    std::int64_t m_stepsDone = 0;
    TrainReport m_report;
};

Trainer::Trainer(const EmbeddingMatrix& embeddings, std::span<const PolicyLabels> train,
    std::span<const PolicyLabels> heldOut, const TrainOptions& options)
    : m_embeddings(embeddings)
    , m_train(train)
    , m_heldOut(heldOut)
    , m_options(options)
{
    m_options.shape.embeddingSize = embeddings.dimension();
    m_predictor = AttentionPredictor::random(m_options.shape, m_options.seed);
    m_predictor.setRequiresGrad(true);
    std::vector<torch::Tensor> parameters;
    for (const auto& [name, tensor] : m_predictor.parameters())
        parameters.push_back(tensor);
    m_optimizer = std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(m_options.learningRate));
    m_matrix = embeddings.slice(0, embeddings.size());
    indexLabels();
    m_totalSteps = m_options.epochs * std::ssize(batchesOf(0));
}

void Trainer::indexLabels()
{
    std::vector<std::int64_t> policiesWith(static_cast<std::size_t>(m_embeddings.size()), 0);
    std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
    m_rates = torch::zeros({ std::ssize(m_train), m_embeddings.size() });
    auto rates = m_rates.accessor<float, 2>();
    for (std::size_t policy = 0; policy < m_train.size(); ++policy) {
        const PolicyLabels& labels = m_train[policy];
        smallest = std::min(smallest, labels.size());
        m_report.labels += labels.size();
        for (std::size_t i = 0; i < labels.rows.size(); ++i) {
            rates[static_cast<std::int64_t>(policy)][labels.rows[i]] = static_cast<float>(labels.rate(i));
            ++policiesWith[static_cast<std::size_t>(labels.rows[i])];
        }
    }
    // A prompt is never its own reference, so one more label than references is needed.
    if (m_train.empty() || smallest <= kFewestReferences)
        throw Error(ErrorKind::Data,
            concat("training a predictor needs labels of at least one policy and more than ", kFewestReferences,
                " prompts of each; found ", m_train.size(), " policies, the smallest with ",
                m_train.empty() ? 0 : smallest, " prompts"));
    for (std::size_t row = 0; row < policiesWith.size(); ++row)
        if (policiesWith[row] == std::ssize(m_train))
            m_common.push_back(static_cast<std::int64_t>(row));
    m_isShared = std::ssize(m_common) > std::min(m_options.references, smallest - 1);
    m_references = std::clamp(m_options.references, kFewestReferences, smallest - 1);
}

// With a shared reference set a batch mixes policies; without one it belongs to a single policy.
std::vector<std::vector<Example>> Trainer::batchesOf(std::int64_t epoch) const
{
    Rng rng = rngOf(m_options.seed, epoch, -1);
    std::vector<std::vector<Example>> piles(m_isShared ? 1 : m_train.size());
    for (std::size_t policy = 0; policy < m_train.size(); ++policy)
        for (std::size_t label = 0; label < m_train[policy].rows.size(); ++label)
            piles[m_isShared ? 0 : policy].push_back({ policy, label });
    std::vector<std::vector<Example>> batches;
    for (std::vector<Example>& pile : piles) {
        shuffle(pile, rng);
        for (std::int64_t first = 0; first < std::ssize(pile); first += m_options.batch)
            batches.emplace_back(
                pile.begin() + first, pile.begin() + std::min(first + m_options.batch, std::ssize(pile)));
    }
    shuffle(batches, rng);
    return batches;
}

Batch Trainer::makeBatch(const std::vector<Example>& examples, Rng& rng) const
{
    Batch batch;
    std::vector<std::int64_t> policies;
    std::vector<float> targets;
    for (const Example& example : examples) {
        const PolicyLabels& labels = m_train[example.policy];
        policies.push_back(static_cast<std::int64_t>(example.policy));
        batch.rows.push_back(labels.rows[example.label]);
        targets.push_back(static_cast<float>(labels.rate(example.label)));
    }
    batch.references = drawSome(m_isShared ? m_common : m_train[examples.front().policy].rows, m_references, rng);
    batch.targets = torch::tensor(targets);
    batch.referenceLabels
        = m_rates.index_select(1, indexTensor(batch.references)).index_select(0, indexTensor(policies));
    return batch;
}

double Trainer::learningRateAt(std::int64_t stepNumber) const
{
    const std::int64_t warmup = std::min(kMostWarmupSteps, m_totalSteps / 10);
    if (stepNumber < warmup)
        return m_options.learningRate * static_cast<double>(stepNumber + 1) / static_cast<double>(warmup);
    return m_options.learningRate * static_cast<double>(m_totalSteps - stepNumber)
        / static_cast<double>(std::max<std::int64_t>(m_totalSteps - warmup, 1));
}

double Trainer::step(const Batch& batch, at::Generator dropoutGenerator)
{
    for (auto& group : m_optimizer->param_groups())
        static_cast<torch::optim::AdamOptions&>(group.options()).lr(learningRateAt(m_stepsDone));
    const DropoutOptions dropout { m_options.dropout, dropoutGenerator };
    const torch::Tensor rows = indexTensor(batch.rows);
    const torch::Tensor references = indexTensor(batch.references);
    const torch::Tensor own = rows.unsqueeze(1).eq(references.unsqueeze(0));
    const Prediction prediction
        = m_predictor.predict(m_predictor.projectQueries(m_matrix.index_select(0, rows), dropout),
            m_predictor.projectReferences(m_matrix.index_select(0, references), dropout), batch.referenceLabels, own);
    const torch::Tensor loss = torch::binary_cross_entropy(prediction.successRate, batch.targets);
    m_optimizer->zero_grad();
    loss.backward();
    const double value = loss.item<double>();
    if (!std::isfinite(value))
        throw Error(ErrorKind::Numeric,
            concat("training the predictor: the loss became ", value, " at step ", m_stepsDone,
                "; lower the learning rate (", m_options.learningRate, ")"));
    m_optimizer->step();
    ++m_stepsDone;
    return value;
}

double Trainer::runEpoch(std::int64_t epoch)
{
    double total = 0.0;
    std::int64_t examples = 0;
    std::int64_t number = 0;
    for (const std::vector<Example>& chosen : batchesOf(epoch)) {
        if (m_options.stop.stop_requested())
            break;
        Rng rng = rngOf(m_options.seed, epoch, number++);
        const Batch batch = makeBatch(chosen, rng);
        total += step(batch, at::detail::createCPUGenerator(rng.next())) * static_cast<double>(chosen.size());
        examples += std::ssize(chosen);
    }
    return examples > 0 ? total / static_cast<double>(examples) : std::numeric_limits<double>::quiet_NaN();
}

std::optional<double> Trainer::heldOutPearson() const
{
    if (m_heldOut.empty())
        return std::nullopt;
    EvalOptions options;
    options.references = m_references;
    options.seeds = 2;
    options.calibrator = PostHoc::None;
    options.seed = m_options.seed;
    double total = 0.0;
    for (const EvalReport& report : evaluatePredictor(m_predictor.clone(), m_embeddings, m_heldOut, options))
        total += report.pearson.mean;
    return total / static_cast<double>(m_heldOut.size());
}

TrainResult Trainer::run()
{
    AttentionPredictor best = m_predictor.clone();
    double bestPearson = -std::numeric_limits<double>::infinity();
    for (std::int64_t epoch = 1; epoch <= m_options.epochs; ++epoch) {
        const double loss = runEpoch(epoch - 1);
        if (m_options.stop.stop_requested())
            break;
        m_report.epochLoss.push_back(loss);
        const std::optional<double> pearson = heldOutPearson();
        if (pearson)
            m_report.heldOutPearson.push_back(*pearson);
        if (m_options.progress)
            m_options.progress(
                { epoch, m_options.epochs, loss, pearson.value_or(std::numeric_limits<double>::quiet_NaN()) });
        if (!pearson || *pearson > bestPearson) {
            best = m_predictor.clone();
            bestPearson = pearson.value_or(bestPearson);
            m_report.bestEpoch = epoch;
        } else if (epoch - m_report.bestEpoch >= m_options.patienceEpochs) {
            break;
        }
    }
    m_report.steps = m_stepsDone;
    if (m_report.bestEpoch == 0)
        throw Error(ErrorKind::Cancelled, "training the predictor was stopped before the first epoch was complete");
    return { std::move(best), std::move(m_report) };
}

} // namespace

TrainResult trainPredictor(const EmbeddingMatrix& embeddings, std::span<const PolicyLabels> train,
    std::span<const PolicyLabels> heldOut, const TrainOptions& options)
{
    return Trainer(embeddings, train, heldOut, options).run();
}

} // namespace midpoint::predictor
