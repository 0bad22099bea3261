#include "backend/engine/worker.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/engine/crew.h"
#include "backend/engine/live_settings.h"
#include "backend/engine/step_record.h"
#include "backend/engine/wire.h"

namespace midpoint::engine {
namespace {

constexpr const char* kWaiting = "waiting for rank 0";

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
            const std::string bytes = m_communicator.broadcastObject({}, 0, "order");
            ByteReader reader(bytes, "order of rank 0");
            switch (reader.get<Order>()) {
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
        exchangeRollouts(m_communicator, *m_parts.roller, share, step, sampling, mayStop ? m_session.stop : std::stop_token());
    }

    void score(ByteReader& reader)
    {
        const std::vector<policy::TrainGroup> groups = getAll(reader, getTrainGroup);
        m_heartbeat.setPhase(m_step, "old log-probs");
        m_parts.update->computeLogprobs(groups);
    }

    void update(ByteReader& reader)
    {
        const auto step = reader.get<std::int64_t>();
        m_parts.update->setCarried(getAll(reader, getTrainGroup));
        std::vector<policy::TrainGroup> groups = getAll(reader, getTrainGroup);
        begin(step, "update");
        m_parts.update->step(std::move(groups), step);
        m_heartbeat.setLastStep(m_step);
    }

    RunParts& m_parts;
    distributed::Communicator& m_communicator;
    launch::HeartbeatWriter& m_heartbeat;
    Session& m_session;
    std::int64_t m_step = 0;
};

} // namespace

RankResult serveOrders(RunParts& parts, launch::HeartbeatWriter& heartbeat, Session& session)
{
    return Worker(parts, heartbeat, session).serve();
}

} // namespace midpoint::engine
