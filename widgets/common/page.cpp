// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/page.h"

#include "widgets/viewmodels/run_model.h"

namespace midpoint::gui {

bool Page::mayCommand() const { return run().isOpen() && !run().header().isSnapshot && launch::isActive(run().header().state.kind); }

} // namespace midpoint::gui
