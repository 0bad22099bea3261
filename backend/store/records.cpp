#include "backend/store/records.h"

namespace midpoint::store {

const char* nameOf(EventLevel level)
{
    switch (level) {
    case EventLevel::Info:
        return "info";
    case EventLevel::Warning:
        return "warning";
    case EventLevel::Error:
        return "error";
    }
    return "unknown";
}

} // namespace midpoint::store
