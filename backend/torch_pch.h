// Precompiled once for every file of the engine; nothing outside the engine's .cpp files includes LibTorch.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>
