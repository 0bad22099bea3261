// The modules beside the program, opened when a command needs them: the engine (LibTorch) and the window (Qt).
#pragma once

#include "backend/engine/api.h"

#include <filesystem>
#include <string>
#include <vector>

namespace midpoint::app {

inline constexpr const char* kEngineModule = "libmidpoint_engine.so";
inline constexpr const char* kWindowModule = "libmidpoint_gui.so";

std::filesystem::path modulePath(const std::string& name); // ../lib beside the folder of the program

engine::EngineApi& openEngine();                      // throws Error{Resource}
bool hasDisplay();                                    // X11 or Wayland, or a Qt platform that needs none
int openWindow(const std::vector<std::string>& words); // the window's exit code; throws Error{Resource}

} // namespace midpoint::app
