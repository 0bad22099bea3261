// SPDX-License-Identifier: GPL-3.0-or-later
// Which run is best, and what did it change? All runs of the project with any setting or metric as a column, curves of the compared
// ones over each other, and the settings in which they differ.
#pragma once

#include "widgets/common/page.h"
#include "widgets/viewmodels/project_data.h"
#include "widgets/viewmodels/x_quantity.h"

#include <QStringList>

#include <functional>
#include <memory>
#include <set>
#include <string>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QMenu;
class QModelIndex;
class QPoint;
class QTableView;
class QTimer;

class QSplitter;

namespace midpoint::gui {

class CommandPalette;
class CurveTile;
class EmptyHint;
class RowsModel;
struct ColumnSpec;
struct CurveSpec;

class RunsPage : public Page {
    Q_OBJECT
public:
    RunsPage(Workbench& workbench, QWidget* parent);
    void activated() override;
    void focusFilter() override;
    QVariantMap filters() const override;
    void setFilters(const QVariantMap& filters) override;

    void toggleCompared(); // of the selected rows
    void toggleStar();
    void rename();
    void editNote();
    void editTags();
    void chooseColor();
    void trashSelected();
    void setXQuantity(XQuantity quantity);
    void openSelected();             // or expands a group of seeds
    void toggleSeedGroups();
    std::string selectedRun() const; // name; empty if none, or several

Q_SIGNALS:
    void runActivated(std::filesystem::path path);
    void cloneRequested(std::filesystem::path path); // as a new configuration
    void resumeRequested(std::filesystem::path path);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    // Runs of the table's row: several are one experiment with different seeds.
    struct Row {
        std::vector<std::size_t> runs; // in m_runs
        std::int64_t experiment = 0;
        bool isMember = false;   // it stands below its group
        bool isExpanded = false; // its runs stand below it
        bool isGroup() const { return runs.size() > 1; }
    };
    void buildTable();
    std::vector<Row> makeRows() const;
    void rebuildRows(const RunSummaries& before); // m_runs, filter or grouping have changed; before: what m_rows speaks of
    void groupsToggled();
    void refreshTexts();
    void setExpanded(std::size_t row, bool isExpanded);
    std::vector<const RunSummary*> runsOf(std::size_t row) const;
    QString nameOfRow(std::size_t row, const std::function<QString(std::size_t)>& nameOfRun) const;
    ColumnSpec overRows(ColumnSpec column, const std::function<QString(double)>& mean) const;
    const RunSummary& summary(std::size_t run) const { return *m_runs[run]; }
    const Row* currentRow() const;
    const RunSummary* chosenRun(); // the one that an action is for; says why there is none
    QStringList savedColumns() const;
    void buildCompare(QSplitter* split);
    std::vector<ColumnSpec> makeColumns() const;
    void refreshRuns();
    void applyFilter();
    void chooseColumns();
    void showMenu(const QPoint& position);
    void addFilterActions(QMenu* menu, const QModelIndex& index);
    void addTerm(const QString& term);
    void refreshMetrics(const RunSummaries& before);
    void refreshTarget();
    void askOverlay();
    void showOverlay();
    std::vector<CurveSpec> runCurves(XQuantity quantity) const;
    std::vector<CurveSpec> seedCurves(XQuantity quantity) const;
    void refreshDifferences();
    const RunSummary* selected() const;

    QLineEdit* m_filter;
    QLabel* m_hint;
    QCheckBox* m_groupsSeeds;
    QDoubleSpinBox* m_target;
    bool m_targetIsOwn = false; // typed by the user; until then it is what every compared run reached
    QTableView* m_table;
    RowsModel* m_model;
    QComboBox* m_metric;
    QComboBox* m_quantity;
    CurveTile* m_overlayTile;
    QCheckBox* m_joinsSeeds;
    QCheckBox* m_allSettings;
    QTableView* m_differences;
    RowsModel* m_differenceModel;
    EmptyHint* m_differenceHint = nullptr;
    QLabel* m_differenceTitle;
    QTimer* m_overlayTimer;
    CommandPalette* m_columnPalette = nullptr;
    QStringList m_extraColumns;
    RunSummaries m_runs;
    std::vector<Row> m_rows;
    std::set<std::int64_t> m_expanded; // experiments
    std::vector<int> m_ungroupedWidths; // of the columns
    std::set<std::string> m_metricNames; // recorded by any of them
    std::shared_ptr<const Overlay> m_overlay;
    struct Difference {
        QString key;
        QStringList values;
    };
    std::vector<Difference> m_differenceRows;
    QStringList m_differenceNames;
};

} // namespace midpoint::gui
