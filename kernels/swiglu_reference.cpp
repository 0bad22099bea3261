#include "kernels/element_access.h"
#include "kernels/swiglu.h"

#include <cmath>

namespace midpoint::kernels {
namespace {

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

} // namespace

void swigluForwardReference(const SwigluShape& shape, const SwigluForward& arguments)
{
    for (std::int64_t r = 0; r < shape.rows; ++r)
        for (std::int64_t i = 0; i < shape.width; ++i) {
            const double gate = readElement(arguments.gate, r * shape.inputStride + i, shape.type);
            const double up = readElement(arguments.up, r * shape.inputStride + i, shape.type);
            writeElement(arguments.y, r * shape.width + i, shape.type, roundedTo(shape.type, gate * sigmoid(gate)) * up);
        }
}

void swigluBackwardReference(const SwigluShape& shape, const SwigluBackward& arguments)
{
    for (std::int64_t r = 0; r < shape.rows; ++r)
        for (std::int64_t i = 0; i < shape.width; ++i) {
            const std::int64_t at = r * shape.inputStride + i;
            const double gate = readElement(arguments.gate, at, shape.type);
            const double up = readElement(arguments.up, at, shape.type);
            const double grad = readElement(arguments.gradY, r * shape.width + i, shape.type);
            const double s = sigmoid(gate);
            writeElement(arguments.gradGate, at, shape.type, grad * up * s * (1.0 + gate * (1.0 - s)));
            writeElement(arguments.gradUp, at, shape.type, grad * roundedTo(shape.type, gate * s));
        }
}

} // namespace midpoint::kernels
