#include "backend/launch/exit_record.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

namespace midpoint::launch {
namespace {

Outcome outcomeOf(const std::string& name)
{
    for (const Outcome outcome : { Outcome::Finished, Outcome::Stopped, Outcome::Failed })
        if (name == nameOf(outcome))
            return outcome;
    throw Error(ErrorKind::Io, concat("expected outcome finished, stopped or failed, found '", name, "'"));
}

} // namespace

const char* nameOf(Outcome outcome)
{
    switch (outcome) {
    case Outcome::Finished:
        return "finished";
    case Outcome::Stopped:
        return "stopped";
    case Outcome::Failed:
        return "failed";
    }
    return "unknown";
}

int processExitCode(const ExitRecord& record)
{
    if (record.outcome != Outcome::Failed)
        return 0;
    return record.signal == 0 && record.code == 2 ? 2 : 1;
}

void writeExitRecord(const RunFolder& folder, const ExitRecord& record)
{
    const nlohmann::json json { { "outcome", nameOf(record.outcome) }, { "code", record.code },      { "signal", record.signal },
                                { "rank", record.rank },               { "reason", record.reason },  { "last_step", record.lastStep },
                                { "wall_ms", record.wallMs },          { "host", record.host },      { "step", record.step },
                                { "phase", record.phase },             { "operation", record.operation } };
    writeFileAtomically(folder.exitRecord(), json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void removeExitRecord(const RunFolder& folder)
{
    std::error_code error;
    std::filesystem::remove(folder.exitRecord(), error);
    if (error)
        throw Error(ErrorKind::Io, concat(folder.exitRecord().string(), ": cannot remove it: ", error.message()));
}

std::optional<ExitRecord> readExitRecord(const RunFolder& folder)
{
    std::error_code ignored;
    if (!std::filesystem::exists(folder.exitRecord(), ignored))
        return std::nullopt;
    try {
        const auto json = nlohmann::json::parse(readFile(folder.exitRecord()));
        ExitRecord record;
        record.outcome = outcomeOf(json.at("outcome").get<std::string>());
        record.code = json.at("code").get<std::int64_t>();
        record.signal = json.at("signal").get<std::int64_t>();
        record.rank = json.at("rank").get<std::int64_t>();
        record.reason = json.at("reason").get<std::string>();
        record.lastStep = json.at("last_step").get<std::int64_t>();
        record.wallMs = json.at("wall_ms").get<std::int64_t>();
        record.host = json.at("host").get<std::string>();
        record.step = json.value("step", std::int64_t { -1 });
        record.phase = json.value("phase", std::string());
        record.operation = json.value("operation", std::string());
        return record;
    } catch (const std::exception& cause) {
        throw Error(ErrorKind::Io, concat(folder.exitRecord().string(), ": expected an exit record, found: ", cause.what()));
    }
}

} // namespace midpoint::launch
