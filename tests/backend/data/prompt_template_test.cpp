#include "backend/core/error.h"
#include "backend/data/prompt_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpoint::data {
namespace {

using testing::HasSubstr;

bool knowsNothing(std::string_view) { return false; }
bool knowsChatMl(std::string_view token) { return token == "<|im_start|>"; }
bool knowsLlama(std::string_view token) { return token == "<|start_header_id|>"; }

Prompt prompt(const std::string& question, const std::string& system = "")
{
    Prompt made;
    made.question = question;
    made.system = system;
    return made;
}

TEST(PromptTemplate, Plain_IsTheQuestionAlone)
{
    const PromptTemplate plain({ "plain", "", "" }, knowsNothing);
    EXPECT_EQ(plain.render(prompt(" mod13 a 6 ? <think>", "ignored")), " mod13 a 6 ? <think>");
}

TEST(PromptTemplate, ChatMl_HasSystemOnlyIfThereIsOne)
{
    const PromptTemplate chatml({ "chatml", "", "" }, knowsChatMl);
    EXPECT_EQ(chatml.render(prompt("Q")), "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n");
    EXPECT_EQ(chatml.render(prompt("Q", "S")),
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n");
    const PromptTemplate configured({ "chatml", "", "C" }, knowsChatMl);
    EXPECT_THAT(configured.render(prompt("Q", "S")), HasSubstr("system\nC<|im_end|>"));
}

TEST(PromptTemplate, QwenMath_HasItsOwnSystemPrompt)
{
    const PromptTemplate qwen({ "qwen-math", "", "" }, knowsChatMl);
    EXPECT_EQ(qwen.render(prompt("Q")),
        "<|im_start|>system\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n"
        "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n");
    EXPECT_THAT(qwen.render(prompt("Q", "S")), HasSubstr("system\nS<|im_end|>"));
}

TEST(PromptTemplate, Llama3_TrimsWhatItIsGiven)
{
    const PromptTemplate llama({ "llama3", "", "S" }, knowsLlama);
    EXPECT_EQ(llama.render(prompt(" Q\n")),
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
        "Q<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(PromptTemplate, Own_FillsEachSlotOnce)
{
    const PromptTemplate own({ "own", "[{system}] {question} {x} {question}!", "S" }, knowsNothing);
    EXPECT_EQ(own.render(prompt("{system}")), "[S] {system} {x} {system}!");
}

TEST(PromptTemplate, Auto_FollowsTheTokenizer)
{
    EXPECT_EQ(PromptTemplate({}, knowsChatMl).name(), "chatml");
    EXPECT_EQ(PromptTemplate({}, knowsLlama).name(), "llama3");
    EXPECT_EQ(PromptTemplate({}, knowsNothing).name(), "plain");
}

TEST(PromptTemplate, WrongSettings_NameTheKey)
{
    const auto errorOf = [](const TemplateSettings& settings) -> std::string {
        try {
            const PromptTemplate made(settings, knowsNothing);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Config);
            return error.what();
        }
        return "no error";
    };
    EXPECT_THAT(errorOf({ "alpaca", "", "" }), HasSubstr("data.prompt_template: expected auto"));
    EXPECT_THAT(errorOf({ "own", "{quest}", "" }), HasSubstr("data.own_template"));
    EXPECT_THAT(errorOf({ "own", "{question}", "S" }), HasSubstr("data.system_prompt"));
    EXPECT_THAT(errorOf({ "plain", "", "S" }), HasSubstr("data.system_prompt"));
}

} // namespace
} // namespace midpoint::data
