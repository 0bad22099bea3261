// SPDX-License-Identifier: GPL-3.0-or-later
// The metrics that screens ask for by name.
#pragma once

#include <string_view>

namespace midpoint::gui::metric_names {

inline constexpr const char* kReward = "critic/rewards/mean";
inline constexpr const char* kRewardLow = "critic/rewards/group_p10";  // of the mean rewards of the groups
inline constexpr const char* kRewardHigh = "critic/rewards/group_p90";
inline constexpr const char* kValidationPrefix = "val-core/";
inline constexpr const char* kEffectiveRatio = "dots/effective_ratio";
inline constexpr const char* kPearson = "dots/pred_pearson";
inline constexpr const char* kSelectedPearson = "dots/selected_pred_pearson";
inline constexpr const char* kLength = "response_length/mean";
inline constexpr const char* kTruncated = "response_length/clip_ratio";
inline constexpr const char* kLoss = "actor/pg_loss";
inline constexpr const char* kClipFraction = "actor/pg_clipfrac";
inline constexpr const char* kKl = "actor/ppo_kl";
inline constexpr const char* kEntropy = "actor/entropy";
inline constexpr const char* kGradientNorm = "actor/grad_norm";
inline constexpr const char* kStepSeconds = "timing_s/step";
inline constexpr const char* kTotalRollouts = "budget/rollouts";          // since the start of the run
inline constexpr const char* kTotalTokens = "budget/generated_tokens"; // since the start of the run

// "val-core/<set>/acc/mean@<n>", but not its standard error, which hangs below that name.
inline bool isHeldOutAccuracy(std::string_view name)
{
    const std::size_t mean = name.find("/acc/mean@");
    return name.starts_with(kValidationPrefix) && mean != std::string_view::npos && name.find('/', mean + 5) == std::string_view::npos;
}

} // namespace midpoint::gui::metric_names
