// SPDX-License-Identifier: GPL-3.0-or-later
// What did each method need to get there? The result of `midpoint bench time-to-target`, from its results.db alone: a table of
// methods, what each spent as bars, the held-out curves over any cost, where the time went, every seed and learning rate, and the paper's
// own figures beside them.
#pragma once

#include "backend/store/time_to_target.h"
#include "widgets/common/page.h"
#include "widgets/viewmodels/background.h"
#include "widgets/viewmodels/x_quantity.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <vector>

class QComboBox;
class QLabel;
class QStackedLayout;
class QTableView;
class QTabWidget;

namespace midpoint::gui {

class CurveTile;
class RowBarTile;
class RowsModel;
struct ColumnSpec;

class BenchmarkPage : public Page {
    Q_OBJECT
public:
    BenchmarkPage(Workbench& workbench, QWidget* parent);

    void open(const std::filesystem::path& file); // read on another thread; what was shown before stays until then
    void reload();
    void activated() override;
    void setXQuantity(XQuantity axis);
    const std::filesystem::path& file() const { return m_file; }
    bool isLoaded() const { return m_result != nullptr; }

Q_SIGNALS:
    void opened(std::filesystem::path file);
    void refused(const QString& message); // the file could not be read
    void runRequested(std::filesystem::path folder);

private:
    using Shown = std::shared_ptr<const store::TimeToTarget>;
    QWidget* buildEmptyPage();
    void buildTabs(); // beside the plots
    void buildBar(QWidget* contents);
    void buildTables(); // benchmark_tables.cpp
    std::vector<ColumnSpec> methodColumns() const;
    std::vector<ColumnSpec> runColumns() const;
    std::vector<ColumnSpec> rateColumns() const;
    std::vector<ColumnSpec> paperColumns() const;
    void arrived(const std::filesystem::path& file, Shown result, std::filesystem::file_time_type written, const QString& problem);
    void showAll(); // of a new result
    void showTarget(); // the target or the cost was chosen
    void showBars();
    void showCurves();
    void showSplit();
    std::set<std::size_t> chosenMethods() const; // of the curves
    std::optional<std::size_t> target() const;   // nothing: whole runs
    store::Quantity quantity() const;
    const store::MethodResult& method(std::size_t index) const { return m_result->methods[index]; }
    QString titleOf(std::size_t index) const; // its name; the baseline says that it is that
    QString describe() const;

    std::filesystem::path m_asked; // the newest that was to be opened
    std::filesystem::path m_file;  // that is shown
    std::filesystem::file_time_type m_written;
    Shown m_result;
    struct SeedRow {
        std::size_t method;
        std::size_t run;
    };
    struct RateRow {
        std::size_t method;
        std::size_t trial;
        std::size_t run;
    };
    std::vector<SeedRow> m_seedRows;
    std::vector<RateRow> m_rateRows;
    QStackedLayout* m_stack;
    QLabel* m_empty;
    QLabel* m_title;
    QLabel* m_summary;
    QLabel* m_shortcomings;
    QComboBox* m_target;
    QComboBox* m_quantity;
    QTableView* m_table;
    RowsModel* m_model;
    RowBarTile* m_bars;
    CurveTile* m_curves;
    RowBarTile* m_split;
    QTabWidget* m_tabs;
    QTableView* m_runTable;
    RowsModel* m_runModel;
    QTableView* m_rateTable;
    RowsModel* m_rateModel;
    QTableView* m_paperTable;
    RowsModel* m_paperModel;
    Background m_background; // last: ends before what its answers touch
};

} // namespace midpoint::gui
