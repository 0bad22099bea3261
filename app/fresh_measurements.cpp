#include "app/fresh_measurements.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/difficulty/beliefs.h"
#include "backend/difficulty/measures.h"
#include "backend/store/run_reader.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <unordered_map>

namespace midpoint::app {
namespace {

namespace fs = std::filesystem;
using difficulty::PredictionMeasures;
using difficulty::PredictionPair;
using nlohmann::json;

struct FreshLabels {
    std::int64_t step = 0;
    std::string file;
    std::vector<PredictionPair> pairs; // `predicted` unused
};

FreshLabels readFresh(const std::string& item, const difficulty::PromptPool& pool)
{
    FreshLabels labels;
    const std::size_t split = item.find('=');
    const char* end = item.data() + std::min(split, item.size());
    if (split == std::string::npos || std::from_chars(item.data(), end, labels.step).ptr != end || labels.step < 1)
        throw Error(ErrorKind::Usage, concat("--fresh: expected STEP=FILE with a step from 1, found '", item, "'"));
    labels.file = item.substr(split + 1);
    std::unordered_map<std::int64_t, std::size_t> places;
    std::size_t number = 0;
    for (const std::string& line : midpoint::split(readFile(labels.file), '\n')) {
        ++number;
        if (trim(line).empty())
            continue;
        const json label = json::parse(line, nullptr, false);
        if (!label.is_object() || !label.contains("prompt") || !label.contains("successes") || !label.contains("attempts"))
            throw Error(ErrorKind::Data, concat(labels.file, ":", number, ": expected a label of `midpoint eval --labels`"));
        const auto index = pool.indexOf(label["prompt"].get<PromptId>());
        if (!index)
            throw Error(ErrorKind::Data, concat(labels.file, ":", number, ": prompt ", label["prompt"].dump(), " is not in the run's pool"));
        const auto [place, isNew] = places.emplace(*index, labels.pairs.size());
        if (isNew)
            labels.pairs.push_back({ *index, 0.0, 0, 0 });
        labels.pairs[place->second].successes += label["successes"].get<std::int64_t>();
        labels.pairs[place->second].attempts += label["attempts"].get<std::int64_t>();
    }
    return labels;
}

template <typename Rates>
PredictionMeasures compare(std::vector<PredictionPair> pairs, const Rates& rates)
{
    for (PredictionPair& pair : pairs)
        pair.predicted = static_cast<double>(rates[static_cast<std::size_t>(pair.index)]);
    return difficulty::measurePredictions(pairs);
}

struct Judgement {
    std::int64_t step = 0;
    std::string belief;
    PredictionMeasures measures;
};

class Judge {
public:
    explicit Judge(const fs::path& run)
        : m_reader(run)
        , m_pool(idsOf(m_reader))
    {
    }
    const difficulty::PromptPool& pool() const { return m_pool; }

    void judge(const FreshLabels& labels, std::vector<Judgement>& out) const
    {
        // What is believed before the next step has learned from all steps up to this one.
        if (const auto round = m_reader.predictionRound(labels.step + 1))
            out.push_back({ labels.step, concat(round->belief, " (of the run)"), compare(labels.pairs, round->successRates) });
        difficulty::Ledger ledger;
        for (const store::Observation& row : m_reader.observations(1, labels.step))
            ledger.add({ .prompt = m_pool.idAt(row.promptIndex),
                .step = row.step,
                .purpose = row.purpose,
                .attempts = static_cast<std::int32_t>(row.attempts),
                .successes = static_cast<std::int32_t>(row.successes) });
        if (ledger.entries().empty())
            throw Error(ErrorKind::Data, concat(labels.file, ": the run has no measurements up to step ", labels.step));
        for (const auto& belief : { difficulty::makePosteriorBelief({}, m_pool), difficulty::makeLastSeenBelief(m_pool),
                 difficulty::makeMidpointBelief({ .useEmbeddings = false }, m_pool, {}, 0) }) {
            belief->learn(ledger, labels.step + 1);
            const std::string name = belief->name();
            out.push_back({ labels.step, name == "midpoint" ? "midpoint, no embeddings" : name,
                compare(labels.pairs, belief->estimate(labels.step + 1).mean) });
        }
    }

private:
    static std::vector<PromptId> idsOf(const store::RunReader& reader)
    {
        std::vector<PromptId> ids;
        for (const store::PromptRecord& prompt : reader.prompts())
            ids.push_back(prompt.id);
        return ids;
    }

    store::RunReader m_reader;
    difficulty::PromptPool m_pool;
};

std::string tableOf(const std::vector<Judgement>& judgements)
{
    const auto number = [](const std::optional<double>& value) { return value ? fixed(*value, 3) : std::string("-"); };
    std::string text = "| after step | belief | prompts | Pearson | noise ceiling | MAE | bias |\n| --- | --- | --- | --- | --- | --- | --- |\n";
    for (const auto& [step, belief, measures] : judgements)
        text += concat("| ", step, " | ", belief, " | ", measures.pairs, " | ", number(measures.pearson.value), " | ",
            number(measures.noiseCeiling), " | ", number(measures.meanAbsoluteError), " | ", number(measures.bias), " |\n");
    return text;
}

json jsonOf(const Judgement& judgement)
{
    const auto number = [](const std::optional<double>& value) { return value ? json(*value) : json(); };
    const PredictionMeasures& measures = judgement.measures;
    return { { "step", judgement.step }, { "belief", judgement.belief }, { "prompts", measures.pairs },
        { "pearson", number(measures.pearson.value) }, { "noise_ceiling", number(measures.noiseCeiling) },
        { "mae", number(measures.meanAbsoluteError) }, { "bias", number(measures.bias) } };
}

} // namespace

std::string judgeRecordedBeliefs(const fs::path& run, const std::vector<std::string>& fresh, bool asJson)
{
    const Judge judge(run);
    std::vector<Judgement> judgements;
    for (const std::string& item : fresh)
        judge.judge(readFresh(item, judge.pool()), judgements);
    if (!asJson)
        return tableOf(judgements);
    json all = json::array();
    for (const Judgement& judgement : judgements)
        all.push_back(jsonOf(judgement));
    return json { { "judgements", std::move(all) } }.dump(2) + "\n";
}

} // namespace midpoint::app
