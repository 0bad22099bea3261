// The words after `midpoint COMMAND`: options by CLI11, and settings as key=value or --key value beside them. Turns every
// wrong use into Error{Usage} that says what was expected.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <string>
#include <vector>

namespace midpoint::app {

using Words = std::vector<std::string>;

// May settings stand among the words of this command, and which does its help list? All are taken, so that one set of words fits
// several commands.
enum class Settings { No, All, OfSampling, OfGrading };

class CommandLine {
public:
    CommandLine(const std::string& command, const std::string& description, Settings settings = Settings::No);

    CLI::App& options() { return m_options; } // for what has no default worth showing
    template <typename Value>
    CLI::Option* add(const std::string& names, Value& value, const std::string& help)
    {
        CLI::Option* option = m_options.add_option(names, value, help);
        if constexpr (requires { value.empty(); })
            if (value.empty())
                return option;
        return option->capture_default_str();
    }
    CLI::Option* flag(const std::string& names, bool& value, const std::string& help) { return m_options.add_flag(names, value, help); }

    // False if the help was asked for; it has been printed then.
    bool parse(const Words& words);
    // "key=value", for config::loadConfig.
    const Words& overrides() const { return m_overrides; }

private:
    Words takeSettings(const Words& words);
    [[noreturn]] void failOnExtras(const Words& extras) const;

    CLI::App m_options;
    std::string m_command;
    Settings m_settings;
    Words m_overrides;
};

} // namespace midpoint::app
