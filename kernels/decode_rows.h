// The rows of one step of decoding as the operations of a layer read them, made of what the host knows (which sequences, where they
// lie) and of what the step before has drawn, which only the device knows. So the host queues steps without waiting for tokens.
// A device's operation only: on the CPU host and drawn tokens are in one place.
#pragma once

#include "backend/core/philox.h"
#include "kernels/paged_attention.h"

#include <cstdint>

namespace midpoint::kernels {

struct DecodeRowPlan { // written by the host
    PhiloxStream stream = {};     // of the sequence's draws
    std::int64_t draw = 0;        // which of them this step uses
    std::int64_t position = 0;    // of the token that is fed
    std::int32_t token = 0;       // the token, where source is negative
    std::int32_t source = -1;     // row of the step before that has drawn the token
    std::int32_t table = 0;       // index of the sequence's block table
    std::int32_t newBlock = -1;   // if not negative, written into the table where the position lies
};

// token[r] = source < 0 ? token : drawn[source], and 0 for a drawn token -1 (logits that are not finite);
// row[r] = { table, position + 1 };   uniform[r] = Rng::uniformAt(draw) of the stream.
struct DecodeRowsArguments {
    std::int64_t rows = 0;
    const DecodeRowPlan* plan = nullptr;    // [rows]
    const std::int32_t* drawn = nullptr;    // by the step before
    std::int32_t* tables = nullptr;         // [tables, tableStride] of block indices
    std::int64_t tableStride = 0;
    std::int64_t blockTokens = 0;
    std::int64_t* token = nullptr;          // [rows]
    std::int64_t* position = nullptr;       // [rows]
    PagedRow* row = nullptr;                // [rows]
    double* uniform = nullptr;              // [rows]
};

void decodeRowsReference(const DecodeRowsArguments& arguments);

} // namespace midpoint::kernels
