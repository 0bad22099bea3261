#include "kernels/element_access.h"
#include "kernels/token_logprob.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace midpoint::kernels {
namespace {

// Log-softmax of one row; returns log sum exp.
double logSoftmax(const TokenLogprobShape& shape, const void* logits, std::int64_t r, std::vector<double>& row)
{
    row.resize(static_cast<std::size_t>(shape.vocabulary));
    for (std::int64_t v = 0; v < shape.vocabulary; ++v)
        row[static_cast<std::size_t>(v)] = readElement(logits, r * shape.vocabulary + v, shape.type) / shape.temperature;
    const double top = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (const double z : row)
        sum += std::exp(z - top);
    const double logSumExp = top + std::log(sum);
    for (double& z : row)
        z -= logSumExp;
    return logSumExp;
}

double xLogX(double logProbability)
{
    const double p = std::exp(logProbability);
    return p > 0 ? p * logProbability : 0.0;
}

} // namespace

void tokenLogprobForwardReference(const TokenLogprobShape& shape, const TokenLogprobForward& arguments)
{
    std::vector<double> row;
    for (std::int64_t r = 0; r < shape.rows; ++r) {
        const double logSumExp = logSoftmax(shape, arguments.logits, r, row);
        arguments.logprob[r] = static_cast<float>(row[static_cast<std::size_t>(arguments.ids[r])]);
        double entropy = 0;
        for (const double logprob : row)
            entropy -= xLogX(logprob);
        if (arguments.entropy != nullptr)
            arguments.entropy[r] = static_cast<float>(entropy);
        if (arguments.logSumExp != nullptr)
            arguments.logSumExp[r] = static_cast<float>(logSumExp);
    }
}

void tokenLogprobBackwardReference(const TokenLogprobShape& shape, const TokenLogprobBackward& arguments)
{
    std::vector<double> row;
    for (std::int64_t r = 0; r < shape.rows; ++r) {
        logSoftmax(shape, arguments.logits, r, row);
        double entropy = 0;
        for (const double logprob : row)
            entropy -= xLogX(logprob);
        for (std::int64_t v = 0; v < shape.vocabulary; ++v) {
            const double logprob = row[static_cast<std::size_t>(v)];
            const double p = std::exp(logprob);
            double gradient = static_cast<double>(arguments.gradLogprob[r]) * ((v == arguments.ids[r] ? 1.0 : 0.0) - p);
            if (arguments.gradEntropy != nullptr)
                gradient -= static_cast<double>(arguments.gradEntropy[r]) * (xLogX(logprob) + p * entropy);
            writeElement(arguments.gradLogits, r * shape.vocabulary + v, shape.type, gradient / shape.temperature);
        }
    }
}

} // namespace midpoint::kernels
