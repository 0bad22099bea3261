#include "backend/engine/roller.h"

#include "backend/engine/crew.h"
#include "backend/reward/grader_factory.h"

#include <algorithm>

namespace midpoint::engine {
namespace {

rollout::RolloutOptions rolloutOptions(const config::RunConfig& config)
{
    rollout::RolloutOptions options;
    options.maxSequences = config.rollout.maxSequences;
    options.cacheMegabytes = config.rollout.kvCacheMegabytes;
    options.blockTokens = config.rollout.kvBlockTokens;
    options.usesGraphs = config.rollout.cudaGraphs;
    return options;
}

} // namespace

rollout::SamplingOptions trainSampling(const config::RunConfig& config)
{
    rollout::SamplingOptions sampling;
    sampling.seed = static_cast<std::uint64_t>(config.run.seed);
    sampling.temperature = config.rollout.temperature;
    sampling.topK = config.rollout.topK;
    sampling.topP = config.rollout.topP;
    sampling.maxNewTokens = config.rollout.maxNewTokens;
    return sampling;
}

rollout::SamplingOptions evaluationSampling(const config::RunConfig& config)
{
    rollout::SamplingOptions sampling = trainSampling(config);
    sampling.temperature = config.eval.temperature;
    sampling.topK = 0;
    sampling.topP = config.eval.topP;
    return sampling;
}

Roller::Roller(const config::RunConfig& config, const model::Model& model, const Tokenizer& tokenizer, Crew* crew)
    : m_tokenizer(tokenizer)
    , m_maxSequences(config.rollout.maxSequences)
    , m_engine(model, rolloutOptions(config))
    , m_grader(reward::makeGrader(config.reward))
    , m_composer(config.reward, config.rollout.maxNewTokens)
    , m_crew(crew)
{
}

std::vector<Group> Roller::generate(
    std::span<const RollRequest> requests, std::int64_t step, const rollout::SamplingOptions& sampling, std::stop_token stop)
{
    return m_crew == nullptr ? generateOwn(requests, step, sampling, std::move(stop))
                             : m_crew->rollOut(*this, requests, step, sampling, std::move(stop));
}

std::vector<Group> Roller::generateOwn(
    std::span<const RollRequest> requests, std::int64_t step, const rollout::SamplingOptions& sampling, std::stop_token stop)
{
    std::vector<rollout::RolloutRequest> asked;
    std::vector<Group> groups;
    for (const RollRequest& request : requests) {
        rollout::RolloutRequest item;
        item.promptTokens = request.prompt->tokens;
        item.prompt = request.prompt->id;
        item.purpose = request.purpose;
        item.step = step;
        item.samples = request.samples;
        item.firstSample = request.firstSample;
        item.expectedTokens = request.expectedTokens;
        asked.push_back(std::move(item));
        Group group;
        group.prompt = request.prompt->id;
        group.promptIndex = request.prompt->index;
        group.purpose = request.purpose;
        group.birthStep = step;
        group.promptTokens = request.prompt->tokens;
        groups.push_back(std::move(group));
    }
    std::vector<std::vector<rollout::Response>> responses = m_engine.generate(asked, sampling, stop);
    for (std::size_t i = 0; i < groups.size(); ++i)
        for (rollout::Response& response : responses[i]) {
            Rollout rollout;
            rollout.tokens = std::move(response.tokens);
            rollout.logprobs = std::move(response.logprobs);
            rollout.finish = response.finish;
            groups[i].rollouts.push_back(std::move(rollout));
        }
    return groups;
}

std::int64_t Roller::tryLargest(std::int64_t promptTokens)
{
    rollout::RolloutRequest request;
    request.promptTokens.assign(static_cast<std::size_t>(promptTokens), 0);
    std::vector<rollout::RolloutRequest> requests(static_cast<std::size_t>(m_maxSequences), request);
    for (std::size_t i = 0; i < requests.size(); ++i)
        requests[i].prompt = static_cast<PromptId>(i);
    rollout::SamplingOptions sampling;
    sampling.maxNewTokens = 4; // on a device the second step is recorded as a graph, and the third is one
    sampling.ignoresEndTokens = true;
    m_engine.generate(requests, sampling, {});
    return m_engine.statistics().peakSequences;
}

void Roller::grade(std::vector<Group>& groups, std::span<const PoolPrompt> prompts)
{
    std::vector<const PoolPrompt*> owners;
    for (const Group& group : groups)
        owners.push_back(&prompts[static_cast<std::size_t>(group.promptIndex)]);
    grade(groups, owners);
}

void Roller::gradeOwn(std::vector<Group>& groups, std::span<const RollRequest> requests)
{
    std::vector<const PoolPrompt*> owners;
    for (const RollRequest& request : requests)
        owners.push_back(request.prompt);
    grade(groups, owners);
}

void Roller::grade(std::vector<Group>& groups, const std::vector<const PoolPrompt*>& ownerOfGroup)
{
    std::vector<Rollout*> rollouts;
    std::vector<const PoolPrompt*> owners;
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (Rollout& rollout : groups[g].rollouts) {
            if (!rollout.text.empty()) // graded already: a reused reference, or by the rank that made it
                continue;
            rollout.text = m_tokenizer.decode(rollout.tokens);
            rollouts.push_back(&rollout);
            owners.push_back(ownerOfGroup[g]);
        }
    std::vector<reward::GradeRequest> requests;
    for (std::size_t i = 0; i < rollouts.size(); ++i)
        requests.push_back({ rollouts[i]->text, owners[i]->answer, rollouts[i]->finish == FinishReason::Length, owners[i]->question,
            static_cast<std::int64_t>(rollouts[i]->tokens.size()) });
    const std::vector<reward::Grade> grades = m_grader->grade(requests);
    for (std::size_t i = 0; i < rollouts.size(); ++i)
        m_composer.apply(grades[i], *rollouts[i]);
}

} // namespace midpoint::engine
