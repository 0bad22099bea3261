#include "backend/core/error.h"
#include "backend/core/rng.h"
#include "backend/predictor/attention_predictor.h"
#include "backend/predictor/embedding_matrix.h"
#include "backend/predictor/predictor_belief.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

#include <numeric>

namespace midpoint::predictor {
namespace {

using difficulty::Ledger;
using difficulty::PromptPool;

std::vector<PromptId> idsFrom(PromptId first, std::int64_t count)
{
    std::vector<PromptId> ids(static_cast<std::size_t>(count));
    std::iota(ids.begin(), ids.end(), first);
    return ids;
}

class PredictorBeliefTest : public testing::Test {
protected:
    PredictorBeliefTest()
    {
        torch::manual_seed(7);
        EmbeddingMatrix(torch::randn({ 60, 12 }), idsFrom(100, 60)).save(m_folder / "embeddings.safetensors");
        AttentionPredictor::random({ 12, 8, 10 }, 3).save(m_folder / "predictor.safetensors");
        m_options.predictor = m_folder / "predictor.safetensors";
        m_options.embeddings = m_folder / "embeddings.safetensors";
        m_options.calibration = difficulty::CalibrationKind::None;
    }
    // Success counts of prompts first, first + 1, ... in one step.
    void measure(PromptId first, const std::vector<std::int32_t>& successes, std::int64_t step,
        Purpose purpose = Purpose::Reference)
    {
        for (std::size_t i = 0; i < successes.size(); ++i)
            m_ledger.add({ .prompt = first + static_cast<PromptId>(i),
                .step = step,
                .purpose = purpose,
                .attempts = 8,
                .successes = successes[i] });
    }

    test::TemporaryFolder m_folder;
    PredictorBeliefOptions m_options;
    PromptPool m_pool { { 130, 101, 102, 110, 111, 112, 159,
        100 } }; // neither all of the embeddings nor in their order
    Ledger m_ledger;
};

TEST_F(PredictorBeliefTest, EmbeddingsWithTheLastState_TheMeanCounts)
{
    measure(100, { 8, 0, 4 }, 0);
    const PromptPool pool(idsFrom(100, 60));
    const auto belief = makePredictorBelief(m_options, pool);
    belief->learn(m_ledger, 1);
    const EmbeddingMatrix means = EmbeddingMatrix::open(m_options.embeddings);
    m_options.embeddings = m_folder / "mean-last.safetensors";
    EmbeddingMatrix(torch::cat({ means.slice(0, 60), torch::randn({ 60, 12 }) }, 1), idsFrom(100, 60)).save(m_options.embeddings);
    const auto other = makePredictorBelief(m_options, pool);
    other->learn(m_ledger, 1);
    EXPECT_EQ(other->estimate(1).mean, belief->estimate(1).mean);
}

TEST_F(PredictorBeliefTest, Estimate_BeforeAnyMeasurement_IsOneHalf)
{
    const auto belief = makePredictorBelief(m_options, m_pool);
    belief->learn(m_ledger, 0);
    for (const double rate : belief->estimate(0).mean)
        EXPECT_EQ(rate, 0.5);
}

TEST_F(PredictorBeliefTest, Estimate_UnmeasuredPrompt_EqualsDirectPrediction)
{
    measure(110, { 0, 8, 5 }, 4);
    measure(100, { 7 }, 2); // an older round, no longer a reference
    const auto belief = makePredictorBelief(m_options, m_pool);
    Ledger inOrder;
    inOrder.add({ .prompt = 100, .step = 2, .purpose = Purpose::Reference, .attempts = 8, .successes = 7 });
    for (const auto& entry : m_ledger.entries())
        if (entry.step == 4)
            inOrder.add(entry);
    belief->learn(inOrder, 4);
    const auto estimates = belief->estimate(4);

    const AttentionPredictor predictor = AttentionPredictor::load(m_options.predictor);
    const EmbeddingMatrix embeddings = EmbeddingMatrix::open(m_options.embeddings);
    const torch::Tensor labels = torch::tensor(std::vector<float> { 0.0F, 1.0F, 0.625F });
    const torch::Tensor expected = predictor
                                       .predict(predictor.projectQueries(embeddings.slice(0, 60)),
                                           predictor.projectReferences(embeddings.slice(10, 3)), labels)
                                       .successRate;
    EXPECT_NEAR(estimates.mean[0], expected[30].item<double>(), 1e-6);
    EXPECT_NEAR(estimates.mean[6], expected[59].item<double>(), 1e-6);
    EXPECT_NEAR(estimates.mean[7], expected[0].item<double>(), 1e-6);
    // The measured references stand with their measured rates.
    EXPECT_EQ(estimates.mean[3], 0.0);
    EXPECT_EQ(estimates.mean[4], 1.0);
    EXPECT_EQ(estimates.mean[5], 0.625);
}

TEST_F(PredictorBeliefTest, References_OwnLabelChanged_PredictionStays)
{
    m_options.referenceEstimate = ReferenceEstimate::Predicted;
    measure(110, { 0, 8, 5 }, 4);
    const auto belief = makePredictorBelief(m_options, m_pool);
    belief->learn(m_ledger, 4);
    const auto before = belief->estimate(4);
    ASSERT_EQ(before.references.size(), 3U);

    Ledger changed;
    changed.add({ .prompt = 110, .step = 4, .purpose = Purpose::Reference, .attempts = 8, .successes = 8 });
    changed.add({ .prompt = 111, .step = 4, .purpose = Purpose::Reference, .attempts = 8, .successes = 8 });
    changed.add({ .prompt = 112, .step = 4, .purpose = Purpose::Reference, .attempts = 8, .successes = 5 });
    belief->learn(changed, 4);
    const auto after = belief->estimate(4);
    EXPECT_EQ(before.references[0].predicted, after.references[0].predicted);
    EXPECT_NE(before.references[1].predicted, after.references[1].predicted);
    EXPECT_NE(before.mean[3], after.mean[3]) << "the estimate of a reference does use its label";
}

TEST_F(PredictorBeliefTest, Learn_WithoutReferenceRollouts_UsesNewestGroupOfEachPrompt)
{
    m_options.hasReferenceRollouts = false;
    m_options.recentReferences = 2;
    measure(110, { 0, 8, 5 }, 4, Purpose::Train);
    measure(111, { 2 }, 5, Purpose::Explore);
    measure(100, { 3 }, 5, Purpose::Evaluate);
    const auto belief = makePredictorBelief(m_options, m_pool);
    belief->learn(m_ledger, 6);
    const auto estimates = belief->estimate(6);
    ASSERT_EQ(estimates.references.size(), 2U);
    EXPECT_EQ(estimates.references[0].index, 5); // prompt 112
    EXPECT_EQ(estimates.references[1].index, 4); // prompt 111, its newer measurement
    EXPECT_EQ(estimates.references[1].successes, 2);
}

TEST_F(PredictorBeliefTest, RestoreState_OfSavedBelief_ContinuesExactly)
{
    measure(110, { 0, 8, 5 }, 4);
    const auto belief = makePredictorBelief(m_options, m_pool);
    belief->learn(m_ledger, 4);
    const auto other = makePredictorBelief(m_options, m_pool);
    other->restoreState(belief->saveState());
    EXPECT_EQ(belief->estimate(4).mean, other->estimate(4).mean);
    EXPECT_EQ(belief->saveState(), other->saveState());
}

TEST_F(PredictorBeliefTest, RestoreState_OfOtherWeights_IsAnError)
{
    const std::string saved = makePredictorBelief(m_options, m_pool)->saveState();
    AttentionPredictor::random({ 12, 8, 10 }, 4).save(m_folder / "predictor.safetensors");
    EXPECT_THROW(makePredictorBelief(m_options, m_pool)->restoreState(saved), Error);
}

TEST_F(PredictorBeliefTest, Make_PromptWithoutEmbedding_NamesCountAndCommand)
{
    const PromptPool pool({ 100, 5, 6 });
    try {
        makePredictorBelief(m_options, pool);
        FAIL() << "prompts without embeddings were accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Data);
        EXPECT_NE(std::string(error.what()).find("2 of 3 prompts"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("predictor embed"), std::string::npos) << error.what();
    }
}

TEST_F(PredictorBeliefTest, Make_WithoutPredictor_NamesTheCommandThatMakesOne)
{
    m_options.predictor = "";
    try {
        makePredictorBelief(m_options, m_pool);
        FAIL() << "a missing predictor was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Config);
        EXPECT_NE(std::string(error.what()).find("midpoint predictor train"), std::string::npos) << error.what();
    }
}

TEST_F(PredictorBeliefTest, ReadPoolEmbeddings_RowsInTheOrderOfThePool)
{
    const PoolEmbeddings found = readPoolEmbeddings(m_options.embeddings, m_pool);
    EXPECT_EQ(found.dimension, 12);
    ASSERT_EQ(found.values.size(), 8U * 12U);
    const EmbeddingMatrix embeddings = EmbeddingMatrix::open(m_options.embeddings);
    EXPECT_EQ(found.values[0], embeddings.slice(30, 1)[0][0].item<float>());
    EXPECT_EQ(found.values[6 * 12 + 11], embeddings.slice(59, 1)[0][11].item<float>());
    EXPECT_THROW(readPoolEmbeddings(m_options.embeddings, PromptPool({ 1 })), Error);
    EXPECT_THROW(readPoolEmbeddings(m_folder / "none", m_pool), Error);
}

TEST(EmbeddingMatrix, Gather_FromFile_EqualsMemory)
{
    const test::TemporaryFolder folder;
    torch::manual_seed(1);
    const EmbeddingMatrix inMemory(torch::randn({ 9, 5 }), idsFrom(1, 9), { { "model_hash", "abc" } });
    inMemory.save(folder / "embeddings.safetensors");
    const EmbeddingMatrix inFile = EmbeddingMatrix::open(folder / "embeddings.safetensors");
    const std::vector<std::int64_t> rows = { 8, 0, 3, 3 };
    EXPECT_TRUE(torch::equal(inMemory.gather(rows), inFile.gather(rows)));
    EXPECT_TRUE(torch::equal(inMemory.slice(2, 4), inFile.slice(2, 4)));
    EXPECT_EQ(inFile.metadata().at("model_hash"), "abc");
    EXPECT_EQ(inFile.rowOf(3), 2);
    EXPECT_EQ(inFile.rowOf(77), std::nullopt);
}

TEST(EmbeddingMatrix, Construct_RepeatedId_IsAnError)
{
    EXPECT_THROW(EmbeddingMatrix(torch::zeros({ 2, 3 }), { 4, 4 }), Error);
    EXPECT_THROW(EmbeddingMatrix(torch::zeros({ 2, 3 }), { 4 }), Error);
}

} // namespace
} // namespace midpoint::predictor
