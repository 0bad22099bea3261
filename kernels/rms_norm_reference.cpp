#include "kernels/element_access.h"
#include "kernels/rms_norm.h"

#include <cmath>

namespace midpoint::kernels {

void rmsNormForwardReference(const RmsNormShape& shape, const RmsNormForward& arguments)
{
    for (std::int64_t r = 0; r < shape.rows; ++r) {
        double squares = 0;
        for (std::int64_t i = 0; i < shape.width; ++i)
            squares += std::pow(readElement(arguments.x, r * shape.width + i, shape.type), 2);
        const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(shape.width) + static_cast<double>(shape.epsilon));
        if (arguments.inverse != nullptr)
            arguments.inverse[r] = static_cast<float>(inverse);
        for (std::int64_t i = 0; i < shape.width; ++i) {
            const double normed = roundedTo(shape.type, readElement(arguments.x, r * shape.width + i, shape.type) * inverse);
            writeElement(arguments.y, r * shape.width + i, shape.type, normed * readElement(arguments.weight, i, shape.type));
        }
    }
}

void addRmsNormReference(const RmsNormShape& shape, const AddRmsNorm& arguments)
{
    for (std::int64_t i = 0; i < shape.rows * shape.width; ++i)
        writeElement(arguments.x, i, shape.type, readElement(arguments.x, i, shape.type) + readElement(arguments.residual, i, shape.type));
    rmsNormForwardReference(shape, { arguments.x, arguments.weight, arguments.y, nullptr });
}

void rmsNormBackwardReference(const RmsNormShape& shape, const RmsNormBackward& arguments)
{
    for (std::int64_t i = 0; i < shape.width; ++i) {
        double sum = 0;
        for (std::int64_t r = 0; r < shape.rows; ++r)
            sum += readElement(arguments.gradY, r * shape.width + i, shape.type)
                * roundedTo(shape.type,
                    readElement(arguments.x, r * shape.width + i, shape.type) * static_cast<double>(arguments.inverse[r]));
        arguments.gradWeight[i] = static_cast<float>(sum);
    }
    for (std::int64_t r = 0; r < shape.rows; ++r) {
        const double inverse = static_cast<double>(arguments.inverse[r]);
        double mean = 0;
        for (std::int64_t i = 0; i < shape.width; ++i)
            mean += readElement(arguments.gradY, r * shape.width + i, shape.type) * readElement(arguments.weight, i, shape.type)
                * readElement(arguments.x, r * shape.width + i, shape.type) * inverse / static_cast<double>(shape.width);
        for (std::int64_t i = 0; i < shape.width; ++i) {
            const double g = readElement(arguments.gradY, r * shape.width + i, shape.type) * readElement(arguments.weight, i, shape.type);
            const double n = readElement(arguments.x, r * shape.width + i, shape.type) * inverse;
            writeElement(arguments.gradX, r * shape.width + i, shape.type, inverse * (g - n * mean));
        }
    }
}

} // namespace midpoint::kernels
