#include "backend/core/files.h"

#include "backend/core/error.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

#include <functional>

namespace midpoint {
namespace {

std::string messageOf(const std::function<void()>& action)
{
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Io);
        return error.what();
    }
    return "no error";
}

TEST(Files, WriteAtomically_ReplacesAndLeavesNothingBeside)
{
    const test::TemporaryFolder folder;
    const std::string content("a\0b\n", 4);
    writeFileAtomically(folder / "file", "old");
    writeFileAtomically(folder / "file", content);
    EXPECT_EQ(readFile(folder / "file"), content);
    EXPECT_EQ(
        std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()), 1);
}

TEST(Files, WriteIntoMissingFolder_NamesThePathAndKeepsNothing)
{
    const test::TemporaryFolder folder;
    const auto path = folder / "missing" / "file";
    EXPECT_NE(messageOf([&] { writeFileAtomically(path, "x"); }).find("missing/file"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Files, ReadMissingFileOrFolder_NamesPathAndCause)
{
    const test::TemporaryFolder folder;
    EXPECT_NE(messageOf([&] { readFile(folder / "none"); }).find("No such file"), std::string::npos);
    EXPECT_NE(messageOf([&] { readFile(folder.path()); }).find("directory"), std::string::npos);
}

TEST(Files, CreateFolders_DeepAndAgain)
{
    const test::TemporaryFolder folder;
    createFolders(folder / "a" / "b");
    createFolders(folder / "a" / "b");
    EXPECT_TRUE(std::filesystem::is_directory(folder / "a" / "b"));
    test::write(folder / "file", "x");
    EXPECT_NE(messageOf([&] { createFolders(folder / "file" / "c"); }), "no error");
}

// XXH3 128 of no bytes, from the specification's reference implementation.
TEST(Checksum, EmptyInput_PublishedValue)
{
    EXPECT_EQ(checksum(""), "99aa06d3014798d86001c324468d497f");
}

TEST(Checksum, OfFile_EqualsChecksumOfItsBytes)
{
    const test::TemporaryFolder folder;
    std::string content;
    for (int i = 0; i < 3000000; ++i)
        content += static_cast<char>(i * 31 % 251);
    test::write(folder / "file", content);
    EXPECT_EQ(checksumFile(folder / "file"), checksum(content));
    content[2000000] ^= 1;
    EXPECT_NE(checksumFile(folder / "file"), checksum(content));
}

TEST(StableId, Texts_NotNegativeAndDifferent)
{
    EXPECT_GE(stableId("a"), 0);
    EXPECT_NE(stableId("a"), stableId("b"));
    EXPECT_EQ(stableId("a"), stableId("a"));
}

} // namespace
} // namespace midpoint
