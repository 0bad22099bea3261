#include "backend/difficulty/logistic.h"

#include "backend/core/error.h"
#include "backend/difficulty/row_products.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace midpoint::difficulty {
namespace {

constexpr int kNewtonSteps = 8;
// Largest change of an observation's log-odds: what a step leaves to the next is kSolverTolerance of its own, or its square.
constexpr double kConverged = 0.05;
constexpr double kLargestStep = 3.0; // the same: a full Newton step can overshoot where everything is 0 or 1
constexpr int kSolverSteps = 100;
constexpr double kSolverTolerance = 1e-2; // of the residual against the gradient
constexpr double kInterceptPenalty = 1e-2; // keeps it finite when all outcomes are equal
constexpr double kTrendPenalty = 0.1;
constexpr double kFlattest = 1e-3; // smallest p (1 - p) in the curvature, for the same reason

double sigmoid(double x)
{
    return 1.0 / (1.0 + std::exp(-x));
}

double innerProduct(const std::vector<double>& a, const std::vector<double>& b)
{
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

std::vector<float> narrowed(const std::vector<double>& values, std::size_t size)
{
    std::vector<float> narrow(size, 0.0F);
    std::transform(values.begin(), values.end(), narrow.begin(), [](double value) { return static_cast<float>(value); });
    return narrow;
}

// The observed rows with two columns more, the time and a one, so that trend and intercept are coefficients like the
// others. Gradients are exact to double precision; the solver, whose tolerance is far above that, works in float32.
class Fit {
public:
    explicit Fit(const LogisticProblem& problem)
        : m_problem(problem)
        , m_width(dimensionOf(problem) + 2)
        , m_stride(paddedRow(m_width))
        , m_penalty(m_width, problem.penalty)
        , m_rows(problem.rows.size() * m_stride, 0.0F)
        , m_curvature(problem.rows.size())
    {
        m_penalty[m_width - 2] = kTrendPenalty;
        m_penalty[m_width - 1] = kInterceptPenalty;
        for (std::size_t i = 0; i < problem.rows.size(); ++i) {
            float* const row = &m_rows[i * m_stride];
            if (problem.features != nullptr)
                problem.features->copyRow(problem.rows[i], row);
            row[m_width - 2] = problem.times.empty() ? 0.0F : static_cast<float>(problem.times[i]);
            row[m_width - 1] = 1.0F;
        }
    }
    static std::size_t dimensionOf(const LogisticProblem& problem)
    {
        return problem.features == nullptr ? 0 : static_cast<std::size_t>(problem.features->dimension());
    }

    // One step of Newton's method; the largest change of an observation's log-odds.
    double improve(std::vector<double>& coefficients)
    {
        const std::vector<double> direction = solve(gradient(coefficients));
        double largest = 0.0;
        for (const double change : products(direction))
            largest = std::max(largest, std::abs(change));
        const double scale = largest > kLargestStep ? kLargestStep / largest : 1.0;
        for (std::size_t j = 0; j < m_width; ++j)
            coefficients[j] += scale * direction[j];
        return largest;
    }

private:
    std::size_t count() const { return m_curvature.size(); }

    std::vector<double> products(std::vector<double> vector) const
    {
        vector.resize(m_stride, 0.0);
        std::vector<double> result(count());
        rowProducts(m_rows.data(), count(), m_stride, vector.data(), result.data());
        return result;
    }

    // Of the penalised log-likelihood; leaves the curvature of every observation behind.
    std::vector<double> gradient(const std::vector<double>& coefficients)
    {
        std::vector<double> slopes = products(coefficients);
        for (std::size_t i = 0; i < count(); ++i) {
            const double p = sigmoid((m_problem.offsets.empty() ? 0.0 : m_problem.offsets[i]) + slopes[i]);
            m_curvature[i] = static_cast<float>(m_problem.trials[i] * std::max(p * (1.0 - p), kFlattest));
            slopes[i] = m_problem.trials[i] * (m_problem.targets[i] - p);
        }
        std::vector<double> result(m_stride, 0.0);
        for (std::size_t j = 0; j < m_width; ++j)
            result[j] = -m_penalty[j] * coefficients[j];
        addRows(m_rows.data(), count(), m_stride, slopes.data(), result.data());
        result.resize(m_width);
        return result;
    }
    std::vector<double> timesHessian(const std::vector<double>& vector) const
    {
        constexpr std::size_t kBlock = 16; // rows that are still in the first cache when they are added up
        const std::vector<float> narrow = narrowed(vector, m_stride);
        std::vector<float> image(m_stride, 0.0F);
        std::array<float, kBlock> factors;
        for (std::size_t first = 0; first < count(); first += kBlock) {
            const std::size_t size = std::min(kBlock, count() - first);
            const float* const rows = &m_rows[first * m_stride];
            rowProducts(rows, size, m_stride, narrow.data(), factors.data());
            for (std::size_t i = 0; i < size; ++i)
                factors[i] *= m_curvature[first + i];
            addRows(rows, size, m_stride, factors.data(), image.data());
        }
        std::vector<double> result(m_width);
        for (std::size_t j = 0; j < m_width; ++j)
            result[j] = m_penalty[j] * vector[j] + static_cast<double>(image[j]);
        return result;
    }
    std::vector<double> hessianDiagonal() const
    {
        std::vector<double> result = m_penalty;
        for (std::size_t i = 0; i < count(); ++i)
            for (std::size_t j = 0; j < m_width; ++j) {
                const auto value = static_cast<double>(m_rows[i * m_stride + j]);
                result[j] += static_cast<double>(m_curvature[i]) * value * value;
            }
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
        std::vector<double> solution(m_width, 0.0);
        std::vector<double> z = preconditioned(residual);
        std::vector<double> direction = z;
        double strength = innerProduct(residual, z);
        const double enough = kSolverTolerance * kSolverTolerance * strength;
        for (int step = 0; step < kSolverSteps && strength > enough; ++step) {
            const std::vector<double> image = timesHessian(direction);
            const double length = strength / innerProduct(direction, image);
            for (std::size_t j = 0; j < m_width; ++j) {
                solution[j] += length * direction[j];
                residual[j] -= length * image[j];
            }
            z = preconditioned(residual);
            const double next = innerProduct(residual, z);
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
    std::vector<float> m_curvature;
};

} // namespace

double LogisticHead::logit(const Features& features, std::int64_t row) const
{
    if (coefficients.empty())
        return intercept;
    const std::size_t stride = paddedRow(coefficients.size());
    float product = 0.0F;
    rowProducts(features.row(row), 1, stride, narrowed(coefficients, stride).data(), &product);
    return intercept + static_cast<double>(product);
}

std::vector<double> LogisticHead::logits(const Features& features, std::int64_t rows) const
{
    std::vector<double> result(static_cast<std::size_t>(rows), intercept);
    if (coefficients.empty() || rows == 0)
        return result;
    const std::size_t stride = paddedRow(coefficients.size());
    std::vector<float> products(result.size());
    rowProducts(features.row(0), products.size(), stride, narrowed(coefficients, stride).data(), products.data());
    for (std::size_t i = 0; i < result.size(); ++i)
        result[i] += static_cast<double>(products[i]);
    return result;
}

void fitLogistic(const LogisticProblem& problem, LogisticHead& head)
{
    [[maybe_unused]] const std::size_t observations = problem.rows.size();
    MIDPOINT_ASSERT(problem.trials.size() == observations && problem.targets.size() == observations
            && (problem.offsets.empty() || problem.offsets.size() == observations)
            && (problem.times.empty() || problem.times.size() == observations),
        "one value for every observation");
    std::vector<double> coefficients = std::move(head.coefficients);
    coefficients.resize(Fit::dimensionOf(problem), 0.0);
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
