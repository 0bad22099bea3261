// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/buffer/buffer_shares.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace midpoint::gui {

namespace {

// "0", "1–4", "20+": bins of whole numbers; "0.25–0.5": shares
QString binName(const store::Histogram& histogram, std::size_t bin)
{
    const double from = histogram.edges[bin];
    const double to = histogram.edges[bin + 1];
    const bool isWhole = histogram.name == "age";
    if (isWhole && bin + 2 == histogram.edges.size())
        return QStringLiteral("%1+").arg(from, 0, 'f', 0);
    if (isWhole)
        return to - from <= 1.0 ? QString::number(from, 'f', 0) : QStringLiteral("%1–%2").arg(from, 0, 'f', 0).arg(to - 1, 0, 'f', 0);
    return QStringLiteral("%1–%2").arg(from, 0, 'g', 3).arg(to, 0, 'g', 3);
}

// Five equal bins from the lowest to the highest value of any step; empty where nothing is recorded.
std::vector<double> commonEdges(const std::vector<store::BufferComposition>& compositions, const std::string& name)
{
    constexpr std::size_t kBins = 5;
    double low = std::numeric_limits<double>::max();
    double high = std::numeric_limits<double>::lowest();
    for (const store::BufferComposition& composition : compositions)
        if (const store::Histogram* found = histogramOf(composition, name)) {
            for (std::size_t bin = 0; bin < found->counts.size(); ++bin) {
                if (found->counts[bin] <= 0.0)
                    continue;
                low = std::min(low, found->edges[bin]);
                high = std::max(high, found->edges[bin + 1]);
            }
        }
    std::vector<double> edges;
    for (std::size_t i = 0; i <= kBins && low < high; ++i)
        edges.push_back(low + (high - low) * static_cast<double>(i) / static_cast<double>(kBins));
    return edges;
}

} // namespace

const store::Histogram* histogramOf(const store::BufferComposition& composition, const std::string& name)
{
    for (const store::Histogram& histogram : composition.histograms)
        if (histogram.name == name)
            return &histogram;
    return nullptr;
}

store::Histogram inAgeBuckets(const store::Histogram& histogram)
{
    constexpr std::size_t kFew = 6;
    if (histogram.name != "age" || histogram.counts.size() <= kFew)
        return histogram;
    store::Histogram result { "age", { 0, 1, 5, 10, 20, std::max(40.0, histogram.edges.back()) }, {}, std::vector<double>(5, 0.0) };
    for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
        std::size_t bucket = 0;
        while (bucket + 2 < result.edges.size() && histogram.edges[bin] >= result.edges[bucket + 1])
            ++bucket;
        result.counts[bucket] += histogram.counts[bin];
    }
    return result;
}

store::Histogram inBins(const store::Histogram& histogram, const std::vector<double>& edges)
{
    store::Histogram result { histogram.name, edges, {}, std::vector<double>(edges.size() - 1, 0.0) };
    for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
        const double from = histogram.edges[bin];
        const double to = histogram.edges[bin + 1];
        for (std::size_t other = 0; other + 1 < edges.size(); ++other) {
            const double overlap = std::min(to, edges[other + 1]) - std::max(from, edges[other]);
            if (overlap > 0.0)
                result.counts[other] += histogram.counts[bin] * overlap / (to - from);
        }
    }
    return result;
}

std::vector<CurveSpec> sharesOverSteps(const std::vector<store::BufferComposition>& compositions, const std::string& name)
{
    const std::vector<double> edges = name == "reward" ? commonEdges(compositions, name) : std::vector<double>();
    const auto inCommon = [&](const store::Histogram& histogram) { return edges.empty() ? inAgeBuckets(histogram) : inBins(histogram, edges); };
    std::vector<CurveSpec> layers;
    std::vector<std::shared_ptr<Curve>> curves;
    for (const store::BufferComposition& composition : compositions) {
        const store::Histogram* recorded = histogramOf(composition, name);
        const double sum = recorded == nullptr ? 0.0 : std::accumulate(recorded->counts.begin(), recorded->counts.end(), 0.0);
        if (sum <= 0.0)
            continue;
        const store::Histogram histogram = inCommon(*recorded);
        const bool isFirst = curves.empty();
        for (std::size_t bin = 0; isFirst && bin < histogram.counts.size(); ++bin) {
            curves.push_back(std::make_shared<Curve>());
            const double shade = static_cast<double>(bin) / static_cast<double>(std::max<std::size_t>(histogram.counts.size() - 1, 1));
            layers.push_back({ binName(histogram, bin), curves.back(), 0, false, false, QStringLiteral("%"), shade });
        }
        for (std::size_t bin = 0; bin < std::min(curves.size(), histogram.counts.size()); ++bin)
            curves[bin]->append(static_cast<double>(composition.step), histogram.counts[bin] / sum);
    }
    return layers;
}

} // namespace midpoint::gui
