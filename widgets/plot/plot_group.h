// SPDX-License-Identifier: GPL-3.0-or-later
// Plots that are seen together: they show the crosshair at the same x, zoom together, and draw one after the other with a turn of
// the event loop between them, so that a page of long curves never holds up the window.
#pragma once

#include <QObject>
#include <QPointer>

#include <deque>
#include <optional>

class QTimer;

namespace midpoint::gui {

class PlotTile;

class PlotGroup : public QObject {
    Q_OBJECT
public:
    explicit PlotGroup(QObject* parent = nullptr);
    void move(std::optional<double> x);
    std::optional<double> position() const { return m_position; }
    void setAnchor(std::optional<double> x); // a second line that stays: legends show differences to it
    void queue(PlotTile* tile); // calls its drawInTurn() soon, once

Q_SIGNALS:
    void moved(std::optional<double> x);
    void anchored(std::optional<double> x);
    void zoomed(QObject* source, double lower, double upper);

private:
    void drawNext();

    std::optional<double> m_position;
    std::deque<QPointer<PlotTile>> m_waiting;
    QTimer* m_turn;
};

} // namespace midpoint::gui
