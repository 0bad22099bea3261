// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/filter_history.h"

#include "backend/core/error.h"

namespace midpoint::gui {

void FilterHistory::restart(QVariantMap present)
{
    m_states.assign(1, std::move(present));
    m_place = 0;
    m_isTyping = false;
}

void FilterHistory::record(QVariantMap present, Change change)
{
    if (present == m_states[m_place])
        return;
    const bool goesOn = m_isTyping && change == Change::Typing && m_place > 0;
    m_isTyping = change == Change::Typing;
    m_states.resize(m_place + 1); // what was gone back from is left
    if (goesOn) {
        m_states[m_place] = std::move(present);
        if (m_states[m_place] == m_states[m_place - 1]) { // typed and deleted again
            m_states.pop_back();
            --m_place;
        }
        return;
    }
    m_states.push_back(std::move(present));
    if (m_states.size() > kMaximumSteps)
        m_states.erase(m_states.begin());
    m_place = m_states.size() - 1;
}

const QVariantMap& FilterHistory::back()
{
    MIDPOINT_ASSERT(canGoBack(), "asked before");
    m_isTyping = false;
    return m_states[--m_place];
}

const QVariantMap& FilterHistory::forward()
{
    MIDPOINT_ASSERT(canGoForward(), "asked before");
    m_isTyping = false;
    return m_states[++m_place];
}

} // namespace midpoint::gui
