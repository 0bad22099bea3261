#include "app/command_line.h"

#include "backend/config/load.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <iostream>

namespace midpoint::app {
namespace {

// "rollout.n=8" is a setting; "runs/a=b" is a path with an equals sign in it.
bool isAssignment(const std::string& word)
{
    const std::size_t equals = word.find('=');
    return equals != std::string::npos && equals > 0 && word.front() != '-' && word.find('/') > equals;
}

bool isSettingName(const std::string& name)
{
    return name == "preset" || !config::settingsNamed(name).empty();
}

std::string settingsHelp(Settings settings)
{
    const std::string how = "Settings may follow as key=value or --key value";
    switch (settings) {
    case Settings::No:
        return {};
    case Settings::All:
        return concat(how, ":\n", config::helpText());
    case Settings::OfSampling:
        return concat(how, "; those that matter here:\n", config::helpText({ "run", "data", "rollout", "reward", "eval" }));
    case Settings::OfGrading:
        return concat(how, "; those that matter here:\n", config::helpText({ "reward" }));
    }
    return {};
}

} // namespace

CommandLine::CommandLine(const std::string& command, const std::string& description, Settings settings)
    : m_options(description, "midpoint " + command)
    , m_command(command)
    , m_settings(settings)
{
    m_options.set_help_flag("-h,--help", "Print this help and end");
    m_options.allow_extras(); // looked at by us, for better messages
    if (settings != Settings::No)
        m_options.footer(settingsHelp(settings));
}

// Settings come out of the words first, so that the value of `--run.steps 3` is not taken for a positional word. The word behind
// an option of the command's own is its value, whatever it looks like: `--response "x = 5"`, `--response -x`.
Words CommandLine::takeSettings(const Words& words)
{
    Words rest;
    Words found;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        const std::string name = startsWith(word, "--") ? word.substr(2, word.find('=') - 2) : std::string();
        const CLI::Option* own = name.empty() ? nullptr : m_options.get_option_no_throw("--" + name);
        const bool takesNext = own != nullptr && own->get_items_expected_min() > 0 && word.find('=') == std::string::npos && i + 1 < words.size();
        if (takesNext && !startsWith(words[i + 1], "--")) {
            const std::string& value = words[++i];
            if (startsWith(value, "-") && value.size() > 1)
                rest.push_back(concat(word, "=", value));
            else
                rest.insert(rest.end(), { word, value });
        } else if (isAssignment(word)) {
            found.push_back(word);
        } else if (!name.empty() && own == nullptr && isSettingName(name)) {
            found.push_back(word);
            if (word.find('=') == std::string::npos && i + 1 < words.size())
                found.push_back(words[++i]);
        } else {
            rest.push_back(word);
        }
    }
    m_overrides = config::parseOverrides(found);
    return rest;
}

void CommandLine::failOnExtras(const Words& extras) const
{
    const std::string& word = extras.front();
    if (!startsWith(word, "-"))
        throw Error(ErrorKind::Usage, concat("unexpected word '", word, "'; `midpoint ", m_command, " --help` tells what is expected"));
    const std::string name = word.substr(0, word.find('='));
    std::vector<std::string> known;
    for (const CLI::Option* option : m_options.get_options())
        for (const std::string& longName : option->get_lnames())
            known.push_back("--" + longName);
    if (const auto nearest = nearestName(name, known))
        throw Error(ErrorKind::Usage, concat("unknown option '", name, "'; did you mean '", *nearest, "'?"));
    const std::string bare = name.substr(name.find_first_not_of('-') == std::string::npos ? 0 : name.find_first_not_of('-'));
    throw Error(ErrorKind::Usage,
        m_settings != Settings::No ? concat("unknown option '", name, "': ", config::unknownNameMessage(bare))
                                   : concat("unknown option '", name, "'; `midpoint ", m_command, " --help` lists all"));
}

bool CommandLine::parse(const Words& words)
{
    // Asked for before all else, so that `train --help` needs no CONFIG.
    if (std::find(words.begin(), words.end(), "--help") != words.end() || std::find(words.begin(), words.end(), "-h") != words.end()) {
        std::cout << m_options.help();
        return false;
    }
    Words rest = m_settings != Settings::No ? takeSettings(words) : words;
    std::reverse(rest.begin(), rest.end()); // the order in which CLI11 takes a vector
    try {
        m_options.parse(rest);
    } catch (const CLI::RequiredError& error) {
        throw Error(ErrorKind::Usage, concat(error.what(), "; usage: midpoint ", m_command, " ... (see `midpoint ", m_command, " --help`)"));
    } catch (const CLI::ParseError& error) {
        throw Error(ErrorKind::Usage, error.what());
    }
    if (!m_options.remaining().empty())
        failOnExtras(m_options.remaining());
    return true;
}

} // namespace midpoint::app
