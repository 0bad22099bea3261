#include "backend/difficulty/logistic.h"

#include "backend/core/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace midpoint::difficulty {
namespace {

constexpr int kNewtonSteps = 8;
constexpr double kConverged = 1e-3; // largest change of an observation's log-odds
constexpr double kLargestStep = 3.0; // the same: a full Newton step can overshoot where everything is 0 or 1
constexpr int kSolverSteps = 100;
constexpr double kSolverTolerance = 1e-2; // of the residual against the gradient: Newton's next step corrects the rest
constexpr double kInterceptPenalty = 1e-2; // keeps it finite when all outcomes are equal
constexpr double kTrendPenalty = 0.1;
constexpr double kFlattest = 1e-3; // smallest p (1 - p) in the curvature, for the same reason

double sigmoid(double x)
{
    return 1.0 / (1.0 + std::exp(-x));
}

// Four sums side by side: in a single one every addition waits for the last.
template <typename Value>
double innerProduct(const Value* a, const double* b, std::size_t size)
{
    std::array<double, 4> sums {};
    std::size_t i = 0;
    for (; i + sums.size() <= size; i += sums.size())
        for (std::size_t k = 0; k < sums.size(); ++k)
            sums[k] += static_cast<double>(a[i + k]) * b[i + k];
    for (; i < size; ++i)
        sums[0] += static_cast<double>(a[i]) * b[i];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

// What the solver spends its time on, in float32 and a vector register at a time: its tolerance is far above that.
using Lanes [[gnu::vector_size(16)]] = float;
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(float);

std::size_t padded(std::size_t width)
{
    return (width + 2 * kLanes - 1) / (2 * kLanes) * (2 * kLanes);
}

Lanes load(const float* from)
{
    Lanes lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

float laneProduct(const float* a, const float* b, std::size_t size)
{
    Lanes even {};
    Lanes odd {};
    for (std::size_t j = 0; j < size; j += 2 * kLanes) {
        even += load(a + j) * load(b + j);
        odd += load(a + j + kLanes) * load(b + j + kLanes);
    }
    const Lanes sum = even + odd;
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

void addLanes(float factor, const float* row, float* out, std::size_t size)
{
    for (std::size_t j = 0; j < size; j += kLanes) {
        const Lanes sum = load(out + j) + factor * load(row + j);
        std::memcpy(out + j, &sum, sizeof sum);
    }
}

// The observed rows with two columns more, the time and a one, so that trend and intercept are coefficients like the
// others, and with zeros up to whole lanes.
class Fit {
public:
    explicit Fit(const LogisticProblem& problem)
        : m_problem(problem)
        , m_width(static_cast<std::size_t>(problem.dimension) + 2)
        , m_stride(padded(m_width))
        , m_penalty(m_width, problem.penalty)
        , m_curvature(problem.rows.size())
    {
        m_penalty[m_width - 2] = kTrendPenalty;
        m_penalty[m_width - 1] = kInterceptPenalty;
        m_rows.reserve(problem.rows.size() * m_stride);
        for (std::size_t i = 0; i < problem.rows.size(); ++i) {
            const auto first = problem.features.begin() + problem.rows[i] * problem.dimension;
            m_rows.insert(m_rows.end(), first, first + problem.dimension);
            m_rows.push_back(problem.times.empty() ? 0.0F : static_cast<float>(problem.times[i]));
            m_rows.push_back(1.0F);
            m_rows.resize((i + 1) * m_stride, 0.0F);
        }
    }

    // One step of Newton's method; the largest change of an observation's log-odds.
    double improve(std::vector<double>& coefficients)
    {
        std::vector<double> direction = solve(gradient(coefficients));
        double largest = 0.0;
        for (std::size_t i = 0; i < m_curvature.size(); ++i)
            largest = std::max(largest, std::abs(dot(i, direction)));
        const double scale = largest > kLargestStep ? kLargestStep / largest : 1.0;
        for (std::size_t j = 0; j < m_width; ++j)
            coefficients[j] += scale * direction[j];
        return largest;
    }

private:
    double dot(std::size_t i, const std::vector<double>& vector) const
    {
        return innerProduct(&m_rows[i * m_stride], vector.data(), m_width);
    }
    void addRow(std::size_t i, double factor, std::vector<double>& out) const
    {
        const float* row = &m_rows[i * m_stride];
        for (std::size_t j = 0; j < m_width; ++j)
            out[j] += factor * static_cast<double>(row[j]);
    }

    // Of the penalised log-likelihood; leaves the curvature of every observation behind.
    std::vector<double> gradient(const std::vector<double>& coefficients)
    {
        std::vector<double> result(m_width);
        for (std::size_t j = 0; j < m_width; ++j)
            result[j] = -m_penalty[j] * coefficients[j];
        for (std::size_t i = 0; i < m_curvature.size(); ++i) {
            const double offset = m_problem.offsets.empty() ? 0.0 : m_problem.offsets[i];
            const double p = sigmoid(offset + dot(i, coefficients));
            m_curvature[i] = m_problem.trials[i] * std::max(p * (1.0 - p), kFlattest);
            addRow(i, m_problem.trials[i] * (m_problem.targets[i] - p), result);
        }
        return result;
    }
    std::vector<double> timesHessian(const std::vector<double>& vector) const
    {
        std::vector<float> narrow(m_stride, 0.0F);
        std::vector<float> image(m_stride, 0.0F);
        for (std::size_t j = 0; j < m_width; ++j)
            narrow[j] = static_cast<float>(vector[j]);
        for (std::size_t i = 0; i < m_curvature.size(); ++i) {
            const float* row = &m_rows[i * m_stride];
            const float factor = static_cast<float>(m_curvature[i]) * laneProduct(row, narrow.data(), m_stride);
            addLanes(factor, row, image.data(), m_stride);
        }
        std::vector<double> result(m_width);
        for (std::size_t j = 0; j < m_width; ++j)
            result[j] = m_penalty[j] * vector[j] + static_cast<double>(image[j]);
        return result;
    }
    std::vector<double> hessianDiagonal() const
    {
        std::vector<float> squares(m_stride, 0.0F);
        for (std::size_t i = 0; i < m_curvature.size(); ++i) {
            const float curvature = static_cast<float>(m_curvature[i]);
            for (std::size_t j = 0; j < m_stride; j += kLanes) {
                const Lanes row = load(&m_rows[i * m_stride + j]);
                const Lanes sum = load(&squares[j]) + curvature * row * row;
                std::memcpy(&squares[j], &sum, sizeof sum);
            }
        }
        std::vector<double> result = m_penalty;
        for (std::size_t j = 0; j < m_width; ++j)
            result[j] += static_cast<double>(squares[j]);
        return result;
    }

    // Conjugate gradients, preconditioned by the diagonal: the intercept's curvature exceeds the others' by far.
    std::vector<double> solve(std::vector<double> residual) const
    {
        const std::vector<double> diagonal = hessianDiagonal();
        const auto preconditioned = [&](const std::vector<double>& r) {
            std::vector<double> z(m_width);
            for (std::size_t j = 0; j < m_width; ++j)
                z[j] = r[j] / diagonal[j];
            return z;
        };
        const auto product = [](const std::vector<double>& a, const std::vector<double>& b) {
            return innerProduct(a.data(), b.data(), a.size());
        };
        std::vector<double> solution(m_width, 0.0);
        std::vector<double> z = preconditioned(residual);
        std::vector<double> direction = z;
        double strength = product(residual, z);
        const double enough = kSolverTolerance * kSolverTolerance * strength;
        for (int step = 0; step < kSolverSteps && strength > enough; ++step) {
            const std::vector<double> image = timesHessian(direction);
            const double length = strength / product(direction, image);
            for (std::size_t j = 0; j < m_width; ++j) {
                solution[j] += length * direction[j];
                residual[j] -= length * image[j];
            }
            z = preconditioned(residual);
            const double next = product(residual, z);
            for (std::size_t j = 0; j < m_width; ++j)
                direction[j] = z[j] + next / strength * direction[j];
            strength = next;
        }
        return solution;
    }

    const LogisticProblem& m_problem;
    std::size_t m_width;
    std::size_t m_stride;
    std::vector<double> m_penalty;
    std::vector<float> m_rows; // [observations, stride]
    std::vector<double> m_curvature;
};

} // namespace

double LogisticHead::logit(std::span<const float> features) const
{
    return intercept + innerProduct(features.data(), coefficients.data(), coefficients.size());
}

void fitLogistic(const LogisticProblem& problem, LogisticHead& head)
{
    [[maybe_unused]] const std::size_t observations = problem.rows.size();
    MIDPOINT_ASSERT(problem.trials.size() == observations && problem.targets.size() == observations
            && (problem.offsets.empty() || problem.offsets.size() == observations)
            && (problem.times.empty() || problem.times.size() == observations),
        "one value for every observation");
    std::vector<double> coefficients = std::move(head.coefficients);
    coefficients.resize(static_cast<std::size_t>(problem.dimension), 0.0);
    coefficients.push_back(head.trend);
    coefficients.push_back(head.intercept);
    Fit fit(problem);
    for (int step = 0; step < kNewtonSteps; ++step)
        if (fit.improve(coefficients) < kConverged)
            break;
    head.intercept = coefficients.back();
    coefficients.pop_back();
    head.trend = coefficients.back();
    coefficients.pop_back();
    head.coefficients = std::move(coefficients);
}

void putHead(ByteWriter& out, const LogisticHead& head)
{
    out.put(head.intercept);
    out.put(head.trend);
    out.putVector(head.coefficients);
}

LogisticHead getHead(ByteReader& in)
{
    LogisticHead head;
    head.intercept = in.get<double>();
    head.trend = in.get<double>();
    head.coefficients = in.getVector<double>();
    return head;
}

} // namespace midpoint::difficulty
