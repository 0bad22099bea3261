// SPDX-License-Identifier: GPL-3.0-or-later
// Which rank is slow or sick, and what fills memory and disk? Ranks with their heartbeat, the phases of the last steps, and sizes.
#pragma once

#include "widgets/common/page.h"
#include "widgets/viewmodels/rank_table.h"
#include "widgets/viewmodels/run_data.h"

#include <memory>

class QLabel;
class QScrollArea;
class QTableView;

namespace midpoint::gui {

class CurveTile;
class RowsModel;
class ValueStrip;

// One lane per rank, one block per phase, over the last steps.
class PhaseTimeline : public QWidget {
    Q_OBJECT
public:
    PhaseTimeline(const Theme& theme, QWidget* parent);
    void setPhases(std::vector<store::PhaseTiming> phases);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;

private:
    struct Block {
        QRectF place;
        int color = 0;
        QString tooltip;
        QString label;
    };
    void layoutBlocks();
    void resizeEvent(QResizeEvent* event) override;
    int colorOf(const std::string& phase) const;
    int laneHeight() const;
    QBrush brushOf(int phase, int alpha) const;

    const Theme& m_theme;
    std::vector<store::PhaseTiming> m_phases;
    std::vector<std::string> m_names; // in order of first appearance
    std::vector<std::int64_t> m_ranks;
    std::vector<Block> m_blocks;
    std::vector<std::pair<double, std::int64_t>> m_stepStarts; // pixel, step
    double m_totalSeconds = 0.0;
};

class SystemPage : public Page {
    Q_OBJECT
public:
    SystemPage(Workbench& workbench, QWidget* parent);
    void activated() override;

private:
    void buildTable();
    void refresh();
    void refreshCurves();
    void fitLanes();
    void refreshRanks();
    void refreshValues();

    ValueStrip* m_values;
    QLabel* m_verdict;
    QTableView* m_table;
    RowsModel* m_model;
    PhaseTimeline* m_timeline;
    QScrollArea* m_lanes;
    CurveTile* m_memory;
    CurveTile* m_throughput;
    std::vector<RankRow> m_rows;
    std::shared_ptr<const SystemView> m_view;
};

} // namespace midpoint::gui
