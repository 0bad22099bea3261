// SPDX-License-Identifier: GPL-3.0-or-later
// Tells when a run of the project, or the one that is open, ends, fails or is lost while the window is there: a strip with the
// run's name and state, and the taskbar asks for attention if the user is elsewhere.
#pragma once

#include "backend/launch/run_state.h"
#include "widgets/common/message_strip.h"

#include <filesystem>
#include <map>

namespace midpoint::gui {

struct Workbench;

class RunNotices : public MessageStrip {
    Q_OBJECT
public:
    RunNotices(Workbench& workbench, QWidget* parent);

Q_SIGNALS:
    void openRequested(const std::filesystem::path& run);

private:
    void observe(const std::filesystem::path& run, const launch::RunState& state);
    void tell(const std::filesystem::path& run, const launch::RunState& state);

    Workbench& m_workbench;
    std::map<std::filesystem::path, bool> m_wasActive;
    std::filesystem::path m_run; // that the strip speaks of
};

} // namespace midpoint::gui
