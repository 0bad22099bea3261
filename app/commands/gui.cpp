// midpoint gui: opens the window's module. Its own words (a project or run, --screenshots) are read there.
#include "app/commands.h"
#include "app/modules.h"
#include "backend/core/error.h"

#include <algorithm>
#include <iostream>

namespace midpoint::app {

int runGui(const Words& words)
{
    if (std::find_if(words.begin(), words.end(), [](const std::string& word) { return word == "--help" || word == "-h"; }) != words.end()) {
        std::cout << "Opens the window, on a project folder, a run folder, a run's database or a benchmark's results.db if one is named.\n\n"
                     "usage: midpoint gui [PROJECT|RUN|FILE.db]\n"
                     "       midpoint gui --screenshots DIR RUN    render every screen to PNG, needs no display\n"
                     "                     [--size 1440x900]         size of the window in the pictures\n";
        return 0;
    }
    const bool needsDisplay = std::find(words.begin(), words.end(), "--screenshots") == words.end();
    if (needsDisplay && !hasDisplay())
        throw Error(ErrorKind::Usage, "no display: neither DISPLAY nor WAYLAND_DISPLAY is set");
    return openWindow(words);
}

} // namespace midpoint::app
