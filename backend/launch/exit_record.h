// exit.json: how a run ended. Written by the supervisor as its last act; absent while it runs and after a death without warning.
#pragma once

#include "backend/launch/run_folder.h"

#include <cstdint>
#include <optional>
#include <string>

namespace midpoint::launch {

enum class Outcome { Finished, Stopped, Failed };

struct ExitRecord {
    Outcome outcome = Outcome::Finished;
    std::int64_t code = 0;    // of the rank that decided; 128 + signal if it was killed
    std::int64_t signal = 0;  // 0: none
    std::int64_t rank = -1;   // the rank that failed first; -1: none
    std::string reason;       // for people: the error's text, "stopped on request", ...
    std::int64_t lastStep = -1; // last completed step; -1: not known
    std::int64_t wallMs = 0;
    std::string host;         // of that rank, otherwise of the supervisor
    // Where the rank that failed was, as far as its last sign of life says.
    std::int64_t step = -1;
    std::string phase;
    std::string operation;    // of all ranks: "340 (reduce gradients)"
    bool operator==(const ExitRecord&) const = default;
};

// Exit code of `midpoint train`: 0 finished or stopped on request, else 1 (or the rank's 2 for wrong use).
int processExitCode(const ExitRecord& record);

void writeExitRecord(const RunFolder& folder, const ExitRecord& record);
void removeExitRecord(const RunFolder& folder);
// Nothing if there is none; Error{Io} if it cannot be understood.
std::optional<ExitRecord> readExitRecord(const RunFolder& folder);

const char* nameOf(Outcome outcome); // "finished", "stopped", "failed"

} // namespace midpoint::launch
