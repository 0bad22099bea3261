// SPDX-License-Identifier: GPL-3.0-or-later
// What travels from the reader thread to the window: plain data, made once and never changed after, behind shared pointers.
#pragma once

#include "backend/launch/commands.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/run_state.h"
#include "backend/store/records.h"
#include "backend/store/rollout_store.h"
#include "backend/store/run_reader.h"
#include "widgets/viewmodels/difficulty_analysis.h"

#include <QMetaType>
#include <QString>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::gui {

// The strip above every run screen; refreshed at every poll.
struct RunHeader {
    std::filesystem::path path;
    std::string name;
    launch::RunState state;
    bool isSnapshot = false; // a database file without its run folder: nothing can be commanded
    std::int64_t asOfMs = 0; // of a published or private copy; 0: live
    std::int64_t step = 0;
    std::int64_t totalSteps = 0;
    std::int64_t promptCount = 0;
    double secondsPerStep = 0.0; // over the last steps; 0: not known
    double heartbeatAgeSeconds = -1.0;
    std::vector<launch::Heartbeat> heartbeats;
    std::vector<launch::Command> pending; // commands that wait for the engine
    std::optional<launch::ExitRecord> exit;
    std::vector<std::string> checkpoints; // folder names of those that can be used, oldest first
    bool hasDamagedCheckpoints = false;
    std::int64_t databaseBytes = 0;
    std::int64_t rolloutBytes = 0;
    std::int64_t checkpointBytes = 0;
    std::int64_t freeBytes = -1;
};

// What does not change while a run goes on.
struct RunFacts {
    store::RunInfo info;
    std::vector<store::RankRecord> ranks;
    std::vector<store::PromptRecord> prompts;
    std::vector<std::pair<std::string, std::string>> settings; // from resolved.toml: key, value as TOML
};

struct MetricBatch {
    std::string name;
    std::vector<double> steps;
    std::vector<double> values;
};

struct RunDelta {
    bool restarted = false; // forget the metrics sent before: a resume hid some of them
    bool hasMore = false;
    std::vector<MetricBatch> metrics;
    std::vector<std::pair<double, double>> wallSeconds; // step, seconds since the run's first step began
    std::vector<store::Event> events;
};

struct LogLine {
    std::int64_t wallMs = 0; // 0: the line has no time of its own
    std::int64_t rank = 0;
    store::EventLevel level = store::EventLevel::Info;
    std::int64_t step = -1; // events only
    bool isEvent = false;
    std::string text;
};

struct BufferView {
    std::int64_t step = 0;
    std::vector<store::BufferComposition> compositions; // by step; thinned evenly when there are very many
    std::optional<store::BufferComposition> present;    // at the step
    std::int64_t entriesStep = -1;                      // the newest full list not after the step; -1: none
    std::vector<store::BufferEntry> entries;
    // Ratio of new to behaviour policy per token, from the stored rollouts of one step; empty where none were trained on.
    std::int64_t ratioStep = -1;
    store::Histogram freshRatios;
    store::Histogram replayedRatios;
};

// Groups of one step; or, over all stored steps, those of one prompt and those that hold a text.
struct RolloutRequest {
    std::int64_t step = 0;
    std::optional<std::int64_t> promptIndex;
    std::string text; // in a response, case ignored
    bool isOverAllSteps() const { return promptIndex.has_value() || !text.empty(); }
    bool operator==(const RolloutRequest&) const = default;
};

struct RolloutView {
    RolloutRequest request;
    std::int64_t step = 0;   // the one shown: the newest stored not after the one asked for
    bool isCut = false;      // more groups fit the request than are shown
    std::vector<store::StoredGroup> groups;
    QString problem; // why there are none
};

struct PromptHistory {
    std::int64_t promptIndex = 0;
    store::Series predicted;
    std::vector<store::Observation> observations;
};

struct SystemView {
    std::vector<store::PhaseTiming> phases; // of the last steps
};

} // namespace midpoint::gui

Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::RunHeader>)
Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::RunFacts>)
Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::RunDelta>)
Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::DifficultyView>)
Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::BufferView>)
Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::RolloutView>)
Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::PromptHistory>)
Q_DECLARE_METATYPE(std::shared_ptr<const midpoint::gui::SystemView>)
