// SPDX-License-Identifier: GPL-3.0-or-later
// The one function that the program looks up in libmidpoint_gui.
#include "widgets/shell/gui_main.h"

extern "C" __attribute__((visibility("default"))) int midpoint_gui_main(int argc, char** argv)
{
    return midpoint::gui::guiMain(argc, argv);
}
