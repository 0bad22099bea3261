// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/project_model.h"

#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_feed.h"

namespace midpoint::gui {

std::filesystem::path runsFolderOf(const std::filesystem::path& folder)
{
    std::error_code error;
    return std::filesystem::is_directory(folder / "runs", error) ? folder / "runs" : folder;
}

std::filesystem::path workspaceOf(const std::filesystem::path& folder)
{
    const std::filesystem::path parent = folder.parent_path();
    return parent.filename() == "projects" && !parent.parent_path().empty() ? parent.parent_path() : folder;
}

std::optional<EvaluationPoint> firstReaching(const RunSummary& run, double accuracy)
{
    for (const EvaluationPoint& point : run.evaluations)
        if (point.accuracy >= accuracy)
            return point;
    return std::nullopt;
}

ProjectModel::ProjectModel(QObject* parent)
    : QObject(parent)
    , m_runs(std::make_shared<RunSummaries>())
{
    m_thread.setObjectName(QStringLiteral("project reader"));
}

ProjectModel::~ProjectModel() { close(); }

// The window does not wait for a scan that goes on: the next feed begins on the same thread, behind what this one was asked to
// save.
void ProjectModel::retireFeed()
{
    if (m_feed == nullptr)
        return;
    Q_EMIT closing();
    m_link.reset();
    m_feed->retire();
    m_feed->deleteLater();
    m_feed = nullptr;
}

void ProjectModel::close()
{
    if (m_feed == nullptr)
        return;
    QObject last; // ends the thread behind what was asked before, so that the last preferences are still written
    retireFeed();
    last.moveToThread(&m_thread);
    QMetaObject::invokeMethod(&last, [this] { m_thread.quit(); }, Qt::QueuedConnection);
    m_thread.wait();
}

std::filesystem::path ProjectModel::runsFolder() const { return runsFolderOf(m_folder); }

void ProjectModel::open(const std::filesystem::path& folder, Keeping keeping)
{
    retireFeed();
    m_folder = folder;
    m_runs = std::make_shared<RunSummaries>();
    m_compared.clear();
    m_configurations.clear();
    m_preferences.clear();
    m_feed = new ProjectFeed(folder, keeping == Keeping::Notes);
    connectFeed();
    m_feed->moveToThread(&m_thread);
    m_thread.start();
    QMetaObject::invokeMethod(m_feed, &ProjectFeed::start, Qt::QueuedConnection);
    Q_EMIT opened();
    Q_EMIT runsChanged();
}

void ProjectModel::connectFeed()
{
    m_link = std::make_unique<QObject>();
    const auto on = [this](auto signal, auto slot) { connect(m_feed, signal, m_link.get(), slot); };
    on(&ProjectFeed::scanned, [this](std::shared_ptr<const RunSummaries> runs) {
        if (*runs == *m_runs)
            return; // summaries are made anew only where something changed
        m_runs = std::move(runs);
        Q_EMIT runsChanged();
    });
    on(&ProjectFeed::configurationsFound, [this](const std::vector<std::filesystem::path>& files) {
        m_configurations = files;
        Q_EMIT opened();
    });
    on(&ProjectFeed::preferencesRead, [this](const std::map<QString, QString>& preferences) {
        m_preferences = preferences;
        Q_EMIT opened();
        Q_EMIT preferencesArrived();
    });
    on(&ProjectFeed::overlayRead, [this](const std::shared_ptr<const Overlay>& overlay) { Q_EMIT overlayArrived(overlay); });
    on(&ProjectFeed::refused, [this](const QString& message) { Q_EMIT refused(message); });
    on(&ProjectFeed::renamed, [this](const std::filesystem::path& from, const std::filesystem::path& to) {
        if (m_compared.erase(from.filename().string()) > 0)
            m_compared.insert(to.filename().string());
        Q_EMIT renamed(from, to);
    });
    on(&ProjectFeed::trouble, [this](const QString& message) { Q_EMIT trouble(message); });
}

const RunSummary* ProjectModel::run(const std::string& name) const
{
    for (const auto& run : *m_runs)
        if (run->name == name)
            return run.get();
    return nullptr;
}

void ProjectModel::setCompared(const std::string& name, bool on)
{
    const bool changed = on ? m_compared.insert(name).second : m_compared.erase(name) > 0;
    if (changed)
        Q_EMIT comparedChanged();
}

void ProjectModel::clearCompared()
{
    m_compared.clear();
    Q_EMIT comparedChanged();
}

void ProjectModel::askOverlay(const std::string& metric)
{
    if (m_feed == nullptr)
        return;
    OverlayRequest request;
    request.metric = metric;
    for (const std::string& name : m_compared)
        if (const RunSummary* summary = run(name)) {
            request.runs.emplace_back(name, summary->path);
            request.colors[name] = summary->color;
        }
    const std::int64_t id = ++m_nextRequest;
    m_feed->newestOverlay = id;
    QMetaObject::invokeMethod(m_feed, [feed = m_feed, id, request] { feed->readOverlay(id, request); }, Qt::QueuedConnection);
}

void ProjectModel::changeNotes(const std::string& name, const std::function<void(RunNotes&)>& change)
{
    const RunSummary* summary = run(name);
    if (m_feed == nullptr || summary == nullptr)
        return;
    RunNotes notes = summary->notes;
    change(notes);
    QMetaObject::invokeMethod(m_feed, [feed = m_feed, name, notes] { feed->saveNotes(name, notes); }, Qt::QueuedConnection);
}

void ProjectModel::renameRun(const std::filesystem::path& run, const std::string& name)
{
    if (m_feed != nullptr)
        QMetaObject::invokeMethod(m_feed, [feed = m_feed, run, name] { feed->renameRun(run, name); }, Qt::QueuedConnection);
}

QString ProjectModel::preference(const QString& key) const
{
    const auto found = m_preferences.find(key);
    return found == m_preferences.end() ? QString() : found->second;
}

void ProjectModel::setPreference(const QString& key, const QString& value)
{
    if (preference(key) == value)
        return;
    m_preferences[key] = value;
    if (m_feed != nullptr)
        QMetaObject::invokeMethod(
            m_feed, [feed = m_feed, key, value] { feed->savePreference(key.toStdString(), value.toStdString()); }, Qt::QueuedConnection);
}

void ProjectModel::refreshNow()
{
    if (m_feed != nullptr)
        QMetaObject::invokeMethod(m_feed, &ProjectFeed::scan, Qt::QueuedConnection);
}

} // namespace midpoint::gui
