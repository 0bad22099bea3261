// midpoint warmup: the supervised start of a tiny model. Its configuration is a file of its own kind.
#include "app/commands.h"
#include "app/console.h"
#include "app/modules.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

namespace midpoint::app {

int runWarmup(const Words& words)
{
    std::string file;
    std::string out;
    Words overrides;
    bool asJson = false;
    CommandLine line("warmup", "Trains a tiny model on demonstrations, stage by stage, and saves it as a Hugging Face folder.");
    line.add("CONFIG", file, "Warm-up configuration (TOML)")->required();
    line.add("OVERRIDES", overrides, "key=value over the file's keys");
    line.add("--out", out, "Folder of the trained model (otherwise as the configuration says)");
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error))
        throw Error(ErrorKind::Config, concat(file, ": no such configuration file"));
    for (const std::string& text : overrides)
        if (text.find('=') == std::string::npos)
            throw Error(ErrorKind::Usage, concat("expected key=value, found '", text, "'"));
    engine::EngineApi& engine = openEngine();
    std::string result;
    {
        CommandSession session;
        result = engine.warmup({ file, overrides, out }, session.session());
    }
    printResult(result, asJson);
    return 0;
}

} // namespace midpoint::app
