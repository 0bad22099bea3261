// What one training step did, as values handed from phase to phase. Steps are counted from 0 inside the engine (a step is
// the number of steps completed before it); the run database counts from 1, and step_record.h converts.
#pragma once

#include "backend/core/rollout.h"
#include "backend/difficulty/selector.h"
#include "backend/policy/policy_update.h"
#include "backend/replay/replay_buffer.h"
#include "backend/store/records.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace midpoint::engine {

// Sums over a whole run, part of checkpoints. Evaluation is counted apart: it is no part of a method's cost.
struct Budget {
    std::int64_t rollouts = 0;
    std::int64_t generatedTokens = 0;
    std::int64_t trainedTokens = 0;
    double trainSeconds = 0.0;      // steps without evaluation and checkpoints
    double cpuSeconds = 0.0;        // processor time of the same steps, all threads together
    double evaluationSeconds = 0.0;
    // Spent on the belief 'oracle', and in none of the sums above: it is an upper bound and no method.
    std::int64_t oracleRollouts = 0;
    std::int64_t oracleTokens = 0;
    double oracleSeconds = 0.0;
};

struct PhaseTime {
    std::string phase; // "select", "reference", "generate", "grade", "replay", "update", ...
    double startSeconds = 0.0;
    double seconds = 0.0;
    double waitSeconds = 0.0; // of these, for other ranks
};

struct StepOutcome {
    std::int64_t step = 0;
    std::vector<Group> fresh;      // graded; what is trained on: purpose train or explore, or a reused reference
    std::vector<Group> unused;     // graded, recorded and paid for, but not trained on: given up after screening, and in dynamic
                                   // sampling without signal or beyond a full batch
    std::vector<Group> reference;  // graded; only in the first step of a round
    std::int64_t rounds = 0;       // of generation; more than one only in dynamic sampling
    replay::ReplaySample replayed;
    std::vector<policy::TrainGroup> trained; // what the update got; fresh first, then replayed
    policy::UpdateReport update;
    std::int64_t freshAsked = 0;   // prompts the selector was asked for
    std::int64_t freshGot = 0;     // prompts found; in dynamic sampling groups with signal
    std::int64_t droppedReplayed = 0; // replayed groups that turned out to be too far from the policy
    bool startedRound = false;
    std::vector<std::int64_t> roundReferences; // pool positions; of the round that began in this step
    std::vector<PhaseTime> phases;                 // of rank 0
    std::vector<store::PhaseTiming> timesOfOthers; // of the other ranks
    double seconds = 0.0;    // without the oracle's
    double cpuSeconds = 0.0; // the same

    // Everything that was generated in the step for prompts the strategy chose. Reused references were generated as references.
    std::vector<const Group*> chosenGroups() const
    {
        std::vector<const Group*> groups;
        for (const std::vector<Group>* part : { &fresh, &unused })
            for (const Group& group : *part)
                if (group.purpose != Purpose::Reference)
                    groups.push_back(&group);
        return groups;
    }
    double secondsOf(const std::string& phase) const
    {
        double sum = 0.0;
        for (const PhaseTime& time : phases)
            if (time.phase == phase)
                sum += time.seconds;
        return sum;
    }
};

struct EvaluationResult {
    std::string set;              // name of the data set
    std::int64_t samplesPerPrompt = 1;
    std::int64_t prompts = 0;
    std::int64_t rollouts = 0;
    std::int64_t generatedTokens = 0;
    double meanAccuracy = 0.0;    // mean@N
    double standardError = 0.0;   // of the mean, over prompts
    double passAtN = 0.0;         // at least one of N correct
    double majorityAtN = 0.0;     // the most frequent extracted answer is correct
    double truncatedShare = 0.0;
    double unparseableShare = 0.0;
    double meanLength = 0.0;
    double seconds = 0.0;
};

} // namespace midpoint::engine
