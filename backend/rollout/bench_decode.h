// `midpoint bench decode`: tokens per second of the rollout engine beside a limit. On the processor that is the time of its bare matrix
// products; on a device the time in which its memory gives weights, keys and values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

namespace midpoint::rollout {

struct DecodeBenchSettings {
    std::int64_t sequences = 64;
    std::int64_t newTokens = 46;
    std::int64_t promptTokens = 16;
    std::int64_t repeats = 3;       // the best one counts
    std::string dtype = "float32";
    std::string device = "cpu";
    std::string shape = "demo";
    bool usesGraphs = true;         // on a device
};

struct DecodeBenchResult {
    double tokensPerSecond = 0.0;         // new tokens / seconds of a whole call of generate(), prompts included
    double seconds = 0.0;
    double prefillSeconds = 0.0;
    double decodeSeconds = 0.0;
    // On a device only.
    double bandwidthBytesPerSecond = 0.0; // of its memory, measured by a copy
    double bandwidthLimitTokensPerSecond = 0.0;
    std::int64_t decodeSteps = 0;
    std::int64_t graphSteps = 0;
    std::string graphProblem;
    // On the processor only.
    double gemmSecondsPerStep = 0.0;      // ATen's matrix products of one decoding step, alone
    double gemmLimitTokensPerSecond = 0.0;
    double ownGemmLimitTokensPerSecond = 0.0; // with the products that the engine uses
    double peakMegabytes = 0.0;
    std::int64_t cacheBytes = 0;
    std::string instructionSet;
};

// An empty folder stands for random weights of a shape. Uses ATen's present number of threads.
DecodeBenchResult measureDecode(const std::filesystem::path& modelFolder, const DecodeBenchSettings& settings, std::stop_token stop);
// The same as one JSON object.
std::string benchDecode(const std::filesystem::path& modelFolder, const DecodeBenchSettings& settings, std::stop_token stop);

} // namespace midpoint::rollout
