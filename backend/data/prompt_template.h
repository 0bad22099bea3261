// How a question becomes the text that a model continues.
#pragma once

#include "backend/data/prompt_set.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::data {

struct TemplateSettings {
    std::string name = "auto"; // auto | plain | qwen-math | chatml | llama3 | own
    std::string own;           // for "own": a text with {question} and perhaps {system}
    std::string system;        // system prompt; empty: the file's own, else the template's own
};

using HasToken = std::function<bool(std::string_view token)>; // what the model's tokenizer knows

class PromptTemplate {
public:
    // "auto" is chatml where <|im_start|> is a token, llama3 where <|start_header_id|> is, otherwise plain. Throws
    // Error{Config} for an unknown name, an own template without {question}, or a system prompt that has no place.
    PromptTemplate(const TemplateSettings& settings, const HasToken& hasToken);

    const std::string& name() const { return m_name; } // never "auto"
    std::string render(const Prompt& prompt) const;

private:
    enum class Slot { Text, Question, System };
    struct Piece {
        Slot slot = Slot::Text;
        std::string text;
    };
    static std::vector<Piece> parse(std::string_view pattern);

    std::string m_name;
    std::string m_system;        // configured; empty: the prompt's own
    std::string m_defaultSystem; // of the template
    bool m_trims = false;        // llama3 trims what it is given
    std::vector<Piece> m_withSystem;
    std::vector<Piece> m_withoutSystem;
};

} // namespace midpoint::data
