// SPDX-License-Identifier: GPL-3.0-or-later
// What is the run training on again, and is it stale? Composition of the replay buffer over steps, age against reward, importance
// ratios of fresh and replayed rollouts, and the entries.
#pragma once

#include "widgets/common/step_page.h"
#include "widgets/viewmodels/run_data.h"

#include <memory>

class QComboBox;
class QLabel;
class QStackedLayout;
class QTableView;

namespace midpoint::gui {

class BarTile;
struct CountMap;
class CurveTile;
class MapTile;
class RowsModel;
class ValueStrip;

class BufferPage : public StepPage {
    Q_OBJECT
public:
    BufferPage(Workbench& workbench, QWidget* parent);

private:
    void buildTable();
    void ask() override;
    void show(std::shared_ptr<const BufferView> view);
    void showValues();
    void hideEmptyColumns();
    void showShares();
    void showMapAndRatios();

    QComboBox* m_sharesBy;
    ValueStrip* m_values;
    CurveTile* m_fill;
    CurveTile* m_age;
    CurveTile* m_shares; // by difficulty or by reward
    MapTile* m_map;
    BarTile* m_ratios;
    QStackedLayout* m_pages = nullptr; // the plots, or why there are none
    QLabel* m_switchedOff;
    QLabel* m_entriesLabel;
    QTableView* m_table;
    RowsModel* m_model;
    std::shared_ptr<const BufferView> m_view;
};

// How many entries of each age have each mean reward.
CountMap ageRewardMap(const std::vector<store::BufferEntry>& entries, std::int64_t step);

// The value below which half of a histogram's counts lie, interpolated within its bin; nothing for an empty one.
std::optional<double> histogramMedian(const store::Histogram& histogram);

} // namespace midpoint::gui
