// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/project_feed.h"

#include "backend/core/files.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/run_folder.h"
#include "backend/store/run_reader.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_feed.h"
#include "widgets/viewmodels/seed_groups.h"
#include "widgets/viewmodels/series.h"
#include "widgets/viewmodels/x_quantity.h"

#include <QElapsedTimer>
#include <QTimer>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace midpoint::gui {

namespace {

namespace fs = std::filesystem;

constexpr int kScanMs = 2000;
constexpr qint64 kPartialMs = 300;
constexpr std::size_t kSparkPoints = 48;
constexpr const char* kPreferenceKeys[] = { "runs.columns", "live.plots", "layout", "configure.draft" };

std::int64_t stampOf(const fs::path& folder)
{
    std::uint64_t stamp = 0; // a hash: it wraps around
    std::error_code error;
    for (const char* name : { "run.db", "run.db-wal", "exit.json", "resolved.toml" }) {
        const auto time = fs::last_write_time(folder / name, error);
        if (!error)
            stamp = stamp * 31 + static_cast<std::uint64_t>(time.time_since_epoch().count());
    }
    return static_cast<std::int64_t>(stamp);
}

// Not every TOML file of a project is one: the recipe of a warm start has other keys.
bool isRunConfiguration(const fs::path& file)
{
    try {
        for (const auto& [key, value] : settingsOf(readFile(file)))
            if (key == "preset" || key.starts_with("run.") || key.starts_with("model.") || key.starts_with("data."))
                return true;
    } catch (const Error&) {
        return false; // it cannot be read: nothing to offer
    }
    return false;
}

StepScale scaleOf(const store::Series& series)
{
    StepScale scale;
    for (std::size_t i = 0; i < series.steps.size(); ++i)
        scale.append(static_cast<double>(series.steps[i]), series.values[i]);
    return scale;
}

StepScale hoursOf(const std::vector<store::StepTime>& times)
{
    StepScale scale;
    for (const store::StepTime& time : times)
        scale.append(static_cast<double>(time.step), static_cast<double>(time.wallMs - times.front().wallMs) / 3.6e6);
    return scale;
}

std::optional<BestValue> bestOf(const store::Series& series)
{
    std::optional<BestValue> best;
    for (std::size_t i = 0; i < series.values.size(); ++i)
        if (std::isfinite(series.values[i]) && (!best || series.values[i] > best->value))
            best = BestValue { series.values[i], series.steps[i] };
    return best;
}

std::optional<double> lastFinite(const std::vector<double>& values)
{
    const auto found = std::find_if(values.rbegin(), values.rend(), [](double value) { return std::isfinite(value); });
    return found == values.rend() ? std::nullopt : std::optional(*found);
}

std::vector<float> thinned(const std::vector<double>& values)
{
    std::vector<float> result;
    const std::size_t count = std::min(values.size(), kSparkPoints);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t first = i * values.size() / count;
        const std::size_t last = (i + 1) * values.size() / count;
        double sum = 0.0;
        for (std::size_t k = first; k < last; ++k)
            sum += values[k];
        result.push_back(static_cast<float>(sum / static_cast<double>(last - first)));
    }
    return result;
}

} // namespace

ProjectFeed::ProjectFeed(fs::path folder, bool keepsNotes)
    : m_folder(std::move(folder))
    , m_keepsNotes(keepsNotes)
{
}

ProjectFeed::~ProjectFeed() = default;

void ProjectFeed::start()
{
    openStore();
    m_timer = new QTimer(this);
    connect(m_timer, &QTimer::timeout, this, &ProjectFeed::scan);
    m_timer->start(kScanMs);
    scan();
    Q_EMIT configurationsFound(findConfigurations(m_folder));
}

std::vector<fs::path> findConfigurations(const fs::path& folder)
{
    std::vector<fs::path> found;
    std::vector<fs::path> folders { folder };
    std::error_code error;
    for (fs::directory_iterator it(folder / "projects", error), end; !error && it != end; it.increment(error))
        if (it->is_directory(error))
            folders.push_back(it->path());
    for (const fs::path& place : folders)
        for (fs::directory_iterator it(place, error), end; !error && it != end; it.increment(error))
            if (it->path().extension() == ".toml" && isRunConfiguration(it->path()))
                found.push_back(it->path());
    std::sort(found.begin(), found.end());
    return found;
}

std::string aboutConfiguration(const fs::path& file)
{
    std::ifstream in(file);
    std::string about;
    std::string line;
    while (std::getline(in, line) && line.starts_with("#")) {
        about += concat(about.empty() ? "" : " ", trim(std::string_view(line).substr(1)));
        if (const std::size_t end = about.find(". "); end != std::string::npos)
            return about.substr(0, end + 1);
    }
    return about;
}

void ProjectFeed::openStore()
{
    std::error_code error;
    std::map<QString, QString> preferences;
    try {
        if (m_keepsNotes || fs::exists(m_folder / "project.db", error)) {
            m_store = std::make_unique<store::ProjectStore>(m_folder / "project.db");
            m_notes = m_store->allNotes();
            for (const char* key : kPreferenceKeys)
                if (const auto value = m_store->setting(key))
                    preferences[QString::fromUtf8(key)] = qs(*value);
        }
    } catch (const std::exception& problem) {
        m_store.reset();
        Q_EMIT trouble(tr("Notes, tags and layouts of %1 are neither read nor saved; runs are not affected: %2").arg(qs(m_folder), QString::fromUtf8(problem.what())));
    }
    Q_EMIT preferencesRead(preferences);
}

void ProjectFeed::assignColors(std::map<std::string, RunNotes>& notes, const std::vector<std::string>& names)
{
    // A colour belongs to its run for good: new runs take the least used of the six hues.
    std::vector<int> uses(6, 0);
    for (const std::string& name : names)
        if (const auto known = notes.find(name); known != notes.end() && known->second.color >= 0)
            ++uses[static_cast<std::size_t>(known->second.color % 6)];
    for (const std::string& name : names) {
        RunNotes& entry = notes[name];
        if (entry.color >= 0)
            continue;
        const auto least = std::min_element(uses.begin(), uses.end());
        entry.color = least - uses.begin() + 6 * *least; // after six runs the dash pattern changes
        ++*least;
        keep([&](store::ProjectStore& store) { store.setNotes(name, entry); });
    }
}

std::shared_ptr<const RunSummary> ProjectFeed::summarise(const fs::path& folder)
{
    auto summary = std::make_shared<RunSummary>();
    summary->path = folder;
    summary->name = folder.filename().string();
    std::error_code error;
    if (!fs::exists(folder / "run.db", error))
        return summary;
    try {
        const store::RunReader reader(folder);
        const store::RunProgress progress = reader.progress();
        summary->step = progress.lastStep.value_or(0);
        summary->totalSteps = progress.totalSteps;
        summary->startedMs = progress.firstWallMs;
        summary->lastMs = progress.lastWallMs;
        summary->last = reader.lastMetrics();
        const store::RunInfo info = reader.info();
        for (auto& [key, value] : settingsOf(info.resolvedText.empty() ? info.configText : info.resolvedText))
            summary->settings[key] = value;
        summary->experiment = experimentOf(summary->settings);
        const store::Series reward = reader.series(metric_names::kReward);
        summary->bestReward = bestOf(reward);
        summary->smoothReward = lastFinite(smoothed(reward.values, kRewardSmoothing));
        summary->spark = thinned(reward.values);
        for (const auto& [name, value] : summary->last)
            if (summary->accuracyMetric.empty() && metric_names::isHeldOutAccuracy(name))
                summary->accuracyMetric = name;
        if (!summary->accuracyMetric.empty()) {
            const store::Series accuracy = reader.series(summary->accuracyMetric);
            const StepScale rollouts = scaleOf(reader.series(metric_names::kTotalRollouts));
            const StepScale tokens = scaleOf(reader.series(metric_names::kTotalTokens));
            const StepScale hours = hoursOf(reader.steps());
            summary->bestAccuracy = bestOf(accuracy);
            for (std::size_t i = 0; i < accuracy.steps.size(); ++i) {
                const double step = static_cast<double>(accuracy.steps[i]);
                summary->evaluations.push_back({ step, accuracy.values[i], rollouts.at(step), tokens.at(step), hours.at(step) });
            }
        }
    } catch (const std::exception& problem) {
        summary->problem = problem.what();
    }
    return summary;
}

void ProjectFeed::scan()
{
    if (m_isRetired)
        return;
    auto runs = std::make_shared<RunSummaries>();
    std::vector<std::string> names;
    std::vector<fs::path> folders;
    try {
        folders = launch::findRunFolders(runsFolderOf(m_folder));
        for (const fs::path& folder : folders)
            names.push_back(folder.filename().string());
        assignColors(m_notes, names);
    } catch (const std::exception& problem) {
        Q_EMIT trouble(tr("The runs of %1 cannot be listed: %2").arg(qs(m_folder), QString::fromUtf8(problem.what())));
    }
    QElapsedTimer sinceSent;
    sinceSent.start();
    for (std::size_t i = 0; i < folders.size() && !m_isRetired; ++i) {
        if (!m_hasScanned && sinceSent.elapsed() > kPartialMs) { // many runs: the table fills while they are read
            Q_EMIT scanned(std::make_shared<const RunSummaries>(*runs));
            sinceSent.restart();
        }
        Known& known = m_known[names[i]];
        const std::int64_t stamp = stampOf(folders[i]);
        if (!known.summary || stamp != known.stamp) {
            known.summary = summarise(folders[i]);
            known.stamp = stamp;
        }
        // State and notes are cheap and change without the files of the summary.
        launch::RunState state;
        try {
            state = launch::observeState(launch::RunFolder::open(folders[i]));
        } catch (const std::exception& problem) {
            state = { launch::RunStateKind::Lost, problem.what() };
        }
        const RunNotes& notes = m_notes[names[i]];
        if (known.summary->state != state || known.summary->notes != notes) {
            auto copy = std::make_shared<RunSummary>(*known.summary);
            copy->state = state;
            copy->notes = notes;
            copy->color = static_cast<int>(std::max<std::int64_t>(notes.color, 0));
            known.summary = copy;
        }
        runs->push_back(known.summary);
    }
    m_hasScanned = true;
    Q_EMIT scanned(runs);
}

void ProjectFeed::readOverlay(std::int64_t id, const OverlayRequest& request)
{
    if (id != newestOverlay.load())
        return;
    auto overlay = std::make_shared<Overlay>();
    overlay->metric = request.metric;
    for (const auto& [name, folder] : request.runs) {
        try {
            const store::RunReader reader(folder);
            const store::Series series = reader.series(request.metric);
            const StepScale rollouts = scaleOf(reader.series(metric_names::kTotalRollouts));
            const StepScale tokens = scaleOf(reader.series(metric_names::kTotalTokens));
            const StepScale hours = hoursOf(reader.steps());
            OverlayCurve curve;
            curve.run = name;
            const auto color = request.colors.find(name);
            curve.color = color == request.colors.end() ? 0 : color->second;
            for (std::size_t i = 0; i < series.steps.size(); ++i) {
                const double step = static_cast<double>(series.steps[i]);
                curve.steps.push_back(step);
                curve.minutes.push_back(hours.at(step) * 60.0);
                // Nothing was generated before the first recorded step.
                curve.rollouts.push_back(step == 0.0 ? 0.0 : rollouts.at(step));
                curve.tokens.push_back(step == 0.0 ? 0.0 : tokens.at(step));
                curve.values.push_back(series.values[i]);
            }
            overlay->curves.push_back(std::move(curve));
        } catch (const std::exception& problem) {
            Q_EMIT trouble(tr("%1 cannot be compared: %2").arg(qs(name), QString::fromUtf8(problem.what())));
        }
    }
    Q_EMIT overlayRead(overlay);
}

// What cannot be kept is said until it can be kept again; the window goes on with it, and no run is touched.
void ProjectFeed::keep(const std::function<void(store::ProjectStore&)>& write)
{
    if (!m_store)
        return;
    try {
        write(*m_store);
        if (m_hasTrouble)
            Q_EMIT trouble({});
        m_hasTrouble = false;
    } catch (const std::exception& problem) {
        m_hasTrouble = true;
        Q_EMIT trouble(tr("Notes, tags and layouts cannot be saved in %1; runs are not affected: %2").arg(qs(m_folder / "project.db"), QString::fromUtf8(problem.what())));
    }
}

void ProjectFeed::saveNotes(const std::string& run, const RunNotes& notes)
{
    m_notes[run] = notes;
    keep([&](store::ProjectStore& store) { store.setNotes(run, notes); });
    scan();
}

void ProjectFeed::renameRun(const fs::path& run, const std::string& name)
{
    const fs::path target = run.parent_path() / name;
    try {
        if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
            throw Error(ErrorKind::Usage, concat("'", name, "' cannot be the name of a folder: expected one without '/' that does not begin with '.'"));
        if (fs::exists(target))
            throw Error(ErrorKind::Usage, concat("'", target.string(), "' is there already"));
        if (launch::lockHolder(launch::RunFolder::open(run)))
            throw Error(ErrorKind::Usage, "the run is going on: stop it first");
        fs::rename(run, target);
    } catch (const std::exception& problem) {
        Q_EMIT refused(tr("%1 was not renamed: %2").arg(qs(run), QString::fromUtf8(problem.what())));
        return;
    }
    const std::string before = run.filename().string();
    if (auto known = m_notes.extract(before)) {
        known.key() = name;
        m_notes.erase(name); // of a run of this name that is gone
        m_notes.insert(std::move(known));
    }
    m_known.erase(before);
    keep([&](store::ProjectStore& store) { store.renameRun(before, name); });
    Q_EMIT renamed(run, target);
    scan();
}

void ProjectFeed::savePreference(const std::string& key, const std::string& value)
{
    keep([&](store::ProjectStore& store) { store.setSetting(key, value); });
}

} // namespace midpoint::gui
