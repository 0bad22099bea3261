// What the method's paper (arXiv 2506.05316) reports for DOTS + rollout replay on its own models: training time to GRPO's final
// accuracy, saved in total. Nothing here was measured with Midpoint; it stands beside results as the paper's. projects/paper has
// the configurations.
#pragma once

#include <array>
#include <string_view>

namespace midpoint::store {

struct PublishedSaving {
    std::string_view model;
    std::string_view pool;
    double stepsSaved; // shares
    double timePerStepSaved;
    double saved;      // in total
};

inline constexpr std::array kPublishedSavings = {
    PublishedSaving { "Qwen2.5-Math-1.5B", "MATH, levels 3 to 5", 0.1667, 0.1171, 0.2625 },
    PublishedSaving { "Qwen2.5-Math-1.5B", "DeepScaleR, 10,240 questions", 0.4333, 0.1169, 0.4985 },
    PublishedSaving { "Qwen2.5-Math-1.5B", "ORZ, 8,192 questions", 0.1333, 0.1166, 0.2330 },
    PublishedSaving { "Qwen2.5-3B", "DeepScaleR, 10,240 questions", 0.2667, 0.1152, 0.3510 },
    PublishedSaving { "Qwen2.5-3B", "DeepMath, 8,192 questions", 0.5667, 0.1135, 0.6165 },
    PublishedSaving { "Qwen2.5-Math-7B", "DeepScaleR, 10,240 questions", 0.4000, 0.1339, 0.4803 },
};

} // namespace midpoint::store
