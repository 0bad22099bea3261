// SPDX-License-Identifier: GPL-3.0-or-later
// The Benchmark screen: from a results.db alone, with its wrong forms.
#include "backend/store/run_writer.h"
#include "backend/store/time_to_target.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/benchmark/benchmark_page.h"
#include "widgets/common/action_registry.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/plot/row_bar_tile.h"
#include "widgets/viewmodels/benchmark_view.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDropEvent>
#include <QHeaderView>
#include <QLabel>
#include <QMimeData>
#include <QTableView>
#include <QTabWidget>
#include <QUrl>

#include <cmath>

namespace midpoint::gui {
namespace {

using store::MethodRun;
using store::RunEnd;
using test::waitFor;

class BenchmarkTest : public WindowFixture {
protected:
    // Accuracies at steps 0, 10, 20; a step generates `tokens` tokens and takes one second.
    MethodRun run(std::int64_t seed, const std::string& name, const std::vector<double>& accuracies, double tokens)
    {
        const std::filesystem::path path = folder / "bench" / name;
        std::filesystem::create_directories(path);
        store::RunWriterOptions options;
        options.folder = path;
        store::RunWriter writer(options);
        for (std::int64_t step = 0; step <= 10 * (std::ssize(accuracies) - 1); ++step) {
            store::StepRecord record;
            record.step = step;
            record.wallMs = 1000 * (step + 1);
            if (step % 10 == 0)
                record.metrics.push_back({ "val-core/held/acc/mean@1", accuracies[static_cast<std::size_t>(step / 10)] });
            record.metrics.push_back({ "budget/generated_tokens", static_cast<double>(step) * tokens });
            record.metrics.push_back({ "budget/train_seconds", static_cast<double>(step) });
            if (step > 0)
                for (const auto& [phase, seconds] : { std::pair("step", 1.0), std::pair("gen", 0.25), std::pair("update_actor", 0.5), std::pair("select", 0.2) })
                    record.metrics.push_back({ std::string("timing_s/") + phase, seconds });
            writer.commitStep(record);
        }
        writer.finish();
        return { seed, path, RunEnd::Complete, {} };
    }
    // grpo: 0.6 at the end of one seed and 0.8 of the other; quick: a fourth of it; never: far below; absent: nothing yet.
    std::filesystem::path writeResult()
    {
        std::vector<store::Method> methods(4);
        methods[0] = { "grpo", 1e-4, {}, 0.0, { run(1, "g1", { 0.2, 0.4, 0.8 }, 100), run(2, "g2", { 0.2, 0.6, 0.8 }, 100) } };
        methods[1] = { "never", std::nullopt, {}, 0.0, { run(1, "n1", { 0.2, 0.2, 0.3 }, 10), { 2, folder / "bench/n2", RunEnd::Failed, "the loss is not finite" } } };
        methods[2] = { "quick", 2e-4, { { 2e-4, { { run(9, "t9", { 0.2, 0.8, 0.9 }, 40), store::kMissing } }, store::kMissing } }, 140.0,
            { run(1, "q1", { 0.2, 0.8, 0.9 }, 40), run(2, "q2", { 0.2, 0.7, 0.9 }, 40) } };
        methods[3] = { "absent", std::nullopt, {}, 0.0, { { 1, folder / "bench/a1", RunEnd::Missing, "not trained yet" } } };
        store::chooseLearningRate(methods[2].trials, {});
        const store::TimeToTarget result = store::timeToTarget(methods, { .baseline = "grpo", .targets = { 0.5, 0.75 }, .metric = {}, .smoothing = 0.0 });
        const std::filesystem::path file = folder / "bench/results.db";
        store::writeTimeToTarget(result, file);
        for (const char* name : { "g1", "g2", "n1", "q1", "q2", "t9" }) // the file stands for itself
            std::filesystem::remove_all(folder / "bench" / name);
        return file;
    }
    void openResult()
    {
        const std::filesystem::path file = writeResult();
        window->openPath(file);
        ASSERT_TRUE(waitFor([this] { return page().isLoaded(); }));
    }
    BenchmarkPage& page() { return *child<BenchmarkPage>("benchmarkPage"); }
    QString cell(QTableView* table, int row, const QString& title)
    {
        for (int column = 0; column < table->model()->columnCount(); ++column)
            if (table->model()->headerData(column, Qt::Horizontal).toString() == title)
                return table->model()->index(row, column).data().toString();
        ADD_FAILURE() << "no column " << title.toStdString();
        return {};
    }
    void sortBy(QTableView* table, const QString& title, Qt::SortOrder order)
    {
        for (int column = 0; column < table->model()->columnCount(); ++column)
            if (table->model()->headerData(column, Qt::Horizontal).toString() == title)
                table->sortByColumn(column, order);
    }
    void choose(const char* combo, int index)
    {
        child<QComboBox>(combo)->setCurrentIndex(index);
        QTest::qWait(10);
    }
    QStringList names(const RowBarTile* tile)
    {
        QStringList list;
        for (const BarRow& row : tile->rows())
            list << row.name;
        return list;
    }
};

TEST_F(BenchmarkTest, File_OpensOnItsScreen_WithMediansRangesAndSavings)
{
    openResult();
    EXPECT_EQ(window->currentScreen(), "benchmark");
    EXPECT_EQ(window->windowTitle(), "bench/results.db — Midpoint");
    auto* table = child<QTableView>("benchmarkTable");
    ASSERT_EQ(table->model()->rowCount(), 4);
    EXPECT_EQ(cell(table, 0, QStringLiteral("method")), "grpo (baseline)");
    EXPECT_EQ(cell(table, 0, QStringLiteral("reached")), "2 of 2");
    // To 0.5 grpo needs 12.5 and 7.5 steps, quick 5 and 6, at a second each and 100 or 40 tokens.
    EXPECT_EQ(cell(table, 0, QStringLiteral("wall time")), "10 s [7.5 s, 12 s]");
    EXPECT_EQ(cell(table, 2, QStringLiteral("steps")), "5.5 [5.0, 6.0]");
    EXPECT_EQ(cell(table, 2, QStringLiteral("generated")), "220 [200, 240]");
    EXPECT_EQ(cell(table, 2, QStringLiteral("saved")), "45 %") << "of wall time";
    EXPECT_EQ(cell(table, 2, QStringLiteral("lr")), "2e-04");
    EXPECT_EQ(cell(table, 2, QStringLiteral("preparation")), "2 m 20 s");
    EXPECT_EQ(cell(table, 1, QStringLiteral("reached")), "0 of 2") << "the seed that failed is not left out";
    EXPECT_EQ(cell(table, 1, QStringLiteral("wall time")), "never");
    EXPECT_EQ(cell(table, 1, QStringLiteral("rollouts")), "never");
    EXPECT_EQ(cell(table, 3, QStringLiteral("reached")), "0 of 0, 1 missing");
    EXPECT_EQ(cell(table, 3, QStringLiteral("wall time")), "-");
    EXPECT_EQ(child<QLabel>("benchmarkShortcomings")->text(), "! runs: 1 failed, 1 missing");
}

TEST_F(BenchmarkTest, Never_IsLast_HoweverTheTableIsSorted)
{
    openResult();
    auto* table = child<QTableView>("benchmarkTable");
    sortBy(table, QStringLiteral("generated"), Qt::AscendingOrder);
    EXPECT_EQ(cell(table, 0, QStringLiteral("method")), "quick");
    EXPECT_EQ(cell(table, 1, QStringLiteral("method")), "grpo (baseline)");
    sortBy(table, QStringLiteral("generated"), Qt::DescendingOrder);
    EXPECT_EQ(cell(table, 0, QStringLiteral("method")), "grpo (baseline)");
    EXPECT_EQ(cell(table, 2, QStringLiteral("method")), "never");
    EXPECT_EQ(child<RowBarTile>("plotToTarget")->rows().back().text, "never (0/2)");
}

TEST_F(BenchmarkTest, TargetAndCost_ChangeTableBarsAndCurves)
{
    openResult();
    auto* table = child<QTableView>("benchmarkTable");
    auto* bars = child<RowBarTile>("plotToTarget");
    auto* curves = child<CurveTile>("plotHeldOut");
    auto* targets = child<QComboBox>("benchmarkTarget");
    ASSERT_EQ(targets->count(), 3);
    EXPECT_EQ(names(bars), (QStringList { QStringLiteral("quick"), QStringLiteral("grpo (baseline)"), QStringLiteral("never") })) << "the least first";
    EXPECT_DOUBLE_EQ(bars->rows()[0].parts[0], 5.5);
    EXPECT_DOUBLE_EQ(bars->rows()[0].lower, 5.0);
    choose("benchmarkQuantity", 2); // generated tokens
    EXPECT_DOUBLE_EQ(bars->rows()[0].parts[0], 220.0);
    EXPECT_EQ(cell(table, 2, QStringLiteral("saved")), "78 %");
    ASSERT_EQ(curves->curves().size(), 3U);
    EXPECT_DOUBLE_EQ(curves->curves()[2].curve->raw().x(1), 400.0) << "10 steps of 40 tokens";
    EXPECT_DOUBLE_EQ(curves->curves()[2].curve->raw().y(1), 0.75) << "the median of 0.8 and 0.7";
    ASSERT_TRUE(curves->curves()[2].band.has_value());
    EXPECT_DOUBLE_EQ(curves->curves()[2].band->low->raw().y(1), 0.7);
    press(Qt::Key_2);
    EXPECT_EQ(child<QComboBox>("benchmarkQuantity")->currentText(), "wall time") << "the keys of the x axis";
    choose("benchmarkTarget", 1); // 0.75
    EXPECT_EQ(cell(table, 0, QStringLiteral("steps")), "18.1 [17.5, 18.8]");
    choose("benchmarkTarget", 2); // whole runs
    EXPECT_EQ(cell(table, 0, QStringLiteral("steps")), "20.0");
    EXPECT_EQ(cell(table, 1, QStringLiteral("generated")), "200");
    EXPECT_EQ(cell(table, 2, QStringLiteral("saved")), "-");
}

TEST_F(BenchmarkTest, ChosenRows_AreTheCurves)
{
    openResult();
    auto* table = child<QTableView>("benchmarkTable");
    table->selectRow(2);
    const auto& curves = child<CurveTile>("plotHeldOut")->curves();
    ASSERT_EQ(curves.size(), 1U);
    EXPECT_EQ(curves[0].name, "quick");
    table->setFocus();
    QTest::keyClick(table, Qt::Key_C, Qt::ControlModifier);
    EXPECT_TRUE(QApplication::clipboard()->text().contains(QStringLiteral("quick\t2e-04\t2 of 2"))) << QApplication::clipboard()->text().toStdString();
    table->clearSelection();
    table->selectRow(3);
    EXPECT_EQ(child<CurveTile>("plotHeldOut")->emptyText(), "None of these methods has a complete run.");
}

TEST_F(BenchmarkTest, SplitSeedsRatesAndThePaper_AreShown)
{
    openResult();
    auto* split = child<RowBarTile>("plotSplit");
    ASSERT_EQ(split->rows().size(), 3U);
    EXPECT_NEAR(split->rows()[0].parts[0], 0.25, 1e-9);
    EXPECT_NEAR(split->rows()[0].parts[1], 0.5, 1e-9);
    EXPECT_NEAR(split->rows()[0].parts[2], 0.2, 1e-9);
    EXPECT_NEAR(split->rows()[0].parts[3], 0.05, 1e-9);
    EXPECT_TRUE(split->csv().startsWith(QStringLiteral("\"row\",\"generation\",\"update\",\"choice of prompts\",\"rest\"\n\"grpo\",")));
    EXPECT_TRUE(child<RowBarTile>("plotToTarget")->csv().contains(QStringLiteral("\"never\",never,never,never")));
    auto* seeds = child<QTableView>("benchmarkRuns");
    ASSERT_EQ(seeds->model()->rowCount(), 7);
    EXPECT_EQ(cell(seeds, 3, QStringLiteral("state")), "✕ failed");
    EXPECT_EQ(cell(seeds, 3, QStringLiteral("why")), "the loss is not finite");
    EXPECT_EQ(cell(seeds, 3, QStringLiteral("spent")), "never");
    EXPECT_EQ(cell(seeds, 6, QStringLiteral("state")), "… missing");
    auto* rates = child<QTableView>("benchmarkRates");
    ASSERT_EQ(rates->model()->rowCount(), 1);
    EXPECT_EQ(cell(rates, 0, QStringLiteral("rate")), "2e-04 ●");
    EXPECT_EQ(cell(rates, 0, QStringLiteral("accuracy")), "0.900");
    auto* paper = child<QTableView>("benchmarkPaper");
    ASSERT_EQ(paper->model()->rowCount(), 6);
    EXPECT_EQ(cell(paper, 4, QStringLiteral("saved")), "61.7 %");
    EXPECT_TRUE(child<QLabel>("benchmarkPaperText")->text().contains(QStringLiteral("None of these runs was repeated here")));
    EXPECT_EQ(child<QTabWidget>("benchmarkTabs")->count(), 4);
}

TEST_F(BenchmarkTest, Plots_AreExported)
{
    openResult();
    QTest::qWait(50);
    for (const char* name : { "plotToTarget", "plotHeldOut", "plotSplit" })
        for (const char* ending : { ".png", ".svg", ".pdf", ".csv" }) {
            const std::filesystem::path file = folder / (std::string(name) + ending);
            child<PlotTile>(name)->exportTo(QString::fromStdString(file.string()));
            EXPECT_GT(std::filesystem::file_size(file), 60U) << file;
        }
}

TEST_F(BenchmarkTest, FolderAndDrop_OpenItToo)
{
    const std::filesystem::path file = writeResult();
    window->openPath(file.parent_path());
    ASSERT_TRUE(waitFor([this] { return page().isLoaded(); }));
    EXPECT_EQ(page().file(), file);
    reopen();
    QMimeData mime;
    mime.setUrls({ QUrl::fromLocalFile(QString::fromStdString(file.string())) });
    QDragEnterEvent enter(QPoint(200, 200), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(window.get(), &enter);
    QDropEvent drop(QPointF(200, 200), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(window.get(), &drop);
    ASSERT_TRUE(waitFor([this] { return page().isLoaded(); }));
    EXPECT_EQ(window->currentScreen(), "benchmark");
}

TEST_F(BenchmarkTest, WrongFile_IsRefusedWithItsReason_AndWhatWasShownStays)
{
    openResult();
    const std::filesystem::path damaged = folder / "copy/results.db";
    std::filesystem::create_directories(damaged.parent_path());
    const std::string bytes = test::read(page().file());
    test::write(damaged, bytes.substr(0, bytes.size() / 2));
    const std::filesystem::path shown = page().file();
    window->openPath(damaged);
    auto* trouble = child<QWidget>("troubleStrip");
    ASSERT_TRUE(waitFor([&] { return trouble->isVisible(); }));
    QString said;
    for (const QLabel* label : trouble->findChildren<QLabel*>())
        said += label->text();
    EXPECT_TRUE(said.contains(QStringLiteral("copy/results.db"))) << said.toStdString();
    EXPECT_TRUE(said.contains(QStringLiteral("cut short"))) << said.toStdString();
    EXPECT_EQ(child<QTableView>("benchmarkTable")->model()->rowCount(), 4);
    EXPECT_EQ(page().file(), shown) << "reading again reads what is shown";
    window->openPath(shown);
    EXPECT_TRUE(waitFor([&] { return !trouble->isVisible(); }));
}

TEST_F(BenchmarkTest, WithoutAFile_TheScreenSaysWhatItIsFor)
{
    window->showScreen(QStringLiteral("benchmark"));
    EXPECT_TRUE(child<QLabel>("benchmarkEmpty")->isVisible());
    EXPECT_TRUE(child<QLabel>("benchmarkEmpty")->text().contains(QStringLiteral("midpoint bench time-to-target")));
}

TEST_F(BenchmarkTest, FileThatWasWrittenAgain_IsReadAgainWhenTheScreenIsShown)
{
    openResult();
    store::TimeToTarget result = store::readTimeToTarget(page().file());
    result.methods.pop_back();
    store::writeTimeToTarget(result, page().file());
    std::filesystem::last_write_time(page().file(), std::filesystem::last_write_time(page().file()) + std::chrono::seconds(5));
    window->showScreen(QStringLiteral("runs"));
    window->showScreen(QStringLiteral("benchmark"));
    EXPECT_TRUE(waitFor([this] { return child<QTableView>("benchmarkTable")->model()->rowCount() == 3; }));
}

} // namespace
} // namespace midpoint::gui
