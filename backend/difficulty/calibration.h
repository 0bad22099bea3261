// Maps the success rates a belief predicts onto those that were measured on reference prompts.
#pragma once

#include "backend/difficulty/belief.h"

#include <span>
#include <string_view>

namespace midpoint::difficulty {

enum class CalibrationKind {
    None,
    Linear, // least squares, slope not below 0, clamped to [0, 1]
    LinearUnclamped, // least squares as the released code does it: any slope, any value
    Platt, // logit p' = slope logit p + offset, slope > 0; priors slope ~ N(1, 1/2), offset ~ N(0, 1)
};

CalibrationKind calibrationFromName(std::string_view name); // throws Error{Config}

struct Calibration {
    CalibrationKind kind = CalibrationKind::None;
    double slope = 1.0;
    double offset = 0.0;

    double apply(double predicted) const;
};

Calibration fitCalibration(CalibrationKind kind, std::span<const ReferencePrediction> pairs);

} // namespace midpoint::difficulty
