#include "kernels/element_access.h"
#include "kernels/rotary.h"

namespace midpoint::kernels {

void rotaryReference(const RotaryTable& table, const RotaryArguments& arguments)
{
    const std::int64_t half = arguments.headDim / 2;
    for (std::int64_t t = 0; t < arguments.tokens; ++t)
        for (std::int64_t h = 0; h < arguments.heads; ++h)
            for (std::int64_t i = 0; i < half; ++i) {
                const std::int64_t first = t * arguments.stride + h * arguments.headDim + i;
                const std::int64_t angle = arguments.positions[t] * half + i;
                const double a = readElement(arguments.x, first, arguments.type);
                const double b = readElement(arguments.x, first + half, arguments.type);
                const double c = static_cast<double>(table.cosine[angle]);
                const double s = static_cast<double>(table.sine[angle]) * (arguments.direction == RotaryDirection::Forward ? 1 : -1);
                writeElement(arguments.x, first, arguments.type, a * c - b * s);
                writeElement(arguments.x, first + half, arguments.type, b * c + a * s);
            }
}

} // namespace midpoint::kernels
