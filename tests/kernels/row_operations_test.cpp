// Normalisation, rotary positions and the gated activation: fast forms against their references.
#include "kernels/rms_norm.h"
#include "kernels/rotary.h"
#include "kernels/swiglu.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "tests/kernels/kernel_testing.h"

#include <ATen/Parallel.h>

namespace midpoint::kernels {
namespace {

using test::Array;

struct Size {
    std::int64_t rows;
    std::int64_t width;
};
const Size kSizes[] = { { 0, 8 }, { 1, 1 }, { 3, 7 }, { 5, 16 }, { 2, 33 }, { 70, 128 }, { 300, 35 }, { 2, 1536 }, { 1, 20001 } };

std::string describe(const Size& size, ElementType type, CpuIsa isa)
{
    return concat(size.rows, " x ", size.width, ", ", test::nameOf(type), ", ", nameOf(isa), ": ");
}

template <typename Check>
void forAll(const Check& check)
{
    for (const Size& size : kSizes)
        for (const ElementType type : test::elementTypes())
            for (const CpuIsa isa : availableIsas())
                check(size, type, isa, describe(size, type, isa));
}

TEST(RmsNorm, ForwardAndBackward_AnySizeTypeAndIsa_EqualReference)
{
    forAll([](const Size& size, ElementType type, CpuIsa isa, const std::string& what) {
        Rng rng = test::testRng(2);
        const std::int64_t count = size.rows * size.width;
        const RmsNormShape shape { size.rows, size.width, 1e-6F, type };
        const Array x = Array::random(type, count, rng, 3.0);
        const Array weight = Array::random(type, size.width, rng);
        const Array gradY = Array::random(type, count, rng);
        Array expectedY(type, count), y(type, count), expectedGradX(type, count), gradX(type, count);
        const auto rows = static_cast<std::size_t>(size.rows + 1);
        std::vector<float> expectedInverse(rows), inverse(rows);
        std::vector<float> expectedGradWeight(static_cast<std::size_t>(size.width)), gradWeight(expectedGradWeight.size(), 99.0F);
        rmsNormForwardReference(shape, { x.data(), weight.data(), expectedY.data(), expectedInverse.data() });
        rmsNormForward(shape, { x.data(), weight.data(), y.data(), inverse.data() }, isa);
        test::expectClose(expectedY, y, count, test::toleranceOf(type), what + "y");
        test::expectClose(expectedInverse, inverse, size.rows, 1e-6, what + "inverse");
        rmsNormBackwardReference(
            shape, { x.data(), weight.data(), expectedInverse.data(), gradY.data(), expectedGradX.data(), expectedGradWeight.data() });
        rmsNormBackward(shape, { x.data(), weight.data(), expectedInverse.data(), gradY.data(), gradX.data(), gradWeight.data() }, isa);
        test::expectClose(expectedGradX, gradX, count, test::toleranceOf(type), what + "gradX");
        test::expectClose(expectedGradWeight, gradWeight, size.width, 2 * test::toleranceOf(type), what + "gradWeight");
    });
}

TEST(RmsNorm, AddThenNorm_AnySizeTypeAndIsa_EqualsReference)
{
    forAll([](const Size& size, ElementType type, CpuIsa isa, const std::string& what) {
        Rng rng = test::testRng(3);
        const std::int64_t count = size.rows * size.width;
        const RmsNormShape shape { size.rows, size.width, 1e-5F, type };
        Array expectedX = Array::random(type, count, rng);
        Array x = expectedX;
        const Array residual = Array::random(type, count, rng);
        const Array weight = Array::random(type, size.width, rng);
        Array expectedY(type, count), y(type, count);
        addRmsNormReference(shape, { expectedX.data(), residual.data(), weight.data(), expectedY.data() });
        addRmsNorm(shape, { x.data(), residual.data(), weight.data(), y.data() }, isa);
        EXPECT_TRUE(expectedX == x) << what << "one sum and one rounding are exact";
        test::expectClose(expectedY, y, count, test::toleranceOf(type), what + "y");
    });
}

TEST(RmsNorm, Backward_AnyThreadCount_SameBits)
{
    Rng rng = test::testRng(4);
    const RmsNormShape shape { 1000, 96, 1e-6F, ElementType::Float32 };
    const Array x = Array::random(shape.type, 96000, rng);
    const Array weight = Array::random(shape.type, 96, rng);
    const Array gradY = Array::random(shape.type, 96000, rng);
    Array y(shape.type, 96000), gradX(shape.type, 96000);
    std::vector<float> inverse(1000), one(96), two(96);
    rmsNormForward(shape, { x.data(), weight.data(), y.data(), inverse.data() });
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    rmsNormBackward(shape, { x.data(), weight.data(), inverse.data(), gradY.data(), gradX.data(), one.data() });
    at::set_num_threads(2);
    rmsNormBackward(shape, { x.data(), weight.data(), inverse.data(), gradY.data(), gradX.data(), two.data() });
    at::set_num_threads(threads);
    EXPECT_EQ(one, two);
}

TEST(RmsNorm, NoWidth_Throws) { EXPECT_THROW(rmsNormForward({ 1, 0, 1e-6F, ElementType::Float32 }, {}), Error); }

TEST(Swiglu, ForwardAndBackward_AnySizeTypeAndIsa_EqualReference)
{
    forAll([](const Size& size, ElementType type, CpuIsa isa, const std::string& what) {
        Rng rng = test::testRng(5);
        const std::int64_t count = size.rows * size.width;
        const SwigluShape shape { size.rows, size.width, 2 * size.width, type };
        const Array both = Array::random(type, 2 * count, rng, 4.0);
        const auto up = [&](auto* data) { return data + size.width * sizeOf(type); };
        const auto* gate = static_cast<const std::byte*>(both.data());
        const Array gradY = Array::random(type, count, rng);
        Array expectedY(type, count), y(type, count), expectedGrad(type, 2 * count), grad(type, 2 * count);
        swigluForwardReference(shape, { gate, up(gate), expectedY.data() });
        swigluForward(shape, { gate, up(gate), y.data() }, isa);
        test::expectClose(expectedY, y, count, 2 * test::toleranceOf(type), what + "y");
        auto* expectedGradGate = static_cast<std::byte*>(expectedGrad.data());
        auto* gradGate = static_cast<std::byte*>(grad.data());
        swigluBackwardReference(shape, { gate, up(gate), gradY.data(), expectedGradGate, up(expectedGradGate) });
        swigluBackward(shape, { gate, up(gate), gradY.data(), gradGate, up(gradGate) }, isa);
        test::expectClose(expectedGrad, grad, 2 * count, 2 * test::toleranceOf(type), what + "gradient");
    });
}

TEST(Swiglu, GatesFarOut_StayFinite)
{
    const std::vector<float> gate = { -1000.0F, -88.0F, -0.0F, 88.0F, 1000.0F };
    const std::vector<float> up(5, 2.0F);
    for (const CpuIsa isa : availableIsas()) {
        std::vector<float> y(5);
        swigluForward({ 1, 5, 5, ElementType::Float32 }, { gate.data(), up.data(), y.data() }, isa);
        EXPECT_NEAR(y[0], 0.0F, 1e-30F);
        EXPECT_NEAR(y[1], 0.0F, 1e-30F);
        EXPECT_EQ(y[3], 176.0F);
        EXPECT_EQ(y[4], 2000.0F);
    }
}

struct RotaryCase {
    std::int64_t tokens;
    std::int64_t heads;
    std::int64_t headDim;
};

TEST(Rotary, AnySizeTypeAndIsa_EqualsReferenceAndTurnsBack)
{
    constexpr std::int64_t kPositions = 50;
    for (const RotaryCase& c : { RotaryCase { 0, 2, 8 }, { 1, 1, 2 }, { 7, 3, 6 }, { 40, 6, 32 }, { 9, 5, 128 }, { 3, 2, 70 } })
        for (const ElementType type : test::elementTypes())
            for (const CpuIsa isa : availableIsas()) {
                Rng rng = test::testRng(6);
                const std::int64_t half = c.headDim / 2;
                std::vector<float> cosine, sine;
                for (std::int64_t i = 0; i < kPositions * half; ++i) {
                    const double angle = 6.0 * rng.uniform();
                    cosine.push_back(static_cast<float>(std::cos(angle)));
                    sine.push_back(static_cast<float>(std::sin(angle)));
                }
                const RotaryTable table { cosine.data(), sine.data(), kPositions };
                std::vector<std::int64_t> positions(static_cast<std::size_t>(c.tokens + 1));
                for (std::int64_t& position : positions)
                    position = rng.below(kPositions);
                const std::int64_t stride = (c.heads + 1) * c.headDim; // one more head that must stay as it is
                const Array original = Array::random(type, c.tokens * stride, rng);
                Array expected = original;
                Array found = original;
                RotaryArguments arguments { c.tokens, c.heads, c.headDim, stride, positions.data(), expected.data(), type };
                rotaryReference(table, arguments);
                arguments.x = found.data();
                rotary(table, arguments, isa);
                const std::string what = concat(c.tokens, " x ", c.heads, " x ", c.headDim, " ", test::nameOf(type), " ", nameOf(isa));
                test::expectClose(expected, found, original.count(), test::toleranceOf(type), what);
                arguments.direction = RotaryDirection::Backward;
                rotary(table, arguments, isa);
                test::expectClose(original, found, original.count(), 3 * test::toleranceOf(type), what + " and back");
            }
}

TEST(Rotary, PositionOutsideTable_Throws)
{
    const std::vector<float> angles(4);
    std::vector<float> x(2);
    const std::int64_t position = 4;
    EXPECT_THROW(rotary({ angles.data(), angles.data(), 4 }, { 1, 1, 2, 2, &position, x.data() }), Error);
}

} // namespace
} // namespace midpoint::kernels
