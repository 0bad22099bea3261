// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/run_feed.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/checkpoint_folder.h"
#include "widgets/viewmodels/format.h"

#include <toml++/toml.h>

#include <QTimer>

#include <algorithm>
#include <sstream>

namespace midpoint::gui {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRowsPerDelta = 60'000; // merged by the window in a few milliseconds
constexpr int kSlowEvery = 8; // polls between measurements of folders and disks

std::int64_t sizeOf(const fs::path& path)
{
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    return error ? 0 : static_cast<std::int64_t>(size);
}

// What SQLite has not moved into the file itself counts as well.
std::int64_t databaseBytes(const fs::path& file) { return sizeOf(file) + sizeOf(file.string() + "-wal"); }

std::int64_t folderBytes(const fs::path& folder)
{
    std::int64_t total = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (it->is_regular_file(error))
            total += sizeOf(it->path());
    return total;
}

void flatten(const toml::table& table, const std::string& prefix, std::vector<std::pair<std::string, std::string>>& out)
{
    for (const auto& [key, node] : table) {
        const std::string name = prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key.str());
        if (const toml::table* inner = node.as_table()) {
            flatten(*inner, name, out);
            continue;
        }
        std::ostringstream text;
        node.visit([&text](const auto& value) {
            // As a person writes it: the shortest number that means the same, texts in double quotes.
            if constexpr (toml::is_floating_point<decltype(value)>)
                text << shortest(*value);
            else
                text << toml::toml_formatter(value, toml::toml_formatter::default_flags & ~toml::format_flags::allow_literal_strings);
        });
        out.emplace_back(name, text.str());
    }
}

} // namespace

std::vector<std::pair<std::string, std::string>> settingsOf(const std::string& resolvedText)
{
    std::vector<std::pair<std::string, std::string>> settings;
    try {
        flatten(toml::parse(resolvedText), {}, settings);
    } catch (const toml::parse_error&) {
        settings.clear(); // the screens then say that the configuration cannot be read
    }
    return settings;
}

RunFeed::RunFeed(fs::path path)
    : m_path(std::move(path))
{
    std::error_code error;
    m_isFolder = !fs::is_regular_file(m_path, error);
}

RunFeed::~RunFeed() = default;

void RunFeed::start()
{
    m_timer = new QTimer(this);
    connect(m_timer, &QTimer::timeout, this, &RunFeed::poll);
    m_timer->start(kPollMs);
    poll();
}

void RunFeed::setTrouble(Trouble source, const QString& message)
{
    QString& place = source == Trouble::Database ? m_databaseTrouble : m_folderTrouble;
    if (message == place)
        return;
    place = message;
    QStringList all { m_databaseTrouble, m_folderTrouble };
    all.removeAll(QString());
    Q_EMIT trouble(all.join(QLatin1Char('\n')));
}

bool RunFeed::ensureReader()
{
    std::error_code error;
    if (!fs::exists(m_path, error)) {
        m_reader.reset();
        m_rollouts.reset();
        setTrouble(Trouble::Database, tr("%1 is gone: the folder was removed or its disk is not mounted. What was read before stays on the screens.").arg(qs(m_path)));
        return false;
    }
    const bool wasGone = m_isFileGone;
    const bool isMissing = m_isFolder && !fs::exists(m_path / "run.db", error);
    m_isFileGone = isMissing && (m_reader || fs::exists(m_path / "exit.json", error)); // otherwise the run has not begun to record
    if (m_isFileGone)
        setTrouble(Trouble::Database, m_reader ? tr("%1 is gone: it was removed. What was read before stays on the screens; state, log and commands still work.").arg(qs(m_path / "run.db"))
                            : tr("%1 is not there: the run ended before it recorded anything, or the file was removed. State and log still work.").arg(qs(m_path / "run.db")));
    else if (wasGone)
        setTrouble(Trouble::Database, {});
    if (!m_reader && !isMissing)
        m_reader = std::make_unique<store::RunReader>(m_path);
    return m_reader != nullptr;
}

void RunFeed::poll()
{
    if (m_isRetired)
        return;
    bool isThere = false;
    guarded(tr("The run's database cannot be read; state, log and commands still work"), [&] {
        isThere = ensureReader() && !m_isFileGone;
        m_isStale = (isThere && m_reader->changed()) || m_isStale; // stays so until everything was read
        if (!isThere || !m_isStale)
            return;
        m_progress = m_reader->progress();
        if (m_progress.promptCount != static_cast<std::int64_t>(m_promptsSent) || !m_factsSent || m_ranksSent == 0)
            readFacts();
        readDelta();
        m_isStale = false;
        setTrouble(Trouble::Database, {});
    });
    readHeader();
    if (m_followsLog)
        readLog();
}

void RunFeed::continueReading()
{
    guarded(tr("The run's database cannot be read"), [this] { readDelta(); });
}

// Each part by itself: an exit record that cannot be read must not hide the checkpoints.
QString RunFeed::readFolder()
{
    RunHeader& header = m_header;
    const launch::RunFolder folder = launch::RunFolder::open(m_path);
    const launch::RunStateKind before = header.state.kind;
    QStringList problems;
    const auto attempt = [&problems](auto read) {
        try {
            read();
        } catch (const std::exception& problem) {
            problems << QString::fromUtf8(problem.what());
        }
    };
    attempt([&] { header.state = launch::observeState(folder); });
    attempt([&] { header.heartbeats = launch::readHeartbeats(folder); });
    attempt([&] { header.pending = launch::pendingCommands(folder); });
    attempt([&] { header.exit = launch::readExitRecord(folder); });
    header.heartbeatAgeSeconds = -1.0;
    for (const launch::Heartbeat& beat : header.heartbeats) {
        const double age = static_cast<double>(systemClock().wallMilliseconds() - beat.wallMs) / 1000.0;
        header.heartbeatAgeSeconds = std::max(header.heartbeatAgeSeconds, age);
    }
    const bool isSlowTurn = m_slowCounter % kSlowEvery == 0;
    if (isSlowTurn || header.state.kind != before) { // a run that ends has just written one
        m_checkpointProblems.clear();
        readCheckpoints(folder.checkpoints(), m_checkpointProblems);
    }
    header.databaseBytes = databaseBytes(folder.database());
    header.rolloutBytes = databaseBytes(folder.rollouts());
    problems.removeDuplicates();
    QString text = problems.isEmpty() ? QString() : tr("A part of the run's folder cannot be read; everything else works: %1").arg(problems.join(QStringLiteral("; ")));
    if (!m_checkpointProblems.isEmpty())
        text += (text.isEmpty() ? QString() : QStringLiteral("\n"))
            + tr("A checkpoint cannot be used; everything recorded is shown, and %1: %2")
                  .arg(header.checkpoints.empty() ? tr("there is no other one to resume from") : tr("a resumed run goes on from %1").arg(qs(header.checkpoints.back())),
                      m_checkpointProblems.join(QStringLiteral("; ")));
    return text;
}

void RunFeed::readCheckpoints(const fs::path& folder, QStringList& problems)
{
    RunHeader& header = m_header;
    std::error_code error;
    header.checkpoints.clear();
    header.hasDamagedCheckpoints = false;
    if (fs::exists(folder, error) && !fs::is_directory(folder, error))
        problems << tr("%1: expected a folder").arg(qs(folder));
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (!name.starts_with("step_"))
            continue;
        const std::string problem = launch::checkpointProblem(it->path());
        if (problem.empty())
            header.checkpoints.push_back(name);
        else
            problems << qs(problem);
    }
    std::sort(header.checkpoints.begin(), header.checkpoints.end());
    header.hasDamagedCheckpoints = !problems.isEmpty();
    header.checkpointBytes = folderBytes(folder);
}

void RunFeed::readHeader()
{
    RunHeader& header = m_header;
    header.path = m_path;
    header.name = m_isFolder ? m_path.filename().string() : m_path.stem().string();
    header.isSnapshot = !m_isFolder;
    header.step = m_progress.lastStep.value_or(0);
    header.totalSteps = m_progress.totalSteps;
    header.promptCount = m_progress.promptCount;
    header.secondsPerStep = 0.0;
    if (m_recentSteps.size() > 1) {
        const auto& [firstStep, firstMs] = m_recentSteps.front();
        const auto& [lastStep, lastMs] = m_recentSteps.back();
        if (lastStep > firstStep)
            header.secondsPerStep = static_cast<double>(lastMs - firstMs) / 1000.0 / static_cast<double>(lastStep - firstStep);
    }
    if (m_reader)
        header.asOfMs = m_reader->isSnapshot() ? m_reader->asOfMs() : 0;
    std::error_code error;
    if (m_isFolder && fs::exists(m_path, error)) {
        setTrouble(Trouble::Folder, readFolder());
    } else {
        header.state = { launch::RunStateKind::Finished, m_isFolder ? "removed" : "snapshot" };
        header.databaseBytes = sizeOf(m_path);
    }
    if (m_slowCounter++ % kSlowEvery == 0) {
        const fs::space_info space = fs::space(m_path, error);
        header.freeBytes = error ? -1 : static_cast<std::int64_t>(space.available);
    }
    Q_EMIT headerRead(std::make_shared<const RunHeader>(header));
}

void RunFeed::readFacts()
{
    auto facts = std::make_shared<RunFacts>();
    facts->info = m_reader->info();
    facts->ranks = m_reader->ranks();
    facts->prompts = m_reader->prompts();
    facts->settings = settingsOf(facts->info.resolvedText.empty() ? facts->info.configText : facts->info.resolvedText);
    m_promptsSent = facts->prompts.size();
    m_ranksSent = std::max<std::size_t>(facts->ranks.size(), 1);
    m_factsSent = true;
    Q_EMIT factsRead(facts);
}

void RunFeed::readDelta()
{
    if (!m_reader)
        return;
    auto delta = std::make_shared<RunDelta>();
    store::MetricUpdate update = m_reader->newMetrics(m_lastRow, kRowsPerDelta);
    if (update.restarted) {
        m_lastRow = 0;
        m_metricNames.clear();
        m_lastTimedStep = -1;
        m_recentSteps.clear();
        m_ledger.clear();
        m_ledgerThrough = -1;
        delta->restarted = true;
        update = m_reader->newMetrics(0, kRowsPerDelta);
    }
    for (const store::MetricName& name : update.names)
        m_metricNames[name.id] = name.name;
    std::map<std::int64_t, MetricBatch> batches;
    std::int64_t lastStep = -1;
    for (const store::MetricRow& row : update.rows) {
        MetricBatch& batch = batches[row.metric];
        batch.steps.push_back(static_cast<double>(row.step));
        batch.values.push_back(row.value);
        lastStep = std::max(lastStep, row.step);
    }
    for (auto& [id, batch] : batches) {
        batch.name = m_metricNames[id];
        delta->metrics.push_back(std::move(batch));
    }
    m_lastRow = update.lastRow;
    delta->hasMore = update.rows.size() >= kRowsPerDelta;
    if (lastStep > m_lastTimedStep && !delta->hasMore) {
        // All times once; afterwards the newest step's time is known from the progress, which costs nothing.
        if (m_lastTimedStep >= 0 && lastStep == m_lastTimedStep + 1 && m_progress.lastStep == lastStep) {
            m_recentSteps.emplace_back(lastStep, m_progress.lastWallMs);
            delta->wallSeconds.emplace_back(static_cast<double>(lastStep), static_cast<double>(m_progress.lastWallMs - m_firstWallMs) / 1000.0);
        } else {
            const std::vector<store::StepTime> times = m_reader->steps();
            m_firstWallMs = times.empty() ? 0 : times.front().wallMs;
            for (const store::StepTime& time : times)
                if (time.step > m_lastTimedStep) {
                    delta->wallSeconds.emplace_back(static_cast<double>(time.step), static_cast<double>(time.wallMs - m_firstWallMs) / 1000.0);
                    m_recentSteps.emplace_back(time.step, time.wallMs);
                }
        }
        constexpr std::size_t kRecent = 20;
        if (m_recentSteps.size() > kRecent)
            m_recentSteps.erase(m_recentSteps.begin(), m_recentSteps.end() - static_cast<std::ptrdiff_t>(kRecent));
        m_lastTimedStep = lastStep;
    }
    delta->events = m_reader->eventsSince(m_lastEvent);
    if (!delta->events.empty())
        m_lastEvent = delta->events.back().id;
    if (delta->restarted || !delta->metrics.empty() || !delta->events.empty() || !delta->wallSeconds.empty())
        Q_EMIT deltaRead(delta);
}

} // namespace midpoint::gui
