#include "backend/core/error.h"

#include "backend/core/text.h"

namespace midpoint {

void assertionFailed(const char* condition, const char* why, const char* file, int line)
{
    throw Error(ErrorKind::Internal, concat("broken invariant: ", condition, " (", why, ") at ", file, ":", line));
}

} // namespace midpoint
