#include "kernels/decode_rows.h"

namespace midpoint::kernels {

void decodeRowsReference(const DecodeRowsArguments& a)
{
    for (std::int64_t r = 0; r < a.rows; ++r) {
        const DecodeRowPlan& plan = a.plan[r];
        std::int32_t* table = a.tables + plan.table * a.tableStride;
        if (plan.newBlock >= 0)
            table[plan.position / a.blockTokens] = plan.newBlock;
        const std::int32_t token = plan.source < 0 ? plan.token : a.drawn[plan.source];
        a.token[r] = token < 0 ? 0 : token;
        a.position[r] = plan.position;
        a.row[r] = { table, plan.position + 1 };
        const PhiloxBlock words = philox(plan.stream, static_cast<std::uint64_t>(plan.draw));
        a.uniform[r] = unitNumber(words.word[0], words.word[1]);
    }
}

} // namespace midpoint::kernels
