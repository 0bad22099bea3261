// The one family of exceptions. An error is thrown where it is found and says what was expected, what was found, where,
// and what to do. It is caught only at borders: a command, the start of a thread, a phase of the training loop, a Qt slot.
#pragma once

#include <stdexcept>
#include <string>

namespace midpoint {

enum class ErrorKind {
    Usage,      // wrong command line
    Config,     // configuration file or override
    Data,       // prompt sets, labels, recorded runs
    Model,      // weights, config.json, tokenizer.json
    Checkpoint, // a checkpoint of ours
    Store,      // run databases
    Io,         // files, folders, disk space
    Numeric,    // non-finite loss or gradient
    Resource,   // memory, devices, processes
    Cancelled,  // stopped on request
    Internal,   // a broken invariant
};

class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message)
        : std::runtime_error(message)
        , m_kind(kind)
    {
    }
    ErrorKind kind() const { return m_kind; }

private:
    ErrorKind m_kind;
};

// Exit code of a command that ended with this error: 2 for wrong use (command line or configuration), otherwise 1.
inline int exitCode(ErrorKind kind)
{
    return kind == ErrorKind::Usage || kind == ErrorKind::Config ? 2 : 1;
}

[[noreturn]] void assertionFailed(const char* condition, const char* why, const char* file, int line);

} // namespace midpoint

// Programmer errors, not user errors; active in every build but Release.
#ifdef NDEBUG
#define MIDPOINT_ASSERT(condition, why) static_cast<void>(0)
#else
#define MIDPOINT_ASSERT(condition, why) \
    static_cast<void>((condition) || (::midpoint::assertionFailed(#condition, why, __FILE__, __LINE__), false))
#endif
