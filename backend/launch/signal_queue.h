// Internal to backend/launch: signals of a supervisor as something to poll.
#pragma once

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/signalfd.h>
#include <unistd.h>

namespace midpoint::launch {

// While it lives, stop signals and the death of children are read from a descriptor instead of being delivered.
class SignalQueue {
public:
    SignalQueue()
    {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : { SIGINT, SIGTERM, SIGCHLD })
            sigaddset(&set, number);
        struct sigaction hangup {};
        ::sigaction(SIGHUP, nullptr, &hangup);
        if (hangup.sa_handler != SIG_IGN) // under nohup it stays ignored
            sigaddset(&set, SIGHUP);
        ::pthread_sigmask(SIG_BLOCK, &set, &m_before);
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &ignore, &m_pipeBefore); // a closed terminal must not end the supervisor
        m_descriptor = OwnedDescriptor(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
        if (!m_descriptor.isOpen())
            throw Error(ErrorKind::Resource, concat("cannot watch for signals: ", std::strerror(errno)));
    }
    ~SignalQueue()
    {
        ::sigaction(SIGPIPE, &m_pipeBefore, nullptr);
        ::pthread_sigmask(SIG_SETMASK, &m_before, nullptr);
    }
    SignalQueue(const SignalQueue&) = delete;
    SignalQueue& operator=(const SignalQueue&) = delete;

    int descriptor() const { return m_descriptor.value(); }
    // How many requests to stop came since the last call.
    int takeStops()
    {
        int stops = 0;
        signalfd_siginfo info {};
        while (::read(m_descriptor.value(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
            stops += info.ssi_signo == SIGCHLD ? 0 : 1;
        return stops;
    }

private:
    sigset_t m_before {};
    struct sigaction m_pipeBefore {};
    OwnedDescriptor m_descriptor;
};

} // namespace midpoint::launch
