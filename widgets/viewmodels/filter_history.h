// SPDX-License-Identifier: GPL-3.0-or-later
// The way back through the filters of a screen: every choice is a step, and what is typed in one go is one step.
#pragma once

#include <QVariantMap>

#include <cstddef>
#include <vector>

namespace midpoint::gui {

class FilterHistory {
public:
    enum class Change { Typing, Choice };

    void restart(QVariantMap present); // another project or run: there is no way back to the filters of the one before
    void record(QVariantMap present, Change change);
    bool canGoBack() const { return m_place > 0; }
    bool canGoForward() const { return m_place + 1 < m_states.size(); }
    const QVariantMap& back();    // only if it can
    const QVariantMap& forward(); // only if it can

private:
    static constexpr std::size_t kMaximumSteps = 100;
    std::vector<QVariantMap> m_states { QVariantMap() };
    std::size_t m_place = 0;
    bool m_isTyping = false; // the present state may still be typed on
};

} // namespace midpoint::gui
