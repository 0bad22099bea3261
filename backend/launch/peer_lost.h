// A rank that cannot go on because another one is gone. It is not the reason why a run failed, so whoever reports the end looks
// further, for the rank that was lost.
#pragma once

#include "backend/core/error.h"

namespace midpoint::launch {

class PeerLost : public Error {
public:
    explicit PeerLost(const std::string& message)
        : Error(ErrorKind::Resource, message)
    {
    }
};

} // namespace midpoint::launch
