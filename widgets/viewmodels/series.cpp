// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/series.h"

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

void Range::include(double value)
{
    if (!std::isfinite(value))
        return;
    lower = std::min(lower, value);
    upper = std::max(upper, value);
}

void Range::include(const Range& other)
{
    lower = std::min(lower, other.lower);
    upper = std::max(upper, other.upper);
}

void Series::append(double x, double y)
{
    m_x.push_back(x);
    m_y.push_back(y);
    refreshPyramid(m_y.size() - 1);
}

void Series::clear()
{
    m_x.clear();
    m_y.clear();
    m_levels.clear();
}

std::size_t Series::indexAt(double x) const
{
    return static_cast<std::size_t>(std::lower_bound(m_x.begin(), m_x.end(), x) - m_x.begin());
}

std::size_t Series::nearest(double x) const
{
    if (m_x.empty())
        return 0;
    const std::size_t after = std::min(indexAt(x), m_x.size() - 1);
    if (after == 0)
        return 0;
    return std::abs(m_x[after - 1] - x) <= std::abs(m_x[after] - x) ? after - 1 : after;
}

void Series::includeBlock(Block& into, std::size_t smallest, std::size_t largest) const
{
    if (into.isEmpty)
        into = { smallest, largest, false };
    if (m_y[smallest] < m_y[into.smallest])
        into.smallest = smallest;
    if (m_y[largest] > m_y[into.largest])
        into.largest = largest;
}

void Series::refreshPyramid(std::size_t index)
{
    const bool isNumber = !std::isnan(m_y[index]);
    std::size_t position = index / kFanOut;
    for (std::size_t level = 0;; ++level, position /= kFanOut) {
        if (level == m_levels.size()) {
            if (level > 0 && m_levels[level - 1].size() <= kFanOut)
                return; // the level below is short enough to be scanned
            m_levels.emplace_back();
            if (level > 0) {
                const std::vector<Block>& below = m_levels[level - 1];
                m_levels[level].resize((below.size() - 1) / kFanOut + 1);
                for (std::size_t i = 0; i < below.size(); ++i)
                    if (!below[i].isEmpty)
                        includeBlock(m_levels[level][i / kFanOut], below[i].smallest, below[i].largest);
            }
        }
        std::vector<Block>& blocks = m_levels[level];
        if (blocks.size() <= position)
            blocks.resize(position + 1);
        if (isNumber)
            includeBlock(blocks[position], index, index);
    }
}

Series::Block Series::extremes(std::size_t first, std::size_t last) const
{
    Block result;
    std::size_t position = first;
    while (position < last) {
        // Climb to the largest block that starts here and ends within the range.
        std::size_t level = 0;
        std::size_t length = kFanOut;
        std::size_t usable = 0; // 0: the single point
        while (level < m_levels.size() && position % length == 0 && position + length <= last) {
            ++level;
            usable = length;
            length *= kFanOut;
        }
        if (usable == 0) {
            if (!std::isnan(m_y[position]))
                includeBlock(result, position, position);
            ++position;
            continue;
        }
        const Block& block = m_levels[level - 1][position / usable];
        if (!block.isEmpty)
            includeBlock(result, block.smallest, block.largest);
        position += usable;
    }
    return result;
}

Range Series::valueRange(std::size_t first, std::size_t last) const
{
    Range range;
    const Block found = extremes(first, std::min(last, size()));
    if (!found.isEmpty) {
        range.include(m_y[found.smallest]);
        range.include(m_y[found.largest]);
    }
    return range;
}

Points Series::decimated(double lower, double upper, int columns) const
{
    Points points;
    if (isEmpty() || columns < 1)
        return points;
    std::size_t first = indexAt(lower);
    auto last = static_cast<std::size_t>(std::upper_bound(m_x.begin(), m_x.end(), upper) - m_x.begin());
    first -= first > 0 ? 1 : 0;
    last += last < size() ? 1 : 0;
    const auto append = [&](std::size_t index) {
        points.x.push_back(m_x[index]);
        points.y.push_back(m_y[index]);
    };
    if (last - first <= 2 * static_cast<std::size_t>(columns)) {
        for (std::size_t i = first; i < last; ++i)
            append(i);
        return points;
    }
    const double width = (upper - lower) / columns;
    std::size_t start = first;
    for (int column = 0; column < columns && start < last; ++column) {
        const bool isFinal = column + 1 == columns;
        const std::size_t end = isFinal ? last : std::clamp(indexAt(lower + (column + 1) * width), start, last);
        if (end == start)
            continue;
        const Block found = extremes(start, end);
        if (found.isEmpty)
            append(start); // a column of NaN stays a gap
        else {
            append(std::min(found.smallest, found.largest));
            if (found.smallest != found.largest)
                append(std::max(found.smallest, found.largest));
        }
        start = end;
    }
    return points;
}

Points Series::averaged(double lower, double upper, int columns) const
{
    std::size_t start = indexAt(lower);
    const auto last = static_cast<std::size_t>(std::upper_bound(m_x.begin(), m_x.end(), upper) - m_x.begin());
    if (columns < 1 || last - start <= 2 * static_cast<std::size_t>(columns))
        return decimated(lower, upper, columns);
    Points points;
    const double width = (upper - lower) / columns;
    for (int column = 0; column < columns && start < last; ++column) {
        const std::size_t end = column + 1 == columns ? last : std::clamp(indexAt(lower + (column + 1) * width), start, last);
        double sum = 0.0;
        std::size_t count = 0;
        for (std::size_t i = start; i < end; ++i)
            if (std::isfinite(m_y[i])) {
                sum += m_y[i];
                ++count;
            }
        if (end > start) {
            points.x.push_back((m_x[start] + m_x[end - 1]) / 2.0);
            points.y.push_back(count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN());
        }
        start = end;
    }
    return points;
}

MovingAverage::MovingAverage(double weight)
    : m_weight(weight)
{
}

double MovingAverage::next(double value)
{
    if (!std::isfinite(value))
        return std::numeric_limits<double>::quiet_NaN();
    m_mean = m_weight * m_mean + (1.0 - m_weight) * value;
    m_remaining *= m_weight;
    return m_mean / (1.0 - m_remaining);
}

std::vector<double> smoothed(const std::vector<double>& values, double weight)
{
    MovingAverage average(weight);
    std::vector<double> result;
    result.reserve(values.size());
    for (const double value : values)
        result.push_back(average.next(value));
    return result;
}

Curve::Curve(double smoothing)
    : m_average(smoothing)
{
}

void Curve::setSmoothing(double weight)
{
    m_average = MovingAverage(weight);
    m_smooth.clear();
}

const Series& Curve::smooth() const
{
    if (!isSmoothed())
        return m_raw;
    for (std::size_t i = m_smooth.size(); i < m_raw.size(); ++i)
        m_smooth.append(m_raw.x(i), m_average.next(m_raw.y(i)));
    return m_smooth;
}

} // namespace midpoint::gui
