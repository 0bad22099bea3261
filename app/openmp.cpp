#include "app/openmp.h"

#include <cstdlib>

namespace midpoint::app {
namespace {

constexpr const char* kSpinCount = "GOMP_SPINCOUNT"; // read when the library is opened
constexpr const char* kShortSpin = "2000";           // rounds: some ten microseconds, as long as a sleeping thread takes to wake

} // namespace

ShortSpinning::ShortSpinning()
    : m_isOurs(std::getenv(kSpinCount) == nullptr && std::getenv("OMP_WAIT_POLICY") == nullptr)
{
    if (m_isOurs)
        ::setenv(kSpinCount, kShortSpin, 0);
}

ShortSpinning::~ShortSpinning()
{
    if (m_isOurs)
        ::unsetenv(kSpinCount);
}

} // namespace midpoint::app
