// Internal to the store: what the two halves of RunReader share.
#pragma once

#include "backend/store/database.h"
#include "backend/store/run_reader.h"

// Every table with a step and a segment is read through this condition; undefined again at the end of the statements.
#define MIDPOINT_VISIBLE "JOIN segments s ON s.id = t.segment WHERE (s.cut_after IS NULL OR t.step <= s.cut_after) "

namespace midpoint::store {

class RunReader::Impl {
public:
    explicit Impl(const std::filesystem::path& path);
    ReadSource source;
    std::int64_t publishedMs = 0; // > 0: a copy put here by publication
};

} // namespace midpoint::store
