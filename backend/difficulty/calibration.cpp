#include "backend/difficulty/calibration.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace midpoint::difficulty {
namespace {

constexpr double kEdge = 1e-4; // predictions are taken no nearer to 0 and 1 than this before the logit
constexpr double kSlopeDeviation = 0.5; // of the prior around 1
constexpr double kOffsetDeviation = 1.0; // of the prior around 0
constexpr double kSmallestSlope = 0.05; // keeps the map monotone: order among prompts is never lost or reversed
constexpr int kNewtonSteps = 50;

double logit(double p)
{
    const double inside = std::clamp(p, kEdge, 1.0 - kEdge);
    return std::log(inside / (1.0 - inside));
}

double sigmoid(double x)
{
    return 1.0 / (1.0 + std::exp(-x));
}

struct Point {
    double x = 0.0; // predicted, as a rate or a logit
    double successes = 0.0;
    double attempts = 0.0;
    double rate() const { return successes / attempts; }
};

std::vector<Point> pointsOf(std::span<const ReferencePrediction> pairs, bool asLogit)
{
    std::vector<Point> points;
    for (const ReferencePrediction& pair : pairs)
        if (pair.attempts > 0)
            points.push_back({ asLogit ? logit(pair.predicted) : pair.predicted, static_cast<double>(pair.successes),
                static_cast<double>(pair.attempts) });
    return points;
}

void fitLine(const std::vector<Point>& points, Calibration& result)
{
    const auto n = static_cast<double>(points.size());
    double xMean = 0.0;
    double yMean = 0.0;
    for (const Point& point : points) {
        xMean += point.x / n;
        yMean += point.rate() / n;
    }
    double xx = 0.0;
    double xy = 0.0;
    for (const Point& point : points) {
        xx += (point.x - xMean) * (point.x - xMean);
        xy += (point.x - xMean) * (point.rate() - yMean);
    }
    constexpr double kNoVariation = 1e-18; // squared rounding of rates: nothing to fit a slope to
    result.slope = xx > kNoVariation * n ? xy / xx : 0.0;
    if (result.kind == CalibrationKind::Linear)
        result.slope = std::max(result.slope, 0.0);
    result.offset = yMean - result.slope * xMean;
}

// Minus log posterior of slope and offset with its first and second derivatives; strictly convex thanks to the priors.
struct PlattObjective {
    double value = 0.0;
    double slopeGradient = 0.0;
    double offsetGradient = 0.0;
    double slopeSlope = 0.0;
    double slopeOffset = 0.0;
    double offsetOffset = 0.0;
};

PlattObjective plattObjective(const std::vector<Point>& points, double slope, double offset)
{
    PlattObjective at;
    const double slopePrecision = 1.0 / (kSlopeDeviation * kSlopeDeviation);
    const double offsetPrecision = 1.0 / (kOffsetDeviation * kOffsetDeviation);
    at.value = 0.5 * slopePrecision * (slope - 1.0) * (slope - 1.0) + 0.5 * offsetPrecision * offset * offset;
    at.slopeGradient = slopePrecision * (slope - 1.0);
    at.offsetGradient = offsetPrecision * offset;
    at.slopeSlope = slopePrecision;
    at.offsetOffset = offsetPrecision;
    for (const Point& point : points) {
        const double z = slope * point.x + offset;
        const double p = sigmoid(z);
        // log(1 + e^z) - s/n z, n times, without overflow
        at.value += point.attempts * (std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z)))) - point.successes * z;
        const double residual = point.attempts * p - point.successes;
        const double curvature = point.attempts * p * (1.0 - p);
        at.slopeGradient += residual * point.x;
        at.offsetGradient += residual;
        at.slopeSlope += curvature * point.x * point.x;
        at.slopeOffset += curvature * point.x;
        at.offsetOffset += curvature;
    }
    return at;
}

enum class Slope { Free, Fixed };

// Newton with step halving; the objective is strictly convex, so this reaches its one minimum.
void minimise(const std::vector<Point>& points, Slope mode, Calibration& result)
{
    constexpr double kConverged = 1e-12;
    PlattObjective at = plattObjective(points, result.slope, result.offset);
    for (int step = 0; step < kNewtonSteps; ++step) {
        double slopeStep = 0.0;
        double offsetStep = at.offsetGradient / at.offsetOffset;
        if (mode == Slope::Free) {
            const double determinant = at.slopeSlope * at.offsetOffset - at.slopeOffset * at.slopeOffset;
            slopeStep = (at.offsetOffset * at.slopeGradient - at.slopeOffset * at.offsetGradient) / determinant;
            offsetStep = (at.slopeSlope * at.offsetGradient - at.slopeOffset * at.slopeGradient) / determinant;
        }
        if (std::abs(slopeStep) + std::abs(offsetStep) < kConverged)
            return;
        double factor = 1.0;
        PlattObjective next = plattObjective(points, result.slope - slopeStep, result.offset - offsetStep);
        while (!(next.value <= at.value) && factor > 1e-6) {
            factor *= 0.5;
            next = plattObjective(points, result.slope - factor * slopeStep, result.offset - factor * offsetStep);
        }
        result.slope -= factor * slopeStep;
        result.offset -= factor * offsetStep;
        at = next;
    }
}

void fitPlatt(const std::vector<Point>& points, Calibration& result)
{
    minimise(points, Slope::Free, result);
    if (result.slope >= kSmallestSlope)
        return;
    result.slope = kSmallestSlope;
    minimise(points, Slope::Fixed, result);
}

} // namespace

CalibrationKind calibrationFromName(std::string_view name)
{
    static const std::vector<std::pair<std::string, CalibrationKind>> kinds = {
        { "none", CalibrationKind::None },
        { "linear", CalibrationKind::Linear },
        { "linear-unclamped", CalibrationKind::LinearUnclamped },
        { "platt", CalibrationKind::Platt },
    };
    for (const auto& [known, kind] : kinds)
        if (known == name)
            return kind;
    throw Error(ErrorKind::Config,
        concat("selection.calibration: expected none, linear, linear-unclamped or platt, found '", name, "'"));
}

double Calibration::apply(double predicted) const
{
    switch (kind) {
    case CalibrationKind::None:
        return predicted;
    case CalibrationKind::LinearUnclamped:
        return slope * predicted + offset;
    case CalibrationKind::Linear:
        return std::clamp(slope * predicted + offset, 0.0, 1.0);
    case CalibrationKind::Platt:
        return sigmoid(slope * logit(predicted) + offset);
    }
    return predicted;
}

Calibration fitCalibration(CalibrationKind kind, std::span<const ReferencePrediction> pairs)
{
    Calibration result;
    result.kind = kind;
    const std::vector<Point> points = pointsOf(pairs, kind == CalibrationKind::Platt);
    if (points.empty() || kind == CalibrationKind::None)
        return result;
    if (kind == CalibrationKind::Platt)
        fitPlatt(points, result);
    else
        fitLine(points, result);
    return result;
}

} // namespace midpoint::difficulty
