// SPDX-License-Identifier: GPL-3.0-or-later
// The Configure screen beside its form: devices, dry run, and the jobs that make a predictor.
#include "backend/core/text.h"
#include "backend/launch/exit_record.h"
#include "backend/launch/run_folder.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/configure/configure_page.h"
#include "widgets/configure/device_picker.h"
#include "widgets/viewmodels/job_list.h"
#include "widgets/viewmodels/project_model.h"

#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTableView>

namespace midpoint::gui {
namespace {

namespace fs = std::filesystem;
using test::waitFor;

class ConfigureTest : public WindowFixture {
protected:
    void SetUp() override
    {
        WindowFixture::SetUp();
        window->openPath(test::sourceFolder() / "projects" / "arithmetic" / "grpo.toml");
        EXPECT_TRUE(waitFor([this] { return page()->form().isValid(); }));
    }
    ConfigurePage* page() { return child<ConfigurePage>("configurePage"); }
};

TEST_F(ConfigureTest, Devices_TickedOnesBecomeRanks_AndTheProcessorTakesTheirPlace)
{
    auto* answer = child<QLabel>("deviceList");
    ASSERT_TRUE(waitFor([&] { return answer->text().startsWith(QStringLiteral("Devices")); })) << "this machine's devices come before those of the test";
    auto* picker = child<DevicePicker>("devicePicker");
    picker->setDevices({ QStringLiteral("cpu"), QStringLiteral("cuda:0 A GPU"), QStringLiteral("cuda:1 A GPU") });
    auto* gpus = child<QListWidget>("gpuList");
    ASSERT_EQ(gpus->count(), 2);
    gpus->item(0)->setCheckState(Qt::Checked);
    gpus->item(1)->setCheckState(Qt::Checked);
    EXPECT_EQ(page()->form().value("run.devices"), R"(["cuda:0", "cuda:1"])");
    ASSERT_TRUE(waitFor([this] { return page()->form().report().read.loaded.config.run.devices.size() == 2; }));
    auto* ranks = child<QSpinBox>("processorRanks");
    EXPECT_EQ(ranks->value(), 0);
    ranks->setValue(3);
    EXPECT_EQ(page()->form().value("run.devices"), R"(["cpu", "cpu", "cpu"])");
    ASSERT_TRUE(waitFor([&] { return gpus->item(0)->checkState() == Qt::Unchecked; }));
    EXPECT_TRUE(child<QLineEdit>("commandLine")->text().contains(QStringLiteral("run.devices=")));
}

TEST_F(ConfigureTest, DryRun_ShowsWhatTheCommandSays)
{
    QTest::mouseClick(child<QPushButton>("dryRun"), Qt::LeftButton);
    auto* state = child<QLabel>("dryRunState");
    ASSERT_TRUE(waitFor([&] { return state->text().startsWith(QStringLiteral("✓")); })) << state->text().toStdString();
    EXPECT_TRUE(child<QPlainTextEdit>("dryRunText")->toPlainText().contains(QStringLiteral("learning_rate")));
    child<QDialog>("dryRunDialog")->close();
    QTest::qWait(1);
    page()->form().set("selection.target", "7"); // what the form says is wrong, the command says too
    QTest::mouseClick(child<QPushButton>("dryRun"), Qt::LeftButton);
    auto* failed = child<QLabel>("dryRunState");
    ASSERT_TRUE(waitFor([&] { return failed->text().startsWith(QStringLiteral("✕")); }));
    EXPECT_TRUE(failed->text().contains(QStringLiteral("exit code 2"))) << failed->text().toStdString();
    EXPECT_TRUE(child<QPlainTextEdit>("dryRunText")->toPlainText().contains(QStringLiteral("selection.target")));
}

TEST(JobCommand, Values_BecomeWordsAndMissingOnesForbidTheStart)
{
    const JobKind& train = jobKinds().at(2);
    const auto words = jobCommand(train, { QStringLiteral("e.safetensors"), QStringLiteral("a.jsonl; b c.jsonl ;"), QString(), QStringLiteral("5"), QString(), QStringLiteral("p.safetensors") });
    ASSERT_TRUE(words);
    EXPECT_EQ(*words, (std::vector<std::string> { "predictor", "train", "--embeddings", "e.safetensors", "--labels", "a.jsonl", "b c.jsonl", "--epochs", "5", "--out", "p.safetensors" }));
    EXPECT_FALSE(jobCommand(train, { QString(), QStringLiteral("a.jsonl"), QString(), QString(), QString(), QStringLiteral("p") }));
    EXPECT_FALSE(jobCommand(train, { QStringLiteral("e"), QStringLiteral(" ; "), QString(), QString(), QString(), QStringLiteral("p") })) << "a list of nothing";
}

TEST(JobProgress, LinesOfProgress_GiveAShare)
{
    EXPECT_EQ(progressShare("12/40  loss 0.3"), 0.3);
    EXPECT_EQ(progressShare("41/40 x"), std::nullopt);
    EXPECT_EQ(progressShare("reading 3/4 files"), std::nullopt);
    EXPECT_EQ(progressShare(""), std::nullopt);
}

class JobsTest : public testing::Test {
protected:
    JobsTest()
        : jobs(test::midpointBinary(), nullptr)
    {
        jobs.setProject(folder.path());
    }
    const JobRecord* runToItsEnd(std::vector<std::string> command)
    {
        jobs.start(jobKinds().front(), std::move(command));
        const bool hasEnded = waitFor([this] {
            jobs.refresh();
            QTest::qWait(20);
            return !jobs.jobs().empty() && (jobs.jobs().front().state.kind == launch::RunStateKind::Finished || jobs.jobs().front().state.kind == launch::RunStateKind::Failed);
        });
        EXPECT_TRUE(hasEnded);
        return jobs.jobs().empty() ? nullptr : &jobs.jobs().front();
    }
    test::TemporaryFolder folder;
    JobList jobs;
};

TEST_F(JobsTest, CommandThatSucceeds_IsFinished_AndAnotherListReadsTheSame)
{
    const JobRecord* job = runToItsEnd({ "validate", (test::sourceFolder() / "projects" / "arithmetic" / "grpo.toml").string() });
    ASSERT_NE(job, nullptr);
    EXPECT_EQ(job->state.kind, launch::RunStateKind::Finished);
    EXPECT_EQ(job->kind, "embed");
    EXPECT_EQ(job->progress, 1.0);
    const auto reread = readJobs(folder.path()); // as after the window was closed
    ASSERT_EQ(reread.size(), 1u);
    EXPECT_EQ(reread[0].state, job->state);
    EXPECT_EQ(reread[0].command, job->command);
    EXPECT_FALSE(reread[0].logTail.empty());
}

TEST_F(JobsTest, CommandThatFails_SaysWhy)
{
    const JobRecord* job = runToItsEnd({ "validate", (folder / "missing.toml").string() });
    ASSERT_NE(job, nullptr);
    EXPECT_EQ(job->state.kind, launch::RunStateKind::Failed);
    EXPECT_NE(job->lastLine.find("missing.toml"), std::string::npos) << job->lastLine;
}

TEST_F(JobsTest, FoldersThatAreNoJobs_ArePassedOver)
{
    test::write(folder / "jobs" / "x" / "config.toml", "command = [ half");
    fs::create_directories(folder / "jobs" / "y");
    EXPECT_TRUE(readJobs(folder.path()).empty());
    EXPECT_TRUE(readJobs(folder / "nowhere").empty());
}

TEST(JobOutput, IsTheFileThatTheKindWrites)
{
    JobRecord job;
    job.kind = "label";
    job.command = { "eval", "m", "--data", "d.jsonl", "--labels", "out/../labels.jsonl" };
    EXPECT_EQ(jobOutput(job), fs::current_path() / "labels.jsonl");
    job.command.resize(5);
    EXPECT_TRUE(jobOutput(job).empty()) << "the option has no value";
    job.kind = "unknown";
    EXPECT_TRUE(jobOutput(job).empty());
}

TEST_F(ConfigureTest, Jobs_InputOfAnEarlierTimeIsNotReadyWhileAJobWritesItAnew)
{
    const fs::path labels = folder / "labels.jsonl";
    test::write(labels, "of an earlier job");
    test::write(folder / "embeddings.safetensors", "of an earlier job");
    const launch::RunFolder job = launch::RunFolder::create(folder / "jobs" / "label");
    test::write(job.config(), concat("kind = \"label\"\nstarted_ms = 1\ncommand = [\"eval\", \"m\", \"--labels\", \"", labels.string(), "\"]\n"));
    std::optional<launch::RunLock> lock = launch::RunLock::acquire(job);
    fs::create_directories(folder / "runs");
    window->openPath(folder.path());
    window->showScreen(QStringLiteral("configure"));
    page()->showJobs();
    child<QLineEdit>("job.train.embeddings")->setText(QString::fromStdString((folder / "embeddings.safetensors").string()));
    child<QLineEdit>("job.train.labels")->setText(QString::fromStdString(labels.string()));
    auto* start = child<QPushButton>("job.train.start");
    ASSERT_TRUE(waitFor([&] { return start->toolTip() == QStringLiteral("Waits for labels.jsonl, which is being written."); })) << start->toolTip().toStdString();
    EXPECT_FALSE(start->isEnabled());
    launch::writeExitRecord(job, {});
    lock.reset();
    EXPECT_TRUE(waitFor([&] { return start->isEnabled(); }));
}

TEST_F(ConfigureTest, Jobs_TrainedPredictorGoesIntoTheRun)
{
    const fs::path predictor = folder / "my predictor.safetensors";
    const auto writeJob = [&](const char* name, int startedMs, launch::Outcome outcome) { // as a job that has ended leaves it
        const launch::RunFolder job = launch::RunFolder::create(folder / "jobs" / name);
        test::write(job.config(), concat("kind = \"train\"\nstarted_ms = ", startedMs, "\ncommand = [\"predictor\", \"train\", \"--out\", \"", predictor.string(), "\"]\n"));
        launch::ExitRecord record;
        record.outcome = outcome;
        launch::writeExitRecord(job, record);
    };
    writeJob("train", 1, launch::Outcome::Finished);
    writeJob("train-2", 2, launch::Outcome::Failed);
    fs::create_directories(folder / "runs");
    window->openPath(folder.path());
    window->showScreen(QStringLiteral("configure"));
    page()->showJobs();
    auto* table = child<QTableView>("jobTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 2; }));
    auto* use = child<QPushButton>("usePredictor");
    table->selectRow(0); // the newest
    EXPECT_FALSE(use->isEnabled()) << "a failed job has made none";
    table->selectRow(1);
    ASSERT_TRUE(use->isEnabled());
    click(use);
    EXPECT_EQ(page()->form().value("selection.predictor_path"), predictor.string());
    EXPECT_TRUE(child<QLineEdit>("edit.selection.predictor_path")->isVisible());
}

TEST_F(ConfigureTest, Jobs_FormNeedsAProjectAndItsValues)
{
    page()->showJobs();
    auto* start = child<QPushButton>("job.train.start");
    auto* command = child<QLineEdit>("job.train.command");
    ASSERT_TRUE(waitFor([&] { return command->text().contains(QStringLiteral("predictor train")); })) << "filled in for the project";
    const auto says = [&](const char* text) { return start->toolTip().contains(QLatin1String(text)) && child<QLabel>("job.train.help")->text().contains(QLatin1String(text)); };
    const fs::path embeddings = folder / "embeddings.safetensors";
    const fs::path labels = folder / "labels.jsonl";
    child<QLineEdit>("job.train.embeddings")->setText(QString::fromStdString(embeddings.string()));
    child<QLineEdit>("job.train.labels")->setText(QString::fromStdString(labels.string()));
    EXPECT_FALSE(start->isEnabled());
    EXPECT_TRUE(says("Waits for embeddings.safetensors, which job 1 writes.")) << start->toolTip().toStdString();
    test::write(embeddings, "as job 1 leaves it");
    EXPECT_TRUE(waitFor([&] { return says("Waits for labels.jsonl, which job 2 writes."); }));
    EXPECT_FALSE(start->isEnabled());
    test::write(labels, "as job 2 leaves it");
    EXPECT_TRUE(waitFor([&] { return start->isEnabled(); }));
    EXPECT_FALSE(says("Waits for"));
    EXPECT_TRUE(child<QLineEdit>("job.embed.model")->text().endsWith(QStringLiteral("base"))) << "from the configuration";
    child<QLineEdit>("job.train.labels")->clear();
    EXPECT_TRUE(command->text().isEmpty());
    EXPECT_FALSE(start->isEnabled());
    EXPECT_TRUE(child<QTableView>("jobTable")->isVisible());
}

} // namespace
} // namespace midpoint::gui
