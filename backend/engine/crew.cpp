#include "backend/engine/crew.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/engine/wire.h"

#include <algorithm>
#include <numeric>

namespace midpoint::engine {
namespace {

constexpr const char* kOrder = "order";

// Expected tokens of a request: what its prompt's last responses had, or as many as the known ones on average.
std::vector<double> costsOf(std::span<const RollRequest> requests)
{
    double known = 0.0;
    double sum = 0.0;
    for (const RollRequest& request : requests)
        if (request.expectedTokens > 0.0) {
            sum += request.expectedTokens;
            known += 1.0;
        }
    const double usual = known > 0.0 ? sum / known : 1.0;
    std::vector<double> costs;
    for (const RollRequest& request : requests)
        costs.push_back((request.expectedTokens > 0.0 ? request.expectedTokens : usual) * static_cast<double>(request.samples));
    return costs;
}

std::vector<RollRequest> chosen(std::span<const RollRequest> requests, const std::vector<std::size_t>& indices)
{
    std::vector<RollRequest> share;
    for (const std::size_t index : indices)
        share.push_back(requests[index]);
    return share;
}

bool isCancelled(const Error& error) { return error.kind() == ErrorKind::Cancelled; }

} // namespace

std::vector<std::vector<std::size_t>> dealByCost(std::span<const double> costs, std::int64_t ranks)
{
    std::vector<std::size_t> order(costs.size());
    std::iota(order.begin(), order.end(), std::size_t { 0 });
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
    std::vector<std::vector<std::size_t>> shares(static_cast<std::size_t>(ranks));
    std::vector<double> loads(shares.size(), 0.0);
    for (const std::size_t index : order) {
        const auto least = static_cast<std::size_t>(std::min_element(loads.begin(), loads.end()) - loads.begin());
        shares[least].push_back(index);
        loads[least] += costs[index];
    }
    for (std::vector<std::size_t>& share : shares)
        std::sort(share.begin(), share.end());
    return shares;
}

std::optional<std::vector<std::vector<Group>>> exchangeRollouts(distributed::Communicator& communicator, Roller& own,
    std::span<const RollRequest> share, std::int64_t step, const rollout::SamplingOptions& sampling, std::stop_token stop)
{
    ByteWriter writer;
    try {
        std::vector<Group> groups = own.generateOwn(share, step, sampling, std::move(stop));
        own.gradeOwn(groups, share);
        writer.put(std::uint8_t { 1 });
        putAll(writer, groups);
    } catch (const Error& error) {
        if (!isCancelled(error))
            throw;
        writer = {};
        writer.put(std::uint8_t { 0 });
    }
    std::vector<std::vector<Group>> all;
    bool isWhole = true;
    for (const std::string& bytes : communicator.gatherObjects(writer.take(), "gather rollouts")) {
        ByteReader reader(bytes, "rollouts of a rank");
        isWhole = reader.get<std::uint8_t>() != 0 && isWhole;
        if (isWhole && communicator.rank() == 0)
            all.push_back(getAll(reader, getGroup));
    }
    return isWhole ? std::optional(std::move(all)) : std::nullopt;
}

std::vector<model::NamedTensor> gatherTrained(policy::PolicyUpdate& update, model::Model& model)
{
    update.optimizer().gatherMasters(model.parameters(), update.ranks());
    return update.optimizer().state(update.ranks());
}

std::vector<store::PhaseTiming> exchangeTimes(distributed::Communicator& communicator, const std::vector<store::PhaseTiming>& own)
{
    if (communicator.size() == 1)
        return {};
    ByteWriter writer;
    putAll(writer, own);
    std::vector<store::PhaseTiming> times;
    for (const std::string& bytes : communicator.gatherObjects(writer.take(), "gather times")) {
        ByteReader reader(bytes, "times of a rank");
        for (store::PhaseTiming& time : getAll(reader, getTime))
            times.push_back(std::move(time));
    }
    return times;
}

void Crew::beginStep()
{
    ++m_stepCount;
    m_stepStarted = systemClock().steadySeconds();
}

void Crew::order(Order order, const std::function<void(ByteWriter&)>& details)
{
    if (size() == 1)
        return;
    ByteWriter writer;
    writer.put(order);
    writer.put(m_stepCount);
    writer.put(systemClock().steadySeconds() - m_stepStarted);
    if (details)
        details(writer);
    m_communicator.broadcastObject(writer.take(), 0, kOrder);
}

std::vector<Group> Crew::rollOut(Roller& own, std::span<const RollRequest> requests, std::int64_t step,
    const rollout::SamplingOptions& sampling, std::stop_token stop)
{
    if (size() == 1)
        return own.generateOwn(requests, step, sampling, std::move(stop));
    const std::vector<std::vector<std::size_t>> shares = dealByCost(costsOf(requests), size());
    order(Order::RollOut, [&](ByteWriter& writer) {
        writer.put(step);
        put(writer, sampling);
        writer.put(static_cast<std::uint8_t>(stop.stop_possible()));
        for (const std::vector<std::size_t>& share : shares)
            putAll(writer, chosen(requests, share));
    });
    auto made = exchangeRollouts(m_communicator, own, chosen(requests, shares.front()), step, sampling, std::move(stop));
    if (!made.has_value())
        throw Error(ErrorKind::Cancelled, "stopped while the ranks rolled out");
    std::vector<Group> groups(requests.size());
    for (std::size_t rank = 0; rank < shares.size(); ++rank)
        for (std::size_t i = 0; i < shares[rank].size(); ++i)
            groups[shares[rank][i]] = std::move((*made)[rank].at(i));
    return groups;
}

void Crew::fillOldLogprobs(policy::PolicyUpdate& update, std::span<policy::TrainGroup> groups)
{
    if (groups.empty())
        return;
    order(Order::Score, [&](ByteWriter& writer) { putAll(writer, groups); });
    update.fillOldLogprobs(groups);
}

policy::UpdateReport Crew::update(policy::PolicyUpdate& update, std::vector<policy::TrainGroup> groups, std::int64_t step)
{
    order(Order::Update, [&](ByteWriter& writer) {
        writer.put(step);
        putAll(writer, update.carried()); // the others keep none: a resumed run has them here alone
        putAll(writer, groups);
    });
    policy::UpdateReport report = update.step(std::move(groups), step);
    m_times = exchangeTimes(m_communicator, {});
    return report;
}

std::vector<model::NamedTensor> Crew::gatherTrained(policy::PolicyUpdate& update, model::Model& model)
{
    order(Order::GatherTrained);
    return engine::gatherTrained(update, model);
}

void Crew::changeSetting(const std::string& key, const std::string& value)
{
    order(Order::Setting, [&](ByteWriter& writer) {
        writer.putText(key);
        writer.putText(value);
    });
}

void Crew::idle() { order(Order::Idle); }

void Crew::end(std::int64_t lastStep, const std::string& reason)
{
    order(Order::End, [&](ByteWriter& writer) {
        writer.put(lastStep);
        writer.putText(reason);
    });
}

} // namespace midpoint::engine
