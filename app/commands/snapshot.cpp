// midpoint snapshot: a consistent copy of a run's database, also while the run writes it.
#include "app/commands.h"
#include "app/console.h"
#include "app/run_paths.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/run_folder.h"
#include "backend/store/publication.h"

#include <nlohmann/json.hpp>

namespace midpoint::app {

int runSnapshot(const Words& words)
{
    std::string run;
    std::string file;
    bool asJson = false;
    CommandLine line("snapshot", "Copies a run's database into one file, also while the run is going on.");
    line.add("RUN", run, "Run folder")->required();
    line.add("FILE", file, "Database file to write (.db)")->required();
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    requireExisting("RUN", run);
    const std::filesystem::path database = launch::RunFolder::open(run).database();
    requireExisting("RUN", database);
    std::error_code error;
    if (std::filesystem::is_directory(file, error))
        throw Error(ErrorKind::Usage, concat("FILE: expected a file name, found a folder: ", file));
    store::publishDatabase(database, file, systemClock().wallMilliseconds());
    printResult(nlohmann::json({ { "snapshot", file }, { "bytes", std::filesystem::file_size(file, error) } }).dump(2), asJson);
    return 0;
}

} // namespace midpoint::app
