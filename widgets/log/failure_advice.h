// SPDX-License-Identifier: GPL-3.0-or-later
// What the end of a run means, and what its user can do about it.
#pragma once

#include "widgets/viewmodels/run_data.h"

#include <QString>

namespace midpoint::gui {

// Both are empty for a run that is well. Resuming is advised only where a checkpoint can be used.
struct FailureAdvice {
    QString cause;
    QString advice;
};
FailureAdvice adviseOn(const RunHeader& header);

} // namespace midpoint::gui
