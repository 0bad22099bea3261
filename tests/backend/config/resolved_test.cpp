#include "backend/config/resolved.h"

#include "tests/backend/config/config_helpers.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace midpoint::config {
namespace {

using test::described;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Resolved, Toml_SaysWhereEveryValueCameFrom)
{
    const std::string text = resolvedToml(test::readText(test::kInputs + "preset = \"grpo\"\nrun.steps = 7\n", { "alpha=0.25" }).loaded);
    EXPECT_THAT(text, HasSubstr("\n[run]\n"));
    EXPECT_THAT(text, HasSubstr("\nsteps = 7  # file demo.toml:4\n"));
    EXPECT_THAT(text, HasSubstr("\nprompts_per_step = 512  # preset grpo\n"));
    EXPECT_THAT(text, HasSubstr("\ntarget = 0.25  # override alpha=0.25\n"));
    EXPECT_THAT(text, HasSubstr("\nseed = 1  # default\n"));
    for (const Setting& setting : schema())
        EXPECT_THAT(text, HasSubstr("\n" + setting.field() + " = "));
}

TEST(Resolved, Toml_ReadsBackAsTheSameConfiguration)
{
    const ConfigReport first = test::readText(test::kInputs + "preset = \"dots-rr\"\nselection.predictor_path = \"p.safetensors\"\n"
                                                              "data.system_prompt = \"say \\\"x\\\"\\nand \\\\boxed{}\"\n",
        { "alpha=0.25", "run.name=a\nb" });
    ASSERT_THAT(described(first.problems), IsEmpty());
    const ConfigReport second = test::readText(resolvedToml(first.loaded));
    ASSERT_THAT(described(second.problems), IsEmpty());
    EXPECT_TRUE(differences(first.loaded.config, second.loaded.config).empty());
}

TEST(Resolved, Json_HasValueAndSourceOfEveryKey)
{
    const nlohmann::json json = nlohmann::json::parse(resolvedJson(test::readText(test::kInputs, { "alpha=0.25" }).loaded));
    EXPECT_EQ(json["values"].size(), schema().size());
    EXPECT_EQ(json["values"]["selection.target"]["value"], 0.25);
    EXPECT_EQ(json["values"]["selection.target"]["source"], "override alpha=0.25");
    EXPECT_FALSE(json["warnings"].empty());
}

TEST(Resolved, Differences_NameKeyAndBothValues)
{
    RunConfig left;
    RunConfig right;
    right.selection.strategy = "dots";
    right.run.seed = 2;
    const std::vector<Difference> found = differences(left, right);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].key, "run.seed");
    EXPECT_EQ(found[0].left, "1");
    EXPECT_EQ(found[0].right, "2");
    EXPECT_EQ(found[1].key, "selection.strategy");
    EXPECT_EQ(found[1].right, "\"dots\"");
}

} // namespace
} // namespace midpoint::config
