// SPDX-License-Identifier: GPL-3.0-or-later
// Can the predictor be trusted, and is the training at the right difficulty? Predicted against measured, calibration, the pool,
// and every prompt with its history.
#pragma once

#include "widgets/common/step_page.h"
#include "widgets/viewmodels/run_data.h"

#include <memory>
#include <set>
#include <vector>

class QComboBox;
class QGridLayout;
class QLabel;
class QLineEdit;
class QMenu;
class QModelIndex;
class QSpinBox;
class QTableView;
class QToolButton;

class QBoxLayout;

namespace midpoint::gui {

class BarTile;
class CurveTile;
class RowsModel;
class ScatterTile;
class ValueStrip;

class DifficultyPage : public StepPage {
    Q_OBJECT
public:
    DifficultyPage(Workbench& workbench, QWidget* parent);
    void focusFilter() override;
    QVariantMap filters() const override;
    void setFilters(const QVariantMap& filters) override;
    void showPrompt(std::int64_t promptIndex);
    std::int64_t selectedPrompt() const { return m_selected; } // -1: none

private:
    void buildToolbar(QBoxLayout* layout);
    void buildTable();
    void ask() override;
    void show(std::shared_ptr<const DifficultyView> view);
    bool isMeasuredOnly() const; // the run has predicted nothing so far
    void arrange();
    void showValues();
    void showMeasuredValues();
    void showPlots();
    void showHistory(const PromptHistory& history);
    void refreshPearson();
    void applyFilter();
    void setRegion(const std::vector<std::int64_t>& prompts); // chosen in the scatter; empty: all
    void addFilterActions(QMenu& menu, const QModelIndex& index);
    void readHistory(std::int64_t promptIndex);

    ValueStrip* m_values;
    QGridLayout* m_grid = nullptr;
    QComboBox* m_set;
    QSpinBox* m_window;
    QLineEdit* m_filter;
    QToolButton* m_clearRegion;
    QLabel* m_count;
    ScatterTile* m_scatter;
    BarTile* m_calibration;
    CurveTile* m_pearson;
    BarTile* m_histogram;
    QTableView* m_table;
    RowsModel* m_model;
    BarTile* m_history;
    std::shared_ptr<const DifficultyView> m_view;
    std::int64_t m_selected = -1;
    std::set<std::int64_t> m_region; // prompts chosen in the scatter; empty: all
};

} // namespace midpoint::gui
