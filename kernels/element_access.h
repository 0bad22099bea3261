// Reads and writes one element of any type, for the reference forms.
#pragma once

#include "kernels/element_type.h"

namespace midpoint::kernels {

double readElement(const void* array, std::int64_t index, ElementType type);
void writeElement(void* array, std::int64_t index, ElementType type, double value);
// The value after rounding to the element type.
double roundedTo(ElementType type, double value);

} // namespace midpoint::kernels
