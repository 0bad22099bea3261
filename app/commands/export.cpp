// midpoint export: a run's model as a Hugging Face folder.
#include "app/commands.h"
#include "app/console.h"
#include "app/modules.h"
#include "app/run_paths.h"

#include <iostream>
#include <nlohmann/json.hpp>

namespace midpoint::app {

int runExport(const Words& words)
{
    std::string source;
    std::string out;
    std::string dtype;
    bool asJson = false;
    CommandLine line("export", "Writes the model of a run (its newest complete checkpoint) or of a checkpoint as a Hugging Face folder.");
    line.add("SOURCE", source, "Run or checkpoint folder")->required();
    line.add("DIR", out, "Folder to write")->required();
    line.options().add_option("--dtype", dtype, "Type of the weights (otherwise as stored)")->check(CLI::IsMember({ "float32", "bfloat16", "float16" }));
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    requireExisting("SOURCE", source);
    engine::EngineApi& engine = openEngine();
    {
        CommandSession session;
        engine.exportModel({ source, out, dtype }, session.session());
    }
    printResult(nlohmann::json({ { "exported", out } }).dump(2), asJson);
    return 0;
}

} // namespace midpoint::app
