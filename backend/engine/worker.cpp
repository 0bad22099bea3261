#include "backend/engine/worker.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/engine/crew.h"
#include "backend/engine/live_settings.h"
#include "backend/engine/step_record.h"
#include "backend/engine/wire.h"

#include <algorithm>
#include <functional>

namespace midpoint::engine {
namespace {

constexpr const char* kWaiting = "waiting for rank 0";
constexpr const char* kWaitPhase = "wait"; // in the times of a step, whatever is waited for

class Worker {
public:
    Worker(RunParts& parts, launch::HeartbeatWriter& heartbeat, Session& session)
        : m_parts(parts)
        , m_communicator(*parts.meeting.communicator)
        , m_heartbeat(heartbeat)
        , m_session(session)
    {
    }

    RankResult serve()
    {
        while (true) {
            m_heartbeat.setPhase(m_step, kWaiting);
            const double started = systemClock().steadySeconds();
            const std::string bytes = m_communicator.broadcastObject({}, 0, "order");
            ByteReader reader(bytes, "order of rank 0");
            const auto order = reader.get<Order>();
            keepTime(reader, started);
            switch (order) {
            case Order::RollOut:
                rollOut(reader);
                break;
            case Order::Score:
                score(reader);
                break;
            case Order::Update:
                update(reader);
                break;
            case Order::GatherTrained:
                m_heartbeat.setPhase(m_step, "checkpoint");
                gatherTrained(*m_parts.update, *m_parts.model);
                break;
            case Order::Setting: {
                const std::string key = reader.getText();
                writeSetting(m_parts.config, key, reader.getText());
                m_parts.update->setSettings(policy::updateSettings(m_parts.config));
                break;
            }
            case Order::Idle:
                break;
            case Order::End: {
                const auto lastStep = reader.get<std::int64_t>();
                return { lastStep, reader.getText() };
            }
            }
        }
    }

private:
    // The orders of a step carry its number.
    void begin(std::int64_t step, const char* phase)
    {
        m_step = storedStep(step);
        m_heartbeat.setPhase(m_step, phase);
    }

    void rollOut(ByteReader& reader)
    {
        const auto step = reader.get<std::int64_t>();
        const rollout::SamplingOptions sampling = getSampling(reader);
        const bool mayStop = reader.get<std::uint8_t>() != 0;
        std::vector<ReceivedRequest> received;
        for (std::int64_t rank = 0; rank <= m_communicator.rank(); ++rank)
            received = getAll(reader, getRequest);
        std::vector<RollRequest> share;
        for (const ReceivedRequest& item : received) {
            share.push_back(item.request);
            share.back().prompt = &item.prompt;
        }
        begin(step, "generate");
        measured("generate", [&] {
            exchangeRollouts(m_communicator, *m_parts.roller, share, step, sampling, mayStop ? m_session.stop : std::stop_token());
        });
    }

    void score(ByteReader& reader)
    {
        const std::vector<policy::TrainGroup> groups = getAll(reader, getTrainGroup);
        m_heartbeat.setPhase(m_step, "old log-probs");
        measured("old log-probs", [&] { m_parts.update->computeLogprobs(groups); });
    }

    void update(ByteReader& reader)
    {
        const auto step = reader.get<std::int64_t>();
        m_parts.update->setCarried(getAll(reader, getTrainGroup));
        std::vector<policy::TrainGroup> groups = getAll(reader, getTrainGroup);
        begin(step, "update");
        measured("update", [&] { m_parts.update->step(std::move(groups), step); });
        exchangeTimes(m_communicator, m_times);
        m_heartbeat.setLastStep(m_step);
    }

    // The times of a step begin with its first order; what was waited before that belongs to no step.
    void keepTime(ByteReader& order, double waitStarted)
    {
        const auto stepCount = order.get<std::uint64_t>();
        const double now = systemClock().steadySeconds();
        if (stepCount != m_stepCount)
            m_times.clear();
        m_stepCount = stepCount;
        m_stepStarted = now - order.get<double>();
        addTime(kWaitPhase, std::max(waitStarted, m_stepStarted), now);
    }

    void measured(const char* phase, const std::function<void()>& work)
    {
        const double started = systemClock().steadySeconds();
        const double waitedBefore = m_communicator.waitedSeconds();
        work();
        const double ended = systemClock().steadySeconds();
        const double waitStarted = ended - (m_communicator.waitedSeconds() - waitedBefore);
        addTime(phase, started, waitStarted);
        addTime(kWaitPhase, waitStarted, ended);
    }

    void addTime(const char* phase, double from, double to)
    {
        m_times.push_back({ m_communicator.rank(), phase, from - m_stepStarted, to - from, 0 });
    }

    RunParts& m_parts;
    distributed::Communicator& m_communicator;
    launch::HeartbeatWriter& m_heartbeat;
    Session& m_session;
    std::int64_t m_step = 0;
    std::uint64_t m_stepCount = 0; // of rank 0
    double m_stepStarted = 0.0;    // by this rank's clock
    std::vector<store::PhaseTiming> m_times;
};

} // namespace

RankResult serveOrders(RunParts& parts, launch::HeartbeatWriter& heartbeat, Session& session)
{
    return Worker(parts, heartbeat, session).serve();
}

} // namespace midpoint::engine
