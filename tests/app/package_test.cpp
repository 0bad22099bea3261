// The archive of scripts/package, made of this build and unpacked into a folder of its own: what a server gets.
#include "tests/app/process.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <memory>
#include <regex>
#include <set>

namespace midpoint::app::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class Package : public testing::Test {
protected:
    static void SetUpTestSuite()
    {
        s_folder = std::make_unique<midpoint::test::TemporaryFolder>();
        const fs::path build = midpoint::test::midpointBinary().parent_path().parent_path();
        const Finished made = runProgram(midpoint::test::sourceFolder() / "scripts/package",
            { "--build", build.string(), "--out", s_folder->path().string(), "--fast" });
        ASSERT_EQ(made.code, 0) << made.err;
        fs::path archive;
        for (const fs::directory_entry& entry : fs::directory_iterator(s_folder->path()))
            archive = entry.path();
        ASSERT_TRUE(std::regex_match(archive.filename().string(), std::regex(R"(midpoint-[0-9.]+-linux-x86_64\.tar\.gz)"))) << archive;
        ASSERT_EQ(runProgram("/bin/tar", { "-xzf", archive.string(), "-C", s_folder->path().string() }).code, 0);
        s_root = s_folder->path() / archive.stem().stem();
    }
    static void TearDownTestSuite() { s_folder.reset(); }

    // With nothing in the environment but what is given; `programs` come before those of the system.
    Finished run(std::vector<std::string> variables, const std::vector<std::string>& words)
    {
        variables.insert(variables.begin(), "-i");
        variables.push_back("PATH=" + (m_work / "programs").string() + ":/usr/bin:/bin");
        variables.push_back((s_root / "bin/midpoint").string());
        variables.insert(variables.end(), words.begin(), words.end());
        return runProgram("/usr/bin/env", variables, m_work.path());
    }
    // A program that comes before the system's own.
    void putProgram(const std::string& name, const std::string& script)
    {
        fs::create_directories(m_work / "programs");
        midpoint::test::write(m_work / "programs" / name, "#!/bin/sh\n" + script + "\n");
        fs::permissions(m_work / "programs" / name, fs::perms::owner_all);
    }
    static std::string torchVariable() { return std::string("MIDPOINT_TORCH=") + std::getenv("MIDPOINT_TEST_TORCH"); }

    static std::unique_ptr<midpoint::test::TemporaryFolder> s_folder;
    static fs::path s_root;
    midpoint::test::TemporaryFolder m_work;
};
std::unique_ptr<midpoint::test::TemporaryFolder> Package::s_folder;
fs::path Package::s_root;

TEST_F(Package, Libraries_OfEveryFile_AreInThePackageOrTheSystems)
{
    std::set<std::string> there;
    std::vector<fs::path> files = { s_root / "libexec/midpoint" };
    for (const fs::directory_entry& entry : fs::directory_iterator(s_root / "lib/midpoint")) {
        there.insert(entry.path().filename().string());
        files.push_back(entry.path());
    }
    EXPECT_TRUE(there.contains("libparquet.so.2600"));
    EXPECT_FALSE(there.contains("libtorch_cpu.so"));
    EXPECT_FALSE(there.contains("libmidpoint_gui.so"));
    const std::regex ofSystem(R"((ld-linux-x86-64|libc|libm|libpthread|libdl|librt|libstdc\+\+|libgcc_s)\.so.*)");
    const std::regex ofLibTorch(R"(lib(torch_cpu|c10)\.so|libgomp\.so\.1)");
    const std::regex ofLibTorchWithCuda(R"(lib(torch_cuda|c10_cuda)\.so)");
    const std::regex entry(R"re(\((NEEDED|RPATH|RUNPATH)\).*\[(.*)\])re");
    for (const fs::path& file : files) {
        const Finished dynamic = runProgram("/usr/bin/readelf", { "-d", file.string() });
        ASSERT_EQ(dynamic.code, 0) << dynamic.err;
        for (std::sregex_iterator it(dynamic.out.begin(), dynamic.out.end(), entry), end; it != end; ++it) {
            const std::string name = (*it)[2];
            const bool isOfCuda = file.filename() == "libmidpoint_nccl.so" && std::regex_match(name, ofLibTorchWithCuda);
            if ((*it)[1] == "NEEDED")
                EXPECT_TRUE(there.contains(name) || std::regex_match(name, ofSystem) || std::regex_match(name, ofLibTorch) || isOfCuda)
                    << file << " needs " << name;
            else
                EXPECT_TRUE(name.starts_with("$ORIGIN")) << file << " looks into " << name;
        }
    }
}

TEST_F(Package, Doctor_InAnEmptyEnvironment_UsesTheNamedLibTorch)
{
    const Finished finished = run({ torchVariable() }, { "doctor", "--json" });
    ASSERT_EQ(finished.code, 0) << finished.err;
    const json report = json::parse(finished.out);
    EXPECT_EQ(report["build"]["module_folder"], (fs::canonical(s_root) / "lib/midpoint").string());
    EXPECT_TRUE(report.contains("engine")) << finished.out;
    EXPECT_EQ(report["problems"].size(), 0U) << finished.out;
}

TEST_F(Package, Train_TheDemo_Learns)
{
    const std::string config = (s_root / "projects/arithmetic/grpo.toml").string();
    const Finished finished = run({ torchVariable() }, { "train", config, "--run-dir", "run", "run.steps=2", "run.threads=1",
        "batch.prompts_per_step=4", "batch.prompts_per_update=4", "eval.every_steps=0", "--json" });
    ASSERT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(json::parse(finished.out)["outcome"], "finished");
    EXPECT_TRUE(fs::exists(m_work / "run/checkpoints/step_000002/model.safetensors"));
}

TEST_F(Package, Engine_WithoutLibTorch_SaysWhatToInstall)
{
    putProgram("python3", "exit 1");
    const Finished doctor = run({}, { "doctor", "--json" });
    EXPECT_EQ(doctor.code, 1);
    EXPECT_THAT(json::parse(doctor.out)["engine_error"].get<std::string>(), AllOf(HasSubstr("pip install torch==2.11.0"), HasSubstr("MIDPOINT_TORCH")));
    EXPECT_EQ(run({}, { "grade", "--reference", "1/2", "--response", "\\boxed{0.5}" }).code, 0) << "grading needs no LibTorch";
}

TEST_F(Package, Engine_WithAnotherVersion_NamesIt)
{
    putProgram("python3", "exit 1");
    const fs::path torch = m_work / "env/lib/python3.12/site-packages/torch";
    fs::create_directories(torch / "lib");
    midpoint::test::write(torch / "lib/libtorch_cpu.so", "");
    midpoint::test::write(torch / "version.py", "__version__ = '2.7.1+cpu'\n");
    const Finished doctor = run({ "VIRTUAL_ENV=" + (m_work / "env").string() }, { "doctor", "--json" });
    EXPECT_EQ(doctor.code, 1);
    EXPECT_THAT(json::parse(doctor.out)["engine_error"].get<std::string>(), AllOf(HasSubstr("torch 2.7.1+cpu"), HasSubstr("VIRTUAL_ENV")));
}

TEST_F(Package, Engine_WithPythonOnPath_FindsItsLibTorch)
{
    putProgram("python3", std::string("echo '") + std::getenv("MIDPOINT_TEST_TORCH") + "/torch'");
    const Finished doctor = run({}, { "doctor", "--json" });
    EXPECT_EQ(doctor.code, 0) << doctor.out;
}

TEST_F(Package, Launcher_OnAnOldSystem_SaysWhichGlibcItNeeds)
{
    putProgram("getconf", "echo glibc 2.17");
    const Finished finished = run({}, { "doctor" });
    EXPECT_EQ(finished.code, 1);
    EXPECT_TRUE(std::regex_search(finished.err, std::regex(R"(needs glibc 2\.[0-9]+ or newer, found 2\.17)"))) << finished.err;
}

} // namespace
} // namespace midpoint::app::test
