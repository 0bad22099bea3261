#include "backend/distributed/rendezvous.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/distributed/nccl/nccl_module.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <arpa/inet.h>
#include <netdb.h>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>

namespace midpoint::distributed {
namespace {

constexpr double kPollSeconds = 0.05;
constexpr double kRefusalSeconds = 5.0;
constexpr double kFarewellSeconds = 2.0; // that the store stays for the others to read an error

std::string toText(const Identity& identity)
{
    return nlohmann::json({ { "rank", identity.rank }, { "host", identity.host }, { "pid", identity.pid },
                              { "device", identity.device }, { "visible", identity.visible }, { "version", identity.version },
                              { "config", identity.configHash }, { "data", identity.dataHash }, { "weights", identity.weightsHash } })
        .dump();
}

// Another version may know other facts; that its version differs is what has to be told then.
Identity identityFrom(const std::string& text)
{
    const nlohmann::json json = nlohmann::json::parse(text);
    const auto word = [&](const char* name) { return json.value(name, std::string()); };
    return { .rank = json.value("rank", std::int64_t { 0 }), .host = word("host"), .pid = json.value("pid", std::int64_t { 0 }),
        .device = word("device"), .visible = word("visible"), .version = word("version"), .configHash = word("config"),
        .dataHash = word("data"), .weightsHash = word("weights") };
}

std::string placeOf(const Identity& identity) { return concat("rank ", identity.rank, " on ", identity.host, " (process ", identity.pid, ")"); }

// The address of this machine on the way to another one; nothing is sent.
std::string addressTowards(const std::string& host)
{
    const std::string fallback = "127.0.0.1";
    addrinfo hints {};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), "9", &hints, &found) != 0)
        return fallback;
    std::string address = fallback;
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        const int socket = ::socket(entry->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_storage own {};
        socklen_t size = sizeof own;
        std::array<char, NI_MAXHOST> text {};
        const bool isFound = socket >= 0 && ::connect(socket, entry->ai_addr, entry->ai_addrlen) == 0
            && ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) == 0
            && ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0;
        if (socket >= 0)
            ::close(socket);
        if (isFound) {
            address = text.data();
            break;
        }
    }
    ::freeaddrinfo(found);
    return address;
}

// One attempt of one rank to meet the others.
class Arrival {
public:
    Arrival(const RendezvousOptions& options, const Identity& own)
        : m_options(options)
        , m_own(own)
        , m_deadline(systemClock().steadySeconds() + options.deadlineSeconds)
        , m_store(openStore())
    {
    }

    c10::intrusive_ptr<c10d::Store> store() const { return m_store; }

    std::vector<Identity> waitForAll()
    {
        if (m_store->add(concat("here/", m_options.rank), 1) > 1)
            fail(ErrorKind::Usage, concat("two ranks have the number ", m_options.rank, ": ", placeOf(m_own), ", and ",
                placeOf(identityFrom(waitFor(concat("identity/", m_options.rank), "the other's identity"))),
                "; every rank needs a number of its own (RANK, --node-rank)"));
        set(concat("identity/", m_options.rank), toText(m_own));
        std::vector<Identity> ranks;
        for (std::int64_t rank = 0; rank < m_options.size; ++rank)
            ranks.push_back(identityFrom(waitFor(concat("identity/", rank), concat("rank ", rank))));
        if (const std::string problem = disagreement(ranks); !problem.empty())
            fail(ErrorKind::Config, problem);
        // One that came late with a number already taken is told to all before they go on.
        set(concat("ready/", m_options.rank), "1");
        for (std::int64_t rank = 0; rank < m_options.size; ++rank)
            waitFor(concat("ready/", rank), concat("rank ", rank));
        return ranks;
    }

    [[noreturn]] void refuse(const Error& problem) { fail(problem.kind(), concat(placeOf(m_own), " cannot take part: ", problem.what())); }

private:
    c10::intrusive_ptr<c10d::Store> openStore() const
    {
        c10d::TCPStoreOptions settings;
        settings.port = static_cast<std::uint16_t>(m_options.storePort);
        settings.isServer = m_options.holdsStore;
        settings.waitWorkers = false;
        settings.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(m_options.deadlineSeconds * 1000.0));
        if (m_options.storeDescriptor >= 0)
            settings.masterListenFd = m_options.storeDescriptor;
        try {
            auto store = c10::make_intrusive<c10d::TCPStore>(m_options.storeAddress, settings);
            return c10::make_intrusive<c10d::PrefixStore>(concat("midpoint/", m_options.attempt), std::move(store));
        } catch (const std::exception& cause) {
            const std::string place = concat(m_options.storeAddress, ":", m_options.storePort);
            const std::string_view text = cause.what();
            if (m_options.holdsStore)
                throw Error(ErrorKind::Resource, concat(place, ": cannot listen there for the other ranks (is the port in use?): ",
                                                     text.substr(0, text.find('\n'))));
            throw Error(ErrorKind::Resource, concat(place, ": rank 0 could not be reached within ", shortest(m_options.deadlineSeconds),
                                                 " s (is it running, and is this its address?): ", text.substr(0, text.find('\n'))));
        }
    }

    void set(const std::string& key, const std::string& text) { m_store->set(key, std::vector<std::uint8_t>(text.begin(), text.end())); }
    std::optional<std::string> read(const std::string& key)
    {
        if (!m_store->check({ key }))
            return std::nullopt;
        const std::vector<std::uint8_t> bytes = m_store->get(key);
        return std::string(bytes.begin(), bytes.end());
    }

    std::string waitFor(const std::string& key, const std::string& what)
    {
        try {
            while (true) {
                if (const auto error = read("error"); error.has_value())
                    leave(m_store->check({ "wrong_use" }) ? ErrorKind::Config : ErrorKind::Resource, *error);
                if (auto text = read(key); text.has_value())
                    return *text;
                if (systemClock().steadySeconds() > m_deadline)
                    fail(ErrorKind::Resource, concat("the ranks did not meet within ", shortest(m_options.deadlineSeconds), " s: ", what,
                        " is missing", missingRanks()));
                systemClock().sleepFor(kPollSeconds);
            }
        } catch (const c10::Error& cause) {
            throw Error(ErrorKind::Resource, concat("rank 0's store went away while the ranks met: ", cause.what_without_backtrace()));
        }
    }

    std::string missingRanks()
    {
        std::vector<std::string> missing;
        for (std::int64_t rank = 0; rank < m_options.size; ++rank)
            if (!m_store->check({ concat("identity/", rank) }))
                missing.push_back(std::to_string(rank));
        return missing.empty() ? std::string() : concat(" (", join(missing, ", "), " of ", m_options.size, " have not come)");
    }

    // The same words and the same exit code on all ranks.
    [[noreturn]] void fail(ErrorKind kind, const std::string& message)
    {
        if (exitCode(kind) == exitCode(ErrorKind::Usage))
            set("wrong_use", "1"); // before the words, which the others wait for
        set("error", message);
        leave(kind, message);
    }

    // The one that holds the store stays until the others have read.
    [[noreturn]] void leave(ErrorKind kind, const std::string& message) const
    {
        if (m_options.holdsStore)
            systemClock().sleepFor(kFarewellSeconds);
        throw Error(kind, message);
    }

    const RendezvousOptions& m_options;
    const Identity& m_own;
    double m_deadline;
    c10::intrusive_ptr<c10d::Store> m_store;
};

// Keeps the store, and so rank 0's server, alive as long as the communicator.
class TransportWithStore final : public Transport {
public:
    TransportWithStore(c10::intrusive_ptr<c10d::Store> store, std::unique_ptr<Transport> transport)
        : m_store(std::move(store))
        , m_transport(std::move(transport))
    {
    }
    Wait allReduce(torch::Tensor tensor, Reduction reduction) override { return m_transport->allReduce(std::move(tensor), reduction); }
    Wait reduceScatter(torch::Tensor own, torch::Tensor all) override { return m_transport->reduceScatter(std::move(own), std::move(all)); }
    Wait allGather(torch::Tensor all, torch::Tensor own) override { return m_transport->allGather(std::move(all), std::move(own)); }
    Wait broadcast(torch::Tensor tensor, std::int64_t root) override { return m_transport->broadcast(std::move(tensor), root); }
    InPlaceShards* inPlace(const torch::Tensor& like) override { return m_transport->inPlace(like); }
    void abort() override { m_transport->abort(); }

private:
    c10::intrusive_ptr<c10d::Store> m_store;
    std::unique_ptr<Transport> m_transport;
};

// What connects ranks that have met, and its name.
struct Connection {
    std::unique_ptr<Transport> transport;
    std::string through;
};

template <typename Make>
std::unique_ptr<Transport> connected(const RendezvousOptions& options, const std::string& through, const Make& make)
{
    try {
        return make();
    } catch (const Error&) {
        throw;
    } catch (const std::exception& cause) {
        const std::string_view text = cause.what();
        throw Error(ErrorKind::Resource,
            concat("rank ", options.rank, " cannot connect to the other ranks ", through, ": ", text.substr(0, text.find('\n'))));
    }
}

Connection connectHost(const c10::intrusive_ptr<c10d::Store>& store, const RendezvousOptions& options, const TransportOptions& settings)
{
    std::string problem;
    std::unique_ptr<Transport> memory = connected(options, "through shared memory",
        [&] { return tryMemoryTransport(store, options.rank, options.size, settings, problem); });
    if (memory != nullptr)
        return { std::move(memory), "shared memory" };
    return { connected(options, concat("from ", settings.ownAddress),
                 [&] { return makeGlooTransport(store, options.rank, options.size, settings); }),
        concat("Gloo (", problem, ")") };
}

// The host's memory always, and devices.
Connection connect(const c10::intrusive_ptr<c10d::Store>& store, const RendezvousOptions& options)
{
    TransportOptions settings;
    settings.collectiveSeconds = options.collectiveSeconds;
    settings.sharesMemory = options.sharesMemory;
    settings.ownAddress = options.ownAddress.empty() ? addressTowards(options.storeAddress) : options.ownAddress;
    Connection host = connectHost(store, options, settings);
    if (!options.cudaDevice.has_value())
        return host;
    std::unique_ptr<Transport> devices = connected(options, concat("from cuda:", *options.cudaDevice, " over NCCL"),
        [&] { return openNccl().makeTransport(store, options.rank, options.size, *options.cudaDevice, settings); });
    return { makeTransportByDevice(std::move(host.transport), std::move(devices)), concat("NCCL and ", host.through) };
}

// Ranks that compute on devices have one each.
std::string deviceProblem(const std::vector<Identity>& ranks)
{
    const auto isCpu = [](const Identity& rank) { return rank.device == "cpu"; };
    for (const Identity& rank : ranks) {
        if (isCpu(rank) != isCpu(ranks.front()))
            return concat("the ranks differ in the kind of their devices: ", placeOf(ranks.front()), " computes on ", ranks.front().device,
                ", ", placeOf(rank), " on ", rank.device, "; give all of them CPUs or all of them GPUs (run.devices)");
        for (const Identity& other : ranks)
            if (!isCpu(rank) && other.rank < rank.rank && other.host == rank.host && other.device == rank.device
                && other.visible == rank.visible)
                return concat("two ranks share a device: ", placeOf(other), " and ", placeOf(rank), " both compute on ", rank.device,
                    "; every rank needs a GPU of its own (run.devices)");
    }
    return {};
}

} // namespace

std::string disagreement(const std::vector<Identity>& ranks)
{
    struct Fact {
        const char* name;
        std::string Identity::*value;
        const char* advice;
    };
    constexpr Fact facts[] = {
        { "the version of Midpoint", &Identity::version, "install the same one everywhere" },
        { "the configuration", &Identity::configHash, "start every rank with the same file and overrides" },
        { "the prompts (data.train_files, data.val_files)", &Identity::dataHash, "give every host the same files" },
        { "the starting weights (model.path)", &Identity::weightsHash, "give every host the same model folder" },
    };
    for (const Fact& fact : facts)
        for (const Identity& rank : ranks)
            if (rank.*fact.value != ranks.front().*fact.value)
                return concat("the ranks differ in ", fact.name, ": ", placeOf(ranks.front()), " has ", ranks.front().*fact.value, ", ",
                    placeOf(rank), " has ", rank.*fact.value, "; ", fact.advice);
    return deviceProblem(ranks);
}

void refuse(const RendezvousOptions& options, const Identity& own, const Error& problem) noexcept
{
    try {
        RendezvousOptions brief = options;
        brief.deadlineSeconds = std::min(options.deadlineSeconds, kRefusalSeconds);
        Arrival(brief, own).refuse(problem);
    } catch (const std::exception&) {
        // Said to the others, or nobody was there to be told.
    }
}

Meeting meet(const RendezvousOptions& options, const Identity& own, OperationObserver observer)
{
    if (options.size == 1)
        return { std::make_unique<Communicator>(0, 1, nullptr, std::move(observer)), { own }, {} };
    Arrival arrival(options, own);
    Meeting meeting;
    meeting.ranks = arrival.waitForAll();
    Connection connection = connect(arrival.store(), options);
    meeting.through = std::move(connection.through);
    meeting.communicator = std::make_unique<Communicator>(options.rank, options.size,
        std::make_unique<TransportWithStore>(arrival.store(), std::move(connection.transport)), std::move(observer));
    return meeting;
}

} // namespace midpoint::distributed
