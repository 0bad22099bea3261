#include "kernels/element_access.h"
#include "kernels/packed_linear.h"

namespace midpoint::kernels {

void packedLinearReference(
    const void* weight, std::int64_t outputs, std::int64_t inputs, ElementType type, const PackedLinearArguments& arguments)
{
    for (std::int64_t r = 0; r < arguments.rows; ++r)
        for (std::int64_t o = 0; o < outputs; ++o) {
            double sum = arguments.bias == nullptr ? 0.0 : readElement(arguments.bias, o, type);
            for (std::int64_t i = 0; i < inputs; ++i)
                sum += readElement(arguments.x, r * inputs + i, type) * readElement(weight, o * inputs + i, type);
            writeElement(arguments.y, r * outputs + o, arguments.yType, roundedTo(type, sum));
        }
}

} // namespace midpoint::kernels
