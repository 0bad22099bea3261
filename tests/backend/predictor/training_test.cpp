#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/rng.h"
#include "backend/predictor/training.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

#include <numeric>

namespace midpoint::predictor {
namespace {

constexpr std::int64_t kPrompts = 400;
constexpr std::int64_t kDimension = 16;

std::vector<PromptId> ids()
{
    std::vector<PromptId> result(kPrompts);
    std::iota(result.begin(), result.end(), PromptId { 1 });
    return result;
}

EmbeddingMatrix embeddings()
{
    return { torch::randn({ kPrompts, kDimension }, at::detail::createCPUGenerator(5)), ids() };
}

// Item response: a policy of some ability solves a prompt with chance sigmoid(ability - difficulty); the difficulty is
// a direction in the embedding that no single number shows.
PolicyLabels labelsOf(
    const EmbeddingMatrix& matrix, const std::string& policy, double ability, std::int64_t attempts = 8)
{
    const torch::Tensor direction = torch::ones({ kDimension }) * (2.5 / std::sqrt(static_cast<double>(kDimension)));
    const torch::Tensor rates = torch::sigmoid(ability - torch::matmul(matrix.slice(0, kPrompts), direction));
    RngKey key;
    key.purpose = DrawPurpose::Simulation;
    key.prompt = stableId(policy);
    Rng rng(key);
    PolicyLabels labels;
    labels.policy = policy;
    for (std::int64_t row = 0; row < kPrompts; ++row) {
        std::int64_t successes = 0;
        for (std::int64_t i = 0; i < attempts; ++i)
            successes += rng.uniform() < rates[row].item<double>() ? 1 : 0;
        labels.rows.push_back(row);
        labels.successes.push_back(successes);
        labels.attempts.push_back(attempts);
    }
    return labels;
}

TrainOptions quickOptions()
{
    TrainOptions options;
    options.shape.hiddenSize = 64;
    options.epochs = 24; // fewer than some 700 steps do not bring queries and references together
    options.batch = 32;
    options.learningRate = 5e-3;
    options.references = 48;
    return options;
}

TEST(PredictorTraining, ItemResponseLabels_BeatsMeanAndNearestOnUnseenPolicies)
{
    const EmbeddingMatrix matrix = embeddings();
    const std::vector<PolicyLabels> train
        = { labelsOf(matrix, "weak", -1.5), labelsOf(matrix, "fair", 0.0), labelsOf(matrix, "good", 1.5) };
    const std::vector<PolicyLabels> unseen = { labelsOf(matrix, "unseen", 0.7) };
    const TrainResult result = trainPredictor(matrix, train, {}, quickOptions());
    EXPECT_LT(result.report.epochLoss.back(), result.report.epochLoss.front());
    EXPECT_EQ(result.report.labels, 3 * kPrompts);
    const EvalReport report
        = evaluatePredictor(result.predictor, matrix, unseen, { .references = 48, .seeds = 3 }).front();
    EXPECT_LT(report.meanAbsoluteError.mean, 0.75 * report.baselineAbsoluteError.mean);
    EXPECT_LT(report.meanAbsoluteError.mean, 0.85 * report.nearestAbsoluteError.mean);
    EXPECT_GT(report.pearson.mean, report.nearestPearson.mean + 0.1);
    EXPECT_LE(report.pearson.mean, report.noiseCeiling.mean + 0.02);
    EXPECT_GT(report.precision.mean, report.randomPrecision.mean);
    EXPECT_LE(report.precision.mean, report.precisionUpperBound.mean);
}

TEST(PredictorTraining, SameSeed_SameWeights)
{
    const EmbeddingMatrix matrix = embeddings();
    const std::vector<PolicyLabels> train = { labelsOf(matrix, "fair", 0.0) };
    TrainOptions options = quickOptions();
    options.epochs = 2;
    const auto checksumWith = [&](std::uint64_t seed) {
        options.seed = seed;
        return trainPredictor(matrix, train, {}, options).predictor.checksum();
    };
    EXPECT_EQ(checksumWith(1), checksumWith(1));
    EXPECT_NE(checksumWith(1), checksumWith(2));
}

// Policies measured on different prompts: no reference set fits all, so batches are made policy by policy.
TEST(PredictorTraining, PoliciesWithoutCommonPrompts_StillTrains)
{
    const EmbeddingMatrix matrix = embeddings();
    std::vector<PolicyLabels> train = { labelsOf(matrix, "weak", -1.0), labelsOf(matrix, "good", 1.0) };
    const auto keep = [](PolicyLabels& labels, std::size_t first) {
        for (auto* values : { &labels.rows, &labels.successes, &labels.attempts })
            *values = std::vector(values->begin() + static_cast<std::ptrdiff_t>(first),
                values->begin() + static_cast<std::ptrdiff_t>(first) + 200);
    };
    keep(train[0], 0);
    keep(train[1], 200);
    TrainOptions options = quickOptions();
    options.epochs = 60;
    const TrainResult result = trainPredictor(matrix, train, {}, options);
    const std::vector<PolicyLabels> unseen = { labelsOf(matrix, "unseen", 0.3) };
    const EvalReport report
        = evaluatePredictor(result.predictor, matrix, unseen, { .references = 48, .seeds = 2 }).front();
    EXPECT_GT(report.pearson.mean, 0.4);
}

TEST(PredictorTraining, HeldOutPolicies_StopWhenTheyNoLongerImprove)
{
    const EmbeddingMatrix matrix = embeddings();
    const std::vector<PolicyLabels> train = { labelsOf(matrix, "fair", 0.0) };
    PolicyLabels random = labelsOf(matrix, "random", 0.0);
    RngKey key;
    key.purpose = DrawPurpose::Simulation;
    Rng rng(key);
    shuffle(random.successes, rng); // nothing to learn about it
    TrainOptions options = quickOptions();
    options.epochs = 60;
    options.patienceEpochs = 2;
    std::int64_t calls = 0;
    options.progress = [&](const TrainProgress& progress) { EXPECT_EQ(progress.epoch, ++calls); };
    const TrainResult result = trainPredictor(matrix, train, std::vector { random }, options);
    EXPECT_LT(result.report.epochLoss.size(), 60U);
    EXPECT_EQ(std::ssize(result.report.epochLoss), calls);
    EXPECT_EQ(std::ssize(result.report.epochLoss), result.report.bestEpoch + 2);
}

TEST(PredictorTraining, TooFewLabels_IsAnError)
{
    const EmbeddingMatrix matrix = embeddings();
    EXPECT_THROW(trainPredictor(matrix, {}, {}, quickOptions()), Error);
    PolicyLabels two;
    two.policy = "two";
    two.rows = { 0, 1 };
    two.successes = { 1, 0 };
    two.attempts = { 2, 2 };
    EXPECT_THROW(trainPredictor(matrix, std::vector { two }, {}, quickOptions()), Error);
    EXPECT_THROW(
        evaluatePredictor(AttentionPredictor::random({ kDimension, 8, 10 }, 1), matrix, std::vector { two }, {}),
        Error);
}

TEST(PredictorEvaluation, EveryCalibrator_KeepsErrorsInRange)
{
    const EmbeddingMatrix matrix = embeddings();
    const AttentionPredictor untrained = AttentionPredictor::random({ kDimension, 8, 10 }, 1);
    const std::vector<PolicyLabels> labels = { labelsOf(matrix, "good", 1.5) };
    for (const char* name : { "none", "linear", "isotonic", "platt" }) {
        EvalOptions options;
        options.references = 48;
        options.seeds = 3;
        options.calibrator = postHocFromName(name);
        const EvalReport report = evaluatePredictor(untrained, matrix, labels, options).front();
        EXPECT_GE(report.meanAbsoluteError.mean, 0.0) << name;
        EXPECT_LE(report.meanAbsoluteError.mean, 1.0) << name;
        EXPECT_LE(report.meanSquaredError.mean, report.meanAbsoluteError.mean) << name;
        if (options.calibrator != PostHoc::None) {
            EXPECT_LT(report.calibrationError.mean, 0.12) << name;
        }
        EXPECT_GT(report.meanAbsoluteError.deviation, 0.0) << "splits differ";
    }
    EXPECT_THROW(postHocFromName("cubic"), Error);
}

class LabelsTest : public testing::Test {
protected:
    std::vector<PolicyLabels> readText(const std::string& content)
    {
        test::write(m_folder / "labels.jsonl", content);
        const std::vector<std::filesystem::path> files = { m_folder / "labels.jsonl" };
        return readLabels(files, m_matrix);
    }
    test::TemporaryFolder m_folder;
    EmbeddingMatrix m_matrix { torch::zeros({ 3, 2 }), { 10, 20, 30 } };
};

TEST_F(LabelsTest, Read_LinesOfSeveralPolicies_AddedUpByPrompt)
{
    const auto labels = readText("{\"policy\": \"b\", \"prompt\": 20, \"successes\": 1, \"attempts\": 4}\n\n"
                                 "{\"policy\": \"a\", \"prompt\": 30, \"successes\": 0, \"attempts\": 2}\n"
                                 "{\"policy\": \"b\", \"prompt\": 20, \"successes\": 3, \"attempts\": 4}\n");
    ASSERT_EQ(labels.size(), 2U);
    EXPECT_EQ(labels[0].policy, "a");
    EXPECT_EQ(labels[0].rows, (std::vector<std::int64_t> { 2 }));
    EXPECT_EQ(labels[1].rows, (std::vector<std::int64_t> { 1 }));
    EXPECT_EQ(labels[1].rate(0), 0.5);
}

TEST_F(LabelsTest, Read_BadLine_NamesFileLineAndField)
{
    const std::vector<std::pair<std::string, std::string>> cases = {
        { "{\"policy\": \"a\", \"prompt\": 10, \"successes\": 0, \"attempts\": 2}\nnonsense\n", "labels.jsonl:2" },
        { "{\"policy\": \"a\", \"prompt\": 99, \"successes\": 0, \"attempts\": 2}\n", "99" },
        { "{\"policy\": \"a\", \"prompt\": 10, \"successes\": 3, \"attempts\": 2}\n", "3 of 2" },
        { "{\"policy\": \"a\", \"prompt\": 10, \"successes\": 1}\n", "attempts" },
        { "{\"policy\": 7, \"prompt\": 10, \"successes\": 1, \"attempts\": 2}\n", "policy" },
        { "{\"policy\": \"a\", \"prompt\": \"10\", \"successes\": 1, \"attempts\": 2}\n", "prompt" },
    };
    for (const auto& [content, expected] : cases) {
        try {
            readText(content);
            FAIL() << "accepted: " << content;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Data);
            EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
        }
    }
}

} // namespace
} // namespace midpoint::predictor
