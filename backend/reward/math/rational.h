// An exact rational number: FLINT's fmpq with value semantics. Callers bound sizes before they compute.
#pragma once

#include <flint/fmpq.h>

#include <string>
#include <string_view>

namespace midpoint::reward::math {

class Rational {
public:
    Rational() { fmpq_init(m_value); }
    explicit Rational(slong value)
        : Rational()
    {
        fmpq_set_si(m_value, value, 1);
    }
    Rational(const Rational& other)
        : Rational()
    {
        fmpq_set(m_value, other.m_value);
    }
    Rational(Rational&& other) noexcept
        : Rational()
    {
        fmpq_swap(m_value, other.m_value);
    }
    Rational& operator=(const Rational& other)
    {
        if (this != &other)
            fmpq_set(m_value, other.m_value);
        return *this;
    }
    Rational& operator=(Rational&& other) noexcept
    {
        fmpq_swap(m_value, other.m_value);
        return *this;
    }
    ~Rational() { fmpq_clear(m_value); }

    // Digits in `base` (2 to 36), no sign, no other character.
    static Rational fromDigits(std::string_view digits, int base = 10);
    static Rational powerOfTen(ulong exponent);

    fmpq* raw() { return m_value; }
    const fmpq* raw() const { return m_value; }
    const fmpz* numerator() const { return fmpq_numref(m_value); }
    const fmpz* denominator() const { return fmpq_denref(m_value); }

    bool isZero() const { return fmpq_is_zero(m_value) != 0; }
    bool isInteger() const { return fmpz_is_one(denominator()) != 0; }
    int sign() const { return fmpq_sgn(m_value); }
    // Bits of numerator and denominator together.
    slong bits() const { return static_cast<slong>(fmpz_bits(numerator()) + fmpz_bits(denominator())); }
    bool operator==(const Rational& other) const { return fmpq_equal(m_value, other.m_value) != 0; }
    std::string text() const;

private:
    fmpq_t m_value;
};

inline Rational operator+(const Rational& a, const Rational& b)
{
    Rational out;
    fmpq_add(out.raw(), a.raw(), b.raw());
    return out;
}
inline Rational operator-(const Rational& a, const Rational& b)
{
    Rational out;
    fmpq_sub(out.raw(), a.raw(), b.raw());
    return out;
}
inline Rational operator*(const Rational& a, const Rational& b)
{
    Rational out;
    fmpq_mul(out.raw(), a.raw(), b.raw());
    return out;
}
inline Rational operator/(const Rational& a, const Rational& b) // b is not 0
{
    Rational out;
    fmpq_div(out.raw(), a.raw(), b.raw());
    return out;
}
inline bool operator<(const Rational& a, const Rational& b) { return fmpq_cmp(a.raw(), b.raw()) < 0; }

} // namespace midpoint::reward::math
