// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/run_model.h"

#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/run_feed.h"

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

RunModel::RunModel(QObject* parent)
    : QObject(parent)
    , m_header(std::make_shared<RunHeader>())
    , m_facts(std::make_shared<RunFacts>())
{
    m_thread.setObjectName(QStringLiteral("run reader"));
}

RunModel::~RunModel() { close(); }

// The window does not wait for what the feed is reading: the next feed begins on the same thread when this one has gone.
void RunModel::retireFeed()
{
    if (m_feed == nullptr)
        return;
    m_link.reset();
    m_feed->retire();
    m_feed->deleteLater();
    m_feed = nullptr;
}

void RunModel::close()
{
    retireFeed();
    m_thread.quit();
    m_thread.wait();
}

void RunModel::open(const std::filesystem::path& path)
{
    retireFeed();
    m_path = path;
    auto header = std::make_shared<RunHeader>();
    header->path = path;
    header->name = path.filename().string();
    m_header = header;
    m_facts = std::make_shared<RunFacts>();
    m_settings.clear();
    m_columns.clear();
    m_shown.clear();
    m_events.clear();
    for (StepScale* scale : { &m_time, &m_rollouts, &m_tokens })
        scale->clear();
    m_currentStep = 0;
    m_newestMetricStep = 0;
    m_follows = true;
    m_isLoaded = false;
    m_trouble.clear();
    m_feed = new RunFeed(path);
    connectFeed();
    m_feed->moveToThread(&m_thread);
    m_thread.start();
    QMetaObject::invokeMethod(m_feed, &RunFeed::start, Qt::QueuedConnection);
    Q_EMIT opened();
    Q_EMIT headerChanged();
    Q_EMIT curvesReplaced();
}

void RunModel::connectFeed()
{
    m_link = std::make_unique<QObject>();
    const auto on = [this](auto signal, auto slot) { connect(m_feed, signal, m_link.get(), slot); };
    on(&RunFeed::headerRead, [this](std::shared_ptr<const RunHeader> header) {
        m_header = std::move(header);
        Q_EMIT headerChanged();
    });
    on(&RunFeed::factsRead, [this](std::shared_ptr<const RunFacts> facts) {
        m_facts = std::move(facts);
        m_settings = { m_facts->settings.begin(), m_facts->settings.end() };
        Q_EMIT factsChanged();
    });
    on(&RunFeed::deltaRead, [this](const std::shared_ptr<const RunDelta>& delta) { merge(*delta); });
    on(&RunFeed::difficultyRead, [this](const std::shared_ptr<const DifficultyView>& view) { Q_EMIT difficultyArrived(view); });
    on(&RunFeed::bufferRead, [this](const std::shared_ptr<const BufferView>& view) { Q_EMIT bufferArrived(view); });
    on(&RunFeed::rolloutsRead, [this](const std::shared_ptr<const RolloutView>& view) { Q_EMIT rolloutsArrived(view); });
    on(&RunFeed::promptHistoryRead, [this](const std::shared_ptr<const PromptHistory>& history) { Q_EMIT promptHistoryArrived(history); });
    on(&RunFeed::systemRead, [this](const std::shared_ptr<const SystemView>& view) { Q_EMIT systemArrived(view); });
    on(&RunFeed::logRead, [this](const std::shared_ptr<const std::vector<LogLine>>& lines, bool restarted) { Q_EMIT logArrived(lines, restarted); });
    on(&RunFeed::idle, [this] { Q_EMIT readerIdle(); });
    on(&RunFeed::trouble, [this](const QString& message) {
        m_trouble = message;
        Q_EMIT troubleChanged(message);
    });
}

void RunModel::merge(const RunDelta& delta)
{
    if (delta.restarted) {
        m_columns.clear();
        m_shown.clear();
        for (StepScale* scale : { &m_time, &m_rollouts, &m_tokens })
            scale->clear();
    }
    for (const MetricBatch& batch : delta.metrics) {
        Column& column = m_columns[batch.name];
        column.steps.insert(column.steps.end(), batch.steps.begin(), batch.steps.end());
        column.values.insert(column.values.end(), batch.values.begin(), batch.values.end());
    }
    appendToScales(delta);
    for (auto& [metric, shown] : m_shown)
        extend(metric, shown);
    m_events.insert(m_events.end(), delta.events.begin(), delta.events.end());
    m_isLoaded = !delta.hasMore;
    if (delta.restarted)
        Q_EMIT curvesReplaced();
    if (!delta.events.empty())
        Q_EMIT eventsAdded(delta.events);
    Q_EMIT dataArrived();
    if (delta.hasMore) {
        QMetaObject::invokeMethod(m_feed, &RunFeed::continueReading, Qt::QueuedConnection);
        return;
    }
    m_newestMetricStep = 0;
    for (const auto& [name, column] : m_columns)
        m_newestMetricStep = column.steps.empty() ? m_newestMetricStep : std::max(m_newestMetricStep, static_cast<std::int64_t>(column.steps.back()));
    if (m_follows && m_newestMetricStep != m_currentStep) {
        m_currentStep = m_newestMetricStep;
        Q_EMIT currentStepChanged(m_currentStep);
    }
}

void RunModel::appendToScales(const RunDelta& delta)
{
    for (const auto& [step, seconds] : delta.wallSeconds)
        m_time.append(step, seconds / 60.0);
    for (const MetricBatch& batch : delta.metrics) {
        StepScale* target = batch.name == metric_names::kTotalRollouts ? &m_rollouts
            : batch.name == metric_names::kTotalTokens                 ? &m_tokens
                                                                       : nullptr;
        for (std::size_t i = 0; target != nullptr && i < batch.steps.size(); ++i)
            target->append(batch.steps[i], batch.values[i]);
    }
}

const StepScale* RunModel::scale(XQuantity quantity) const
{
    switch (quantity) {
    case XQuantity::Time: return &m_time;
    case XQuantity::Rollouts: return &m_rollouts;
    case XQuantity::Tokens: return &m_tokens;
    case XQuantity::Step: break;
    }
    return nullptr;
}

bool RunModel::hasQuantity(XQuantity quantity) const { return quantity == XQuantity::Step || !scale(quantity)->isEmpty(); }

double RunModel::xOf(double step) const { return m_quantity == XQuantity::Step ? step : scale(m_quantity)->at(step); }
double RunModel::stepOf(double x) const { return m_quantity == XQuantity::Step ? std::round(x) : scale(m_quantity)->stepAt(x); }

void RunModel::extend(const std::string& metric, Shown& shown)
{
    const auto found = m_columns.find(metric);
    if (found == m_columns.end())
        return;
    const Column& column = found->second;
    std::size_t place = 0;
    for (; shown.used < column.steps.size(); ++shown.used) {
        const double step = column.steps[shown.used];
        const double x = m_quantity == XQuantity::Step ? step : scale(m_quantity)->at(step, place);
        if (std::isnan(x) && m_quantity != XQuantity::Step && shown.used + 1 == column.steps.size())
            return; // its time arrives with the next poll
        if (!std::isnan(x))
            shown.curve->append(x, column.values[shown.used]);
    }
}

std::shared_ptr<const Curve> RunModel::curve(const std::string& metric)
{
    if (m_columns.find(metric) == m_columns.end())
        return nullptr;
    auto [place, isNew] = m_shown.try_emplace(metric);
    if (isNew) {
        place->second.curve = std::make_shared<Curve>(m_smoothing);
        extend(metric, place->second);
    }
    return place->second.curve;
}

std::optional<double> RunModel::last(const std::string& metric) const
{
    const auto found = m_columns.find(metric);
    if (found == m_columns.end() || found->second.values.empty())
        return std::nullopt;
    return found->second.values.back();
}

std::optional<double> RunModel::at(const std::string& metric, double step) const
{
    const auto found = m_columns.find(metric);
    if (found == m_columns.end())
        return std::nullopt;
    const std::vector<double>& steps = found->second.steps;
    const auto after = std::upper_bound(steps.begin(), steps.end(), step);
    if (after == steps.begin())
        return std::nullopt;
    return found->second.values[static_cast<std::size_t>(after - steps.begin()) - 1];
}

std::optional<double> RunModel::firstStep(const std::string& metric) const
{
    const auto found = m_columns.find(metric);
    return found == m_columns.end() || found->second.steps.empty() ? std::nullopt : std::optional(found->second.steps.front());
}

std::vector<std::string> RunModel::metricNames() const
{
    std::vector<std::string> names;
    for (const auto& [name, column] : m_columns)
        names.push_back(name);
    return names;
}

std::string RunModel::firstMetric(const std::string& prefix) const
{
    const auto found = m_columns.lower_bound(prefix);
    return found != m_columns.end() && found->first.starts_with(prefix) ? found->first : std::string();
}

std::string RunModel::setting(const std::string& key) const
{
    const auto found = m_settings.find(key);
    return found == m_settings.end() ? std::string() : found->second;
}

bool RunModel::choosesUniformly() const
{
    const std::string strategy = setting("selection.strategy");
    return strategy == "\"uniform\"" || strategy == "\"dynamic-sampling\"";
}

void RunModel::setXQuantity(XQuantity quantity)
{
    if (quantity == m_quantity || !hasQuantity(quantity))
        return;
    m_quantity = quantity;
    m_shown.clear();
    Q_EMIT curvesReplaced();
}

void RunModel::setSmoothing(double weight)
{
    weight = std::clamp(weight, 0.0, 0.999); // 1.0 would flatten every curve
    if (weight == m_smoothing)
        return;
    m_smoothing = weight;
    for (auto& [metric, shown] : m_shown)
        shown.curve->setSmoothing(weight);
    Q_EMIT curvesReplaced();
}

void RunModel::setCurrentStep(std::int64_t step)
{
    step = std::max<std::int64_t>(step, 0);
    m_follows = step >= newestStep() && newestStep() > 0;
    if (step == m_currentStep)
        return;
    m_currentStep = step;
    Q_EMIT currentStepChanged(step);
}

std::int64_t RunModel::newestStep() const { return std::max(m_header->step, m_newestMetricStep); }

void RunModel::followNewest()
{
    m_follows = true;
    if (newestStep() != m_currentStep && newestStep() > 0) {
        m_currentStep = newestStep();
        Q_EMIT currentStepChanged(m_currentStep);
    }
}

void RunModel::askDifficulty(const DifficultyRequest& request)
{
    if (m_feed == nullptr)
        return;
    const std::int64_t id = ++m_nextRequest;
    m_feed->newestDifficulty = id;
    QMetaObject::invokeMethod(m_feed, [feed = m_feed, id, request] { feed->readDifficulty(id, request); }, Qt::QueuedConnection);
}

void RunModel::askBuffer(std::int64_t step)
{
    if (m_feed == nullptr)
        return;
    const std::int64_t id = ++m_nextRequest;
    m_feed->newestBuffer = id;
    QMetaObject::invokeMethod(m_feed, [feed = m_feed, id, step] { feed->readBuffer(id, step); }, Qt::QueuedConnection);
}

void RunModel::askRollouts(const RolloutRequest& request)
{
    if (m_feed == nullptr)
        return;
    const std::int64_t id = ++m_nextRequest;
    m_feed->newestRollouts = id;
    QMetaObject::invokeMethod(m_feed, [feed = m_feed, id, request] { feed->readRollouts(id, request); }, Qt::QueuedConnection);
}

void RunModel::askPromptHistory(std::int64_t promptIndex)
{
    if (m_feed != nullptr)
        QMetaObject::invokeMethod(m_feed, [feed = m_feed, promptIndex] { feed->readPromptHistory(promptIndex); }, Qt::QueuedConnection);
}

void RunModel::askSystem()
{
    if (m_feed != nullptr)
        QMetaObject::invokeMethod(m_feed, &RunFeed::readSystem, Qt::QueuedConnection);
}

void RunModel::followLog(bool on)
{
    if (m_feed != nullptr)
        QMetaObject::invokeMethod(m_feed, [feed = m_feed, on] { feed->followLog(on); }, Qt::QueuedConnection);
}

void RunModel::askIdle()
{
    if (m_feed != nullptr)
        QMetaObject::invokeMethod(m_feed, &RunFeed::answerWhenIdle, Qt::QueuedConnection);
}

void RunModel::pollNow()
{
    if (m_feed != nullptr)
        QMetaObject::invokeMethod(m_feed, &RunFeed::poll, Qt::QueuedConnection);
}

} // namespace midpoint::gui
