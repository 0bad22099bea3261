// SPDX-License-Identifier: GPL-3.0-or-later
// qcustomplot.h is written with Qt's short keywords, which the rest of the tree does without: they exist for this include only.
// Used by the .cpp files of this folder.
#pragma once

#include <QtGlobal>

#define signals Q_SIGNALS
#define slots Q_SLOTS
#define foreach Q_FOREACH
#define emit
#include <qcustomplot.h>
#undef signals
#undef slots
#undef foreach
#undef emit
