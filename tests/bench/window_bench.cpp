// SPDX-License-Identifier: GPL-3.0-or-later
// window_bench [RUN]: the speed items of the window, offscreen. Prints one line each: what, milliseconds of processor time of the
// window's thread, milliseconds that passed, budget. The budget is held against the processor time: other programs on the machine
// stretch what passes. On an idle machine the two differ by what the thread waited.
// RUN: a run folder to open for the longest block of the window's thread; otherwise one of 2,000 steps is written.
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/rollouts/token_view.h"
#include "widgets/shell/main_window.h"
#include "widgets/common/action_registry.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_feed.h"
#include "widgets/viewmodels/run_filter.h"
#include "widgets/viewmodels/run_model.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QTimer>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <random>
#include <vector>

#include <time.h>

namespace {

using namespace midpoint;
using namespace midpoint::gui;

struct Took {
    double cpu = 0.0;    // ms
    double passed = 0.0; // ms
};

class Stopwatch {
public:
    Stopwatch() { restart(); }
    void restart()
    {
        m_cpu = now(CLOCK_THREAD_CPUTIME_ID);
        m_wall = now(CLOCK_MONOTONIC);
    }
    Took took() const { return { now(CLOCK_THREAD_CPUTIME_ID) - m_cpu, now(CLOCK_MONOTONIC) - m_wall }; }

private:
    static double now(clockid_t clock)
    {
        timespec time {};
        ::clock_gettime(clock, &time);
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
    }
    double m_cpu = 0.0;
    double m_wall = 0.0;
};

Took median(std::vector<Took> times)
{
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end(), [](const Took& a, const Took& b) { return a.cpu < b.cpu; });
    return *middle;
}

// The median of several runs: one slow run on a busy machine says little.
Took median(int repeats, const std::function<void()>& work)
{
    std::vector<Took> times;
    for (int i = 0; i < repeats; ++i) {
        const Stopwatch watch;
        work();
        times.push_back(watch.took());
    }
    return median(std::move(times));
}

void report(const char* what, const Took& found, double budget)
{
    std::printf("%-58s %9.2f ms   passed %9.2f ms   budget %6.0f ms   %s\n", what, found.cpu, found.passed, budget, found.cpu < budget ? "ok" : "OVER");
}

void benchReplot(const Theme& theme)
{
    CurveTile tile(theme, QStringLiteral("tile"), QStringLiteral("bench"), { QStringLiteral("x"), QStringLiteral("y") });
    tile.resize(800, 400);
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    std::vector<CurveSpec> curves;
    for (int i = 0; i < 8; ++i) {
        auto curve = std::make_shared<Curve>(0.9);
        for (int step = 0; step < 10'000; ++step)
            curve->append(step, normal(random) + i);
        curves.push_back({ QString::number(i), curve, i });
    }
    tile.setCurves(std::move(curves));
    tile.show();
    report("replot of a tile, 8 series of 10,000 points, raw and smooth", median(15, [&] { tile.refreshForBenchmark(); }), 16);
}

void benchRunsTable()
{
    std::vector<RunSummary> runs(5000);
    for (std::size_t i = 0; i < runs.size(); ++i) {
        runs[i].name = "run-" + std::to_string(i);
        for (int k = 0; k < 40; ++k)
            runs[i].last["metric/" + std::to_string(k)] = static_cast<double>((i * 31 + static_cast<std::size_t>(k)) % 997);
        runs[i].settings["selection.strategy"] = i % 2 == 0 ? "\"dots\"" : "\"uniform\"";
    }
    RowsModel model;
    std::vector<ColumnSpec> columns;
    for (int k = 0; k < 40; ++k)
        columns.push_back({ QString::number(k), {}, [&, k](std::size_t i) { return QString::number(runs[i].last["metric/" + std::to_string(k)]); },
            [&, k](std::size_t i) { return runs[i].last["metric/" + std::to_string(k)]; }, {} });
    model.setColumns(columns);
    model.setRows(runs.size());
    model.sort(3, Qt::DescendingOrder);
    const QString typed = QStringLiteral("strategy=dots metric/7>500");
    qsizetype length = 1;
    report("runs table, 5,000 runs x 40 columns, one key of the filter", median(20, [&] {
        const RunFilter filter = RunFilter::parse(typed.left(length));
        length = length % typed.size() + 1;
        model.setFilter([&](std::size_t i) { return filter.matches(runs[i]); });
    }), 50);
}

void benchTokens(const Theme& theme)
{
    TokenText text;
    for (int i = 0; i < 4096; ++i) {
        TokenPiece piece;
        piece.text = QStringLiteral(" token%1").arg(i % 100);
        piece.logprob = -0.01 * (i % 500);
        text.pieces.push_back(piece);
    }
    TokenView view(theme, QStringLiteral("tokens"));
    view.resize(900, 700);
    view.show();
    report("rollout of 4,096 tokens laid out and painted", median(9, [&] {
        view.setText(text);
        view.grab();
    }), 80);
}

void benchPoll(const std::filesystem::path& folder)
{
    test::FakeRunOptions options;
    options.steps = 2000;
    test::FakeRun run(folder, options);
    run.writeThrough(300);
    RunFeed feed(folder);
    feed.poll();
    std::vector<Took> times;
    for (int i = 0; i < 30; ++i) {
        run.writeStep();
        times.push_back(median(1, [&] { feed.poll(); }));
    }
    report("poll of an active run, one new step each", median(std::move(times)), 5);
}

// The longest time between two turns of the event loop while something is done and for `forMs` after it.
class LoopWatch {
public:
    explicit LoopWatch(QObject& context)
    {
        m_tick.setInterval(0);
        QObject::connect(&m_tick, &QTimer::timeout, &context, [this] {
            const Took took = m_gap.took();
            m_longest = { std::max(m_longest.cpu, took.cpu), std::max(m_longest.passed, took.passed) };
            m_gap.restart();
        });
    }
    Took longestWhile(const std::function<void()>& act, const std::function<bool()>& isDone)
    {
        m_longest = {};
        m_gap.restart();
        act();
        m_tick.start();
        while (!isDone())
            QApplication::processEvents(QEventLoop::WaitForMoreEvents);
        m_tick.stop();
        return m_longest;
    }
    Took longestWhile(const std::function<void()>& act, int forMs)
    {
        QElapsedTimer timer;
        timer.start();
        return longestWhile(act, [&] { return timer.elapsed() > forMs; });
    }

private:
    QTimer m_tick;
    Stopwatch m_gap;
    Took m_longest;
};

void benchOpening(Theme& theme, const std::filesystem::path& path)
{
    constexpr double kBlockMs = 50;
    const Stopwatch start;
    MainWindow window(theme, { {}, test::sourceFolder(), false });
    window.show();
    QApplication::processEvents();
    report("window made and shown", start.took(), 1000);
    QElapsedTimer timer;
    RunModel& run = window.workbench().run;
    LoopWatch watch(window);
    timer.start();
    const Took opening = watch.longestWhile([&] { window.openPath(path); }, [&] { return timer.elapsed() > 60'000 || (run.isLoaded() && run.header().step > 0 && timer.elapsed() > 3000); });
    std::printf("run of %lld steps and %zu prompts read in at most %lld ms\n", static_cast<long long>(run.header().step), run.facts().prompts.size(), static_cast<long long>(timer.elapsed()));
    report("longest block: opening the run", opening, kBlockMs);
    constexpr int kSettleMs = 700;
    for (const QString& screen : window.screenNames())
        report(qPrintable(QStringLiteral("longest block: showing ") + screen), watch.longestWhile([&] { window.showScreen(screen); }, kSettleMs), kBlockMs);
    for (const char* id : { "screen.live", "plot.rougher", "plot.smoother", "plot.x2", "plot.x1", "plot.logY", "plot.logY", "screen.difficulty", "step.back10", "step.follow", "view.palette" })
        report(qPrintable(QStringLiteral("longest block: ") + QString::fromUtf8(id)), watch.longestWhile([&] { window.actions().action(QString::fromUtf8(id))->trigger(); }, kSettleMs), kBlockMs);
    auto* filter = window.findChild<QLineEdit*>(QStringLiteral("promptFilter"));
    report("longest block: one key in the search of prompts", watch.longestWhile([&] { filter->setText(filter->text() + QLatin1Char('7')); }, kSettleMs), kBlockMs);
    report("longest block: other theme", watch.longestWhile([&] { theme.setChoice(ThemeChoice::Dark); }, kSettleMs), kBlockMs);
    report("longest block: opening another run meanwhile", watch.longestWhile([&] { window.openPath(path); window.openPath(path); }, kSettleMs), kBlockMs);
}

} // namespace

int main(int argc, char** argv)
{
    qputenv("QT_QPA_PLATFORM", "offscreen");
    qputenv("MIDPOINT_SOURCE", MIDPOINT_BENCH_SOURCE); // ctest says it to the tests; this is run by hand
    QApplication application(argc, argv);
    Theme theme(ThemeChoice::Light);
    test::TemporaryFolder folder;
    benchReplot(theme);
    benchRunsTable();
    benchTokens(theme);
    benchPoll(folder / "live");
    std::filesystem::path run = argc > 1 ? std::filesystem::path(argv[1]) : folder / "run";
    if (argc < 2) {
        test::FakeRunOptions options;
        options.steps = 2000;
        test::writeFakeRun(run, options);
    }
    benchOpening(theme, run);
    return 0;
}
