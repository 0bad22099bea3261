// Rigorous enclosures of values by Arb: every ball contains the true value, so two balls that do not meet prove that two
// values differ.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

#include <acb.h>

#include <string>
#include <utility>
#include <vector>

namespace midpoint::reward::math {

class Ball {
public:
    Ball() { acb_init(m_value); }
    Ball(const Ball& other)
        : Ball()
    {
        acb_set(m_value, other.m_value);
    }
    Ball(Ball&& other) noexcept
        : Ball()
    {
        acb_swap(m_value, other.m_value);
    }
    Ball& operator=(const Ball& other)
    {
        acb_set(m_value, other.m_value);
        return *this;
    }
    Ball& operator=(Ball&& other) noexcept
    {
        acb_swap(m_value, other.m_value);
        return *this;
    }
    ~Ball() { acb_clear(m_value); }

    acb_ptr raw() { return m_value; }
    acb_srcptr raw() const { return m_value; }
    bool isFinite() const { return acb_is_finite(m_value) != 0; }

private:
    acb_t m_value;
};

using Assignment = std::vector<std::pair<std::string, Ball>>;

// The result is not finite if the value is undefined, if a symbol is not assigned, or if the precision does not suffice.
// Throws BeyondBounds for values, exponents and arguments that are too large.
// `leavesReals` is set if a part of the expression has a value that is not real.
Ball evaluateBall(const Expression& expression, slong precision, const Bounds& bounds, const Assignment& symbols = {},
    bool* leavesReals = nullptr);

bool isApart(const Ball& a, const Ball& b); // both finite and certainly different

} // namespace midpoint::reward::math
