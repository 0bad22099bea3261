// Any text is either read into a tree that can be written out, or refused with a reason.
#include "backend/reward/math/reader.h"
#include "backend/reward/math_normal_form.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace midpoint::reward;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    mathNormalForm(text);
    try {
        math::toText(math::readAnswer(text));
        math::readAnswer(text, { .commasGroupDigits = false });
    } catch (const math::Unreadable&) {
    }
    return 0;
}
