#include "backend/core/error.h"
#include "backend/model/safetensors.h"
#include "backend/predictor/attention_predictor.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

namespace midpoint::predictor {
namespace {

constexpr double kTolerance = 1e-10; // double against double: only the order of summation differs

double largestDifference(const torch::Tensor& a, const torch::Tensor& b)
{
    EXPECT_EQ(a.sizes(), b.sizes());
    return (a - b).abs().max().item<double>();
}

TEST(AttentionPredictorParity, Fixture_ValuesAndGradients_Equal)
{
    const auto path = test::fixture("difficulty_predictor.safetensors");
    MIDPOINT_REQUIRE_FIXTURE(path);
    const model::SafetensorsFile file(path);
    AttentionPredictor predictor = AttentionPredictor::load(path, torch::kFloat64);
    predictor.setRequiresGrad(true);

    const torch::Tensor embeddings = file.read("embeddings");
    const torch::Tensor labels = file.read("reference_labels");
    const std::int64_t references = labels.size(0);
    const Prediction prediction = predictor.predict(predictor.projectQueries(embeddings.slice(0, references)),
        predictor.projectReferences(embeddings.slice(0, 0, references)), labels);
    EXPECT_LE(largestDifference(prediction.attentionBase, file.read("attention_base")), kTolerance);
    EXPECT_LE(largestDifference(prediction.successRate, file.read("success_rate")), kTolerance);

    const torch::Tensor loss = torch::binary_cross_entropy(prediction.successRate, file.read("target"));
    EXPECT_NEAR(loss.item<double>(), file.read("bce").item<double>(), kTolerance);
    loss.backward();
    for (const auto& [name, tensor] : predictor.parameters())
        EXPECT_LE(largestDifference(tensor.grad(), file.read("grad." + name)), kTolerance) << name;
}

AttentionPredictor smallPredictor()
{
    return AttentionPredictor::random({ 12, 8, 10 }, 3, torch::kFloat64);
}

TEST(AttentionPredictor, Random_SameSeed_SameWeights)
{
    EXPECT_EQ(smallPredictor().checksum(), smallPredictor().checksum());
    EXPECT_NE(smallPredictor().checksum(), AttentionPredictor::random({ 12, 8, 10 }, 4, torch::kFloat64).checksum());
}

TEST(AttentionPredictor, Predict_LabelsOfEachQueryAllTheSame_EqualsSharedLabels)
{
    const AttentionPredictor predictor = smallPredictor();
    torch::manual_seed(1);
    const torch::Tensor queries = predictor.projectQueries(torch::randn({ 6, 12 }, torch::kFloat64));
    const torch::Tensor references = predictor.projectReferences(torch::randn({ 5, 12 }, torch::kFloat64));
    const torch::Tensor labels = torch::rand({ 5 }, torch::kFloat64);
    const Prediction shared = predictor.predict(queries, references, labels);
    const Prediction each = predictor.predict(queries, references, labels.expand({ 6, 5 }));
    EXPECT_LE(largestDifference(shared.attentionBase, each.attentionBase), 1e-14);
    EXPECT_LE(largestDifference(shared.successRate, each.successRate), 1e-14);
}

TEST(AttentionPredictor, Predict_ForbiddenReference_EqualsReferenceLeftOut)
{
    const AttentionPredictor predictor = smallPredictor();
    torch::manual_seed(2);
    const torch::Tensor queries = predictor.projectQueries(torch::randn({ 4, 12 }, torch::kFloat64));
    const torch::Tensor references = predictor.projectReferences(torch::randn({ 5, 12 }, torch::kFloat64));
    const torch::Tensor labels = torch::rand({ 5 }, torch::kFloat64);
    torch::Tensor forbidden = torch::zeros({ 4, 5 }, torch::kBool);
    forbidden.select(1, 4).fill_(true);
    const Prediction masked = predictor.predict(queries, references, labels.expand({ 4, 5 }), forbidden);
    const Prediction without = predictor.predict(queries, references.slice(0, 0, 4), labels.slice(0, 0, 4));
    EXPECT_LE(largestDifference(masked.attentionBase, without.attentionBase), 1e-14);
    EXPECT_LE(largestDifference(masked.successRate, without.successRate), 1e-14);
}

TEST(AttentionPredictor, SaveAndLoad_SameFile_SameWeights)
{
    const test::TemporaryFolder folder;
    const AttentionPredictor predictor = AttentionPredictor::random({ 12, 8, 10 }, 5);
    predictor.save(folder / "predictor.safetensors", { { "epochs", "3" } });
    EXPECT_EQ(AttentionPredictor::load(folder / "predictor.safetensors").checksum(), predictor.checksum());
}

TEST(AttentionPredictor, Load_FileOfSomethingElse_NamesTheMissingTensor)
{
    const test::TemporaryFolder folder;
    model::writeSafetensors(
        folder / "other.safetensors", std::vector<model::NamedTensor> { { "weight", torch::zeros({ 2, 2 }) } });
    try {
        AttentionPredictor::load(folder / "other.safetensors");
        FAIL() << "a file without a predictor was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Model);
        EXPECT_NE(std::string(error.what()).find("query_projection.1.weight"), std::string::npos) << error.what();
    }
}

TEST(AttentionPredictor, Dropout_SameGeneratorSeed_SameProjection)
{
    const AttentionPredictor predictor = smallPredictor();
    torch::manual_seed(3);
    const torch::Tensor input = torch::randn({ 4, 12 }, torch::kFloat64);
    const auto project = [&](std::uint64_t seed) {
        return predictor.projectQueries(input, { 0.5, at::detail::createCPUGenerator(seed) });
    };
    EXPECT_TRUE(torch::equal(project(1), project(1)));
    EXPECT_FALSE(torch::equal(project(1), project(2)));
}

} // namespace
} // namespace midpoint::predictor
