// Two answers, separated by a newline: decided or refused, in a bounded time, and an answer is never wrong against itself.
#include "backend/reward/math/equality.h"
#include "backend/reward/math/reader.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace midpoint::reward::math;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t middle = text.find('\n');
    try {
        const Expression first = readAnswer(text.substr(0, middle));
        if (!compareAnswers(first, first, Bounds()).isEqual)
            std::abort();
        if (middle != std::string_view::npos)
            compareAnswers(first, readAnswer(text.substr(middle + 1)), Bounds());
    } catch (const Unreadable&) {
    } catch (const BeyondBounds&) {
    }
    return 0;
}
