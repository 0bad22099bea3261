// What is extracted is a part of the response, at every step.
#include "backend/reward/extraction.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace midpoint::reward;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (int only = -1; only < 5; ++only) {
        const ExtractionOptions options = only < 0
            ? ExtractionOptions {}
            : ExtractionOptions { only == 0, only == 1, only == 2, only == 3, only == 4 };
        const auto found = extractAnswer(text, options);
        if (found && !found->text.empty() && (found->text.data() < text.data() || found->text.data() + found->text.size() > text.data() + size))
            std::abort();
    }
    return 0;
}
