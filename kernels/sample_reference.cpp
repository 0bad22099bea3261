#include "kernels/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace midpoint::kernels {
namespace {

// The ids that top-k and top-p keep, largest first.
std::vector<std::int32_t> keptTokens(const SampleSettings& settings, const std::vector<double>& probability)
{
    std::vector<std::int32_t> ids(probability.size());
    std::iota(ids.begin(), ids.end(), 0);
    const auto at = [&](std::int32_t id) { return probability[static_cast<std::size_t>(id)]; };
    std::stable_sort(ids.begin(), ids.end(), [&](std::int32_t a, std::int32_t b) { return at(a) > at(b); });
    if (settings.topK > 0)
        ids.resize(std::min(ids.size(), static_cast<std::size_t>(settings.topK)));
    double total = 0;
    for (const std::int32_t id : ids)
        total += at(id);
    double sum = 0;
    for (std::size_t i = 0; i < ids.size() && settings.topP < 1.0; ++i)
        if ((sum += at(ids[i])) >= settings.topP * total)
            ids.resize(i + 1);
    return ids;
}

} // namespace

void sampleReference(const SampleSettings& settings, const SampleArguments& arguments)
{
    const double temperature = settings.temperature == 0 ? 1.0 : settings.temperature;
    for (std::int64_t r = 0; r < arguments.rows; ++r) {
        const float* logits = arguments.logits + r * arguments.stride;
        const auto top = static_cast<double>(*std::max_element(logits, logits + arguments.vocabulary));
        std::vector<double> probability;
        double total = 0;
        for (std::int64_t v = 0; v < arguments.vocabulary; ++v)
            total += probability.emplace_back(std::exp((static_cast<double>(logits[v]) - top) / temperature));
        const bool isTruncated = settings.topP < 1.0 || (settings.topK > 0 && settings.topK < arguments.vocabulary);
        std::vector<std::int32_t> ids = keptTokens(settings, probability);
        if (settings.temperature == 0)
            ids.resize(1);
        else if (!isTruncated)
            std::sort(ids.begin(), ids.end());
        double kept = 0;
        for (const std::int32_t id : ids)
            kept += probability[static_cast<std::size_t>(id)];
        double sum = 0;
        std::int32_t token = ids.back();
        for (const std::int32_t id : ids)
            if ((sum += probability[static_cast<std::size_t>(id)]) > arguments.uniform[r] * kept) {
                token = id;
                break;
            }
        arguments.token[r] = token;
        arguments.logprob[r] = static_cast<float>((static_cast<double>(logits[token]) - top) / temperature - std::log(total));
    }
}

} // namespace midpoint::kernels
