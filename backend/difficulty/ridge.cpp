#include "backend/difficulty/ridge.h"

#include "backend/core/error.h"

#include <cmath>
#include <numeric>

namespace midpoint::difficulty {
namespace {

// A symmetric positive definite matrix, its lower triangle row by row, replaced by its Cholesky factor.
class Cholesky {
public:
    Cholesky(std::vector<double> matrix, std::size_t size)
        : m_factor(std::move(matrix))
        , m_size(size)
    {
        for (std::size_t i = 0; i < size; ++i) {
            double* row = &m_factor[i * size];
            for (std::size_t j = 0; j <= i; ++j) {
                const double* other = &m_factor[j * size];
                const double rest = row[j] - std::inner_product(row, row + j, other, 0.0);
                row[j] = i == j ? std::sqrt(rest) : rest / other[j];
            }
            MIDPOINT_ASSERT(row[i] > 0.0, "lambda > 0 makes the matrix positive definite");
        }
    }
    std::vector<double> solve(std::vector<double> b) const
    {
        for (std::size_t i = 0; i < m_size; ++i) {
            const double* row = &m_factor[i * m_size];
            b[i] = (b[i] - std::inner_product(row, row + i, b.begin(), 0.0)) / row[i];
        }
        for (std::size_t i = m_size; i-- > 0;) {
            b[i] /= m_factor[i * m_size + i];
            for (std::size_t j = 0; j < i; ++j)
                b[j] -= m_factor[i * m_size + j] * b[i];
        }
        return b;
    }

private:
    std::vector<double> m_factor;
    std::size_t m_size;
};

// Rows scaled by the root of their weight and centred at their weighted mean, so that the intercept drops out.
struct Centred {
    std::vector<double> mean; // of the features
    std::vector<double> rows; // [observations, dimension]
    std::vector<double> roots; // of the weights
    double totalWeight = 0.0;
};

Centred centre(const RidgeProblem& problem)
{
    const auto dimension = static_cast<std::size_t>(problem.dimension);
    const auto featuresOf = [&](std::size_t i) {
        return problem.features.subspan(static_cast<std::size_t>(problem.rows[i]) * dimension, dimension);
    };
    Centred result;
    result.mean.assign(dimension, 0.0);
    result.totalWeight = std::accumulate(problem.weights.begin(), problem.weights.end(), 0.0);
    for (std::size_t i = 0; i < problem.rows.size(); ++i)
        for (std::size_t j = 0; j < dimension; ++j)
            result.mean[j] += problem.weights[i] / result.totalWeight * static_cast<double>(featuresOf(i)[j]);
    result.rows.reserve(problem.rows.size() * dimension);
    for (std::size_t i = 0; i < problem.rows.size(); ++i) {
        result.roots.push_back(std::sqrt(problem.weights[i]));
        for (std::size_t j = 0; j < dimension; ++j)
            result.rows.push_back(result.roots.back() * (static_cast<double>(featuresOf(i)[j]) - result.mean[j]));
    }
    return result;
}

// Lower triangle of A A^T (observations) or A^T A (features), plus lambda on the diagonal.
std::vector<double> gram(const std::vector<double>& a, std::size_t observations, std::size_t dimension, double lambda)
{
    std::vector<double> result;
    if (observations < dimension) {
        result.assign(observations * observations, 0.0);
        for (std::size_t i = 0; i < observations; ++i)
            for (std::size_t j = 0; j <= i; ++j)
                result[i * observations + j] = std::inner_product(a.data() + i * dimension,
                    a.data() + (i + 1) * dimension, a.data() + j * dimension, i == j ? lambda : 0.0);
        return result;
    }
    result.assign(dimension * dimension, 0.0);
    for (std::size_t row = 0; row < observations; ++row) {
        const double* x = a.data() + row * dimension;
        for (std::size_t i = 0; i < dimension; ++i)
            for (std::size_t j = 0; j <= i; ++j)
                result[i * dimension + j] += x[i] * x[j];
    }
    for (std::size_t i = 0; i < dimension; ++i)
        result[i * dimension + i] += lambda;
    return result;
}

} // namespace

double RidgeSolution::predict(std::span<const float> features) const
{
    double result = intercept;
    for (std::size_t j = 0; j < coefficients.size(); ++j)
        result += coefficients[j] * static_cast<double>(features[j]);
    return result;
}

std::vector<RidgeSolution> solveRidge(const RidgeProblem& problem)
{
    MIDPOINT_ASSERT(!problem.rows.empty() && problem.rows.size() == problem.weights.size(),
        "one weight for each of at least one observation");
    const auto dimension = static_cast<std::size_t>(problem.dimension);
    const std::size_t observations = problem.rows.size();
    const Centred centred = centre(problem);
    const bool byObservations = observations < dimension;
    const Cholesky factor(
        gram(centred.rows, observations, dimension, problem.lambda), byObservations ? observations : dimension);

    std::vector<RidgeSolution> solutions;
    for (const std::vector<double>& target : problem.targets) {
        const double mean
            = std::inner_product(target.begin(), target.end(), problem.weights.begin(), 0.0) / centred.totalWeight;
        std::vector<double> residual(observations);
        for (std::size_t i = 0; i < observations; ++i)
            residual[i] = centred.roots[i] * (target[i] - mean);
        // b = A^T (A A^T + lambda)^-1 r = (A^T A + lambda)^-1 A^T r
        const std::vector<double> dual = byObservations ? factor.solve(residual) : residual;
        std::vector<double> coefficients(dimension, 0.0);
        for (std::size_t i = 0; i < observations; ++i)
            for (std::size_t j = 0; j < dimension; ++j)
                coefficients[j] += dual[i] * centred.rows[i * dimension + j];
        if (!byObservations)
            coefficients = factor.solve(std::move(coefficients));
        const double intercept
            = mean - std::inner_product(coefficients.begin(), coefficients.end(), centred.mean.begin(), 0.0);
        solutions.push_back({ intercept, std::move(coefficients) });
    }
    return solutions;
}

} // namespace midpoint::difficulty
