#include "backend/reward/worker_pool.h"

#include "backend/core/text.h"
#include "backend/reward/grading_protocol.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace midpoint::reward {

namespace {

// One process and what is known about its reliability. Used by one thread alone.
class Worker {
public:
    explicit Worker(const WorkerPoolOptions& options)
        : m_options(options)
        , m_process(options.command)
    {
    }

    Grade grade(const GradeRequest& request)
    {
        const std::int64_t id = m_nextId++;
        // A new process gets time to load; one that has only ever failed gets no more than the sample's own deadline.
        const bool isPatient = m_isNew && (m_failures == 0 || (m_hasAnswered && m_failures < 2));
        const WorkerProcess::Answer answer
            = m_process.ask(requestLine(request, id), m_options.deadlineSeconds + (isPatient ? m_options.startSeconds : 0.0));
        m_isNew = answer.failure.has_value();
        if (answer.failure) {
            ++m_failures;
            const bool isLate = *answer.failure == WorkerFailure::Silent;
            std::string why = concat("the grading process: ", nameOf(*answer.failure));
            if (!isLate && !answer.detail.empty())
                why += concat(" (", answer.detail, ")");
            return { isLate ? Verdict::Timeout : Verdict::GraderFailed, {}, {}, std::move(why), false };
        }
        const Grade grade = parseAnswer(answer.line, id);
        if (grade.verdict == Verdict::GraderFailed) {
            m_process.stop(); // out of step: whatever it says next may belong to this sample
            m_isNew = true;
            ++m_failures;
        } else {
            m_failures = 0;
            m_hasAnswered = true;
        }
        return grade;
    }

private:
    const WorkerPoolOptions& m_options;
    WorkerProcess m_process;
    std::int64_t m_nextId = 0;
    std::int64_t m_failures = 0; // in a row
    bool m_isNew = true;
    bool m_hasAnswered = false;
};

} // namespace

class WorkerPool::Implementation {
public:
    explicit Implementation(WorkerPoolOptions options)
        : m_options(std::move(options))
    {
        for (std::int64_t i = 0; i < std::max<std::int64_t>(1, m_options.workers); ++i)
            m_threads.emplace_back([this] { run(); });
    }

    ~Implementation()
    {
        {
            const std::lock_guard lock(m_mutex);
            m_isStopping = true;
        }
        m_hasWork.notify_all();
        for (std::thread& thread : m_threads)
            thread.join();
    }

    std::vector<Grade> grade(std::span<const GradeRequest> requests)
    {
        const std::lock_guard oneBatch(m_batchMutex);
        std::vector<Grade> grades(requests.size());
        std::unique_lock lock(m_mutex);
        m_requests = requests;
        m_grades = grades.data();
        m_next = 0;
        m_open = requests.size();
        m_hasWork.notify_all();
        m_isDone.wait(lock, [this] { return m_open == 0; });
        m_requests = {};
        return grades;
    }

private:
    void run()
    {
        Worker worker(m_options);
        std::unique_lock lock(m_mutex);
        while (true) {
            m_hasWork.wait(lock, [this] { return m_isStopping || m_next < m_requests.size(); });
            if (m_isStopping)
                return;
            const std::size_t index = m_next++;
            const GradeRequest request = m_requests[index];
            Grade* place = m_grades + index;
            lock.unlock();
            Grade grade = worker.grade(request);
            lock.lock();
            *place = std::move(grade);
            if (--m_open == 0)
                m_isDone.notify_all();
        }
    }

    const WorkerPoolOptions m_options;
    std::mutex m_batchMutex; // one batch at a time
    std::mutex m_mutex;      // everything below
    std::condition_variable m_hasWork;
    std::condition_variable m_isDone;
    std::span<const GradeRequest> m_requests;
    Grade* m_grades = nullptr;
    std::size_t m_next = 0;
    std::size_t m_open = 0;
    bool m_isStopping = false;
    std::vector<std::thread> m_threads;
};

WorkerPool::WorkerPool(WorkerPoolOptions options)
    : m_implementation(std::make_unique<Implementation>(std::move(options)))
{
}

WorkerPool::~WorkerPool() = default;

std::vector<Grade> WorkerPool::grade(std::span<const GradeRequest> requests) { return m_implementation->grade(requests); }

} // namespace midpoint::reward
