#include "backend/data/prompt_template.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <array>
#include <utility>

namespace midpoint::data {
namespace {

constexpr std::string_view kQuestionSlot = "{question}";
constexpr std::string_view kSystemSlot = "{system}";

struct Form {
    std::string_view name;
    std::string_view systemPart; // before the rest, if there is a system prompt
    std::string_view head;       // before the system part
    std::string_view rest;
    std::string_view defaultSystem;
    bool trims = false;
};

constexpr std::string_view kChatMlSystem = "<|im_start|>system\n{system}<|im_end|>\n";
constexpr std::string_view kChatMlRest = "<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n";
constexpr std::string_view kLlamaSystem = "<|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>";
constexpr std::string_view kLlamaRest = "<|start_header_id|>user<|end_header_id|>\n\n{question}<|eot_id|>"
                                        "<|start_header_id|>assistant<|end_header_id|>\n\n";

constexpr std::array<Form, 4> kForms { {
    { "plain", "", "", "{question}", "", false },
    { "qwen-math", kChatMlSystem, "", kChatMlRest, "Please reason step by step, and put your final answer within \\boxed{}.", false },
    { "chatml", kChatMlSystem, "", kChatMlRest, "", false },
    { "llama3", kLlamaSystem, "<|begin_of_text|>", kLlamaRest, "", true },
} };

std::string resolveName(const std::string& name, const HasToken& hasToken)
{
    if (name != "auto")
        return name;
    if (hasToken("<|im_start|>"))
        return "chatml";
    return hasToken("<|start_header_id|>") ? "llama3" : "plain";
}

[[noreturn]] void failSystem(std::string_view name)
{
    throw Error(ErrorKind::Config, concat("data.system_prompt: the prompt template '", name,
        "' has no place for a system prompt; expected chatml, qwen-math, llama3 or an own template with {system}"));
}

} // namespace

PromptTemplate::PromptTemplate(const TemplateSettings& settings, const HasToken& hasToken)
    : m_name(resolveName(settings.name, hasToken))
    , m_system(settings.system)
{
    if (m_name == "own") {
        if (settings.own.find(kQuestionSlot) == std::string::npos)
            throw Error(ErrorKind::Config, concat("data.own_template: expected a text with {question}, found '", settings.own, "'"));
        if (!m_system.empty() && settings.own.find(kSystemSlot) == std::string::npos)
            failSystem(m_name);
        m_withSystem = m_withoutSystem = parse(settings.own);
        return;
    }
    for (const Form& form : kForms) {
        if (form.name != m_name)
            continue;
        if (!m_system.empty() && form.systemPart.empty())
            failSystem(m_name);
        m_withSystem = parse(concat(form.head, form.systemPart, form.rest));
        m_withoutSystem = parse(concat(form.head, form.rest));
        m_defaultSystem = form.defaultSystem;
        m_trims = form.trims;
        return;
    }
    throw Error(ErrorKind::Config, concat("data.prompt_template: expected auto, plain, qwen-math, chatml, llama3 or own, found '",
        settings.name, "'"));
}

std::vector<PromptTemplate::Piece> PromptTemplate::parse(std::string_view pattern)
{
    std::vector<Piece> pieces;
    while (!pattern.empty()) {
        const std::size_t question = pattern.find(kQuestionSlot);
        const std::size_t system = pattern.find(kSystemSlot);
        const std::size_t next = std::min(question, system);
        if (next > 0)
            pieces.push_back({ Slot::Text, std::string(pattern.substr(0, next)) });
        if (next == std::string_view::npos)
            break;
        pieces.push_back({ question < system ? Slot::Question : Slot::System, {} });
        pattern.remove_prefix(next + (question < system ? kQuestionSlot.size() : kSystemSlot.size()));
    }
    return pieces;
}

std::string PromptTemplate::render(const Prompt& prompt) const
{
    const auto shown = [this](const std::string& text) { return m_trims ? std::string(trim(text)) : text; };
    const std::string& system = !m_system.empty() ? m_system : !prompt.system.empty() ? prompt.system : m_defaultSystem;
    std::string out;
    for (const Piece& piece : system.empty() ? m_withoutSystem : m_withSystem) {
        switch (piece.slot) {
        case Slot::Text: out += piece.text; break;
        case Slot::Question: out += shown(prompt.question); break;
        case Slot::System: out += shown(system); break;
        }
    }
    return out;
}

} // namespace midpoint::data
