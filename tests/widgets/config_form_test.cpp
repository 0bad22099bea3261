// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/fixtures.h"
#include "tests/widgets/gui_test.h"
#include "widgets/viewmodels/config_form.h"

#include <gtest/gtest.h>

namespace midpoint::gui {
namespace {

using test::waitFor;

class ConfigFormTest : public testing::Test {
protected:
    void settle()
    {
        ASSERT_TRUE(waitFor([this] { return !form.isChecking(); }));
    }
    ConfigForm form;
};

TEST_F(ConfigFormTest, Change_BecomesAnOverrideAndResetTakesItAway)
{
    form.loadPreset("dots-rr");
    settle();
    EXPECT_TRUE(form.overrides().empty());
    form.set("selection.target", "0.4");
    settle();
    EXPECT_EQ(form.overrides(), std::vector<std::string> { "selection.target=0.4" });
    EXPECT_EQ(form.value("selection.target"), "0.4");
    EXPECT_DOUBLE_EQ(form.report().read.loaded.config.selection.target, 0.4);
    form.reset("selection.target");
    settle();
    EXPECT_TRUE(form.overrides().empty());
    form.set("selection.target", form.report().base.at("selection.target"));
    EXPECT_TRUE(form.overrides().empty()) << "the base's own value is no change";
}

TEST_F(ConfigFormTest, UndoAndRedo_WalkThroughTheChanges)
{
    form.loadPreset("grpo");
    settle();
    form.set("run.seed", "7");
    form.set("run.seed", "8");
    form.undo();
    EXPECT_EQ(form.value("run.seed"), "7");
    form.undo();
    EXPECT_FALSE(form.isChanged("run.seed"));
    EXPECT_FALSE(form.canUndo());
    form.redo();
    form.redo();
    EXPECT_EQ(form.value("run.seed"), "8");
}

TEST_F(ConfigFormTest, WrongValue_IsAProblemThatNamesTheKey)
{
    form.loadPreset("dots-rr");
    settle();
    form.set("selection.target", "1.5");
    settle();
    EXPECT_FALSE(form.isValid());
    bool isNamed = false;
    for (const config::Problem& problem : form.problems())
        isNamed = isNamed || problem.key == "selection.target";
    EXPECT_TRUE(isNamed);
    form.set("selection.target", "half");
    settle();
    EXPECT_FALSE(form.isValid());
}

TEST_F(ConfigFormTest, ModelFolder_GivesParametersAndAnEstimate)
{
    test::TemporaryFolder folder;
    // The demo's model: 564,224 parameters with the 384 biases of its queries, keys and values.
    test::write(folder / "config.json", R"({"hidden_size":128,"num_hidden_layers":3,"intermediate_size":352,"num_attention_heads":4,
        "num_key_value_heads":2,"vocab_size":75,"tie_word_embeddings":true})");
    const auto count = parameterCountOf(folder.path());
    ASSERT_TRUE(count);
    EXPECT_NEAR(*count, 564'224 - 3 * (128 + 64 + 64), 1.0);
    EXPECT_FALSE(parameterCountOf(folder / "missing"));
    FormReport report;
    EXPECT_FALSE(estimateMemory(report));
    report.parameterCount = 1e9;
    report.read.loaded.config.run.dtype = "bfloat16";
    report.read.loaded.config.rollout.kvCacheMegabytes = 1000;
    EXPECT_DOUBLE_EQ(estimateMemory(report)->totalBytes(), 6e9 + 12e9 + 1e9);
}

} // namespace
} // namespace midpoint::gui
