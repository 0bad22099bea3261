#include "kernels/cuda/twin_checks.h"

#include "backend/core/error.h"
#include "kernels/cuda/twins.h"

#include <algorithm>
#include <iterator>

namespace midpoint::kernels::cuda {
namespace {

struct Size {
    std::int64_t rows;
    std::int64_t width;
};

} // namespace

void Twins::rmsNorm()
{
    std::vector<Size> sizes = { { 0, 8 }, { 1, 1 }, { 3, 7 }, { 5, 16 }, { 70, 128 }, { 130, 35 }, { 2, 1536 }, { 1, 20001 } };
    if (isLarge())
        sizes.insert(sizes.end(), { { 20000, 128 }, { 3000, 4096 } });
    for (const Size& size : sizes)
        for (const ElementType type : kTypes) {
            Rng draws = rng();
            const std::int64_t count = size.rows * size.width;
            const RmsNormShape shape { size.rows, size.width, 1e-6F, type };
            const HostArray x = HostArray::random(type, count, draws, 3.0);
            const HostArray weight = HostArray::random(type, size.width, draws);
            const HostArray other = HostArray::random(type, count, draws); // gradient, or residual
            HostArray y(type, count), gradX(type, count), sum = x, sumY(type, count);
            HostArray inverse(kFloat, size.rows), gradWeight(kFloat, size.width);
            rmsNormForwardReference(shape, { x.data(), weight.data(), y.data(), inverse.floats() });
            rmsNormBackwardReference(
                shape, { x.data(), weight.data(), inverse.floats(), other.data(), gradX.data(), gradWeight.floats() });
            addRmsNormReference(shape, { sum.data(), other.data(), weight.data(), sumY.data() });
            const double tolerance = toleranceOf(type);
            const double rows = std::sqrt(static_cast<double>(size.rows + 1)); // the weight's gradient is a sum over rows
            compare(concat(size.rows, " x ", size.width, " ", nameOf(type)),
                { { "y", y, tolerance }, { "inverse", inverse, 1e-6 }, { "gradX", gradX, tolerance },
                    { "gradWeight", gradWeight, std::max(2 * tolerance, 1e-6 * rows) }, { "x + residual", sum, 0 }, { "y of sum", sumY, tolerance } },
                [&] {
                    const DeviceArray dX(m_module, x), dWeight(m_module, weight), dOther(m_module, other), dY(m_module, y.bytes());
                    const DeviceArray dInverse(m_module, inverse.bytes()), dGradX(m_module, x.bytes()), dSum(m_module, x), dSumY(m_module, x.bytes());
                    const DeviceArray dGradWeight(m_module, gradWeight.bytes()), workspace(m_module, rmsNormBackwardWorkspace(shape));
                    operations().rmsNormForward(shape, { dX.data(), dWeight.data(), dY.data(), dInverse.data<float>() }, nullptr);
                    operations().rmsNormBackward(shape,
                        { dX.data(), dWeight.data(), dInverse.data<float>(), dOther.data(), dGradX.data(), dGradWeight.data<float>() },
                        workspace.data(), nullptr);
                    operations().addRmsNorm(shape, { dSum.data(), dOther.data(), dWeight.data(), dSumY.data() }, nullptr);
                    return Arrays { dY.fetch(type), dInverse.fetch(kFloat), dGradX.fetch(type), dGradWeight.fetch(kFloat), dSum.fetch(type),
                        dSumY.fetch(type) };
                });
        }
}

void Twins::rotary()
{
    constexpr std::int64_t kPositions = 50;
    struct Case {
        std::int64_t tokens, heads, headDim;
    };
    std::vector<Case> cases = { { 0, 2, 8 }, { 1, 1, 2 }, { 7, 3, 6 }, { 40, 6, 32 }, { 9, 5, 128 }, { 3, 2, 70 } };
    if (isLarge())
        cases.push_back({ 8192, 14, 64 });
    for (const Case& c : cases)
        for (const ElementType type : kTypes)
            for (const RotaryDirection direction : { RotaryDirection::Forward, RotaryDirection::Backward }) {
                Rng draws = rng();
                std::vector<float> cosine, sine;
                for (std::int64_t i = 0; i < kPositions * c.headDim / 2; ++i) {
                    const double angle = 6.0 * draws.uniform();
                    cosine.push_back(static_cast<float>(std::cos(angle)));
                    sine.push_back(static_cast<float>(std::sin(angle)));
                }
                std::vector<std::int64_t> positions(static_cast<std::size_t>(c.tokens));
                for (std::int64_t& position : positions)
                    position = draws.below(kPositions);
                const std::int64_t stride = (c.heads + 1) * c.headDim; // one more head that must stay as it is
                const HostArray x = HostArray::random(type, c.tokens * stride, draws);
                HostArray expected = x;
                RotaryArguments arguments { c.tokens, c.heads, c.headDim, stride, positions.data(), expected.data(), type, direction };
                rotaryReference({ cosine.data(), sine.data(), kPositions }, arguments);
                compare(concat(c.tokens, " x ", c.heads, " x ", c.headDim, " ", nameOf(type)), { { "x", expected, toleranceOf(type) } }, [&] {
                    const DeviceArray dX(m_module, x), dCosine(m_module, cosine), dSine(m_module, sine), dPositions(m_module, positions);
                    arguments.positions = dPositions.data<std::int64_t>();
                    arguments.x = dX.data();
                    operations().rotary({ dCosine.data<float>(), dSine.data<float>(), kPositions }, arguments, nullptr);
                    return Arrays { dX.fetch(type) };
                });
            }
}

void Twins::swiglu()
{
    std::vector<Size> sizes = { { 0, 8 }, { 3, 0 }, { 1, 1 }, { 3, 7 }, { 5, 16 }, { 70, 128 }, { 1, 20001 } };
    if (isLarge())
        sizes.push_back({ 4096, 4864 });
    for (const Size& size : sizes)
        for (const ElementType type : kTypes) {
            Rng draws = rng();
            const std::int64_t count = size.rows * size.width;
            const std::int64_t half = size.width * sizeOf(type);
            const SwigluShape shape { size.rows, size.width, 2 * size.width, type };
            const HostArray both = HostArray::random(type, 2 * count, draws, 4.0);
            const HostArray gradY = HostArray::random(type, count, draws);
            HostArray y(type, count), gradient(type, 2 * count);
            const auto* gate = static_cast<const std::byte*>(both.data());
            auto* gradGate = static_cast<std::byte*>(gradient.data());
            swigluForwardReference(shape, { gate, gate + half, y.data() });
            swigluBackwardReference(shape, { gate, gate + half, gradY.data(), gradGate, gradGate + half });
            const double tolerance = 2 * toleranceOf(type);
            compare(concat(size.rows, " x ", size.width, " ", nameOf(type)), { { "y", y, tolerance }, { "gradient", gradient, tolerance } }, [&] {
                const DeviceArray dBoth(m_module, both), dGradY(m_module, gradY), dY(m_module, y.bytes()), dGradient(m_module, both.bytes());
                operations().swigluForward(shape, { dBoth.data(), dBoth.bytesAt(half), dY.data() }, nullptr);
                operations().swigluBackward(shape,
                    { dBoth.data(), dBoth.bytesAt(half), dGradY.data(), dGradient.data(), dGradient.bytesAt(half) }, nullptr);
                return Arrays { dY.fetch(type), dGradient.fetch(type) };
            });
        }
}

void Twins::tokenLogprob()
{
    std::vector<Size> sizes = { { 0, 5 }, { 1, 1 }, { 4, 2 }, { 3, 75 }, { 2, 1024 }, { 5, 1031 }, { 1, 151936 } };
    if (isLarge())
        sizes.push_back({ 64, 151936 });
    for (const Size& size : sizes)
        for (const ElementType type : kTypes) {
            Rng draws = rng();
            const TokenLogprobShape shape { size.rows, size.width, 0.6, type };
            const HostArray logits = HostArray::random(type, size.rows * size.width, draws, 4.0);
            const HostArray gradLogprob = HostArray::random(kFloat, size.rows, draws), gradEntropy = HostArray::random(kFloat, size.rows, draws);
            std::vector<std::int64_t> ids(static_cast<std::size_t>(size.rows));
            for (std::int64_t& id : ids)
                id = draws.below(size.width);
            HostArray logprob(kFloat, size.rows), entropy(kFloat, size.rows), logSumExp(kFloat, size.rows), gradient(type, logits.count());
            tokenLogprobForwardReference(shape, { logits.data(), ids.data(), logprob.floats(), entropy.floats(), logSumExp.floats() });
            tokenLogprobBackwardReference(shape,
                { logits.data(), ids.data(), logSumExp.floats(), entropy.floats(), static_cast<const float*>(gradLogprob.data()),
                    static_cast<const float*>(gradEntropy.data()), gradient.data() });
            compare(concat(size.rows, " x ", size.width, " ", nameOf(type)),
                { { "logprob", logprob, 2e-6 }, { "entropy", entropy, 2e-6 }, { "logSumExp", logSumExp, 2e-6 },
                    { "gradient in place", gradient, toleranceOf(type) } },
                [&] {
                    const DeviceArray dLogits(m_module, logits), dIds(m_module, ids), dGradLogprob(m_module, gradLogprob), dGradEntropy(m_module, gradEntropy);
                    const DeviceArray dLogprob(m_module, logprob.bytes()), dEntropy(m_module, logprob.bytes()), dLogSumExp(m_module, logprob.bytes());
                    operations().tokenLogprobForward(shape,
                        { dLogits.data(), dIds.data<std::int64_t>(), dLogprob.data<float>(), dEntropy.data<float>(), dLogSumExp.data<float>() }, nullptr);
                    operations().tokenLogprobBackward(shape,
                        { dLogits.data(), dIds.data<std::int64_t>(), dLogSumExp.data<float>(), dEntropy.data<float>(), dGradLogprob.data<float>(),
                            dGradEntropy.data<float>(), dLogits.data() },
                        nullptr);
                    return Arrays { dLogprob.fetch(kFloat), dEntropy.fetch(kFloat), dLogSumExp.fetch(kFloat), dLogits.fetch(type) };
                });
        }
}

// The numbers must be the very ones of the host's generator: their halves are compared as bits.
void Twins::uniformNumbers()
{
    for (const std::int64_t rows : { 0, 1, 129, 1000 }) {
        std::vector<PhiloxStream> streams;
        std::vector<std::int64_t> positions;
        std::vector<double> expected;
        for (std::int64_t r = 0; r < rows; ++r) {
            const RngKey key { 3, DrawPurpose::TrainRollout, r / 7, r * r, r % 16 };
            streams.push_back(philoxStream(key));
            positions.push_back(r * 1'000'003);
            expected.push_back(Rng(key).uniformAt(static_cast<std::uint64_t>(positions.back())));
        }
        HostArray bits(kFloat, 2 * rows);
        std::copy_n(reinterpret_cast<const std::byte*>(expected.data()), bits.bytes(), static_cast<std::byte*>(bits.data()));
        const Arrays found = runTwice(concat(rows, " numbers"), [&] {
            const DeviceArray dStreams(m_module, streams), dPositions(m_module, positions), dNumbers(m_module, bits.bytes());
            operations().uniformNumbers(
                { rows, dStreams.data<PhiloxStream>(), dPositions.data<std::int64_t>(), dNumbers.data<double>() }, nullptr);
            return Arrays { dNumbers.fetch(kFloat) };
        });
        m_report({ m_operation, concat(rows, " numbers: as on the host"), found[0] == bits ? 0.0 : 1.0, 0 });
    }
}

void Twins::compareSample(std::int64_t rows, std::int64_t vocabulary, const SampleSettings& settings, double scale)
{
    Rng draws = rng();
    const std::int64_t stride = vocabulary + 3;
    HostArray logits(kFloat, rows * stride);
    std::fill_n(logits.floats(), logits.count(), 1e6F); // what lies between rows is not read
    std::vector<double> uniform;
    for (std::int64_t r = 0; r < rows; ++r) {
        uniform.push_back(draws.uniform());
        for (std::int64_t v = 0; v < vocabulary; ++v) // coarse, so that many are equal
            logits.floats()[r * stride + v] = static_cast<float>(std::round(scale * draws.normal() * 64) / 64);
    }
    // A number within rounding of the border of two tokens may fall to either.
    std::vector<std::vector<std::int32_t>> expected;
    HostArray logprob(kFloat, rows);
    for (const double shift : { -1e-6, 1e-6, 0.0 }) {
        std::vector<double> shifted = uniform;
        for (double& u : shifted)
            u = std::min(std::max(u + shift, 1e-12), 1.0 - 1e-12);
        sampleReference(settings, { rows, vocabulary, stride, logits.floats(), shifted.data(),
            expected.emplace_back(uniform.size()).data(), logprob.floats() });
    }
    const std::string what = concat(rows, " x ", vocabulary, ", temperature ", settings.temperature, ", top-k ", settings.topK, ", top-p ", settings.topP);
    const Arrays found = runTwice(what, [&] {
        const DeviceArray dLogits(m_module, logits), dUniform(m_module, uniform), dToken(m_module, rows * 4), dLogprob(m_module, rows * 4);
        operations().sample(settings,
            { rows, vocabulary, stride, dLogits.data<float>(), dUniform.data<double>(), dToken.data<std::int32_t>(), dLogprob.data<float>() }, nullptr);
        return Arrays { dToken.fetch(kFloat), dLogprob.fetch(kFloat) };
    });
    double wrong = 0;
    double error = 0;
    for (std::size_t r = 0; r < uniform.size(); ++r) {
        const std::int32_t token = static_cast<const std::int32_t*>(found[0].data())[r];
        const auto row = static_cast<std::int64_t>(r);
        wrong += token == expected[0][r] || token == expected[1][r] || token == expected[2][r] ? 0 : 1;
        if (token == expected[2][r])
            error = std::max(error, std::abs(found[1][row] - logprob[row]) / (1.0 + std::abs(logprob[row])));
    }
    m_report({ m_operation, what + ": tokens that differ", wrong, 0 });
    m_report({ m_operation, what + ": logprob", error, 3e-6 });
}

void Twins::sample()
{
    const SampleSettings all[] = { { 1.0, 0, 1.0 }, { 0.6, 0, 1.0 }, { 0.0, 0, 1.0 }, { 1.0, 1, 1.0 }, { 1.0, 7, 1.0 }, { 1.0, 300, 1.0 },
        { 0.8, 0, 0.9 }, { 1.0, 0, 0.999 }, { 1.0, 0, 1e-6 }, { 1.3, 20, 0.8 }, { 1.0, 1 << 20, 0.5 } };
    for (const Size& size : { Size { 0, 5 }, { 1, 1 }, { 2, 2 }, { 3, 75 }, { 2, 1031 } })
        for (const SampleSettings& settings : all)
            compareSample(size.rows, size.width, settings, 3.0);
    compareSample(1, 151936, all[0], 3.0);
    compareSample(1, 151936, all[6], 3.0);
    compareSample(1, 6000, { 1.0, 0, 0.9 }, 0.1); // too flat for the candidates
    compareSample(1, 6000, { 1.0, 4000, 1.0 }, 0.1);
    if (isLarge())
        for (const SampleSettings& settings : all)
            compareSample(8, 151936, settings, 3.0);
    // Rows that are not finite.
    for (const float bad : { std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity() }) {
        HostArray logits(kFloat, 37);
        std::fill_n(logits.floats(), 37, bad);
        const DeviceArray dLogits(m_module, logits), dUniform(m_module, std::vector<double> { 0.5 }), dToken(m_module, 4), dLogprob(m_module, 4);
        operations().sample({ 1.0, 0, 1.0 },
            { 1, 37, 37, dLogits.data<float>(), dUniform.data<double>(), dToken.data<std::int32_t>(), dLogprob.data<float>() }, nullptr);
        const HostArray token = dToken.fetch(kFloat);
        const bool isRight = *static_cast<const std::int32_t*>(token.data()) == -1 && std::isnan(dLogprob.fetch(kFloat)[0]);
        m_report({ m_operation, concat("logits of ", bad, ": token -1"), isRight ? 0.0 : 1.0, 0 });
    }
}

namespace {

constexpr void (Twins::*kRuns[])() = { &Twins::rmsNorm, &Twins::rotary, &Twins::swiglu, &Twins::tokenLogprob, &Twins::uniformNumbers,
    &Twins::sample, &Twins::decodeRows, &Twins::pagedAttention, &Twins::packedAttention, &Twins::linear };
static_assert(std::size(kRuns) == std::size(kTwinOperations));

} // namespace

void compareTwins(const std::string& operation, Module& module, TwinSizes sizes, const TwinReport& report)
{
    for (std::size_t i = 0; i < std::size(kRuns); ++i)
        if (operation == kTwinOperations[i]) {
            Twins twins(operation, module, sizes, report);
            (twins.*kRuns[i])();
            return;
        }
    throw Error(ErrorKind::Internal, concat("there is no operation '", operation, "'"));
}

} // namespace midpoint::kernels::cuda

void midpoint_compare_twins(const std::string& operation, midpoint::kernels::cuda::Module& module, midpoint::kernels::cuda::TwinSizes sizes,
    const midpoint::kernels::cuda::TwinReport& report)
{
    midpoint::kernels::cuda::compareTwins(operation, module, sizes, report);
}
