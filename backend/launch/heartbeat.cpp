#include "backend/launch/heartbeat.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <fstream>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

namespace midpoint::launch {
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
        json["code"] = beat.code;
        json["lost_peer"] = beat.lostPeer;
    }
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<Heartbeat> beatFromText(const std::string& text)
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
        beat.code = json.value("code", std::int64_t { beat.outcome == Outcome::Failed ? 1 : 0 });
        beat.lostPeer = json.value("lost_peer", false);
        return beat;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt; // of another version, or not ours
    }
}

std::string placeOf(const Heartbeat& beat)
{
    std::string text = concat("step ", beat.step, ", in ", beat.phase);
    if (!beat.operation.empty())
        text += concat(", in operation ", beat.sequence, " (", beat.operation, ")");
    return text;
}

namespace {

// Whole or not at all, but without a sync: a beat that a power failure loses is no loss.
void replaceFile(const std::filesystem::path& path, const std::string& text)
{
    const std::filesystem::path beside = concat(path.string(), ".writing");
    std::ofstream(beside, std::ios::binary | std::ios::trunc) << text;
    std::error_code ignored;
    std::filesystem::rename(beside, path, ignored);
}

std::filesystem::path fileOf(const RunFolder& folder, const Heartbeat& beat)
{
    return folder.heartbeats() / concat(beat.host, ".", beat.rank);
}

} // namespace

class HeartbeatWriter::Impl {
public:
    Impl(const RunFolder& folder, std::int64_t rank, HeartbeatOptions options)
        : m_clock(options.clock != nullptr ? *options.clock : systemClock())
        , m_interval(options.intervalSeconds)
        , m_descriptor(options.descriptor)
    {
        m_beat.host = hostName();
        m_beat.rank = rank;
        m_beat.pid = ::getpid();
        m_beat.phase = kPhaseStarting;
        m_beat.phaseSinceMs = m_clock.wallMilliseconds();
        m_path = fileOf(folder, m_beat);
        createFolders(folder.heartbeats());
        write();
        startThreads();
    }

    ~Impl()
    {
        for (std::jthread& thread : m_threads)
            thread.request_stop();
        m_wake.notify_all();
    }

    // Who is told of a change at once; everybody else learns of it with the next beat.
    enum class Telling { Nobody, Supervisor, Everybody };

    template <typename Change>
    void change(Telling telling, const Change& change)
    {
        {
            const std::scoped_lock lock(m_mutex);
            change(m_beat);
        }
        if (telling == Telling::Supervisor)
            send();
        if (telling == Telling::Everybody)
            write();
    }

    void setPhase(std::int64_t step, std::string_view phase)
    {
        // What decides the state shown, and the first phase after it, is written at once; the others at the next beat.
        const Heartbeat before = now();
        const bool isNotable = phase == kPhasePaused || before.phase == kPhasePaused || before.phase == kPhaseStarting;
        change(isNotable ? Telling::Everybody : Telling::Nobody, [&](Heartbeat& beat) {
            beat.step = step;
            if (beat.phase != phase) {
                beat.phase = phase;
                beat.phaseSinceMs = m_clock.wallMilliseconds();
            }
        });
    }

    void setOperation(std::string_view name, std::int64_t sequence)
    {
        change(Telling::Nobody, [&](Heartbeat& beat) {
            beat.operation = name;
            beat.sequence = std::max(sequence, beat.sequence);
            beat.operationSinceMs = m_clock.wallMilliseconds();
        });
    }

    void finish(Outcome outcome, std::string_view reason, std::int64_t code, bool lostPeer)
    {
        change(Telling::Everybody, [&](Heartbeat& beat) {
            beat.outcome = outcome;
            beat.reason = reason;
            beat.code = code;
            beat.lostPeer = lostPeer;
            // Where it failed is worth more than the word.
            if (outcome != Outcome::Failed)
                beat.phase = nameOf(outcome);
            beat.phaseSinceMs = m_clock.wallMilliseconds();
        });
    }

private:
    // Signals to the process go to the rank's own threads, whose waits they are meant to interrupt.
    void startThreads()
    {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, &before);
        m_threads.emplace_back([this](const std::stop_token& stop) { repeat(stop, [this] { write(); }); });
        if (m_descriptor >= 0)
            m_threads.emplace_back([this](const std::stop_token& stop) { repeat(stop, [this] { send(); }); });
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    void repeat(const std::stop_token& stop, const std::function<void()>& work)
    {
        while (!stop.stop_requested()) {
            {
                std::unique_lock lock(m_mutex);
                m_wake.wait_for(lock, stop, std::chrono::duration<double>(m_interval), [] { return false; });
            }
            if (!stop.stop_requested())
                work();
        }
    }

    Heartbeat now()
    {
        const std::scoped_lock lock(m_mutex);
        m_beat.wallMs = m_clock.wallMilliseconds();
        return m_beat;
    }

    void write()
    {
        send(); // first: a file can hang
        const std::scoped_lock lock(m_fileMutex);
        replaceFile(m_path, toText(now()));
    }

    // A pipe that is full has a supervisor that does not read; the next beat may find room.
    void send()
    {
        if (m_descriptor < 0)
            return;
        const std::string text = toText(now());
        [[maybe_unused]] const ssize_t written = ::write(m_descriptor, text.data(), text.size());
    }

    const Clock& m_clock;
    double m_interval;
    int m_descriptor;
    std::filesystem::path m_path;
    std::mutex m_fileMutex; // guards the file
    std::mutex m_mutex;     // guards m_beat, never while something is written
    std::condition_variable_any m_wake;
    Heartbeat m_beat;
    std::vector<std::jthread> m_threads; // last: they use all of the above
};

HeartbeatWriter::HeartbeatWriter(const RunFolder& folder, std::int64_t rank, HeartbeatOptions options)
    : m_impl(std::make_unique<Impl>(folder, rank, options))
{
}

HeartbeatWriter::~HeartbeatWriter() = default;
void HeartbeatWriter::setPhase(std::int64_t step, std::string_view phase) { m_impl->setPhase(step, phase); }

void HeartbeatWriter::setLastStep(std::int64_t step)
{
    // At once: the exit record of a killed rank says how far it came. Not into the file: a step may take a few milliseconds.
    m_impl->change(Impl::Telling::Supervisor, [step](Heartbeat& beat) { beat.lastStep = step; });
}

void HeartbeatWriter::beginOperation(std::string_view name, std::int64_t sequence) { m_impl->setOperation(name, sequence); }
void HeartbeatWriter::endOperation() { m_impl->setOperation({}, -1); }

void HeartbeatWriter::finish(Outcome outcome, std::string_view reason) { m_impl->finish(outcome, reason, 0, false); }
void HeartbeatWriter::fail(std::string_view reason, std::int64_t code) { m_impl->finish(Outcome::Failed, reason, code, false); }
void HeartbeatWriter::finishWithoutPeer(std::string_view reason) { m_impl->finish(Outcome::Failed, reason, 1, true); }

std::vector<Heartbeat> readHeartbeats(const RunFolder& folder)
{
    std::vector<Heartbeat> beats;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder.heartbeats(), error), end; !error && entry != end; entry.increment(error)) {
        if (entry->path().extension() == ".writing")
            continue;
        std::ifstream file(entry->path(), std::ios::binary);
        const std::string text { std::istreambuf_iterator<char>(file), {} };
        if (auto beat = beatFromText(text))
            beats.push_back(std::move(*beat));
    }
    std::ranges::sort(beats, {}, [](const Heartbeat& beat) { return std::pair(beat.rank, beat.host); });
    return beats;
}

void recordDeath(const RunFolder& folder, Heartbeat last, std::string_view reason)
{
    last.outcome = Outcome::Failed;
    last.reason = reason;
    last.code = 1;
    last.lostPeer = false;
    replaceFile(fileOf(folder, last), toText(last));
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
