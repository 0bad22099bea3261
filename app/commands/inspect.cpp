// midpoint inspect: what a file or folder holds. Exit code 1 if it is damaged.
#include "app/commands.h"
#include "app/console.h"
#include "app/inspection.h"
#include "app/run_paths.h"

namespace midpoint::app {

int runInspect(const Words& words)
{
    std::string path;
    bool asJson = false;
    CommandLine line("inspect", "Says what a run, checkpoint, model, safetensors file, prompt set, database or configuration holds.");
    line.add("PATH", path, "File or folder")->required();
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    requireExisting("PATH", path);
    const Inspection found = inspectPath(path);
    printResult(found.content.dump(2, ' ', false, nlohmann::json::error_handler_t::replace), asJson);
    return found.isDamaged ? 1 : 0;
}

} // namespace midpoint::app
