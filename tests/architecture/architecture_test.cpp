// The layers of ARCHITECTURE.md, held against the includes of every source file.
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

struct Include {
    fs::path file;
    int line = 0;
    std::string target; // what stands between the brackets or quotes
};

// Upper layers first: each may include those before it and itself.
const std::vector<std::string> kLayers = { "backend/core", "backend/config", "backend/store", "backend/launch",
    "backend/data", "backend/tokenizer", "backend/reward", "backend/difficulty", "backend/replay", "kernels", "backend/compute",
    "backend/model", "backend/rollout", "backend/predictor", "backend/policy", "backend/distributed",
    "backend/checkpoint", "backend/engine" };
constexpr std::size_t kFirstTorchLayer = 9; // kernels

std::vector<Include> includesBelow(const std::string& folder)
{
    static const std::regex pattern(R"re(^\s*#\s*include\s*[<"]([^>"]+)[>"])re");
    std::vector<Include> found;
    const fs::path root = midpoint::test::sourceFolder() / folder;
    if (!fs::exists(root))
        return found;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".inc")
            continue;
        std::ifstream file(entry.path());
        std::string text;
        for (int line = 1; std::getline(file, text); ++line) {
            std::smatch match;
            if (std::regex_search(text, match, pattern))
                found.push_back({ entry.path(), line, match[1] });
        }
    }
    return found;
}

void expectNone(const std::string& folder, const std::string& forbidden, const std::string& why)
{
    const std::regex pattern(forbidden);
    for (const Include& include : includesBelow(folder))
        EXPECT_FALSE(std::regex_search(include.target, pattern))
            << include.file.string() << ":" << include.line << " includes " << include.target << ": " << why;
}

constexpr const char* kTorch = R"(^(torch/|ATen/|c10/|torch_pch))";
constexpr const char* kCuda = R"(^(cuda|cublas|nccl))";
constexpr const char* kQt = R"(^(Q[A-Z]|Qt|qcustomplot|q[a-z]+\.h))";

} // namespace

TEST(Architecture, Scan_ThisTree_FindsFiles) { EXPECT_GT(includesBelow("backend/core").size(), 20U); }

TEST(Architecture, Backend_Includes_NoQt)
{
    expectNone("backend", kQt, "no Qt in backend");
    expectNone("kernels", kQt, "no Qt in kernels");
}

TEST(Architecture, Widgets_Includes_NoTorchNoCuda)
{
    expectNone("widgets", kTorch, "no LibTorch in the window");
    expectNone("widgets", kCuda, "no CUDA in the window");
    expectNone("app", kTorch, "the program loads LibTorch with the engine module only");
    expectNone("app", kCuda, "the program loads CUDA with its module only");
}

TEST(Architecture, LayersAboveTheLine_Includes_NoTorch)
{
    for (std::size_t i = 0; i < kFirstTorchLayer; ++i) {
        expectNone(kLayers[i], kTorch, "above the line nothing includes LibTorch");
        expectNone(kLayers[i], kCuda, "above the line nothing includes CUDA");
    }
}

TEST(Architecture, Layers_Includes_OnlyLayersAbove)
{
    for (std::size_t own = 0; own < kLayers.size(); ++own)
        for (const Include& include : includesBelow(kLayers[own]))
            for (std::size_t other = own + 1; other < kLayers.size(); ++other)
                EXPECT_FALSE(include.target.starts_with(kLayers[other] + "/"))
                    << include.file.string() << ":" << include.line << ": " << kLayers[own] << " may not use "
                    << kLayers[other];
}

TEST(Architecture, Sql_Includes_OnlyInStore)
{
    for (const std::string& layer : kLayers) {
        if (layer != "backend/store")
            expectNone(layer, R"(sqlite3|SQLiteCpp)", "SQL lives in backend/store only");
    }
    expectNone("widgets", R"(sqlite3|SQLiteCpp|QSql)", "SQL lives in backend/store only");
    expectNone("app", R"(sqlite3|SQLiteCpp)", "SQL lives in backend/store only");
}

TEST(Architecture, CollectiveHeaders_Includes_OnlyInDistributed)
{
    for (const std::string& layer : kLayers)
        if (layer != "backend/distributed")
            expectNone(layer, R"(distributed/c10d)", "c10d lives in backend/distributed only");
}

// kernels/parallel.h says why.
TEST(Architecture, ParallelLoops_GoThroughOneFile)
{
    static const std::regex direct(R"(at::parallel_(for|reduce)\s*\()");
    for (const char* folder : { "kernels", "backend" })
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(midpoint::test::sourceFolder() / folder)) {
            const std::string extension = entry.path().extension().string();
            if ((extension != ".h" && extension != ".cpp") || entry.path().filename() == "parallel.cpp")
                continue;
            EXPECT_FALSE(std::regex_search(midpoint::test::read(entry.path()), direct)) << entry.path() << " uses LibTorch's parallel loops";
        }
}

TEST(Architecture, Plots_Includes_OnlyInWidgetsPlot)
{
    for (const Include& include : includesBelow("widgets")) {
        if (include.target.find("qcustomplot") == std::string::npos)
            continue;
        EXPECT_NE(include.file.string().find("widgets/plot/"), std::string::npos)
            << include.file.string() << ":" << include.line << " includes qcustomplot outside of widgets/plot";
    }
}
