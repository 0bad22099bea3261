// The device form of decode_rows.h, for kernels/decode_rows.cu and for the emulated block of the tests.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/portable.h"

namespace midpoint::kernels::cuda {

// A thread for each row.
struct DecodeRowsBody {
    static constexpr int kThreads = 128;
    DecodeRowsArguments a;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t r = block.x() * kThreads + block.thread();
        if (r >= a.rows)
            return;
        const DecodeRowPlan plan = a.plan[r];
        std::int32_t* table = a.tables + plan.table * a.tableStride;
        if (plan.newBlock >= 0)
            table[plan.position / a.blockTokens] = plan.newBlock;
        const std::int32_t token = plan.source < 0 ? plan.token : a.drawn[plan.source];
        a.token[r] = token < 0 ? 0 : token;
        a.position[r] = plan.position;
        a.row[r].table = table;
        a.row[r].length = plan.position + 1;
        const PhiloxBlock words = philox(plan.stream, static_cast<std::uint64_t>(plan.draw));
        a.uniform[r] = unitNumber(words.word[0], words.word[1]);
    }
};

template <typename Launch>
void launchDecodeRows(const Launch& launch, const DecodeRowsArguments& arguments)
{
    launch(Grid { ceilDivide(arguments.rows, DecodeRowsBody::kThreads) }, DecodeRowsBody { arguments });
}

} // namespace midpoint::kernels::cuda
