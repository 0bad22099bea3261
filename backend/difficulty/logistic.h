// Logistic regression on the log-odds of shares in [0, 1], fitted again every round: penalised likelihood by Newton's
// method from where the last fit ended, each step by conjugate gradients, so that neither time nor memory grow with the
// square of the number of features.
#pragma once

#include "backend/core/bytes.h"
#include "backend/difficulty/features.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::difficulty {

struct LogisticHead {
    double intercept = 0.0;
    std::vector<double> coefficients; // empty counts as all zero
    double trend = 0.0; // of LogisticProblem::times

    double logit(const Features& features, std::int64_t row) const; // at present
    std::vector<double> logits(const Features& features, std::int64_t rows) const; // of all rows from the first on
};

struct LogisticProblem {
    const Features* features = nullptr; // null: only intercept and trend
    std::span<const std::int64_t> rows = {}; // observed, may repeat
    std::span<const double> trials = {}; // what each observation counts for, in single outcomes
    std::span<const double> targets = {}; // share of successes
    std::span<const double> offsets = {}; // log-odds already known, to which the head adds; empty: none
    std::span<const double> times = {}; // of the observations, the present being 0; empty: no trend
    double penalty = 1.0; // half of it times the squared coefficients is subtracted from the log-likelihood
};

// `head` is the start and the result.
void fitLogistic(const LogisticProblem& problem, LogisticHead& head);

void putHead(ByteWriter& out, const LogisticHead& head);
LogisticHead getHead(ByteReader& in);

} // namespace midpoint::difficulty
