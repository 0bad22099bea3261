// SPDX-License-Identifier: GPL-3.0-or-later
// Single screens, found by object name and driven by clicks and keys.
#include "backend/launch/run_folder.h"
#include "backend/store/rollout_store.h"
#include "tests/support/fake_run.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/common/action_registry.h"
#include "widgets/common/value_strip.h"
#include "widgets/plot/bar_tile.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/rollouts/rollouts_page.h"
#include "widgets/rollouts/token_view.h"
#include "widgets/viewmodels/project_model.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QPushButton>
#include <QRegularExpression>
#include <QTableView>
#include <QToolButton>

#include <algorithm>
#include <map>
#include <set>

namespace midpoint::gui {
namespace {

using test::waitFor;

class PagesTest : public WindowFixture {
protected:
    PagesTest()
    {
        for (const char* name : { "alpha", "beta" }) {
            test::FakeRunOptions options;
            options.name = name;
            options.usesSelection = std::string(name) == "alpha";
            test::writeFakeRun(folder.path() / "runs" / name, options);
        }
    }
    void openAlpha() { openRun(folder.path() / "runs" / "alpha"); }
};

TEST_F(PagesTest, Runs_FilterCompareAndDifferences)
{
    window->openPath(folder.path());
    auto* table = child<QTableView>("runsTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 2; }));
    auto* filter = child<QLineEdit>("runFilter");
    QTest::keyClicks(filter, QStringLiteral("strategy=dots"));
    EXPECT_EQ(table->model()->rowCount(), 1);
    filter->clear();
    table->selectAll();
    QTest::keyClick(table, Qt::Key_Space);
    EXPECT_EQ(window->workbench().project.compared().size(), 2u);
    auto* differences = child<QTableView>("differenceTable");
    ASSERT_TRUE(waitFor([&] { return differences->model()->rowCount() > 0; }));
    QStringList keys;
    for (int row = 0; row < differences->model()->rowCount(); ++row)
        keys << differences->model()->index(row, 0).data().toString();
    EXPECT_EQ(keys, (QStringList { "run.name", "selection.strategy" })) << "identical settings are hidden";
    QTest::mouseClick(child<QCheckBox>("allSettings"), Qt::LeftButton);
    EXPECT_GT(differences->model()->rowCount(), 2);
    auto* overlay = child<CurveTile>("plotOverlay");
    ASSERT_TRUE(waitFor([&] { return overlay->curves().size() == 2; }));
    QTest::keyClick(table, Qt::Key_Return);
    EXPECT_EQ(window->currentScreen(), "live");
}

TEST_F(PagesTest, Runs_ColourBelongsToTheRunAndIsKept)
{
    const auto colorOfAlpha = [this] {
        for (const auto& run : window->workbench().project.runs())
            if (run->name == "alpha")
                return run->color;
        return -1;
    };
    window->openPath(folder.path());
    auto* table = child<QTableView>("runsTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 2; }));
    QTest::keyClicks(child<QLineEdit>("runFilter"), QStringLiteral("alpha"));
    table->selectRow(0);
    window->actions().action(QStringLiteral("runs.color"))->trigger();
    auto* menu = child<QMenu>("runColors");
    menu->actions().at(9)->trigger();
    menu->close();
    ASSERT_TRUE(waitFor([&] { return colorOfAlpha() == 9; }));
    reopen();
    window->openPath(folder.path());
    EXPECT_TRUE(waitFor([&] { return colorOfAlpha() == 9; }));
}

TEST_F(PagesTest, Start_ShowsRunsThatGoOnElsewhere)
{
    const launch::RunFolder elsewhere = launch::RunFolder::create(std::filesystem::canonical(folder.path()) / "server" / "gamma");
    const launch::RunLock lock = launch::RunLock::acquire(elsewhere);
    window->showScreen(QStringLiteral("start"));
    auto* list = child<QListWidget>("projectRuns");
    QListWidgetItem* found = nullptr;
    ASSERT_TRUE(waitFor([&] {
        for (int i = 0; i < list->count(); ++i)
            if (list->item(i)->data(Qt::UserRole).toString() == QString::fromStdString(elsewhere.path().string()))
                found = list->item(i);
        return found != nullptr;
    }));
    EXPECT_TRUE(found->text().contains(QStringLiteral("STARTING"))) << found->text().toStdString();
}

TEST_F(PagesTest, Live_SmoothingAndQuantityReachThePlots)
{
    openAlpha();
    auto* tile = child<CurveTile>("plotReward");
    ASSERT_TRUE(waitFor([&] { return !tile->curves().empty(); }));
    EXPECT_TRUE(tile->curves()[0].curve->isSmoothed());
    window->actions().action(QStringLiteral("plot.x3"))->trigger();
    EXPECT_DOUBLE_EQ(tile->curves()[0].curve->raw().x(0), 64.0);
    while (window->workbench().run.smoothing() > 0.0)
        window->actions().action(QStringLiteral("plot.rougher"))->trigger();
    EXPECT_FALSE(tile->curves()[0].curve->isSmoothed());
    auto* values = child<ValueStrip>("liveValues");
    EXPECT_EQ(values->values()[0].name, "reward");
}

TEST_F(PagesTest, Live_RewardHasItsBand_WhichCanBeTakenAway)
{
    openAlpha();
    auto* reward = child<CurveTile>("plotReward");
    ASSERT_TRUE(waitFor([&] { return reward->curves().size() == 1 && reward->curves().front().band.has_value(); }));
    const CurveSpec& spec = reward->curves().front();
    const std::size_t last = spec.curve->raw().size() - 1;
    EXPECT_LT(spec.band->low->raw().y(last), spec.curve->raw().y(last));
    EXPECT_GT(spec.band->high->raw().y(last), spec.curve->raw().y(last));
    click(child<QCheckBox>("rewardBand"));
    EXPECT_FALSE(reward->curves().front().band.has_value());
}

TEST_F(PagesTest, Difficulty_TableFiltersAndShowsHistory)
{
    openAlpha();
    window->showScreen(QStringLiteral("difficulty"));
    auto* table = child<QTableView>("promptTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 200; }));
    auto* values = child<ValueStrip>("difficultyValues");
    ASSERT_TRUE(waitFor([&] { return values->values().size() == 8; }));
    EXPECT_EQ(values->values()[0].name, "Pearson");
    EXPECT_TRUE(values->values()[0].context.startsWith(QStringLiteral("95 %")));
    auto* filter = child<QLineEdit>("promptFilter");
    QTest::keyClicks(filter, QStringLiteral("source:easy number"));
    EXPECT_EQ(table->model()->rowCount(), 100);
    filter->clear();
    table->selectRow(3);
    auto* history = child<BarTile>("plotHistory");
    ASSERT_TRUE(waitFor([&] { return history->title().contains(QStringLiteral("prompt 3")) && !history->intervals().empty(); }));
    child<QComboBox>("difficultySet")->setCurrentIndex(1);
    ASSERT_TRUE(waitFor([&] { return values->values()[7].value != QStringLiteral("0"); }));
}

TEST_F(PagesTest, Difficulty_SearchStaysWhenAnotherRunIsOpened)
{
    openAlpha();
    window->showScreen(QStringLiteral("difficulty"));
    auto* table = child<QTableView>("promptTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 200; }));
    QTest::keyClicks(child<QLineEdit>("promptFilter"), QStringLiteral("source:easy"));
    EXPECT_EQ(table->model()->rowCount(), 100);
    window->openPath(folder.path() / "runs" / "beta");
    EXPECT_EQ(table->model()->rowCount(), 0) << "its prompts are not read yet";
    window->showScreen(QStringLiteral("difficulty"));
    EXPECT_TRUE(waitFor([&] { return table->model()->rowCount() == 100; }));
}

TEST_F(PagesTest, Difficulty_WithoutPredictions_ShowsWhatWasMeasured)
{
    openRun(folder.path() / "runs" / "beta");
    window->showScreen(QStringLiteral("difficulty"));
    auto* values = child<ValueStrip>("difficultyValues");
    ASSERT_TRUE(waitFor([&] { return values->values().size() == 6; }));
    EXPECT_EQ(values->values()[0].name, "predictions");
    EXPECT_EQ(values->values()[0].value, "none");
    EXPECT_EQ(values->values()[0].context, "prompts are chosen uniformly");
    EXPECT_EQ(values->values()[5].value, "80") << "8 groups in each of the last 10 steps";
    auto* histogram = child<BarTile>("plotPool");
    EXPECT_TRUE(histogram->isVisible());
    EXPECT_EQ(histogram->emptyText(), "");
    EXPECT_EQ(histogram->title(), "Measured difficulty");
    for (const char* name : { "plotScatter", "plotCalibration", "plotPearson" })
        EXPECT_FALSE(child<PlotTile>(name)->isVisible()) << name << " compares with predictions";
    auto* table = child<QTableView>("promptTable");
    EXPECT_TRUE(table->isColumnHidden(2)) << "predicted";
    EXPECT_NE(table->model()->index(0, 3).data().toString(), "-") << "what was measured last comes first";
    openAlpha();
    window->showScreen(QStringLiteral("difficulty"));
    ASSERT_TRUE(waitFor([&] { return values->values().size() == 8; }));
    EXPECT_TRUE(child<PlotTile>("plotScatter")->isVisible());
    EXPECT_FALSE(table->isColumnHidden(2));
}

TEST_F(PagesTest, Difficulty_NumbersOfTheStripHaveThreeDecimals)
{
    openAlpha();
    window->showScreen(QStringLiteral("difficulty"));
    auto* values = child<ValueStrip>("difficultyValues");
    ASSERT_TRUE(waitFor([&] { return values->values().size() == 8; }));
    for (int i = 0; i < 6; ++i)
        EXPECT_TRUE(QRegularExpression(QStringLiteral("^[+-]?[01]\\.[0-9]{3}$")).match(values->values()[i].value).hasMatch())
            << values->values()[i].name.toStdString() << ' ' << values->values()[i].value.toStdString();
}

TEST_F(PagesTest, Buffer_ShowsCompositionAndEntries)
{
    openAlpha();
    window->showScreen(QStringLiteral("buffer"));
    auto* table = child<QTableView>("bufferTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() > 0; }));
    EXPECT_EQ(child<CurveTile>("plotAge")->curves().size(), 5u);
    EXPECT_EQ(child<CurveTile>("plotAge")->curves()[4].name, "20+");
    EXPECT_TRUE(child<QLabel>("bufferEntriesLabel")->text().contains(QStringLiteral("step 60")));
    auto* shares = child<CurveTile>("plotBufferShares");
    EXPECT_EQ(shares->curves().size(), 4u) << "by difficulty";
    auto* by = child<QComboBox>("bufferShares");
    by->setCurrentIndex(1);
    ASSERT_EQ(shares->curves().size(), 5u) << "by reward";
    const std::size_t last = shares->curves()[0].curve->raw().size() - 1;
    double sum = 0.0;
    for (const CurveSpec& layer : shares->curves())
        sum += layer.curve->raw().y(last);
    EXPECT_NEAR(sum, 1.0, 1e-9);
}

TEST_F(PagesTest, Buffer_WithoutReplay_SaysOnceWhatWouldSwitchItOn)
{
    test::FakeRunOptions options;
    options.usesReplay = false;
    test::writeFakeRun(folder.path() / "runs" / "gamma", options);
    openRun(folder.path() / "runs" / "gamma");
    window->showScreen(QStringLiteral("buffer"));
    auto* sentence = child<QLabel>("noReplay");
    ASSERT_TRUE(waitFor([&] { return sentence->isVisible(); }));
    EXPECT_TRUE(sentence->text().contains(QStringLiteral("replay.enabled = true")));
    EXPECT_FALSE(child<CurveTile>("plotAge")->isVisible());
    EXPECT_FALSE(child<ValueStrip>("bufferValues")->isVisible());
    openAlpha();
    window->showScreen(QStringLiteral("buffer"));
    ASSERT_TRUE(waitFor([&] { return child<CurveTile>("plotAge")->isVisible() && child<CurveTile>("plotAge")->emptyText().isEmpty(); }));
    EXPECT_FALSE(sentence->isVisible());
}

TEST_F(PagesTest, Rollouts_FilterColourAndSideBySide)
{
    openAlpha();
    window->showScreen(QStringLiteral("rollouts"));
    auto* table = child<QTableView>("rolloutTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 32; }));
    auto* text = child<TokenView>("rolloutLeftText");
    EXPECT_EQ(text->text().pieces.size(), 24u);
    EXPECT_TRUE(child<QLabel>("rolloutLeftVerdict")->text().contains(QStringLiteral("reference")));
    child<QComboBox>("verdictFilter")->setCurrentIndex(1);
    EXPECT_LT(table->model()->rowCount(), 32);
    EXPECT_TRUE(child<QLabel>("rolloutLeftVerdict")->text().startsWith(QStringLiteral("✓")));
    child<QComboBox>("verdictFilter")->setCurrentIndex(0);
    auto* colors = child<QComboBox>("tokenColoring");
    const QModelIndex entropy = colors->model()->index(colors->findText(QStringLiteral("entropy")), 0);
    EXPECT_FALSE(entropy.flags().testFlag(Qt::ItemIsEnabled)) << "this run has not stored it";
    QTest::mouseClick(child<QToolButton>("rollouts.sideBySide.button"), Qt::LeftButton);
    EXPECT_TRUE(child<QWidget>("rolloutRight")->isVisible());
    const QString before = child<QLabel>("rolloutLeftHeading")->text();
    window->actions().action(QStringLiteral("rollouts.next"))->trigger();
    EXPECT_NE(child<QLabel>("rolloutLeftHeading")->text(), before);
}

TEST_F(PagesTest, Rollouts_OfOnePrompt_ComeFromAllSteps)
{
    openAlpha();
    window->showScreen(QStringLiteral("difficulty"));
    auto* prompts = child<QTableView>("promptTable");
    ASSERT_TRUE(waitFor([&] { return prompts->model()->rowCount() == 200; }));
    // A prompt with more than one stored group, as written.
    test::FakeRunOptions options;
    options.name = "alpha";
    std::map<std::int64_t, std::set<std::int64_t>> steps;
    std::map<std::int64_t, int> rollouts;
    for (std::int64_t step = options.rolloutEvery; step <= options.steps; step += options.rolloutEvery)
        for (const store::StoredGroup& group : test::fakeGroups(options, step)) {
            steps[group.promptIndex].insert(step);
            rollouts[group.promptIndex] += static_cast<int>(group.rollouts.size());
        }
    const auto chosen = std::max_element(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    ASSERT_GT(chosen->second.size(), 1u);
    prompts->selectRow(static_cast<int>(chosen->first));
    QTest::keyClick(prompts, Qt::Key_Return);
    EXPECT_EQ(window->currentScreen(), "rollouts");
    auto* table = child<QTableView>("rolloutTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == rollouts[chosen->first]; }));
    auto* chip = child<QToolButton>("rolloutsPrompt");
    EXPECT_TRUE(chip->isVisible());
    std::set<std::int64_t> shown;
    for (int row = 0; row < table->model()->rowCount(); ++row) {
        EXPECT_EQ(table->model()->index(row, 0).data().toLongLong(), chosen->first);
        shown.insert(table->model()->index(row, 6).data().toLongLong());
    }
    EXPECT_EQ(shown, chosen->second);
    click(chip);
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 32 && !chip->isVisible(); })) << "back to the groups of the step";
}

TEST_F(PagesTest, Rollouts_Replayed_TakeTheirTextFromWhereTheyWereGenerated)
{
    const auto rolloutOf = [](std::vector<std::int32_t> tokens, const char* text) {
        store::StoredRollout one;
        one.rollout.tokens = std::move(tokens);
        one.rollout.text = text;
        one.rollout.verdict = Verdict::Correct;
        return one;
    };
    store::StoredGroup born;
    born.promptIndex = 150;
    born.birthStep = 70;
    born.rollouts = { rolloutOf({ 5, 6 }, "seven eight") };
    born.rollouts.front().tokenEnds = { 5, 11 };
    born.rollouts.front().rollout.extracted = "eight";
    store::StoredGroup replayed = born; // the replay buffer keeps no texts
    replayed.isReplayed = true;
    replayed.rollouts = { rolloutOf({ 5, 6 }, ""), rolloutOf({ 9 }, "") };
    {
        store::RolloutStore store(folder.path() / "runs" / "alpha" / "rollouts.db", {});
        store.append(70, std::vector { born });
        store.append(72, std::vector { replayed });
        store.finish();
    }
    openAlpha();
    window->showScreen(QStringLiteral("rollouts"));
    child<RolloutsPage>("rolloutsPage")->showPrompt(150);
    auto* table = child<QTableView>("rolloutTable");
    ASSERT_TRUE(waitFor([&] { return child<QToolButton>("rolloutsPrompt")->isVisible() && table->model()->rowCount() >= 3; }));
    int shown = 0;
    for (int row = 0; row < table->model()->rowCount(); ++row) {
        if (table->model()->index(row, 6).data().toString() != QStringLiteral("72"))
            continue;
        table->selectRow(row);
        const QString text = child<TokenView>("rolloutLeftText")->plainText();
        if (table->model()->index(row, 1).data().toString() == QStringLiteral("1")) {
            EXPECT_TRUE(text.contains(QStringLiteral("seven eight"))) << text.toStdString();
            EXPECT_TRUE(child<QLabel>("rolloutLeftVerdict")->text().contains(QStringLiteral("answer: eight")));
        } else {
            EXPECT_TRUE(text.contains(QStringLiteral("not among those stored in step 70"))) << text.toStdString();
        }
        ++shown;
    }
    EXPECT_EQ(shown, 2);
}

TEST_F(PagesTest, Back_LeadsThroughTheFiltersOfEachScreen)
{
    openAlpha();
    const auto back = [this] { press(Qt::Key_Left, Qt::AltModifier); };
    window->showScreen(QStringLiteral("difficulty"));
    auto* prompts = child<QTableView>("promptTable");
    ASSERT_TRUE(waitFor([&] { return prompts->model()->rowCount() == 200; }));
    auto* search = child<QLineEdit>("promptFilter");
    QTest::keyClicks(search, QStringLiteral("number 1"));
    const int found = prompts->model()->rowCount();
    prompts->setCurrentIndex(prompts->model()->index(0, 8));
    Q_EMIT prompts->customContextMenuRequested(prompts->visualRect(prompts->currentIndex()).center());
    auto* menu = child<QMenu>("promptMenu");
    const QString source = prompts->currentIndex().data().toString();
    for (QAction* action : menu->actions())
        if (action->text() == QStringLiteral("Only -source:%1").arg(source))
            action->trigger();
    menu->close();
    EXPECT_EQ(search->text(), QStringLiteral("number 1 -source:%1").arg(source));
    EXPECT_LT(prompts->model()->rowCount(), found);
    back();
    EXPECT_EQ(search->text(), "number 1");
    EXPECT_EQ(prompts->model()->rowCount(), found);
    back();
    EXPECT_EQ(prompts->model()->rowCount(), 200);

    window->showScreen(QStringLiteral("rollouts"));
    auto* rollouts = child<QTableView>("rolloutTable");
    ASSERT_TRUE(waitFor([&] { return rollouts->model()->rowCount() == 32; }));
    auto* verdict = child<QComboBox>("verdictFilter");
    verdict->setFocus();
    QTest::keyClick(verdict, Qt::Key_Down);
    EXPECT_LT(rollouts->model()->rowCount(), 32);
    back();
    EXPECT_EQ(rollouts->model()->rowCount(), 32);

    window->showScreen(QStringLiteral("log"));
    auto* lines = child<QTableView>("logTable");
    ASSERT_TRUE(waitFor([&] { return lines->model()->rowCount() > 5; }));
    const int all = lines->model()->rowCount();
    QTest::keyClicks(child<QLineEdit>("logSearch"), QStringLiteral("checkpoint"));
    EXPECT_LT(lines->model()->rowCount(), all);
    back();
    EXPECT_EQ(lines->model()->rowCount(), all);
    EXPECT_EQ(search->text(), QString()) << "each screen goes its own way";
}

TEST_F(PagesTest, Rollouts_SearchGoesOverAllStepsWhenAsked)
{
    openAlpha();
    window->showScreen(QStringLiteral("rollouts"));
    auto* table = child<QTableView>("rolloutTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 32; }));
    // Four tokens in a row that only one early response holds.
    test::FakeRunOptions options;
    options.name = "alpha";
    const std::string text = test::fakeGroups(options, 5).front().rollouts.front().rollout.text;
    const QString needle = QString::fromStdString(text.substr(0, 20));
    QTest::keyClicks(child<QLineEdit>("rolloutSearch"), needle);
    EXPECT_EQ(table->model()->rowCount(), 0) << "not in the newest step";
    click(child<QCheckBox>("rolloutsAllSteps"));
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 1; }));
    EXPECT_EQ(table->model()->index(0, 6).data().toString(), "5");
    EXPECT_TRUE(child<QLabel>("rolloutsShownStep")->text().contains(QStringLiteral("steps: 1")));
    child<QLineEdit>("rolloutSearch")->setText(QStringLiteral("no such answer"));
    auto* nothing = child<QLabel>("rolloutsNothing");
    ASSERT_TRUE(waitFor([&] { return nothing->isVisible() && nothing->text().contains(QStringLiteral("No stored response")); }));
    child<QLineEdit>("rolloutSearch")->clear();
    ASSERT_TRUE(waitFor([&] { return table->isVisible() && table->model()->rowCount() == 32; }));
}

TEST_F(PagesTest, Log_HoldsEventsAndFileLines)
{
    std::filesystem::create_directories(folder.path() / "runs" / "alpha" / "log");
    test::write(folder.path() / "runs" / "alpha" / "log" / "rank0.log",
        "2023-11-14 22:13:21.000 info first line\n2023-11-14 22:13:22.000 error something broke\nplain text\n");
    openAlpha();
    window->showScreen(QStringLiteral("log"));
    auto* table = child<QTableView>("logTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() > 10; }));
    child<QComboBox>("logLevel")->setCurrentIndex(2);
    EXPECT_EQ(table->model()->rowCount(), 1);
    EXPECT_EQ(table->model()->index(0, 4).data().toString(), "something broke");
    child<QComboBox>("logLevel")->setCurrentIndex(0);
    QTest::keyClicks(child<QLineEdit>("logSearch"), QStringLiteral("plain|first"));
    EXPECT_EQ(table->model()->rowCount(), 2);
    EXPECT_FALSE(child<QLabel>("logDetail")->isVisible());
    table->selectRow(1);
    EXPECT_EQ(child<QLabel>("logDetail")->text(), "plain text") << "the chosen line in full";
    child<QLineEdit>("logSearch")->setText(QStringLiteral("no such line"));
    EXPECT_TRUE(child<QLabel>("logTableEmpty")->isVisible());
    EXPECT_TRUE(child<QLabel>("logTableEmpty")->text().contains(QStringLiteral("No line fits")));
}

TEST_F(PagesTest, Configure_TypingFindsErrorsAndUndoMendsThem)
{
    window->showScreen(QStringLiteral("configure"));
    ASSERT_TRUE(waitFor([this] { return window->findChild<QLineEdit*>(QStringLiteral("edit.selection.target")) != nullptr; })) << "the form grows row by row";
    auto* edit = child<QLineEdit>("edit.selection.target");
    ASSERT_TRUE(waitFor([&] { return !edit->text().isEmpty(); }));
    edit->selectAll();
    QTest::keyClicks(edit, QStringLiteral("7"));
    auto* start = child<QPushButton>("startRun");
    ASSERT_TRUE(waitFor([&] { return start->toolTip().contains(QStringLiteral("selection.target")) && !start->isEnabled(); }));
    EXPECT_TRUE(child<QLineEdit>("commandLine")->text().contains(QStringLiteral("selection.target=7")));
    auto* only = child<QCheckBox>("onlyChanged");
    only->setChecked(true);
    EXPECT_FALSE(child<QWidget>("row.run.seed")->isVisible());
    EXPECT_TRUE(child<QWidget>("row.selection.target")->isVisible());
    QTest::mouseClick(child<QToolButton>("reset.selection.target"), Qt::LeftButton);
    EXPECT_FALSE(child<QLineEdit>("commandLine")->text().contains(QStringLiteral("selection.target")));
}

} // namespace
} // namespace midpoint::gui
