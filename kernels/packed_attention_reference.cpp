#include "kernels/element_access.h"
#include "kernels/packed_attention.h"

#include <cmath>
#include <vector>

namespace midpoint::kernels {
namespace {

std::size_t index(std::int64_t value) { return static_cast<std::size_t>(value); }

// Calls body(token, tokens it sees) for every token.
template <typename Body>
void forEachToken(const PackedAttentionShape& shape, const Body& body)
{
    for (std::size_t g = 0; g + 1 < shape.groupOffsets.size(); ++g) {
        const std::int64_t firstSegment = shape.groupOffsets[g];
        for (std::int64_t s = firstSegment; s < shape.groupOffsets[g + 1]; ++s)
            for (std::int64_t t = shape.segmentOffsets[index(s)]; t < shape.segmentOffsets[index(s + 1)]; ++t) {
                std::vector<std::int64_t> seen;
                if (s != firstSegment)
                    for (std::int64_t j = shape.segmentOffsets[index(firstSegment)]; j < shape.segmentOffsets[index(firstSegment + 1)]; ++j)
                        seen.push_back(j);
                for (std::int64_t j = shape.segmentOffsets[index(s)]; j <= t; ++j)
                    seen.push_back(j);
                body(t, seen);
            }
    }
}

double dot(const PackedAttentionShape& shape, const void* a, std::int64_t aRow, const void* b, std::int64_t bRow)
{
    double sum = 0;
    for (std::int64_t d = 0; d < shape.headDim; ++d)
        sum += readElement(a, aRow * shape.headDim + d, shape.type) * readElement(b, bRow * shape.headDim + d, shape.type);
    return sum;
}

} // namespace

void packedAttentionForwardReference(const PackedAttentionShape& shape, const PackedAttentionForward& arguments)
{
    const std::int64_t share = shape.queryHeads / shape.keyValueHeads;
    forEachToken(shape, [&](std::int64_t t, const std::vector<std::int64_t>& seen) {
        for (std::int64_t h = 0; h < shape.queryHeads; ++h) {
            std::vector<double> score;
            for (const std::int64_t j : seen)
                score.push_back(static_cast<double>(shape.scale)
                    * dot(shape, arguments.query, t * shape.queryHeads + h, arguments.key, j * shape.keyValueHeads + h / share));
            double top = score.front();
            for (const double s : score)
                top = std::max(top, s);
            double sum = 0;
            for (const double s : score)
                sum += std::exp(s - top);
            const double logSumExp = top + std::log(sum);
            arguments.logSumExp[t * shape.queryHeads + h] = static_cast<float>(logSumExp);
            for (std::int64_t d = 0; d < shape.headDim; ++d) {
                double mixed = 0;
                for (std::size_t i = 0; i < seen.size(); ++i)
                    mixed += std::exp(score[i] - logSumExp)
                        * readElement(arguments.value, (seen[i] * shape.keyValueHeads + h / share) * shape.headDim + d, shape.type);
                writeElement(arguments.output, (t * shape.queryHeads + h) * shape.headDim + d, shape.type, mixed);
            }
        }
    });
}

void packedAttentionBackwardReference(const PackedAttentionShape& shape, const PackedAttentionBackward& arguments)
{
    const std::int64_t share = shape.queryHeads / shape.keyValueHeads;
    const double scale = static_cast<double>(shape.scale);
    const std::int64_t dim = shape.headDim;
    std::vector<double> gradKey(index(shape.tokens() * shape.keyValueHeads * dim), 0.0);
    std::vector<double> gradValue(gradKey.size(), 0.0);
    forEachToken(shape, [&](std::int64_t t, const std::vector<std::int64_t>& seen) {
        for (std::int64_t h = 0; h < shape.queryHeads; ++h) {
            const std::int64_t row = t * shape.queryHeads + h;
            const double delta = dot(shape, arguments.gradOutput, row, arguments.output, row);
            std::vector<double> gradQuery(index(dim), 0.0);
            for (const std::int64_t j : seen) {
                const std::int64_t keyRow = j * shape.keyValueHeads + h / share;
                const double p = std::exp(scale * dot(shape, arguments.query, row, arguments.key, keyRow)
                    - static_cast<double>(arguments.logSumExp[row]));
                const double gradScore = scale * p * (dot(shape, arguments.gradOutput, row, arguments.value, keyRow) - delta);
                for (std::int64_t d = 0; d < dim; ++d) {
                    gradQuery[index(d)] += gradScore * readElement(arguments.key, keyRow * dim + d, shape.type);
                    gradKey[index(keyRow * dim + d)] += gradScore * readElement(arguments.query, row * dim + d, shape.type);
                    gradValue[index(keyRow * dim + d)] += p * readElement(arguments.gradOutput, row * dim + d, shape.type);
                }
            }
            for (std::int64_t d = 0; d < dim; ++d)
                writeElement(arguments.gradQuery, row * dim + d, shape.type, gradQuery[index(d)]);
        }
    });
    for (std::size_t i = 0; i < gradKey.size(); ++i) {
        writeElement(arguments.gradKey, static_cast<std::int64_t>(i), shape.type, gradKey[i]);
        writeElement(arguments.gradValue, static_cast<std::int64_t>(i), shape.type, gradValue[i]);
    }
}

} // namespace midpoint::kernels
