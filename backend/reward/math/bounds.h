// What may be computed. FLINT can neither be interrupted nor survive the end of memory, so sizes are estimated and compared
// with these bounds before it is called. What exceeds them is refused, or decided by a worker process with a deadline.
#pragma once

#include <stdexcept>

namespace midpoint::reward::math {

struct Bounds {
    long maxBits = 60'000;          // of numerator and denominator of an exact rational
    unsigned long maxFactorial = 6'000;
    double maxLogMagnitude = 1e12;  // log2 of a value enclosed by a ball
    long maxPrecisionBits = 20'000; // of a ball
    long maxPolynomialDegree = 40;
    long maxPolynomialTerms = 1'000;
    long maxVariables = 8;
    long maxFieldDegree = 64;       // product of root degrees that Calcium is asked for
    long maxFieldNodes = 60;
    long maxParts = 64;             // of a set or a union
    long maxComparisons = 2'000;    // of parts with parts, in one answer
    long maxUnfoldedNodes = 4'000;  // of sums, products and determinants that are written out

    // For a process that may be killed.
    static Bounds forWorker()
    {
        Bounds bounds;
        bounds.maxBits = 20'000'000;
        bounds.maxFactorial = 1'000'000;
        bounds.maxPrecisionBits = 2'000'000;
        bounds.maxPolynomialDegree = 400;
        bounds.maxPolynomialTerms = 1'000'000;
        bounds.maxVariables = 20;
        bounds.maxFieldDegree = 1'000;
        bounds.maxFieldNodes = 1'000;
        bounds.maxUnfoldedNodes = 200'000;
        return bounds;
    }
};

// A computation that is larger than the bounds allow. Caught in this folder and by the mathematical grader.
class BeyondBounds : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

} // namespace midpoint::reward::math
