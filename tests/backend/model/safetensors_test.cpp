#include "backend/model/safetensors.h"

#include "backend/core/error.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstring>

namespace midpoint::model {
namespace {

using testing::HasSubstr;

std::string fileWith(const std::string& header, const std::string& data)
{
    std::uint64_t length = header.size();
    std::string out(8, '\0');
    std::memcpy(out.data(), &length, 8);
    return out + header + data;
}

// The message of opening (and reading everything in) a file with these bytes.
std::string problemOf(const std::string& bytes)
{
    const test::TemporaryFolder folder;
    test::write(folder / "weights.safetensors", bytes);
    try {
        const SafetensorsFile file(folder / "weights.safetensors");
        for (const auto& [name, tensor] : file.tensors())
            file.read(name);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Model);
        EXPECT_THAT(error.what(), HasSubstr((folder / "weights.safetensors").string()));
        return error.what();
    }
    return "no error";
}

const std::string kTwoFloats = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST(Safetensors, WriteAndRead_EveryType_GivesTheSameTensors)
{
    const test::TemporaryFolder folder;
    std::vector<NamedTensor> tensors;
    for (const auto type : { torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64, torch::kInt32,
             torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool })
        tensors.emplace_back(c10::toString(type), torch::arange(6).view({ 2, 3 }).to(type));
    tensors.emplace_back("transposed", torch::arange(6, torch::kFloat32).view({ 2, 3 }).t());
    tensors.emplace_back("scalar", torch::tensor(1.5));
    tensors.emplace_back("empty", torch::empty({ 0, 4 }));
    writeSafetensors(folder / "x.safetensors", tensors, { { "step", "7" } });

    const SafetensorsFile file(folder / "x.safetensors");
    EXPECT_EQ(file.metadata().at("format"), "pt");
    EXPECT_EQ(file.metadata().at("step"), "7");
    ASSERT_EQ(file.tensors().size(), tensors.size());
    for (const auto& [name, tensor] : tensors) {
        EXPECT_EQ(file.read(name).scalar_type(), tensor.scalar_type()) << name;
        EXPECT_TRUE(torch::equal(file.read(name), tensor)) << name;
    }
    EXPECT_TRUE(torch::equal(file.read("BFloat16", { 2, 3 }, torch::kFloat32), torch::arange(6, torch::kFloat32).view({ 2, 3 })));
}

TEST(Safetensors, Write_IntoAMissingFolder_FailsAndLeavesNothing)
{
    const test::TemporaryFolder folder;
    const std::vector<NamedTensor> tensors { { "a", torch::zeros({ 2 }) } };
    EXPECT_THROW(writeSafetensors(folder / "missing/x.safetensors", tensors), Error);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, Open_HeaderLongerThanTheFile_SaysSo)
{
    EXPECT_THAT(problemOf(fileWith(kTwoFloats, "12345678").substr(0, 20)), HasSubstr("the header claims 54 bytes, but only 12"));
    EXPECT_THAT(problemOf(std::string(8, '\xff')), HasSubstr("the header claims"));
    EXPECT_THAT(problemOf("abc"), HasSubstr("expected at least 8 bytes, found 3"));
    EXPECT_THAT(problemOf(""), HasSubstr("expected at least 8 bytes, found 0"));
}

TEST(Safetensors, Open_TruncatedData_NamesTheTensor)
{
    EXPECT_THAT(problemOf(fileWith(kTwoFloats, "1234567")), testing::AllOf(HasSubstr("tensor 'a'"), HasSubstr("truncated")));
    EXPECT_THAT(problemOf(fileWith(kTwoFloats, "123456789")), HasSubstr("end at byte 8 of the data, but the file holds 9"));
}

TEST(Safetensors, Open_BadOffsets_NamesTheTensors)
{
    const std::string entry = R"("dtype":"F32","shape":[2],"data_offsets":)";
    EXPECT_THAT(problemOf(fileWith("{\"a\":{" + entry + "[0,8]},\"b\":{" + entry + "[4,12]}}", "123456789012")),
        testing::AllOf(HasSubstr("tensor 'b'"), HasSubstr("overlap those of 'a'")));
    EXPECT_THAT(problemOf(fileWith("{\"a\":{" + entry + "[4,12]}}", "123456789012")), HasSubstr("hole"));
    EXPECT_THAT(problemOf(fileWith("{\"a\":{" + entry + "[0,12]}}", "123456789012")), HasSubstr("takes 8 bytes"));
    EXPECT_THAT(problemOf(fileWith("{\"a\":{" + entry + "[8,0]}}", "12345678")), HasSubstr("begin <= end"));
    EXPECT_THAT(problemOf(fileWith("{\"a\":{" + entry + "[-8,0]}}", "12345678")), HasSubstr("data_offsets"));
}

TEST(Safetensors, Open_BadHeader_SaysWhatIsWrong)
{
    EXPECT_THAT(problemOf(fileWith("not json", "")), HasSubstr("not valid JSON"));
    EXPECT_THAT(problemOf(fileWith("[1]", "")), HasSubstr("not a JSON object"));
    EXPECT_THAT(problemOf(fileWith(R"({"a":3})", "")), HasSubstr("expected an object"));
    EXPECT_THAT(problemOf(fileWith(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", "12345678")), HasSubstr("dtype"));
    EXPECT_THAT(problemOf(fileWith(R"({"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", "12345678")),
        testing::AllOf(HasSubstr("expected a dtype among F64"), HasSubstr("found 'F8_E4M3'")));
    EXPECT_THAT(problemOf(fileWith(
                    R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", "12345678")),
        HasSubstr("too large"));
}

TEST(Safetensors, Read_OtherShapeTypeOrName_NamesExpectedAndFound)
{
    const test::TemporaryFolder folder;
    const std::vector<NamedTensor> tensors { { "a", torch::zeros({ 2, 3 }) }, { "ids", torch::zeros({ 2 }, torch::kInt64) } };
    writeSafetensors(folder / "x.safetensors", tensors);
    const SafetensorsFile file(folder / "x.safetensors");
    const auto problem = [&](const std::string& name, torch::IntArrayRef shape) -> std::string {
        try {
            file.read(name, shape, torch::kFloat32);
        } catch (const Error& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_THAT(problem("a", { 3, 2 }), HasSubstr("tensor 'a': expected shape [3, 2], found [2, 3]"));
    EXPECT_THAT(problem("ids", { 2 }), HasSubstr("tensor 'ids': expected dtype F64, F32, F16 or BF16, found I64"));
    EXPECT_THAT(problem("b", { 2 }), HasSubstr("tensor 'b': expected, but the file does not hold it"));
}

TEST(WeightFiles, Open_Shards_ReadsEachFromItsFile)
{
    const test::TemporaryFolder folder;
    const std::vector<NamedTensor> first { { "a", torch::ones({ 2 }) } };
    const std::vector<NamedTensor> second { { "b", torch::zeros({ 3 }) } };
    writeSafetensors(folder / "one.safetensors", first);
    writeSafetensors(folder / "two.safetensors", second);
    test::write(folder / "model.safetensors.index.json", R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
    const WeightFiles files(folder.path());
    EXPECT_EQ(files.names(), (std::vector<std::string> { "a", "b" }));
    EXPECT_TRUE(torch::equal(files.read("b", { 3 }, torch::kFloat32), torch::zeros({ 3 })));
    EXPECT_THROW(files.read("c", { 3 }, torch::kFloat32), Error);
}

TEST(WeightFiles, Open_BrokenFolder_SaysWhatIsMissing)
{
    const test::TemporaryFolder folder;
    const auto problem = [&]() -> std::string {
        try {
            const WeightFiles files(folder.path());
        } catch (const Error& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_THAT(problem(), HasSubstr("expected model.safetensors or model.safetensors.index.json"));
    test::write(folder / "model.safetensors.index.json", R"({"weight_map":{"a":"one.safetensors"}})");
    EXPECT_THAT(problem(), HasSubstr("'one.safetensors' is listed but not there"));
    const std::vector<NamedTensor> other { { "b", torch::ones({ 2 }) } };
    writeSafetensors(folder / "one.safetensors", other);
    EXPECT_THAT(problem(), HasSubstr("tensor 'a'"));
    test::write(folder / "model.safetensors.index.json", R"({"weight_map":{"a":"../one.safetensors"}})");
    EXPECT_THAT(problem(), HasSubstr("expected a file name"));
    test::write(folder / "model.safetensors.index.json", "[]");
    EXPECT_THAT(problem(), HasSubstr("weight_map"));
}

} // namespace
} // namespace midpoint::model
