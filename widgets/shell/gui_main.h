// SPDX-License-Identifier: GPL-3.0-or-later
// `midpoint [gui] [PROJECT|RUN]` and `midpoint gui --screenshots DIR RUN`: arguments, application, window.
#pragma once

namespace midpoint::gui {

int guiMain(int argc, char** argv);

} // namespace midpoint::gui
