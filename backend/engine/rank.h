// One rank of a run: puts the run together, restores a checkpoint if there is one, trains, and says how it ended.
#pragma once

#include "backend/engine/api.h"

namespace midpoint::engine {

RankResult runRank(const RankOptions& options, Session& session);

} // namespace midpoint::engine
