// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/job_list.h"

#include "backend/config/value.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/run_control.h"

#include <toml++/toml.h>

#include <QCoreApplication>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>

namespace midpoint::gui {

namespace {

namespace fs = std::filesystem;

constexpr std::streamoff kTailBytes = 40'000;

QString say(const char* text) { return QCoreApplication::translate("jobs", text); }

std::string tailOf(const fs::path& file)
{
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in)
        return {};
    const std::streamoff size = in.tellg();
    in.seekg(std::max<std::streamoff>(0, size - kTailBytes));
    return { std::istreambuf_iterator<char>(in), {} };
}

std::string lastLineOf(const std::string& text)
{
    std::string last;
    for (const std::string& line : split(text, '\n'))
        if (!trim(line).empty())
            last = std::string(trim(line));
    return last;
}

QStringList partsOf(const JobField& field, const QString& value)
{
    QStringList parts = field.isList ? value.split(QLatin1Char(';'), Qt::SkipEmptyParts) : QStringList { value };
    for (QString& part : parts)
        part = part.trimmed();
    parts.removeAll(QString());
    return parts;
}

std::optional<JobRecord> readJob(const fs::path& folder)
{
    JobRecord job;
    job.path = folder;
    try {
        const toml::table text = toml::parse(readFile(folder / "config.toml"));
        job.kind = text["kind"].value_or(std::string());
        job.startedMs = text["started_ms"].value_or(std::int64_t { 0 });
        if (const toml::array* command = text["command"].as_array())
            for (const toml::node& word : *command)
                job.command.push_back(word.value_or(std::string()));
    } catch (const toml::parse_error&) {
        return std::nullopt;
    }
    const launch::RunFolder run = launch::RunFolder::open(folder);
    job.state = launch::observeState(run);
    job.logTail = tailOf(run.log(0));
    job.lastLine = lastLineOf(job.logTail);
    const auto record = launch::readExitRecord(run);
    if (job.state.kind == launch::RunStateKind::Failed && record && !record->reason.empty())
        job.lastLine = record->reason;
    job.progress = job.state.kind == launch::RunStateKind::Finished ? std::optional(1.0) : progressShare(job.lastLine);
    return job;
}

} // namespace

const std::vector<JobKind>& jobKinds()
{
    static const std::vector<JobKind> kinds {
        { "embed", say("Embed questions"), say("A frozen model turns every question of the prompt sets into numbers."), { "predictor", "embed" },
            { { "", say("model"), say("Hugging Face folder of the backbone"), true, false, say("folder of the model") },
                { "--data", say("prompt sets"), say(".jsonl or .parquet files, separated by ;"), true, true, say("questions.jsonl; more.parquet") },
                { "--template", say("template"), say("auto, plain, qwen-math, chatml or llama3; plain if empty"), false, false, say("plain") }, { "--out", say("embeddings"), say("File to write, .safetensors") } }, "--out" },
        { "label", say("Label questions"), say("A checkpoint answers every question some times: its success rates are what the predictor learns from. Label with several checkpoints."), { "eval" },
            { { "", say("checkpoint"), say("Checkpoint, model or run folder"), true, false, say("folder of the checkpoint") },
                { "--data", say("prompt sets"), say(".jsonl or .parquet files, separated by ;"), true, true, say("questions.jsonl; more.parquet") },
                { "--samples", say("answers each"), say("Responses per question"), false }, { "--policy-name", say("name"), say("Name of the model in the labels"), false },
                { "--labels", say("labels"), say("File to write, .jsonl") }, { "", say("settings"), say("key=value, separated by ; such as data.prompt_template=plain"), false, true, say("run.threads=2; run.seed=3") } }, "--labels" },
        { "train", say("Train the predictor"), say("Learns success rates of questions from their embeddings and a few measured references."), { "predictor", "train" },
            { { "--embeddings", say("embeddings"), say("File of the first job"), true, false, {}, 1 },
                { "--labels", say("labels"), say("Files of the second job, separated by ;"), true, true, {}, 2 },
                { "--held-out", say("held out"), say("Names of models kept for early stopping, separated by ;"), false, true, say("names of models") }, { "--epochs", say("epochs"), say("Passes over the labels"), false },
                { "--hidden-size", say("hidden size"), say("Numbers per projection"), false }, { "--out", say("predictor"), say("File to write, .safetensors") } }, "--out" },
    };
    return kinds;
}

std::optional<std::vector<std::string>> jobCommand(const JobKind& kind, const std::vector<QString>& values)
{
    std::vector<std::string> words = kind.command;
    for (std::size_t i = 0; i < kind.fields.size(); ++i) {
        const JobField& field = kind.fields[i];
        const QStringList parts = partsOf(field, values[i]);
        if (parts.isEmpty()) {
            if (field.isRequired)
                return std::nullopt;
            continue;
        }
        if (!field.option.empty())
            words.push_back(field.option);
        for (const QString& part : parts)
            words.push_back(part.toStdString());
    }
    return words;
}

std::vector<JobInput> jobInputs(const JobKind& kind, const std::vector<QString>& values)
{
    std::vector<JobInput> inputs;
    for (std::size_t i = 0; i < kind.fields.size(); ++i)
        if (kind.fields[i].writtenBy > 0)
            for (const QString& part : partsOf(kind.fields[i], values[i]))
                inputs.push_back({ part.toStdString(), kind.fields[i].writtenBy });
    return inputs;
}

std::filesystem::path jobOutput(const JobRecord& job)
{
    const std::vector<JobKind>& kinds = jobKinds();
    const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const JobKind& each) { return each.id == job.kind; });
    if (kind == kinds.end())
        return {};
    const auto option = std::find(job.command.begin(), job.command.end(), kind->output);
    if (option == job.command.end() || option + 1 == job.command.end())
        return {};
    return fs::absolute(*(option + 1)).lexically_normal();
}

std::optional<double> progressShare(const std::string& line)
{
    long long done = 0;
    long long total = 0;
    int consumed = 0;
    if (std::sscanf(line.c_str(), "%lld/%lld%n", &done, &total, &consumed) < 2 || line[static_cast<std::size_t>(consumed)] != ' ' || total <= 0 || done < 0 || done > total)
        return std::nullopt;
    return static_cast<double>(done) / static_cast<double>(total);
}

std::vector<JobRecord> readJobs(const fs::path& project)
{
    std::vector<JobRecord> jobs;
    std::error_code error;
    for (fs::directory_iterator it(project / "jobs", error), end; !error && it != end; it.increment(error)) {
        try {
            if (auto job = readJob(it->path()))
                jobs.push_back(std::move(*job));
        } catch (const Error&) {
            continue; // not a job, or just being removed
        }
    }
    std::sort(jobs.begin(), jobs.end(), [](const JobRecord& a, const JobRecord& b) { return std::pair(a.startedMs, a.path) > std::pair(b.startedMs, b.path); });
    return jobs;
}

JobList::JobList(fs::path program, QObject* parent)
    : QObject(parent)
    , m_program(std::move(program))
    , m_jobs(std::make_shared<std::vector<JobRecord>>())
{
}

void JobList::setProject(const fs::path& project)
{
    m_project = project;
    m_jobs = std::make_shared<std::vector<JobRecord>>();
    Q_EMIT changed();
    refresh();
}

void JobList::refresh()
{
    if (m_project.empty())
        return;
    m_background.run([this, request = ++m_request, project = m_project, watched = m_watched]() -> std::function<void()> {
        auto jobs = std::make_shared<const std::vector<JobRecord>>(readJobs(project));
        std::set<fs::path> existing;
        std::error_code unreadable; // as good as not there
        std::copy_if(watched.begin(), watched.end(), std::inserter(existing, existing.end()), [&](const fs::path& file) { return fs::exists(file, unreadable); });
        return [this, request, jobs, existing = std::move(existing)]() mutable {
            if (request != m_request)
                return;
            m_jobs = jobs;
            m_existing = std::move(existing);
            Q_EMIT changed();
        };
    });
}

void JobList::watch(std::vector<fs::path> files)
{
    if (files == m_watched)
        return;
    m_watched = std::move(files);
    refresh();
}

bool JobList::isBeingWritten(const fs::path& file) const
{
    const fs::path wanted = fs::absolute(file).lexically_normal();
    return std::any_of(m_jobs->begin(), m_jobs->end(), [&](const JobRecord& job) { return launch::isActive(job.state.kind) && jobOutput(job) == wanted; });
}

void JobList::start(const JobKind& kind, std::vector<std::string> command)
{
    m_background.run([this, id = kind.id, command = std::move(command), project = m_project, program = m_program]() -> std::function<void()> {
        try {
            const fs::path path = RunControl::freeRunFolder(project / "jobs", id);
            const launch::RunFolder folder = launch::RunFolder::create(path);
            createFolders(project / "predictor"); // where the form proposes to write
            writeFileAtomically(folder.config(), concat("kind = ", config::quoted(id), "\nstarted_ms = ", systemClock().wallMilliseconds(),
                                                     "\ncommand = ", config::toToml(config::Value(command)), "\n"));
            launch::startDetached({ program.string(), "job", path.string() }, path / "log" / "supervisor.log");
            return [this, path] {
                Q_EMIT started(path);
                refresh();
            };
        } catch (const std::exception& problem) {
            return [this, text = QString::fromUtf8(problem.what())] { Q_EMIT failed(text); };
        }
    });
}

void JobList::stop(const JobRecord& job)
{
    m_background.run([this, path = job.path]() -> std::function<void()> {
        try {
            if (const auto holder = launch::lockHolder(launch::RunFolder::open(path)))
                ::kill(static_cast<pid_t>(holder->pid), SIGTERM);
            return [this] { refresh(); };
        } catch (const std::exception& problem) {
            return [this, text = QString::fromUtf8(problem.what())] { Q_EMIT failed(text); };
        }
    });
}

} // namespace midpoint::gui
