// The words that every part of the loop shares: rollout, group, verdict, purpose. Plain data, no behaviour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace midpoint {

// Stable across files and orders: a hash of the normalised prompt text (stableId in files.h).
using PromptId = std::int64_t;

// Why a rollout was made. Every purpose draws its own random numbers and is counted apart.
// Screen: a group that was given up after its first responses. Oracle: measured for an experiment, never trained on.
enum class Purpose : std::uint8_t { Train = 0, Reference = 1, Screen = 2, Explore = 3, Evaluate = 4, Oracle = 5 };
inline constexpr std::size_t kPurposeCount = 6;

enum class FinishReason : std::uint8_t { EndOfSequence = 0, Length = 1, Aborted = 2 };

// What the grader says. *Success* is Verdict::Correct and nothing else.
enum class Verdict : std::uint8_t {
    Correct = 0,
    Wrong = 1,
    Unparseable = 2,          // no answer could be read from the response
    Truncated = 3,            // the response ended at its length limit without an answer
    UnparseableReference = 4, // the reference answer cannot be read: an error of the data
    Timeout = 5,
    GraderFailed = 6,
};

struct Rollout {
    std::vector<std::int32_t> tokens; // the response, including the end-of-sequence token if one was sampled
    std::vector<float> logprobs;      // behaviour policy: log-softmax(logits / temperature) before top-k and top-p; one per token
    FinishReason finish = FinishReason::EndOfSequence;
    Verdict verdict = Verdict::Wrong;
    double reward = 0.0;                                      // what advantages are made of
    std::vector<std::pair<std::string, double>> rewardParts;  // weighted parts that sum to the reward; empty if it is the success alone
    std::string extracted;                                    // the answer read from the response
    std::string rule;                                         // the grader's deciding rule
    std::string text;                                         // decoded response without special tokens

    bool isSuccess() const { return verdict == Verdict::Correct; }
};

// The rollouts of one prompt in one step.
struct Group {
    PromptId prompt = 0;
    std::int64_t promptIndex = 0; // position in the loaded pool, in the order of the run's prompt table
    Purpose purpose = Purpose::Train;
    std::int64_t birthStep = 0;
    std::vector<std::int32_t> promptTokens;
    std::vector<Rollout> rollouts;

    // A group has signal when its rewards differ: only then is some advantage not zero.
    bool hasSignal() const
    {
        for (const Rollout& rollout : rollouts)
            if (rollout.reward != rollouts.front().reward)
                return true;
        return false;
    }
    std::int64_t successes() const
    {
        std::int64_t count = 0;
        for (const Rollout& rollout : rollouts)
            count += rollout.isSuccess() ? 1 : 0;
        return count;
    }
};

const char* nameOf(Purpose purpose);      // "train", "reference", ...
const char* nameOf(FinishReason reason);  // "end-of-sequence", "length", "aborted"
const char* nameOf(Verdict verdict);      // "correct", "wrong", ...

} // namespace midpoint
