// The other notation of open intervals, with brackets that are turned outwards: ]1,2[ is (1,2).
#pragma once

#include "backend/reward/math/tokens.h"

namespace midpoint::reward::math {

// Replaces the outward brackets of intervals by round ones. Brackets in any other use stay.
void straightenBrackets(std::vector<Token>& tokens);

} // namespace midpoint::reward::math
