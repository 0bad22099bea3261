// SPDX-License-Identifier: GPL-3.0-or-later
// One curve that only grows: all its points, a pyramid of minima and maxima for drawing any range of it in a few thousand
// points without losing a spike, and an exponential moving average that tells no lies at the start. No drawing here.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace midpoint::gui {

struct Range {
    double lower = std::numeric_limits<double>::infinity();
    double upper = -std::numeric_limits<double>::infinity();

    bool isEmpty() const { return !(lower <= upper); }
    void include(double value);
    void include(const Range& other);
};

struct Points {
    std::vector<double> x;
    std::vector<double> y;
};

// x never decreases; y may be NaN, which draws a gap and takes no part in ranges.
class Series {
public:
    void append(double x, double y);
    void clear();

    std::size_t size() const { return m_x.size(); }
    bool isEmpty() const { return m_x.empty(); }
    double x(std::size_t index) const { return m_x[index]; }
    double y(std::size_t index) const { return m_y[index]; }
    const std::vector<double>& xs() const { return m_x; }
    const std::vector<double>& ys() const { return m_y; }

    // First index whose x is not below the value; size() if there is none.
    std::size_t indexAt(double x) const;
    // The point nearest to x, or size() for an empty series.
    std::size_t nearest(double x) const;
    Range valueRange(std::size_t first, std::size_t last) const; // of [first, last), over the pyramid

    // The part of the curve in [lower, upper] and one neighbour on each side, at most two points per column: the smallest
    // and the largest value, in their order. Ranges with few points come back as they are.
    Points decimated(double lower, double upper, int columns) const;

    // The mean of each column: what a curve that is an average already looks like from afar.
    Points averaged(double lower, double upper, int columns) const;

private:
    // Where the extremes of some points lie; empty if all of them are NaN.
    struct Block {
        std::size_t smallest = 0;
        std::size_t largest = 0;
        bool isEmpty = true;
    };
    void refreshPyramid(std::size_t index);
    Block extremes(std::size_t first, std::size_t last) const;
    void includeBlock(Block& into, std::size_t smallest, std::size_t largest) const;

    static constexpr std::size_t kFanOut = 16; // points per block, and blocks per block of the next level
    std::vector<double> m_x;
    std::vector<double> m_y;
    std::vector<std::vector<Block>> m_levels;
};

// y_t = m_t / (1 - w^t), m_t = w m_(t-1) + (1 - w) x_t: the bias of starting at m_0 = 0 is divided out, so a constant curve
// stays constant. Values that are not finite are passed over and give NaN at their own place only.
class MovingAverage {
public:
    explicit MovingAverage(double weight);
    double next(double value);
    double weight() const { return m_weight; }

private:
    double m_weight;
    double m_mean = 0.0;
    double m_remaining = 1.0; // w^t
};

std::vector<double> smoothed(const std::vector<double>& values, double weight);

// A raw curve and its moving average. The average is computed when it is looked at: of many curves few are in sight.
class Curve {
public:
    explicit Curve(double smoothing = 0.0);
    void append(double x, double y) { m_raw.append(x, y); }
    void setSmoothing(double weight);

    const Series& raw() const { return m_raw; }
    const Series& smooth() const;
    bool isSmoothed() const { return m_average.weight() > 0.0; }

private:
    Series m_raw;
    mutable MovingAverage m_average;
    mutable Series m_smooth; // of the points so far, perhaps not yet of the last ones
};

} // namespace midpoint::gui
