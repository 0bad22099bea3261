#include "kernels/packed_attention.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "tests/kernels/kernel_testing.h"

#include <ATen/Parallel.h>

namespace midpoint::kernels {
namespace {

using test::Array;

struct Layout {
    std::vector<std::int64_t> segments = { 0 };
    std::vector<std::int64_t> groups = { 0 };
    std::int64_t queryHeads = 1;
    std::int64_t keyValueHeads = 1;
    std::int64_t headDim = 1;
};

// Each group is given by the lengths of its segments.
Layout makeLayout(const std::vector<std::vector<std::int64_t>>& groups, std::int64_t queryHeads, std::int64_t keyValueHeads, std::int64_t dim)
{
    Layout layout;
    layout.queryHeads = queryHeads;
    layout.keyValueHeads = keyValueHeads;
    layout.headDim = dim;
    for (const auto& lengths : groups) {
        for (const std::int64_t length : lengths)
            layout.segments.push_back(layout.segments.back() + length);
        layout.groups.push_back(static_cast<std::int64_t>(layout.segments.size()) - 1);
    }
    return layout;
}

std::vector<Layout> layouts()
{
    return {
        makeLayout({}, 1, 1, 8),
        makeLayout({ { 1 } }, 1, 1, 1),
        makeLayout({ { 0 }, { 5, 0, 3 }, { 0, 2 } }, 2, 1, 3),
        makeLayout({ { 17, 1, 16, 33 }, { 1, 40 }, { 31 } }, 4, 2, 32),
        makeLayout({ { 16, 15, 17 } }, 6, 2, 64),
        makeLayout({ { 7, 9, 5 }, { 2 } }, 3, 3, 20),
        makeLayout({ { 300, 70 } }, 3, 1, 128),
        makeLayout({ { 34, 9 } }, 2, 2, 200),
        makeLayout({ { 9, 3 } }, 1, 1, 256),
    };
}

struct Problem {
    Problem(const Layout& of, ElementType type)
        : layout(of)
        , shape { layout.segments, layout.groups, layout.queryHeads, layout.keyValueHeads, layout.headDim, 0.7F, type }
        , queryCount(shape.tokens() * layout.queryHeads * layout.headDim)
        , keyCount(shape.tokens() * layout.keyValueHeads * layout.headDim)
        , query(Array::random(type, queryCount, rng))
        , key(Array::random(type, keyCount, rng, 0.5))
        , value(Array::random(type, keyCount, rng))
        , gradOutput(Array::random(type, queryCount, rng))
    {
    }
    Problem(const Problem&) = delete; // the shape points into the layout
    Layout layout;
    PackedAttentionShape shape;
    std::int64_t queryCount;
    std::int64_t keyCount;
    Rng rng = test::testRng(1);
    Array query;
    Array key;
    Array value;
    Array gradOutput;
};

struct Result {
    Result(const Problem& p)
        : output(p.shape.type, p.queryCount)
        , logSumExp(static_cast<std::size_t>(p.shape.tokens() * p.shape.queryHeads + 1))
        , gradQuery(p.shape.type, p.queryCount)
        , gradKey(p.shape.type, p.keyCount)
        , gradValue(p.shape.type, p.keyCount)
    {
    }
    PackedAttentionForward forward(const Problem& p)
    {
        return { p.query.data(), p.key.data(), p.value.data(), output.data(), logSumExp.data() };
    }
    PackedAttentionBackward backward(const Problem& p)
    {
        return { p.query.data(), p.key.data(), p.value.data(), output.data(), logSumExp.data(), p.gradOutput.data(), gradQuery.data(),
            gradKey.data(), gradValue.data() };
    }
    bool operator==(const Result&) const = default;

    Array output;
    std::vector<float> logSumExp;
    Array gradQuery;
    Array gradKey;
    Array gradValue;
};

TEST(PackedAttention, ForwardAndBackward_AnyLayoutTypeAndIsa_EqualReference)
{
    for (const Layout& layout : layouts())
        for (const ElementType type : test::elementTypes()) {
            const Problem problem(layout, type);
            Result expected(problem);
            packedAttentionForwardReference(problem.shape, expected.forward(problem));
            packedAttentionBackwardReference(problem.shape, expected.backward(problem));
            for (const CpuIsa isa : availableIsas()) {
                const std::string what = concat(problem.shape.tokens(), " tokens, ", layout.queryHeads, "/", layout.keyValueHeads, " heads of ",
                    layout.headDim, ", ", test::nameOf(type), ", ", nameOf(isa), ": ");
                Result found(problem);
                packedAttentionForward(problem.shape, found.forward(problem), isa);
                packedAttentionBackward(problem.shape, found.backward(problem), isa);
                const double tolerance = test::toleranceOf(type);
                test::expectClose(expected.output, found.output, problem.queryCount, tolerance, what + "output");
                test::expectClose(expected.logSumExp, found.logSumExp, problem.shape.tokens() * layout.queryHeads, 1e-5, what + "logSumExp");
                test::expectClose(expected.gradQuery, found.gradQuery, problem.queryCount, 4 * tolerance, what + "gradQuery");
                test::expectClose(expected.gradKey, found.gradKey, problem.keyCount, 4 * tolerance, what + "gradKey");
                test::expectClose(expected.gradValue, found.gradValue, problem.keyCount, 4 * tolerance, what + "gradValue");
            }
        }
}

TEST(PackedAttention, Reference_GradientOfRandomDirection_EqualsDifferenceQuotient)
{
    Problem problem(makeLayout({ { 3, 2, 2 }, { 2 } }, 2, 1, 4), ElementType::Float32);
    Result result(problem);
    const auto loss = [&] {
        packedAttentionForwardReference(problem.shape, result.forward(problem));
        double sum = 0;
        for (std::int64_t i = 0; i < problem.queryCount; ++i)
            sum += result.output[i] * problem.gradOutput[i];
        return sum;
    };
    loss();
    packedAttentionBackwardReference(problem.shape, result.backward(problem));
    struct Input {
        Array& array;
        const Array& gradient;
    };
    const Input inputs[] = { { problem.query, result.gradQuery }, { problem.key, result.gradKey }, { problem.value, result.gradValue } };
    for (const Input& input : inputs)
        for (std::int64_t i = 0; i < input.array.count(); ++i) {
            constexpr double kStep = 1e-3;
            const double kept = input.array[i];
            writeElement(input.array.data(), i, ElementType::Float32, kept + kStep);
            const double above = loss();
            writeElement(input.array.data(), i, ElementType::Float32, kept - kStep);
            const double below = loss();
            writeElement(input.array.data(), i, ElementType::Float32, kept);
            EXPECT_NEAR((above - below) / (2 * kStep), input.gradient[i], 2e-3) << "element " << i;
        }
}

TEST(PackedAttention, SharedPrompt_EqualsSeparateSequences)
{
    const Problem shared(makeLayout({ { 5, 4, 3 } }, 2, 1, 16), ElementType::Float32);
    Result together(shared);
    packedAttentionForward(shared.shape, together.forward(shared));
    // The second response with its own copy of the prompt.
    Problem alone(makeLayout({ { 8 } }, 2, 1, 16), ElementType::Float32);
    const std::int64_t tokens[] = { 0, 1, 2, 3, 4, 9, 10, 11 };
    for (std::int64_t i = 0; i < 8; ++i) {
        for (std::int64_t e = 0; e < 32; ++e)
            writeElement(alone.query.data(), i * 32 + e, ElementType::Float32, shared.query[tokens[i] * 32 + e]);
        for (std::int64_t e = 0; e < 16; ++e) {
            writeElement(alone.key.data(), i * 16 + e, ElementType::Float32, shared.key[tokens[i] * 16 + e]);
            writeElement(alone.value.data(), i * 16 + e, ElementType::Float32, shared.value[tokens[i] * 16 + e]);
        }
    }
    Result separate(alone);
    packedAttentionForward(alone.shape, separate.forward(alone));
    for (std::int64_t i = 0; i < 8; ++i)
        for (std::int64_t e = 0; e < 32; ++e)
            EXPECT_NEAR(separate.output[i * 32 + e], together.output[tokens[i] * 32 + e], 1e-6);
}

TEST(PackedAttention, AnyThreadCount_SameBits)
{
    const Problem problem(makeLayout({ { 17, 1, 16, 33 }, { 1, 40 }, { 31 } }, 4, 2, 32), ElementType::Float32);
    const int threads = at::get_num_threads();
    std::vector<Result> results;
    for (const int count : { 1, 2 }) {
        at::set_num_threads(count);
        Result& result = results.emplace_back(problem);
        packedAttentionForward(problem.shape, result.forward(problem));
        packedAttentionBackward(problem.shape, result.backward(problem));
    }
    at::set_num_threads(threads);
    EXPECT_TRUE(results[0] == results[1]);
}

TEST(PackedAttention, ScoresFarApart_StayFinite)
{
    Problem problem(makeLayout({ { 40 } }, 1, 1, 8), ElementType::Float32);
    problem.shape.scale = 1000.0F;
    Result result(problem);
    packedAttentionForward(problem.shape, result.forward(problem));
    packedAttentionBackward(problem.shape, result.backward(problem));
    for (std::int64_t i = 0; i < problem.queryCount; ++i) {
        ASSERT_TRUE(std::isfinite(result.output[i]));
        ASSERT_TRUE(std::isfinite(result.gradQuery[i]));
    }
}

TEST(PackedAttention, OffsetsThatDoNotFit_Throw)
{
    const std::vector<std::int64_t> segments = { 0, 4 };
    const std::vector<std::int64_t> falling = { 0, 4, 2 };
    const std::vector<std::int64_t> groups = { 0, 1 };
    const std::vector<std::int64_t> tooMany = { 0, 2 };
    EXPECT_THROW(packedAttentionForward({ falling, tooMany, 1, 1, 4, 1.0F, ElementType::Float32 }, {}), Error);
    EXPECT_THROW(packedAttentionForward({ segments, tooMany, 1, 1, 4, 1.0F, ElementType::Float32 }, {}), Error);
    EXPECT_THROW(packedAttentionForward({ segments, groups, 3, 2, 4, 1.0F, ElementType::Float32 }, {}), Error);
}

} // namespace
} // namespace midpoint::kernels
