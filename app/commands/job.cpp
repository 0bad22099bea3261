// midpoint job: one prepared job of a project (embed, label or train a predictor), as the window starts it: detached, with a lock,
// a log and an exit record like a run, so that the window may close, die and come back.
#include "app/commands.h"
#include "app/console.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"

#include <iostream>
#include <toml++/toml.h>

namespace midpoint::app {
namespace {

Words commandOf(const std::filesystem::path& file, const std::string& text)
{
    Words words;
    try {
        const toml::table job = toml::parse(text);
        if (const toml::array* command = job["command"].as_array())
            for (const toml::node& word : *command)
                words.push_back(word.value<std::string>().value_or(std::string()));
    } catch (const toml::parse_error& error) {
        throw Error(ErrorKind::Usage, concat(file.string(), ": line ", error.source().begin.line, ": ", error.description()));
    }
    if (words.empty())
        throw Error(ErrorKind::Usage, concat(file.string(), ": expected command = [ ... ], the words after `midpoint`"));
    return words;
}

} // namespace

int runJob(const Words& words)
{
    std::string folder;
    CommandLine line("job", "Runs one prepared job of a project; the window starts it. FOLDER holds config.toml with the command.");
    line.add("FOLDER", folder, "Folder of the job")->required();
    if (!line.parse(words))
        return 0;
    launch::SupervisorOptions job;
    job.runFolder = std::filesystem::absolute(folder).lexically_normal();
    job.rankCommand = { launch::executablePath().string() };
    const std::filesystem::path file = job.runFolder / "config.toml";
    job.configText = readFile(file);
    for (const std::string& word : commandOf(file, job.configText))
        job.rankCommand.push_back(word);
    const std::unique_ptr<LogSink> log = makeStderrSink(LogLevel::Info);
    const launch::ExitRecord record = launch::supervise(job, *log);
    if (record.outcome == launch::Outcome::Failed)
        std::cerr << "midpoint job: " << record.reason << "\n";
    return launch::processExitCode(record);
}

} // namespace midpoint::app
