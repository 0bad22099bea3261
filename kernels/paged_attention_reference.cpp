#include "kernels/element_access.h"
#include "kernels/paged_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace midpoint::kernels {

void pagedAttentionReference(const PagedCacheShape& shape, const PagedAttentionArguments& arguments)
{
    const std::int64_t share = arguments.queryHeads / shape.keyValueHeads;
    const auto keyAt = [&](const PagedRow& row, std::int64_t j, std::int64_t head, std::int64_t d) {
        const std::int64_t block = row.table[j / shape.blockTokens] * shape.blockElements();
        return readElement(
            arguments.cache, block + (head * shape.headDim + d) * shape.blockTokens + j % shape.blockTokens, shape.type);
    };
    const auto valueAt = [&](const PagedRow& row, std::int64_t j, std::int64_t head, std::int64_t d) {
        const std::int64_t block = row.table[j / shape.blockTokens] * shape.blockElements() + shape.blockElements() / 2;
        return readElement(
            arguments.cache, block + (head * shape.blockTokens + j % shape.blockTokens) * shape.headDim + d, shape.type);
    };
    for (std::int64_t r = 0; r < arguments.rows; ++r)
        for (std::int64_t h = 0; h < arguments.queryHeads; ++h) {
            const PagedRow& row = arguments.row[r];
            std::vector<double> score;
            for (std::int64_t j = 0; j < row.length; ++j) {
                double dot = 0;
                for (std::int64_t d = 0; d < shape.headDim; ++d)
                    dot += readElement(arguments.query, r * arguments.queryStride + h * shape.headDim + d, shape.type)
                        * keyAt(row, j, h / share, d);
                score.push_back(dot * static_cast<double>(arguments.scale));
            }
            const double top = *std::max_element(score.begin(), score.end());
            double total = 0;
            for (double& s : score)
                total += s = std::exp(s - top);
            for (std::int64_t d = 0; d < shape.headDim; ++d) {
                double mixed = 0;
                for (std::int64_t j = 0; j < row.length; ++j)
                    mixed += score[static_cast<std::size_t>(j)] / total * valueAt(row, j, h / share, d);
                writeElement(arguments.output, (r * arguments.queryHeads + h) * shape.headDim + d, shape.type, mixed);
            }
        }
}

} // namespace midpoint::kernels
