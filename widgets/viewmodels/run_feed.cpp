// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/run_feed.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "widgets/viewmodels/format.h"

#include <toml++/toml.h>

#include <QTimer>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <sstream>

namespace midpoint::gui {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRowsPerDelta = 60'000; // merged by the window in a few milliseconds
constexpr std::uintmax_t kLogTailBytes = 4'000'000;
constexpr std::int64_t kLedgerStepsPerRead = 2'000;
constexpr std::size_t kMaximumCompositions = 600;
constexpr int kSlowEvery = 8; // polls between measurements of folders and disks
constexpr std::size_t kHistogramBins = 20;

std::int64_t sizeOf(const fs::path& path)
{
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    return error ? 0 : static_cast<std::int64_t>(size);
}

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
        text << toml::node_view<const toml::node>(node);
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

LogLine parseLogLine(std::string text, std::int64_t rank)
{
    LogLine line;
    line.rank = rank;
    // YYYY-MM-DD HH:MM:SS.mmm level message
    constexpr std::size_t kStampLength = 23;
    std::tm time {};
    int milliseconds = 0;
    char level[16] = {};
    int consumed = 0;
    if (text.size() > kStampLength
        && std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d.%3d %15s%n", &time.tm_year, &time.tm_mon, &time.tm_mday, &time.tm_hour,
               &time.tm_min, &time.tm_sec, &milliseconds, level, &consumed)
            == 8) {
        time.tm_year -= 1900;
        time.tm_mon -= 1;
        time.tm_isdst = -1;
        line.wallMs = static_cast<std::int64_t>(std::mktime(&time)) * 1000 + milliseconds;
        const std::string word = toLower(level);
        line.level = word.starts_with("err") ? store::EventLevel::Error
            : word.starts_with("warn")       ? store::EventLevel::Warning
                                             : store::EventLevel::Info;
        line.text = std::string(trim(std::string_view(text).substr(static_cast<std::size_t>(consumed))));
        return line;
    }
    const std::string lower = toLower(text.substr(0, 200));
    if (lower.find("error") != std::string::npos || lower.find("terminate called") != std::string::npos)
        line.level = store::EventLevel::Error;
    else if (lower.find("warning") != std::string::npos)
        line.level = store::EventLevel::Warning;
    line.text = std::move(text);
    return line;
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

template <typename Work>
void RunFeed::guarded(const char* what, Work work)
{
    try {
        work();
    } catch (const std::exception& error) {
        setTrouble(tr("%1: %2").arg(QString::fromUtf8(what), QString::fromUtf8(error.what())));
    }
}

void RunFeed::setTrouble(const QString& message)
{
    if (message == m_trouble)
        return;
    m_trouble = message;
    Q_EMIT trouble(message);
}

bool RunFeed::ensureReader()
{
    std::error_code error;
    if (!fs::exists(m_path, error)) {
        m_reader.reset();
        m_rollouts.reset();
        setTrouble(tr("%1 is gone: the folder was removed or its disk is not mounted. What was read before stays on the screens.").arg(qs(m_path)));
        return false;
    }
    if (m_reader)
        return true;
    if (m_isFolder && !fs::exists(m_path / "run.db", error))
        return false; // a run that has not begun to record
    m_reader = std::make_unique<store::RunReader>(m_path);
    return true;
}

void RunFeed::poll()
{
    bool isThere = false;
    guarded("The run's database cannot be read; state, log and commands still work", [&] {
        isThere = ensureReader();
        m_isStale = (isThere && m_reader->changed()) || m_isStale; // stays so until everything was read
        if (!isThere || !m_isStale)
            return;
        m_progress = m_reader->progress();
        if (m_progress.promptCount != static_cast<std::int64_t>(m_promptsSent) || !m_factsSent || m_ranksSent == 0)
            readFacts();
        readDelta();
        m_isStale = false;
        setTrouble({});
    });
    readHeader();
    if (m_followsLog)
        readLog();
}

void RunFeed::continueReading()
{
    guarded("The run's database cannot be read", [this] { readDelta(); });
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
    const bool isSlowTurn = m_slowCounter++ % kSlowEvery == 0;
    std::error_code error;
    if (m_isFolder && fs::exists(m_path, error)) {
        try {
            const launch::RunFolder folder = launch::RunFolder::open(m_path);
            header.state = launch::observeState(folder);
            header.heartbeats = launch::readHeartbeats(folder);
            header.pending = launch::pendingCommands(folder);
            header.exit = launch::readExitRecord(folder);
            header.heartbeatAgeSeconds = -1.0;
            for (const launch::Heartbeat& beat : header.heartbeats) {
                const double age = static_cast<double>(systemClock().wallMilliseconds() - beat.wallMs) / 1000.0;
                header.heartbeatAgeSeconds = std::max(header.heartbeatAgeSeconds, age);
            }
            if (isSlowTurn) {
                header.checkpoints.clear();
                for (fs::directory_iterator it(folder.checkpoints(), error), end; !error && it != end; it.increment(error))
                    if (it->path().filename().string().starts_with("step_"))
                        header.checkpoints.push_back(it->path().filename().string());
                std::sort(header.checkpoints.begin(), header.checkpoints.end());
                header.checkpointBytes = folderBytes(folder.checkpoints());
            }
            header.databaseBytes = sizeOf(folder.database());
            header.rolloutBytes = sizeOf(folder.rollouts());
        } catch (const std::exception& problem) {
            setTrouble(QString::fromUtf8(problem.what()));
        }
    } else {
        header.state = { launch::RunStateKind::Finished, m_isFolder ? "removed" : "snapshot" };
        header.databaseBytes = sizeOf(m_path);
    }
    if (isSlowTurn) {
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

void RunFeed::updateLedger(std::int64_t throughStep)
{
    m_ledger.resize(static_cast<std::size_t>(std::max<std::int64_t>(m_progress.promptCount, 0)));
    if (throughStep < m_ledgerThrough) { // a question about an earlier step: count again from the start
        std::fill(m_ledger.begin(), m_ledger.end(), PromptStanding {});
        m_ledgerThrough = -1;
    }
    while (m_ledgerThrough < throughStep) {
        const std::int64_t last = std::min(m_ledgerThrough + kLedgerStepsPerRead, throughStep);
        for (const store::Observation& observation : m_reader->observations(m_ledgerThrough + 1, last)) {
            const auto index = static_cast<std::size_t>(observation.promptIndex);
            if (index >= m_ledger.size() || observation.purpose == Purpose::Evaluate)
                continue;
            PromptStanding& standing = m_ledger[index];
            ++standing.seen;
            standing.attempts = observation.attempts;
            standing.successes = observation.successes;
            standing.lastStep = observation.step;
        }
        m_ledgerThrough = last;
    }
}

void RunFeed::readDifficulty(std::int64_t id, DifficultyRequest request)
{
    if (id != newestDifficulty.load())
        return;
    guarded("The difficulty of prompts cannot be read", [&] {
        if (!ensureReader())
            return;
        auto view = std::make_shared<DifficultyView>();
        view->request = request;
        const std::int64_t from = std::max<std::int64_t>(request.step - request.windowSteps + 1, 0);
        // The rounds within the window, and the one that was in force when it began.
        const std::vector<std::int64_t> roundSteps = m_reader->predictionSteps();
        auto first = std::upper_bound(roundSteps.begin(), roundSteps.end(), from);
        first -= first != roundSteps.begin() ? 1 : 0;
        std::vector<store::PredictionRound> rounds;
        for (auto step = first; step != roundSteps.end() && *step <= request.step; ++step)
            if (auto round = m_reader->predictionRound(*step))
                rounds.push_back(std::move(*round));
        view->pairs = pairMeasurements(m_reader->observations(from, request.step), rounds, request.set);
        view->summary = summarise(view->pairs, request);
        updateLedger(request.step);
        view->standings = m_ledger;
        for (const store::BufferEntry& entry : m_reader->bufferEntries([this, &request] {
                 std::int64_t found = -1;
                 for (const std::int64_t step : m_reader->bufferEntrySteps())
                     found = step <= request.step ? std::max(found, step) : found;
                 return found;
             }()))
            if (static_cast<std::size_t>(entry.promptIndex) < view->standings.size())
                ++view->standings[static_cast<std::size_t>(entry.promptIndex)].inBuffer;
        std::vector<double> pool;
        std::vector<double> selected;
        std::vector<double> measured;
        for (const DifficultyPair& pair : view->pairs)
            measured.push_back(pair.measured());
        if (!rounds.empty()) {
            const store::PredictionRound& round = rounds.back();
            view->roundStep = round.step;
            view->belief = round.belief;
            for (std::size_t i = 0; i < round.successRates.size(); ++i) {
                if (std::isnan(round.successRates[i]))
                    continue;
                pool.push_back(1.0 - static_cast<double>(round.successRates[i]));
                if (i < view->standings.size())
                    view->standings[i].predicted = pool.back();
            }
            for (const std::int32_t index : round.selected)
                if (static_cast<std::size_t>(index) < round.successRates.size())
                    selected.push_back(1.0 - static_cast<double>(round.successRates[static_cast<std::size_t>(index)]));
        }
        for (std::size_t i = 0; i <= kHistogramBins; ++i)
            view->binEdges.push_back(static_cast<double>(i) / static_cast<double>(kHistogramBins));
        view->poolShare = histogramShares(pool, kHistogramBins);
        view->selectedShare = histogramShares(selected, kHistogramBins);
        view->measuredShare = histogramShares(measured, kHistogramBins);
        Q_EMIT difficultyRead(view);
    });
}

void RunFeed::readBuffer(std::int64_t id, std::int64_t step)
{
    if (id != newestBuffer.load())
        return;
    guarded("The replay buffer's record cannot be read", [&] {
        if (!ensureReader())
            return;
        auto view = std::make_shared<BufferView>();
        view->step = step;
        const std::int64_t last = m_progress.lastStep.value_or(0);
        if (last <= static_cast<std::int64_t>(kMaximumCompositions)) {
            view->compositions = m_reader->bufferCompositions(0, last);
        } else {
            const double stride = static_cast<double>(last) / static_cast<double>(kMaximumCompositions);
            for (std::size_t i = 1; i <= kMaximumCompositions; ++i) {
                const auto at = static_cast<std::int64_t>(std::llround(static_cast<double>(i) * stride));
                for (store::BufferComposition& composition : m_reader->bufferCompositions(at, at))
                    view->compositions.push_back(std::move(composition));
            }
        }
        auto present = m_reader->bufferCompositions(step, step);
        if (!present.empty())
            view->present = std::move(present.front());
        for (const std::int64_t listed : m_reader->bufferEntrySteps())
            if (listed <= step)
                view->entriesStep = std::max(view->entriesStep, listed);
        if (view->entriesStep >= 0)
            view->entries = m_reader->bufferEntries(view->entriesStep);
        readRatios(*view);
        Q_EMIT bufferRead(view);
    });
}

void RunFeed::readRatios(BufferView& view)
{
    if (!m_rollouts && store::RolloutReader::exists(m_path))
        m_rollouts = std::make_unique<store::RolloutReader>(m_path);
    if (!m_rollouts)
        return;
    for (const std::int64_t step : m_rollouts->steps())
        view.ratioStep = step <= view.step ? std::max(view.ratioStep, step) : view.ratioStep;
    if (view.ratioStep < 0)
        return;
    constexpr std::size_t kBins = 40;
    constexpr double kLargest = 2.0; // larger ratios count in the last bin
    for (store::Histogram* histogram : { &view.freshRatios, &view.replayedRatios }) {
        histogram->counts.assign(kBins, 0.0);
        for (std::size_t i = 0; i <= kBins; ++i)
            histogram->edges.push_back(kLargest * static_cast<double>(i) / static_cast<double>(kBins));
    }
    for (const store::StoredGroup& group : m_rollouts->groups(view.ratioStep))
        for (const store::StoredRollout& stored : group.rollouts)
            for (std::size_t i = 0; i < std::min(stored.trainerLogprobs.size(), stored.rollout.logprobs.size()); ++i) {
                const double ratio = std::exp(static_cast<double>(stored.trainerLogprobs[i]) - static_cast<double>(stored.rollout.logprobs[i]));
                const auto bin = std::min(static_cast<std::size_t>(std::max(ratio, 0.0) / kLargest * kBins), kBins - 1);
                ++(group.isReplayed ? view.replayedRatios : view.freshRatios).counts[bin];
            }
}

void RunFeed::readRollouts(std::int64_t id, std::int64_t step)
{
    if (id != newestRollouts.load())
        return;
    auto view = std::make_shared<RolloutView>();
    view->step = step;
    try {
        if (!m_rollouts) {
            if (!store::RolloutReader::exists(m_path)) {
                view->problem = m_isFolder ? "This run has stored no rollouts yet (store.rollouts_per_step says how many are kept)."
                                           : "A snapshot holds no rollout texts: open the run folder to read them.";
                Q_EMIT rolloutsRead(view);
                return;
            }
            m_rollouts = std::make_unique<store::RolloutReader>(m_path);
        }
        view->steps = m_rollouts->steps();
        std::int64_t best = -1; // the newest stored step not after the one asked for, otherwise the first
        for (const std::int64_t stored : view->steps)
            best = stored <= step || best < 0 ? stored : best;
        view->step = best;
        if (best >= 0)
            view->groups = m_rollouts->groups(best);
        else
            view->problem = "This run has stored no rollouts yet (store.rollouts_per_step says how many are kept).";
    } catch (const std::exception& error) {
        m_rollouts.reset();
        view->problem = concat("The rollouts cannot be read, all other screens still work: ", error.what());
    }
    Q_EMIT rolloutsRead(view);
}

void RunFeed::readPromptHistory(std::int64_t promptIndex)
{
    guarded("The history of the prompt cannot be read", [&] {
        if (!ensureReader())
            return;
        auto history = std::make_shared<PromptHistory>();
        history->promptIndex = promptIndex;
        history->predicted = m_reader->predictionsOf(promptIndex);
        history->observations = m_reader->observationsOf(promptIndex);
        Q_EMIT promptHistoryRead(history);
    });
}

void RunFeed::readSystem()
{
    guarded("The timing of phases cannot be read", [&] {
        if (!ensureReader())
            return;
        constexpr std::int64_t kTimelineSteps = 5;
        auto view = std::make_shared<SystemView>();
        const std::int64_t last = m_progress.lastStep.value_or(0);
        view->phases = m_reader->phases(std::max<std::int64_t>(last - kTimelineSteps + 1, 0), last);
        Q_EMIT systemRead(view);
    });
}

void RunFeed::followLog(bool on)
{
    const bool wasOn = m_followsLog;
    m_followsLog = on;
    if (on && !wasOn) {
        m_logTails.clear();
        readLog();
    }
}

void RunFeed::readLog()
{
    if (!m_isFolder)
        return;
    const bool isFirst = m_logTails.empty();
    std::error_code error;
    for (fs::directory_iterator it(m_path / "log", error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        const bool isKnown = std::any_of(m_logTails.begin(), m_logTails.end(), [&](const LogTail& tail) { return tail.file == it->path(); });
        if (isKnown || !name.ends_with(".log"))
            continue;
        LogTail tail;
        tail.file = it->path();
        tail.rank = name.starts_with("rank") ? std::atoll(name.c_str() + 4) : 0;
        const std::uintmax_t size = fs::file_size(tail.file, error);
        tail.offset = !error && size > kLogTailBytes ? size - kLogTailBytes : 0;
        m_logTails.push_back(tail);
    }
    auto lines = std::make_shared<std::vector<LogLine>>();
    for (LogTail& tail : m_logTails) {
        const std::uintmax_t size = fs::file_size(tail.file, error);
        if (error || size == tail.offset)
            continue;
        if (size < tail.offset)
            tail.offset = 0; // the file was replaced
        std::ifstream in(tail.file, std::ios::binary);
        in.seekg(static_cast<std::streamoff>(tail.offset));
        std::string chunk(static_cast<std::size_t>(size - tail.offset), '\0');
        in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
        chunk.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
        tail.offset += chunk.size();
        std::vector<std::string> pieces = split(tail.rest + chunk, '\n');
        tail.rest = pieces.back();
        pieces.pop_back();
        for (std::string& piece : pieces) {
            // A progress bar overwrites its line: only its last form counts.
            const std::size_t carriage = piece.find_last_of('\r', piece.empty() || piece.back() != '\r' ? std::string::npos : piece.size() - 2);
            lines->push_back(parseLogLine(carriage == std::string::npos ? std::move(piece) : piece.substr(carriage + 1), tail.rank));
        }
    }
    if (!lines->empty() || isFirst)
        Q_EMIT logRead(lines, isFirst);
}

} // namespace midpoint::gui
