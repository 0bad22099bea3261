// Log-probs and sampling: fast forms against their references.
#include "kernels/sample.h"
#include "kernels/token_logprob.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "tests/kernels/kernel_testing.h"

#include <algorithm>
#include <limits>

namespace midpoint::kernels {
namespace {

using test::Array;

struct Size {
    std::int64_t rows;
    std::int64_t vocabulary;
};
const Size kSizes[] = { { 0, 5 }, { 1, 1 }, { 4, 2 }, { 3, 75 }, { 2, 1024 }, { 5, 1031 }, { 2, 151936 } };

TEST(TokenLogprob, ForwardAndBackward_AnySizeTypeAndIsa_EqualReference)
{
    for (const Size& size : kSizes)
        for (const ElementType type : test::elementTypes())
            for (const double temperature : { 1.0, 0.6 }) {
                Rng rng = test::testRng(7);
                const std::int64_t count = size.rows * size.vocabulary;
                const TokenLogprobShape shape { size.rows, size.vocabulary, temperature, type };
                const Array logits = Array::random(type, count, rng, 4.0);
                const auto rows = static_cast<std::size_t>(size.rows + 1);
                std::vector<std::int64_t> ids(rows);
                std::vector<float> gradLogprob(rows), gradEntropy(rows);
                for (std::size_t r = 0; r < rows; ++r) {
                    ids[r] = rng.below(size.vocabulary);
                    gradLogprob[r] = static_cast<float>(rng.normal());
                    gradEntropy[r] = static_cast<float>(rng.normal());
                }
                std::vector<float> logprob(rows), entropy(rows), logSumExp(rows);
                Array gradient(type, count);
                tokenLogprobForwardReference(shape, { logits.data(), ids.data(), logprob.data(), entropy.data(), logSumExp.data() });
                const TokenLogprobBackward backward { logits.data(), ids.data(), logSumExp.data(), entropy.data(), gradLogprob.data(),
                    gradEntropy.data(), gradient.data() };
                tokenLogprobBackwardReference(shape, backward);
                for (const CpuIsa isa : availableIsas()) {
                    const std::string what = concat(size.rows, " x ", size.vocabulary, ", ", test::nameOf(type), ", ", nameOf(isa), ": ");
                    std::vector<float> foundLogprob(rows), foundEntropy(rows), foundLogSumExp(rows);
                    tokenLogprobForward(
                        shape, { logits.data(), ids.data(), foundLogprob.data(), foundEntropy.data(), foundLogSumExp.data() }, isa);
                    test::expectClose(logprob, foundLogprob, size.rows, 2e-6, what + "logprob");
                    test::expectClose(entropy, foundEntropy, size.rows, 2e-6, what + "entropy");
                    test::expectClose(logSumExp, foundLogSumExp, size.rows, 2e-6, what + "logSumExp");
                    Array foundGradient = logits; // in place
                    TokenLogprobBackward inPlace = backward;
                    inPlace.logits = foundGradient.data();
                    inPlace.gradLogits = foundGradient.data();
                    tokenLogprobBackward(shape, inPlace, isa);
                    test::expectClose(gradient, foundGradient, count, test::toleranceOf(type), what + "gradient");
                }
            }
}

TEST(TokenLogprob, MaskedAndFarLogits_StayFinite)
{
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> logits = { -infinity, 1e4F, 0.0F, -1e4F, -infinity };
    const std::int64_t id = 1;
    for (const CpuIsa isa : availableIsas()) {
        float logprob = 1, entropy = 1;
        tokenLogprobForward({ 1, 5, 1.0, ElementType::Float32 }, { logits.data(), &id, &logprob, &entropy, nullptr }, isa);
        EXPECT_EQ(logprob, 0.0F);
        EXPECT_EQ(entropy, 0.0F);
    }
}

TEST(TokenLogprob, IdOutsideVocabulary_Throws)
{
    const std::vector<float> logits(5);
    const std::int64_t id = 5;
    EXPECT_THROW(tokenLogprobForward({ 1, 5, 1.0, ElementType::Float32 }, { logits.data(), &id, nullptr, nullptr, nullptr }), Error);
    EXPECT_THROW(tokenLogprobForward({ 1, 5, 0.0, ElementType::Float32 }, { logits.data(), &id, nullptr, nullptr, nullptr }), Error);
}

const SampleSettings kSettings[] = { { 1.0, 0, 1.0 }, { 0.6, 0, 1.0 }, { 0.0, 0, 1.0 }, { 1.0, 1, 1.0 }, { 1.0, 7, 1.0 }, { 1.0, 300, 1.0 },
    { 0.8, 0, 0.9 }, { 1.0, 0, 0.999 }, { 1.0, 0, 1e-6 }, { 1.3, 20, 0.8 }, { 1.0, 1 << 20, 0.5 } };

TEST(Sample, AnySettingsSizeAndIsa_EqualReference)
{
    for (const Size& size : kSizes)
        for (const SampleSettings& settings : kSettings) {
            Rng rng = test::testRng(8);
            const std::int64_t stride = size.vocabulary + 3;
            const std::int64_t rows = size.vocabulary > 10000 ? size.rows : 50 * size.rows;
            std::vector<float> logits(static_cast<std::size_t>(rows * stride), 1e6F); // what lies between rows is not read
            std::vector<double> uniform(static_cast<std::size_t>(rows));
            for (std::int64_t r = 0; r < rows; ++r) {
                uniform[static_cast<std::size_t>(r)] = rng.uniform();
                for (std::int64_t v = 0; v < size.vocabulary; ++v)
                    logits[static_cast<std::size_t>(r * stride + v)] = static_cast<float>(3.0 * rng.normal());
            }
            // A number within rounding of the border of two tokens may fall to either.
            std::vector<std::vector<std::int32_t>> expected;
            std::vector<float> expectedLogprob(uniform.size());
            for (const double shift : { -1e-6, 1e-6, 0.0 }) {
                std::vector<double> shifted = uniform;
                for (double& u : shifted)
                    u = std::clamp(u + shift, 1e-12, 1.0 - 1e-12);
                sampleReference(settings, { rows, size.vocabulary, stride, logits.data(), shifted.data(),
                    expected.emplace_back(uniform.size()).data(), expectedLogprob.data() });
            }
            for (const CpuIsa isa : availableIsas()) {
                std::vector<std::int32_t> token(uniform.size());
                std::vector<float> logprob(uniform.size());
                sample(settings, { rows, size.vocabulary, stride, logits.data(), uniform.data(), token.data(), logprob.data() }, isa);
                const std::string what = concat(rows, " x ", size.vocabulary, ", temperature ", settings.temperature, ", top-k ",
                    settings.topK, ", top-p ", settings.topP, ", ", nameOf(isa));
                for (std::size_t r = 0; r < token.size(); ++r) {
                    EXPECT_TRUE(token[r] == expected[0][r] || token[r] == expected[1][r] || token[r] == expected[2][r])
                        << what << ", row " << r << ": expected " << expected[2][r] << ", found " << token[r];
                    if (token[r] == expected[2][r]) {
                        EXPECT_NEAR(expectedLogprob[r], logprob[r], 3e-6 * (1.0 + std::abs(expectedLogprob[r]))) << what;
                    }
                }
            }
        }
}

TEST(Sample, FlatRow_TopPCutsInOrderOfIds)
{
    const std::vector<float> logits(1024, 0.25F);
    for (const CpuIsa isa : availableIsas())
        for (const std::int32_t expected : { 0, 100, 255, 511 }) {
            const double uniform = (expected + 0.5) / 512;
            std::int32_t token = -1;
            float logprob = 0;
            sample({ 1.0, 0, 0.5 }, { 1, 1024, 1024, logits.data(), &uniform, &token, &logprob }, isa);
            EXPECT_EQ(expected, token) << nameOf(isa);
        }
}

TEST(Sample, EqualLogits_LowerIdFirst)
{
    const std::vector<float> logits = { 0.0F, 2.0F, 2.0F, 2.0F, -1.0F };
    const double uniform = 0.999;
    std::int32_t token = -1;
    float logprob = 0;
    for (const CpuIsa isa : availableIsas()) {
        sample({ 0.0, 0, 1.0 }, { 1, 5, 5, logits.data(), &uniform, &token, &logprob }, isa);
        EXPECT_EQ(token, 1);
        sample({ 1.0, 2, 1.0 }, { 1, 5, 5, logits.data(), &uniform, &token, &logprob }, isa);
        EXPECT_EQ(token, 2);
    }
}

TEST(Sample, ImpossibleTokens_AreNeverDrawn)
{
    const float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> logits(100, -infinity);
    logits[40] = 0.5F;
    for (const CpuIsa isa : availableIsas())
        for (const double uniform : { 1e-300, 0.5, 1.0 - 1e-16 }) {
            std::int32_t token = -1;
            float logprob = 1;
            sample({ 1.0, 0, 1.0 }, { 1, 100, 100, logits.data(), &uniform, &token, &logprob }, isa);
            EXPECT_EQ(token, 40);
            EXPECT_EQ(logprob, 0.0F);
        }
}

TEST(Sample, LogitsNotFinite_Throw)
{
    const double uniform = 0.5;
    std::int32_t token = 0;
    float logprob = 0;
    for (const CpuIsa isa : availableIsas())
        for (const float bad : { std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity() }) {
            const std::vector<float> logits(37, bad);
            EXPECT_THROW(sample({ 1.0, 0, 1.0 }, { 1, 37, 37, logits.data(), &uniform, &token, &logprob }, isa), Error) << nameOf(isa) << bad;
            std::vector<float> one(37, 1.0F);
            one[20] = bad > 0 || std::isnan(bad) ? bad : std::nanf("");
            EXPECT_THROW(sample({ 1.0, 0, 1.0 }, { 1, 37, 37, one.data(), &uniform, &token, &logprob }, isa), Error) << nameOf(isa) << bad;
        }
}

TEST(Sample, BadSettings_Throw)
{
    const std::vector<float> logits(4);
    const double uniform = 0.5;
    std::int32_t token = 0;
    float logprob = 0;
    const SampleArguments arguments { 1, 4, 4, logits.data(), &uniform, &token, &logprob };
    EXPECT_THROW(sample({ -1.0, 0, 1.0 }, arguments), Error);
    EXPECT_THROW(sample({ 1.0, -1, 1.0 }, arguments), Error);
    EXPECT_THROW(sample({ 1.0, 0, 0.0 }, arguments), Error);
    EXPECT_THROW(sample({ 1.0, 0, 1.5 }, arguments), Error);
}

} // namespace
} // namespace midpoint::kernels
