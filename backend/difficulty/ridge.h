// Weighted ridge regression with an intercept that is not penalised: minimises sum w (y - c - x b)^2 + lambda |b|^2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::difficulty {

struct RidgeProblem {
    std::span<const float> features = {}; // [rows, dimension]
    std::int64_t dimension = 0;
    std::span<const std::int64_t> rows = {}; // of features, one per observation
    std::span<const double> weights = {}; // positive
    std::vector<std::vector<double>> targets = {}; // any number, each with one value per observation
    double lambda = 1.0;
};

struct RidgeSolution {
    double intercept = 0.0;
    std::vector<double> coefficients;

    double predict(std::span<const float> features) const;
};

// One solution per target. Solves the normal equations in the smaller of the two forms, features or observations.
std::vector<RidgeSolution> solveRidge(const RidgeProblem& problem);

} // namespace midpoint::difficulty
