// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/page.h"

#include "widgets/viewmodels/run_model.h"

namespace midpoint::gui {

bool Page::mayCommand() const { return run().isOpen() && !run().header().isSnapshot && launch::isActive(run().header().state.kind); }

bool Page::goBack()
{
    if (m_history.canGoBack())
        show(m_history.back());
    else
        return false;
    return true;
}

bool Page::goForward()
{
    if (m_history.canGoForward())
        show(m_history.forward());
    else
        return false;
    return true;
}

void Page::show(const QVariantMap& filters)
{
    m_isGoing = true;
    setFilters(filters);
    m_isGoing = false;
}

void Page::filtersChanged(FilterHistory::Change change)
{
    if (!m_isGoing)
        m_history.record(filters(), change);
}

void Page::forgetFilters() { m_history.restart(filters()); }

} // namespace midpoint::gui
