// SPDX-License-Identifier: GPL-3.0-or-later
// The demo as a user meets it: started from the Start screen by clicks, watched, stopped, resumed, compared, and a window that is
// killed meanwhile. Runs are real: processes of the program that train the demo's model, on a smaller pool.
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/run_folder.h"
#include "backend/store/run_reader.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/common/run_state_style.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/project_model.h"

#include <QAction>
#include <QComboBox>
#include <QLabel>
#include <QMenu>
#include <QProcess>
#include <QPushButton>
#include <QTableView>
#include <QToolButton>

#include <csignal>
#include <fstream>

#include <sys/types.h>
#include <unistd.h>

namespace midpoint::gui {
namespace {

namespace fs = std::filesystem;
using test::waitFor;

constexpr int kStartMs = 240'000; // a run loads LibTorch and embeds its prompts, perhaps on a busy machine

void copyLines(const fs::path& from, const fs::path& to, int count)
{
    std::ifstream in(from);
    std::ofstream out(to);
    std::string line;
    for (int i = 0; i < count && std::getline(in, line); ++i)
        out << line << '\n';
}

// The demo's project with few prompts and many steps, so that a run starts soon and is still going on when it is stopped.
void makeWorkspace(const fs::path& workspace)
{
    const fs::path source = test::sourceFolder() / "projects" / "arithmetic";
    const fs::path target = workspace / "projects" / "arithmetic";
    fs::create_directories(target);
    fs::copy(source / "base", target / "base", fs::copy_options::recursive);
    fs::copy(source / "predictor.safetensors", target / "predictor.safetensors");
    copyLines(source / "pool-a.jsonl", target / "pool-a.jsonl", 400);
    copyLines(source / "heldout-a.jsonl", target / "heldout-a.jsonl", 32);
    for (const char* name : { "dots-rr.toml", "grpo.toml" }) {
        std::string text = readFile(source / name);
        const std::size_t at = text.find("steps = ");
        text.replace(at, text.find('\n', at) - at, "steps = 5000");
        test::write(target / name, text);
    }
}

class DemoTest : public WindowFixture {
protected:
    DemoTest()
        : WindowFixture(fs::path())
    {
        makeWorkspace(folder.path());
    }
    ~DemoTest() override // no run outlives its test
    {
        for (const char* name : { "demo-dots-rr", "demo-grpo" })
            if (const fs::path path = folder.path() / "runs" / name; fs::exists(path))
                if (const auto holder = launch::lockHolder(launch::RunFolder::open(path)))
                    ::kill(static_cast<pid_t>(holder->pid), SIGKILL);
    }
    bool isInState(launch::RunStateKind kind) { return run().header().state.kind == kind; }
    bool waitForStep(std::int64_t step)
    {
        return waitFor([&] { return isInState(launch::RunStateKind::Running) && run().currentStep() >= step; }, kStartMs);
    }
    void startWith(const char* button)
    {
        click(child<QToolButton>("rail.start"));
        click(child<QPushButton>(button));
        ASSERT_TRUE(waitFor([this] { return window->currentScreen() == QStringLiteral("live"); }));
    }
    // As the user does it: the menu of the button, and its first entry.
    void stop()
    {
        auto* menu = child<QToolButton>("stopMenu")->menu();
        menu->popup(window->mapToGlobal(QPoint(300, 60)));
        QTest::keyClick(menu, Qt::Key_Down);
        QTest::keyClick(menu, Qt::Key_Return);
        ASSERT_TRUE(waitFor([this] { return isInState(launch::RunStateKind::Stopped); }, kStartMs)) << qPrintable(stateText(run().header().state));
        ASSERT_TRUE(waitFor([this] { return run().isLoaded() && run().currentStep() == run().header().step; }));
    }
};

TEST_F(DemoTest, ClicksAlone_StartWatchStopResumeAndCompare)
{
    startWith("startDemo");
    ASSERT_TRUE(waitForStep(2));
    const fs::path first = folder.path() / "runs" / "demo-dots-rr";
    EXPECT_EQ(run().path(), first);
    const auto holder = launch::lockHolder(launch::RunFolder::open(first));
    ASSERT_TRUE(holder);
    EXPECT_NE(::getsid(static_cast<pid_t>(holder->pid)), ::getsid(0)) << "a run is in a session of its own";
    auto* reward = child<CurveTile>("plotReward");
    ASSERT_TRUE(waitFor([&] { return !reward->curves().empty() && reward->curves()[0].curve->raw().size() >= 2; }));
    stop();
    const std::int64_t stoppedAt = run().header().step;
    {
        const store::RunReader record(first);
        for (const auto& [name, value] : record.lastMetrics())
            EXPECT_EQ(run().last(name), value) << name << ": the window shows what the run recorded";
    }
    click(child<QToolButton>("run.resume.button"));
    ASSERT_TRUE(waitForStep(stoppedAt + 1));
    EXPECT_EQ(reward->curves()[0].curve->raw().x(0), 1.0) << "the curve goes on from its first step";
    stop();

    startWith("startBaseline");
    ASSERT_TRUE(waitForStep(2));
    stop();
    click(child<QToolButton>("rail.runs"));
    auto* table = child<QTableView>("runsTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 2; }));
    table->setFocus();
    QTest::keyClick(table, Qt::Key_A, Qt::ControlModifier);
    QTest::keyClick(table, Qt::Key_Space);
    auto* overlay = child<CurveTile>("plotOverlay");
    ASSERT_TRUE(waitFor([&] { return overlay->curves().size() == 2; }));
    auto* differences = child<QTableView>("differenceTable");
    QStringList keys;
    for (int row = 0; row < differences->model()->rowCount(); ++row)
        keys << differences->model()->index(row, 0).data().toString();
    EXPECT_TRUE(keys.contains(QStringLiteral("selection.strategy")));
    EXPECT_TRUE(keys.contains(QStringLiteral("replay.enabled")));
}

TEST_F(DemoTest, KilledWindow_ChangesNothingAndReopenedShowsTheSame)
{
    startWith("startDemo");
    ASSERT_TRUE(waitForStep(1));
    const fs::path path = run().path();
    QProcess other; // a second window, in a process of its own, on the run that goes on
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
    environment.insert(QStringLiteral("XDG_CONFIG_HOME"), qs(folder.path() / "settings"));
    other.setProcessEnvironment(environment);
    other.start(qs(test::midpointBinary()), { QStringLiteral("gui"), qs(path) });
    ASSERT_TRUE(other.waitForStarted());
    const std::int64_t before = run().currentStep();
    ASSERT_TRUE(waitForStep(before + 2));
    std::ifstream maps(concat("/proc/", other.processId(), "/maps"));
    const std::string libraries((std::istreambuf_iterator<char>(maps)), {});
    EXPECT_NE(libraries.find("libQt6Widgets"), std::string::npos) << "the window is there";
    EXPECT_EQ(libraries.find("libtorch"), std::string::npos) << "and holds no LibTorch";
    other.kill(); // SIGKILL
    ASSERT_TRUE(other.waitForFinished());
    const std::int64_t killedAt = run().currentStep();
    ASSERT_TRUE(waitForStep(killedAt + 2)) << "the run goes on";
    stop();
    std::map<std::string, std::optional<double>> values;
    for (const std::string& name : run().metricNames())
        values[name] = run().last(name);
    const std::int64_t step = run().header().step;
    reopen();
    window->openPath(path);
    ASSERT_TRUE(waitFor([&] { return run().isLoaded() && run().header().step == step && run().hasFacts(); }));
    EXPECT_EQ(values.size(), run().metricNames().size());
    for (const auto& [name, value] : values)
        EXPECT_EQ(run().last(name), value) << name;
}

TEST_F(DemoTest, OnlyCheckpointDamaged_IsNamedAndTheRunDoesNotBeginAgain)
{
    startWith("startBaseline");
    ASSERT_TRUE(waitForStep(1));
    stop();
    ASSERT_TRUE(waitFor([this] { return !run().header().checkpoints.empty(); }));
    const fs::path checkpoint = run().path() / "checkpoints" / run().header().checkpoints.back();
    fs::resize_file(checkpoint / "model.safetensors", fs::file_size(checkpoint / "model.safetensors") / 2);
    click(child<QToolButton>("run.resume.button"));
    ASSERT_TRUE(waitFor([this] { return isInState(launch::RunStateKind::Failed); }, kStartMs)) << qPrintable(stateText(run().header().state));
    EXPECT_TRUE(fs::exists(checkpoint));
    click(child<QToolButton>("rail.log"));
    child<QComboBox>("logLevel")->setCurrentIndex(1); // warnings and errors
    const auto* log = child<QTableView>("logTable")->model();
    constexpr int kMessage = 4;
    ASSERT_TRUE(waitFor([&] {
        for (int row = 0; row < log->rowCount(); ++row)
            if (log->index(row, kMessage).data().toString().contains(qs(checkpoint / "model.safetensors")))
                return true;
        return false;
    }));
}

} // namespace
} // namespace midpoint::gui
