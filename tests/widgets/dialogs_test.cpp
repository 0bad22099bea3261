// SPDX-License-Identifier: GPL-3.0-or-later
// What goes through a dialog for files, answered as a user does: by its name field and its button, or Escape.
#include "backend/store/snapshot.h"
#include "tests/support/fake_run.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/common/action_registry.h"
#include "widgets/configure/configure_page.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/viewmodels/project_model.h"

#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QImage>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QTimer>

namespace midpoint::gui {
namespace {

namespace fs = std::filesystem;
using test::waitFor;

class DialogsTest : public WindowFixture {
protected:
    DialogsTest()
    {
        test::FakeRunOptions options;
        options.steps = 20;
        test::writeFakeRun(runFolder(), options);
    }
    fs::path runFolder() const { return folder.path() / "runs" / "alpha"; }

    // Does what opens a dialog and answers it: with these names, or, without any, with Escape.
    void answering(const std::vector<fs::path>& names, const std::function<void()>& open)
    {
        bool wasAnswered = false;
        QTimer::singleShot(0, window.get(), [&] {
            const auto dialog = [] { return qobject_cast<QFileDialog*>(QApplication::activeModalWidget()); };
            ASSERT_TRUE(waitFor([&] { return dialog() != nullptr; }, 5000)) << "no dialog has opened";
            wasAnswered = true;
            title = dialog()->windowTitle();
            if (names.empty()) {
                QTest::keyClick(dialog(), Qt::Key_Escape);
                return;
            }
            QStringList quoted;
            for (const fs::path& name : names)
                quoted << (names.size() > 1 ? QStringLiteral("\"%1\"") : QStringLiteral("%1")).arg(QString::fromStdString(name.string()));
            dialog()->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"))->setText(quoted.join(QLatin1Char(' ')));
            static_cast<QDialog*>(dialog())->accept();
        });
        open();
        EXPECT_TRUE(wasAnswered);
    }
    void trigger(const char* action) { window->actions().action(QString::fromUtf8(action))->trigger(); }
    QString title; // of the last dialog
};

TEST_F(DialogsTest, OpenProjectOrRun_TakesEitherFolder)
{
    answering({ folder.path() }, [this] { trigger("project.open"); });
    EXPECT_EQ(title, "Open project or run");
    ProjectModel& project = window->workbench().project;
    ASSERT_TRUE(waitFor([&] { return project.runs().size() == 1; }));
    EXPECT_EQ(project.folder(), folder.path());
    answering({ runFolder() }, [this] { trigger("project.open"); });
    ASSERT_TRUE(waitFor([this] { return run().isLoaded(); }));
    EXPECT_EQ(run().path(), runFolder());
    EXPECT_FALSE(run().header().isSnapshot);
}

TEST_F(DialogsTest, OpenSnapshot_ShowsTheRunWithoutItsCommands)
{
    const fs::path file = folder / "alpha.db";
    store::writeSnapshot(runFolder(), file, store::WithRollouts::Yes);
    answering({ file }, [this] { trigger("project.openSnapshot"); });
    ASSERT_TRUE(waitFor([this] { return run().isLoaded() && run().hasFacts(); }));
    EXPECT_EQ(run().path(), file);
    EXPECT_TRUE(run().header().isSnapshot);
    EXPECT_EQ(run().header().step, 20);
    for (const char* id : { "run.pause", "run.stopNow", "run.resume" })
        EXPECT_FALSE(window->actions().action(QString::fromUtf8(id))->isEnabled()) << id;
}

TEST_F(DialogsTest, Escape_ChangesNothing)
{
    openRun(runFolder());
    answering({}, [this] { trigger("project.open"); });
    answering({}, [this] { trigger("project.openSnapshot"); });
    EXPECT_EQ(run().path(), runFolder());
    EXPECT_TRUE(run().isLoaded());
}

TEST_F(DialogsTest, Configuration_PathsAreChosenLoadedAndSaved)
{
    window->openPath(test::sourceFolder() / "projects" / "arithmetic" / "grpo.toml");
    auto* page = child<ConfigurePage>("configurePage");
    ASSERT_TRUE(waitFor([&] { return page->form().isValid(); }));
    for (const char* name : { "a.jsonl", "b c.jsonl" })
        test::write(folder / name, "{\"question\": \"1+1\", \"answer\": \"2\"}\n");
    answering({ folder / "a.jsonl", folder / "b c.jsonl" }, [this] { child<QAction>("browse.data.train_files")->trigger(); });
    EXPECT_EQ(title, "data.train_files");
    ASSERT_TRUE(waitFor([&] { return page->form().report().read.loaded.config.data.trainFiles.size() == 2; }));
    EXPECT_EQ(page->form().report().read.loaded.config.data.trainFiles[1], (folder / "b c.jsonl").string());
    const fs::path model = test::sourceFolder() / "projects" / "loops" / "base";
    answering({ model }, [this] { child<QAction>("browse.model.path")->trigger(); });
    EXPECT_TRUE(waitFor([&] { return page->form().report().read.loaded.config.model.path == model; }));
    answering({}, [this] { child<QAction>("browse.model.path")->trigger(); });
    EXPECT_EQ(page->form().report().read.loaded.config.model.path, model);

    const fs::path saved = folder / "own.toml";
    answering({ saved }, [this] { click(child<QPushButton>("saveConfiguration")); });
    ASSERT_TRUE(fs::exists(saved));
    answering({ test::sourceFolder() / "projects" / "arithmetic" / "dots.toml" }, [this] { click(child<QPushButton>("loadConfiguration")); });
    ASSERT_TRUE(waitFor([&] { return page->form().file().filename() == "dots.toml"; }));
    answering({ saved }, [this] { click(child<QPushButton>("loadConfiguration")); });
    EXPECT_TRUE(waitFor([&] { return page->form().file() == saved && page->form().report().read.loaded.config.data.trainFiles.size() == 2; }));
    EXPECT_EQ(page->form().report().read.loaded.config.model.path, model);
}

TEST_F(DialogsTest, Plot_IsSavedUnderTheNameWithItsEnding)
{
    openRun(runFolder());
    window->showScreen(QStringLiteral("live"));
    auto* plot = child<CurveTile>("plotReward");
    ASSERT_TRUE(waitFor([&] { return !plot->curves().empty() && !plot->curves()[0].curve->raw().isEmpty(); }));
    for (const auto& [text, ending] : { std::pair("Save as PNG…", ".png"), std::pair("Save visible range as CSV…", ".csv") }) {
        QAction* save = nullptr;
        for (QAction* action : child<QMenu>("plotRewardActions")->actions())
            if (action->text() == QString::fromUtf8(text))
                save = action;
        ASSERT_NE(save, nullptr) << text;
        answering({ folder / "reward" }, [&] { save->trigger(); });
        EXPECT_TRUE(fs::exists(folder / (std::string("reward") + ending))) << text;
    }
    EXPECT_EQ(test::read(folder / "reward.csv"), plot->csv().toStdString());
}

TEST_F(DialogsTest, CopyKey_OnAPlot_CopiesItsPicture)
{
    openRun(runFolder());
    window->showScreen(QStringLiteral("live"));
    auto* plot = child<CurveTile>("plotReward");
    ASSERT_TRUE(waitFor([&] { return !plot->curves().empty() && !plot->curves()[0].curve->raw().isEmpty(); }));
    QApplication::clipboard()->setText(QStringLiteral("something else"));
    QWidget* curves = plot->childAt(plot->rect().center());
    curves->setFocus();
    ASSERT_TRUE(curves->hasFocus()) << "reached by Tab or a click";
    QTest::keyClick(curves, Qt::Key_C, Qt::ControlModifier);
    const QImage copied = QApplication::clipboard()->image();
    ASSERT_FALSE(copied.isNull());
    EXPECT_EQ(copied.size(), plot->picture().size());
    EXPECT_EQ(copied.convertToFormat(QImage::Format_RGB32), plot->picture().convertToFormat(QImage::Format_RGB32));
}

} // namespace
} // namespace midpoint::gui
