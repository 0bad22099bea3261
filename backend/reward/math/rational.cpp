#include "backend/reward/math/rational.h"

namespace midpoint::reward::math {

Rational Rational::fromDigits(std::string_view digits, int base)
{
    Rational out;
    fmpz_set_str(fmpq_numref(out.m_value), std::string(digits).c_str(), base);
    return out;
}

Rational Rational::powerOfTen(ulong exponent)
{
    Rational out;
    fmpz_set_ui(fmpq_numref(out.m_value), 10);
    fmpz_pow_ui(fmpq_numref(out.m_value), fmpq_numref(out.m_value), exponent);
    return out;
}

std::string Rational::text() const
{
    char* raw = fmpq_get_str(nullptr, 10, m_value);
    std::string out(raw);
    flint_free(raw);
    return out;
}

} // namespace midpoint::reward::math
