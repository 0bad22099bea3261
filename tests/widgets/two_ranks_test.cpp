// SPDX-License-Identifier: GPL-3.0-or-later
// A run on two ranks as a user meets it: set up and started in Configure, watched on System, and what the window says when a rank is
// lost. MIDPOINT_SCREENSHOTS names a folder for pictures of both.
#include "backend/core/files.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/run_folder.h"
#include "backend/launch/run_state.h"
#include "tests/support/fixtures.h"
#include "tests/widgets/gui_test.h"
#include "widgets/configure/configure_page.h"
#include "widgets/shell/main_window.h"
#include "widgets/viewmodels/config_form.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/run_model.h"

#include <gtest/gtest.h>

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTableView>
#include <QTest>
#include <QToolButton>

#include <csignal>
#include <set>
#include <sys/types.h>

namespace midpoint::gui {
namespace {

namespace fs = std::filesystem;
using test::waitFor;

constexpr int kStartMs = 240'000; // ranks load LibTorch, perhaps on a busy machine

class TwoRanksTest : public testing::Test {
protected:
    TwoRanksTest()
        : theme(ThemeChoice::Light)
        , window(theme, { test::midpointBinary(), workspace.path(), false })
    {
        std::string text = readFile(test::sourceFolder() / "projects" / "arithmetic" / "grpo.toml");
        const std::string data = (test::sourceFolder() / "projects" / "arithmetic").string() + "/";
        const auto replace = [&](const std::string& what, const std::string& with) {
            const std::size_t at = text.find(what);
            ASSERT_NE(at, std::string::npos) << what;
            text.replace(at, what.size(), with);
        };
        replace("steps = 48", "steps = 5000");
        replace("\"base\"", "\"" + data + "base\"");
        replace("\"pool-a.jsonl\"", "\"" + data + "pool-a.jsonl\"");
        replace("val_files = [\"heldout-a.jsonl\"]\n", "");
        replace("every_steps = 20", "every_steps = 3");
        test::write(workspace / "two.toml", text);
        window.resize(1500, 950);
        window.show();
        window.openPath(workspace / "two.toml");
        EXPECT_TRUE(isConfigurationValid()) << problems();
    }
    ~TwoRanksTest() override // no run outlives its test
    {
        if (run().path().empty() || !fs::exists(run().path()))
            return;
        if (const auto holder = launch::lockHolder(launch::RunFolder::open(run().path())))
            ::kill(static_cast<pid_t>(holder->pid), SIGKILL);
    }
    template <typename T>
    T* child(const char* name)
    {
        T* found = window.findChild<T*>(QString::fromUtf8(name));
        EXPECT_NE(found, nullptr) << name;
        return found;
    }
    bool isConfigurationValid()
    {
        return waitFor([this] { return child<ConfigurePage>("configurePage")->form().isValid(); });
    }
    std::string problems()
    {
        std::string text;
        for (const config::Problem& problem : child<ConfigurePage>("configurePage")->form().problems())
            text += config::describe(problem) + "\n";
        return text;
    }
    RunModel& run() { return window.workbench().run; }
    void photograph(const QString& name)
    {
        const char* target = std::getenv("MIDPOINT_SCREENSHOTS");
        EXPECT_TRUE(target == nullptr || window.grab().save(QString::fromUtf8(target) + QStringLiteral("/") + name + QStringLiteral(".png")));
    }
    std::set<QString> columnOf(const QTableView& table, int column)
    {
        std::set<QString> texts;
        for (int row = 0; row < table.model()->rowCount(); ++row)
            texts.insert(table.model()->index(row, column).data().toString());
        return texts;
    }

    test::TemporaryFolder workspace;
    Theme theme;
    MainWindow window;
};

TEST_F(TwoRanksTest, StartedInConfigure_AreShownOnSystem_AndALostOneIsNamed)
{
    QTest::mouseClick(child<QToolButton>("rail.configure"), Qt::LeftButton);
    child<QSpinBox>("processorRanks")->setValue(2);
    ASSERT_TRUE(waitFor([this] { return child<ConfigurePage>("configurePage")->form().report().read.loaded.config.run.devices.size() == 2; }));
    ASSERT_TRUE(isConfigurationValid()) << problems();
    photograph(QStringLiteral("two-ranks-configure"));
    QTest::mouseClick(child<QPushButton>("startRun"), Qt::LeftButton);
    ASSERT_TRUE(waitFor([this] { return window.currentScreen() == QStringLiteral("live"); }));
    QTest::mouseClick(child<QToolButton>("rail.system"), Qt::LeftButton);
    auto* table = child<QTableView>("rankTable");
    ASSERT_TRUE(waitFor([&] { return run().header().state.kind == launch::RunStateKind::Running && run().currentStep() >= 4; }, kStartMs))
        << qPrintable(qs(run().header().state.detail));
    // Both ranks, with their work of the last step.
    constexpr int kRank = 0, kWork = 10, kWait = 11;
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 2 && !columnOf(*table, kWork).contains(QStringLiteral("-")); }));
    EXPECT_EQ(columnOf(*table, kRank), (std::set<QString> { QStringLiteral("0"), QStringLiteral("1") }));
    EXPECT_FALSE(columnOf(*table, kWait).contains(QStringLiteral("-"))) << "what each of them waits for the other is measured";
    EXPECT_TRUE(child<QLabel>("slowestRank")->isVisible());
    photograph(QStringLiteral("two-ranks-system"));

    std::int64_t victim = 0;
    for (const launch::Heartbeat& beat : launch::readHeartbeats(launch::RunFolder::open(run().path())))
        victim = beat.rank == 1 ? beat.pid : victim;
    ASSERT_GT(victim, 0);
    ::kill(static_cast<pid_t>(victim), SIGKILL);
    ASSERT_TRUE(waitFor([this] { return run().header().state.kind == launch::RunStateKind::Failed; }, kStartMs));
    EXPECT_TRUE(child<QLabel>("runState")->toolTip().contains(QStringLiteral("rank 1")) || run().header().state.detail.find("rank 1") != std::string::npos)
        << run().header().state.detail;
    ASSERT_TRUE(waitFor([this] { return child<QLabel>("runNoticeText")->isVisible(); }));
    EXPECT_TRUE(child<QLabel>("runNoticeText")->text().contains(QStringLiteral("rank 1"))) << qPrintable(child<QLabel>("runNoticeText")->text());
    auto* verdict = child<QLabel>("slowestRank");
    EXPECT_TRUE(waitFor([&] { return verdict->text().startsWith(QStringLiteral("Rank 1 on ")) && verdict->text().contains(QStringLiteral("failed: ")); }))
        << qPrintable(verdict->text());
    EXPECT_TRUE(waitFor([this] { return child<QToolButton>("run.resume.button")->text() == QStringLiteral("Resume"); })) << "from the checkpoint of step 3";
    photograph(QStringLiteral("two-ranks-lost"));
}

} // namespace
} // namespace midpoint::gui
