// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/plot_group.h"

#include "widgets/plot/plot_tile.h"

#include <QTimer>

#include <algorithm>

namespace midpoint::gui {

PlotGroup::PlotGroup(QObject* parent)
    : QObject(parent)
    , m_turn(new QTimer(this))
{
    m_turn->setSingleShot(true);
    m_turn->setInterval(0);
    connect(m_turn, &QTimer::timeout, this, &PlotGroup::drawNext);
}

void PlotGroup::move(std::optional<double> x)
{
    if (x == m_position)
        return;
    m_position = x;
    Q_EMIT moved(x);
}

void PlotGroup::setAnchor(std::optional<double> x) { Q_EMIT anchored(x); }

void PlotGroup::queue(PlotTile* tile)
{
    if (std::find(m_waiting.begin(), m_waiting.end(), tile) == m_waiting.end())
        m_waiting.emplace_back(tile);
    if (!m_turn->isActive())
        m_turn->start();
}

void PlotGroup::drawNext()
{
    while (!m_waiting.empty()) {
        const QPointer<PlotTile> tile = m_waiting.front();
        m_waiting.pop_front();
        if (tile && tile->drawInTurn())
            break; // one that had nothing to draw costs no turn
    }
    if (!m_waiting.empty())
        m_turn->start();
}

} // namespace midpoint::gui
