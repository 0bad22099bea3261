// What the ranks beside rank 0 do: serve its orders (crew.h) until it ends the run.
#pragma once

#include "backend/engine/api.h"
#include "backend/engine/run_parts.h"
#include "backend/launch/heartbeat.h"

namespace midpoint::engine {

RankResult serveOrders(RunParts& parts, launch::HeartbeatWriter& heartbeat, Session& session);

} // namespace midpoint::engine
