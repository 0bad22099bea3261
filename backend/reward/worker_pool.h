// A fixed number of grading processes, each owned by one thread, that share the requests of a batch. A process that crashes,
// hangs, floods or answers nonsense costs the sample it was asked about, and is started again for the next one.
#pragma once

#include "backend/reward/grader.h"
#include "backend/reward/worker_process.h"

#include <memory>
#include <span>

namespace midpoint::reward {

struct WorkerPoolOptions {
    WorkerCommand command;
    std::int64_t workers = 2;
    double deadlineSeconds = 10.0; // per sample
    double startSeconds = 10.0;    // more for the first sample of a new process, which may have to load libraries
};

class WorkerPool {
public:
    explicit WorkerPool(WorkerPoolOptions options);
    ~WorkerPool(); // kills the processes

    // One grade per request, in order. Thread-safe; batches follow one another.
    std::vector<Grade> grade(std::span<const GradeRequest> requests);

private:
    class Implementation;
    std::unique_ptr<Implementation> m_implementation;
};

} // namespace midpoint::reward
