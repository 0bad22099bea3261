// midpoint compare: what runs needed to reach the same held-out accuracy.
#include "app/commands.h"
#include "app/run_comparison.h"
#include "app/run_paths.h"

#include <iostream>

namespace midpoint::app {

int runCompare(const Words& words)
{
    Words runs;
    std::string metric;
    double target = 0.0;
    bool asJson = false;
    CommandLine line("compare", "Steps, rollouts, tokens and time that runs needed to reach the same held-out accuracy.");
    line.add("RUN", runs, "Run folders or databases; ratios are to the first")->required();
    line.add("--metric", metric, "Held-out accuracy to compare (otherwise the first that all runs have)");
    const CLI::Option* given
        = line.options().add_option("--target", target, "Accuracy to reach (otherwise the highest that every run reached)")->check(CLI::Range(0.0, 1.0));
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    std::vector<std::filesystem::path> paths;
    for (const std::string& run : runs) {
        requireExisting("RUN", run);
        paths.emplace_back(run);
    }
    const Comparison comparison = compareRuns(paths, metric, given->count() > 0 ? std::optional<double>(target) : std::nullopt);
    std::cout << (asJson ? comparisonJson(comparison) + "\n" : comparisonTable(comparison));
    return 0;
}

} // namespace midpoint::app
