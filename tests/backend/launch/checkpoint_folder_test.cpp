#include "backend/launch/checkpoint_folder.h"

#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

namespace midpoint::launch {
namespace {

class CheckpointFolderTest : public testing::Test {
protected:
    CheckpointFolderTest()
        : checkpoint(folder / "step_000010")
    {
        std::filesystem::create_directories(checkpoint);
        test::write(checkpoint / "model.safetensors", "weights");
        writeManifest("{\"step\": 10, \"files\": {\"model.safetensors\": {\"bytes\": 7, \"checksum\": \"00\"}}}");
    }
    void writeManifest(const char* text) { test::write(checkpoint / "manifest.json", text); }
    void expectProblem(const char* part)
    {
        const std::string problem = checkpointProblem(checkpoint);
        EXPECT_NE(problem.find(part), std::string::npos) << problem;
        EXPECT_NE(problem.find("step_000010"), std::string::npos) << problem;
    }
    test::TemporaryFolder folder;
    std::filesystem::path checkpoint;
};

TEST_F(CheckpointFolderTest, WholeFolder_HasNoProblem) { EXPECT_EQ(checkpointProblem(checkpoint), ""); }

TEST_F(CheckpointFolderTest, MissingManifest_IsNamed)
{
    std::filesystem::remove(checkpoint / "manifest.json");
    expectProblem("manifest.json");
}

TEST_F(CheckpointFolderTest, OtherText_IsNoManifest)
{
    for (const char* text : { "", "garbage", "[]", "{}", "{\"files\": 3}", "{\"files\": {\"model.safetensors\": {}}}", "{\"files\": {\"model.safetensors\": {\"bytes\": \"7\"}}}" }) {
        writeManifest(text);
        expectProblem("manifest.json: expected a list");
    }
}

TEST_F(CheckpointFolderTest, FileThatIsShortOrGone_IsNamedWithItsSizes)
{
    test::write(checkpoint / "model.safetensors", "weig");
    expectProblem("model.safetensors: expected 7 bytes, found 4");
    std::filesystem::remove(checkpoint / "model.safetensors");
    expectProblem("model.safetensors is missing");
}

TEST_F(CheckpointFolderTest, FileInItsPlace_IsNoFolder)
{
    std::filesystem::remove_all(checkpoint);
    test::write(checkpoint, "x");
    expectProblem("expected a folder");
}

} // namespace
} // namespace midpoint::launch
