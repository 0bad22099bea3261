// How long the threads of LibTorch's OpenMP spin before they sleep. By default they do so for milliseconds: beside other work on
// the same cores they take the time from the very thread that they wait for, and a training step takes ten times as long.
#pragma once

namespace midpoint::app {

// While it lives, an OpenMP that is opened learns to spin shortly; a user's own OMP_WAIT_POLICY or GOMP_SPINCOUNT stays. Child
// processes inherit nothing.
class ShortSpinning {
public:
    ShortSpinning();
    ~ShortSpinning();
    ShortSpinning(const ShortSpinning&) = delete;
    ShortSpinning& operator=(const ShortSpinning&) = delete;

private:
    bool m_isOurs = false;
};

} // namespace midpoint::app
