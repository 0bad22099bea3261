// SPDX-License-Identifier: GPL-3.0-or-later
// What is known of each run of a project without opening it: the rows of the runs table. Plain data.
#pragma once

#include "backend/launch/run_state.h"
#include "backend/store/project_store.h"

#include <QMetaType>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::gui {

// A held-out evaluation with what had been spent when it was made.
struct EvaluationPoint {
    double step = 0.0;
    double accuracy = 0.0;
    double rollouts = 0.0; // NaN where not recorded
    double tokens = 0.0;
    double hours = 0.0;
};

struct BestValue {
    double value = 0.0;
    std::int64_t step = 0;
};

using RunNotes = store::RunNotes; // what the user said about a run; kept in project.db, never in the run

constexpr double kRewardSmoothing = 0.9; // of the reward that runs are sorted by: single steps are noisy

struct RunSummary {
    std::filesystem::path path;
    std::string name;
    launch::RunState state;
    std::int64_t step = 0;
    std::int64_t totalSteps = 0;
    std::int64_t startedMs = 0;
    std::int64_t lastMs = 0;
    std::map<std::string, double> last;        // newest value of every metric
    std::map<std::string, std::string> settings;
    std::int64_t experiment = 0;               // of the settings without the seed (seed_groups.h); 0: not known
    std::vector<EvaluationPoint> evaluations;
    std::string accuracyMetric;                // the metric behind them
    std::optional<BestValue> bestAccuracy;
    std::optional<BestValue> bestReward;
    std::optional<double> smoothReward;        // moving average of weight kRewardSmoothing at the last step
    std::vector<float> spark;                  // reward over steps, thinned
    std::string problem;                       // why the run cannot be read
    RunNotes notes;
    int color = 0;                             // index of the theme's series, bound to the run
};

// The first evaluation that reaches the accuracy, by the quantity asked for.
std::optional<EvaluationPoint> firstReaching(const RunSummary& run, double accuracy);

// One metric of one run, with every quantity that can stand on the x axis at each point.
struct OverlayCurve {
    std::string run; // name
    int color = 0;
    std::vector<double> steps;
    std::vector<double> minutes;
    std::vector<double> rollouts;
    std::vector<double> tokens;
    std::vector<double> values;
};

struct Overlay {
    std::string metric;
    std::vector<OverlayCurve> curves;
};

using RunSummaries = std::vector<std::shared_ptr<const RunSummary>>;

} // namespace midpoint::gui

Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::RunSummaries>)
Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::Overlay>)
