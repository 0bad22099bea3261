// SPDX-License-Identifier: GPL-3.0-or-later
// A whole window for tests, offscreen, with a folder of its own to put runs in.
#pragma once

#include "tests/support/fixtures.h"
#include "tests/widgets/gui_test.h"
#include "widgets/shell/main_window.h"
#include "widgets/viewmodels/run_model.h"

#include <gtest/gtest.h>

#include <QTest>

#include <filesystem>
#include <memory>

namespace midpoint::gui {

class WindowFixture : public testing::Test {
protected:
    // workspace: where the window looks for projects/ and starts runs; empty: the folder of this test
    explicit WindowFixture(std::filesystem::path workspace = test::sourceFolder())
        : theme(ThemeChoice::Light)
        , m_workspace(workspace.empty() ? folder.path() : std::move(workspace))
    {
    }
    void SetUp() override { reopen(); }

    // Closes the window and opens another one, as after the end of its process.
    void reopen()
    {
        window.reset();
        window = std::make_unique<MainWindow>(theme, WindowOptions { test::midpointBinary(), m_workspace, false });
        window->show();
        EXPECT_TRUE(QTest::qWaitForWindowActive(window.get())) << "only an active window hears shortcuts";
    }
    RunModel& run() { return window->workbench().run; }
    // Until everything that the run has recorded so far is in the window.
    void openRun(const std::filesystem::path& path)
    {
        window->openPath(path);
        ASSERT_TRUE(test::waitFor([this] { return run().isLoaded() && run().hasFacts(); }));
    }
    template <typename T>
    T* child(const char* name)
    {
        T* found = window->findChild<T*>(QString::fromUtf8(name));
        EXPECT_NE(found, nullptr) << name;
        return found;
    }
    // A key of the whole window, also after a menu or a dialog had the focus.
    void press(Qt::Key key, Qt::KeyboardModifiers modifiers = Qt::NoModifier)
    {
        window->activateWindow();
        EXPECT_TRUE(QTest::qWaitForWindowActive(window.get()));
        QTest::keyClick(window.get(), key, modifiers);
    }
    static void click(QWidget* widget) { QTest::mouseClick(widget, Qt::LeftButton); }

    test::TemporaryFolder folder;
    Theme theme;
    std::unique_ptr<MainWindow> window;

private:
    std::filesystem::path m_workspace;
};

} // namespace midpoint::gui
