// SPDX-License-Identifier: GPL-3.0-or-later
// The run that the screens show: owns the reader thread, merges what it sends, and keeps curves, header, events and the current
// step. Lives on the window's thread, computes little and waits for nothing.
#pragma once

#include "widgets/viewmodels/run_data.h"
#include "widgets/viewmodels/series.h"
#include "widgets/viewmodels/x_quantity.h"

#include <QObject>
#include <QThread>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::gui {

class RunFeed;

class RunModel : public QObject {
    Q_OBJECT
public:
    explicit RunModel(QObject* parent = nullptr);
    ~RunModel() override;

    void open(const std::filesystem::path& path);
    void close();
    bool isOpen() const { return m_feed != nullptr; }
    const std::filesystem::path& path() const { return m_path; }

    const RunHeader& header() const { return *m_header; }
    const RunFacts& facts() const { return *m_facts; }
    bool hasFacts() const { return !m_facts->info.name.empty() || !m_facts->prompts.empty(); }
    bool isLoaded() const { return m_isLoaded; } // all that was there at the opening has arrived
    const std::vector<store::Event>& events() const { return m_events; }
    QString troubleText() const { return m_trouble; }
    std::string setting(const std::string& key) const; // of the resolved configuration, as TOML; empty if missing
    bool choosesUniformly() const; // by a strategy that predicts nothing

    // Curves over the chosen quantity, smoothed alike; nullptr if the run has no such metric.
    std::shared_ptr<const Curve> curve(const std::string& metric);
    std::optional<double> last(const std::string& metric) const;
    std::optional<double> at(const std::string& metric, double step) const; // the newest value not after the step
    std::optional<double> firstStep(const std::string& metric) const; // of its record
    std::vector<std::string> metricNames() const;
    std::string firstMetric(const std::string& prefix) const; // the first name that starts so; empty if none

    XQuantity xQuantity() const { return m_quantity; }
    void setXQuantity(XQuantity quantity);
    bool hasQuantity(XQuantity quantity) const;
    double smoothing() const { return m_smoothing; }
    void setSmoothing(double weight);
    double xOf(double step) const;
    double stepOf(double x) const;

    // The step that Difficulty, Buffer and Rollouts look at; it follows the newest one until the user chooses.
    std::int64_t currentStep() const { return m_currentStep; }
    bool followsNewest() const { return m_follows; }
    std::int64_t newestStep() const; // of the header or of the metrics, whichever came first
    void setCurrentStep(std::int64_t step);
    void followNewest();

    void askDifficulty(const DifficultyRequest& request);
    void askBuffer(std::int64_t step);
    void askRollouts(const RolloutRequest& request);
    void askPromptHistory(std::int64_t promptIndex);
    void askSystem();
    void followLog(bool on);
    void pollNow();
    void askIdle(); // readerIdle() follows when everything asked before is answered

Q_SIGNALS:
    void readerIdle();
    void opened();
    void headerChanged();
    void factsChanged();
    void dataArrived();     // metrics or events were added
    void curvesReplaced();  // x quantity, smoothing or a restart: fetch curves again
    void eventsAdded(std::vector<midpoint::store::Event> events);
    void currentStepChanged(std::int64_t step);
    void difficultyArrived(std::shared_ptr<const midpoint::gui::DifficultyView> view);
    void bufferArrived(std::shared_ptr<const midpoint::gui::BufferView> view);
    void rolloutsArrived(std::shared_ptr<const midpoint::gui::RolloutView> view);
    void promptHistoryArrived(std::shared_ptr<const midpoint::gui::PromptHistory> history);
    void systemArrived(std::shared_ptr<const midpoint::gui::SystemView> view);
    void logArrived(std::shared_ptr<const std::vector<midpoint::gui::LogLine>> lines, bool restarted);
    void troubleChanged(QString message);

private:
    void retireFeed();
    void connectFeed();
    void merge(const RunDelta& delta);
    void appendToScales(const RunDelta& delta);
    const StepScale* scale(XQuantity quantity) const;
    struct Column {
        std::vector<double> steps;
        std::vector<double> values;
    };
    struct Shown {
        std::shared_ptr<Curve> curve;
        std::size_t used = 0; // points of the column already in the curve
    };
    void extend(const std::string& metric, Shown& shown);

    std::filesystem::path m_path;
    QThread m_thread;
    RunFeed* m_feed = nullptr;
    std::unique_ptr<QObject> m_link; // receives what the feed sends; what is still on its way dies with it
    std::shared_ptr<const RunHeader> m_header;
    std::shared_ptr<const RunFacts> m_facts;
    std::map<std::string, std::string> m_settings;
    std::map<std::string, Column> m_columns;
    std::map<std::string, Shown> m_shown;
    std::vector<store::Event> m_events;
    StepScale m_time;
    StepScale m_rollouts;
    StepScale m_tokens;
    XQuantity m_quantity = XQuantity::Step;
    double m_smoothing = 0.9;
    std::int64_t m_currentStep = 0;
    std::int64_t m_newestMetricStep = 0;
    bool m_follows = true;
    bool m_isLoaded = false;
    QString m_trouble;
    std::int64_t m_nextRequest = 0;
};

} // namespace midpoint::gui
