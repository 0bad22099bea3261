// Counts the nesting of the parser and stops it before the stack ends.
#pragma once

#include "backend/reward/math/parser.h"

namespace midpoint::reward::math {

class Parser::DepthGuard {
public:
    explicit DepthGuard(Parser& parser)
        : m_parser(parser)
    {
        // Several guarded functions call each other per level of brackets.
        constexpr int kCallsPerLevel = 8;
        if (++m_parser.m_depth > m_parser.m_limits.maxDepth * kCallsPerLevel) {
            --m_parser.m_depth;
            throw Unreadable("nested more than " + std::to_string(m_parser.m_limits.maxDepth) + " levels deep");
        }
    }
    ~DepthGuard() { --m_parser.m_depth; }
    DepthGuard(const DepthGuard&) = delete;
    DepthGuard& operator=(const DepthGuard&) = delete;

private:
    Parser& m_parser;
};

} // namespace midpoint::reward::math
