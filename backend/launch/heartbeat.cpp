#include "backend/launch/heartbeat.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

namespace midpoint::launch {
namespace {

std::string toText(const Heartbeat& beat)
{
    nlohmann::json json { { "host", beat.host },          { "rank", beat.rank },   { "pid", beat.pid },
                          { "wall_ms", beat.wallMs },     { "step", beat.step },   { "last_step", beat.lastStep },
                          { "phase", beat.phase },        { "phase_since_ms", beat.phaseSinceMs } };
    if (beat.sequence >= 0) {
        json["operation"] = beat.operation;
        json["sequence"] = beat.sequence;
        json["operation_since_ms"] = beat.operationSinceMs;
    }
    if (beat.outcome) {
        json["outcome"] = nameOf(*beat.outcome);
        json["reason"] = beat.reason;
    }
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<Heartbeat> fromText(const std::string& text)
{
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object())
        return std::nullopt;
    try {
        Heartbeat beat;
        beat.host = json.at("host").get<std::string>();
        beat.rank = json.at("rank").get<std::int64_t>();
        beat.pid = json.at("pid").get<std::int64_t>();
        beat.wallMs = json.at("wall_ms").get<std::int64_t>();
        beat.step = json.at("step").get<std::int64_t>();
        beat.lastStep = json.at("last_step").get<std::int64_t>();
        beat.phase = json.at("phase").get<std::string>();
        beat.phaseSinceMs = json.at("phase_since_ms").get<std::int64_t>();
        beat.operation = json.value("operation", std::string());
        beat.sequence = json.value("sequence", std::int64_t { -1 });
        beat.operationSinceMs = json.value("operation_since_ms", std::int64_t { 0 });
        const std::string outcome = json.value("outcome", std::string());
        for (const Outcome known : { Outcome::Finished, Outcome::Stopped, Outcome::Failed })
            if (outcome == nameOf(known))
                beat.outcome = known;
        beat.reason = json.value("reason", std::string());
        return beat;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt; // of another version, or not ours
    }
}

// Whole or not at all, but without a sync: a beat that a power failure loses is no loss.
void replaceFile(const std::filesystem::path& path, const std::string& text)
{
    const std::filesystem::path beside = concat(path.string(), ".writing");
    std::ofstream(beside, std::ios::binary | std::ios::trunc) << text;
    std::error_code ignored;
    std::filesystem::rename(beside, path, ignored);
}

} // namespace

class HeartbeatWriter::Impl {
public:
    Impl(const RunFolder& folder, std::int64_t rank, HeartbeatOptions options)
        : m_clock(options.clock != nullptr ? *options.clock : systemClock())
        , m_interval(options.intervalSeconds)
    {
        m_beat.host = hostName();
        m_beat.rank = rank;
        m_beat.pid = ::getpid();
        m_beat.phase = kPhaseStarting;
        m_beat.phaseSinceMs = m_clock.wallMilliseconds();
        m_path = folder.heartbeats() / concat(m_beat.host, ".", rank);
        createFolders(folder.heartbeats());
        write();
        startThread();
    }

    ~Impl()
    {
        m_thread.request_stop();
        m_wake.notify_all();
    }

    void setPhase(std::int64_t step, std::string_view phase)
    {
        const std::scoped_lock lock(m_mutex);
        // What decides the state shown, and the first phase after it, is written at once; the others at the next beat.
        const bool isNotable = phase == kPhasePaused || m_beat.phase == kPhasePaused || m_beat.phase == kPhaseStarting;
        m_beat.step = step;
        if (m_beat.phase != phase) {
            m_beat.phase = phase;
            m_beat.phaseSinceMs = m_clock.wallMilliseconds();
        }
        if (isNotable)
            write();
    }

    void setOperation(std::string_view name, std::int64_t sequence)
    {
        const std::scoped_lock lock(m_mutex);
        m_beat.operation = name;
        m_beat.sequence = std::max(sequence, m_beat.sequence);
        m_beat.operationSinceMs = m_clock.wallMilliseconds();
    }

    void setLastStep(std::int64_t step)
    {
        const std::scoped_lock lock(m_mutex);
        m_beat.lastStep = step;
        write(); // at once: the exit record of a killed rank says how far it came
    }

    void finish(Outcome outcome, std::string_view reason)
    {
        const std::scoped_lock lock(m_mutex);
        m_beat.outcome = outcome;
        m_beat.reason = reason;
        m_beat.phase = nameOf(outcome);
        m_beat.phaseSinceMs = m_clock.wallMilliseconds();
        write();
    }

private:
    // Signals to the process go to the rank's own threads, whose waits they are meant to interrupt.
    void startThread()
    {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, &before);
        m_thread = std::jthread([this](const std::stop_token& stop) { run(stop); });
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    void run(const std::stop_token& stop)
    {
        std::unique_lock lock(m_mutex);
        while (!stop.stop_requested()) {
            m_wake.wait_for(lock, stop, std::chrono::duration<double>(m_interval), [] { return false; });
            if (!stop.stop_requested())
                write();
        }
    }

    void write()
    {
        m_beat.wallMs = m_clock.wallMilliseconds();
        replaceFile(m_path, toText(m_beat));
    }

    const Clock& m_clock;
    double m_interval;
    std::filesystem::path m_path;
    std::mutex m_mutex; // guards m_beat and the file
    std::condition_variable_any m_wake;
    Heartbeat m_beat;
    std::jthread m_thread; // last: it uses all of the above
};

HeartbeatWriter::HeartbeatWriter(const RunFolder& folder, std::int64_t rank, HeartbeatOptions options)
    : m_impl(std::make_unique<Impl>(folder, rank, options))
{
}

HeartbeatWriter::~HeartbeatWriter() = default;
void HeartbeatWriter::setPhase(std::int64_t step, std::string_view phase) { m_impl->setPhase(step, phase); }
void HeartbeatWriter::beginOperation(std::string_view name, std::int64_t sequence) { m_impl->setOperation(name, sequence); }
void HeartbeatWriter::endOperation() { m_impl->setOperation({}, -1); }
void HeartbeatWriter::setLastStep(std::int64_t step) { m_impl->setLastStep(step); }
void HeartbeatWriter::finish(Outcome outcome, std::string_view reason) { m_impl->finish(outcome, reason); }

std::vector<Heartbeat> readHeartbeats(const RunFolder& folder)
{
    std::vector<Heartbeat> beats;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder.heartbeats(), error), end; !error && entry != end; entry.increment(error)) {
        if (entry->path().extension() == ".writing")
            continue;
        std::ifstream file(entry->path(), std::ios::binary);
        const std::string text { std::istreambuf_iterator<char>(file), {} };
        if (auto beat = fromText(text))
            beats.push_back(std::move(*beat));
    }
    std::ranges::sort(beats, {}, [](const Heartbeat& beat) { return std::pair(beat.rank, beat.host); });
    return beats;
}

void removeHeartbeats(const RunFolder& folder)
{
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(folder.heartbeats(), error), end; !error && entry != end; entry.increment(error))
        files.push_back(entry->path());
    for (const auto& file : files)
        std::filesystem::remove(file, error);
}

} // namespace midpoint::launch
