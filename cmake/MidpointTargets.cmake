# Compiler settings and the few functions every CMakeLists.txt of the tree uses:
#
#   midpoint_library(name SOURCES ... LINKS ...)      a static library of one folder, without LibTorch
#   midpoint_engine_library(name SOURCES ... LINKS ...) an object library that becomes part of libmidpoint_engine, with LibTorch
#   midpoint_test(name SOURCES ... LINKS ... [LABELS ...] [TIMEOUT s])  one GoogleTest program; ENGINE links libmidpoint_engine
include_guard()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
if(MIDPOINT_SANITIZE) # instrumented code takes twice as long to compile at -O2
    set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
# Libraries are found beside those that need them, as DT_RPATH: it also holds for the libraries that ours need, and no
# LD_LIBRARY_PATH of a user overrides it. MidpointInstall.cmake tells where they lie.
set(CMAKE_INSTALL_RPATH "$ORIGIN")
add_link_options("$<$<NOT:$<LINK_LANGUAGE:CUDA>>:LINKER:--disable-new-dtags>")

# -fPIC everywhere (and not -fPIE for programs), so that the precompiled LibTorch header serves libraries and tests alike.
# Not for nvcc, which has options of its own (kernels/cuda).
function(midpoint_compile_options)
    foreach(option ${ARGN})
        add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:${option}>")
    endforeach()
endfunction()
midpoint_compile_options(-fPIC -Wall -Wextra -Wshadow)
if(MIDPOINT_WERROR)
    midpoint_compile_options(-Werror)
endif()
if(MIDPOINT_SANITIZE)
    midpoint_compile_options(-fsanitize=${MIDPOINT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize=vptr)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU") # instrumentation hides initialisations from this warning
        midpoint_compile_options(-Wno-maybe-uninitialized)
    endif()
    add_link_options(-fsanitize=${MIDPOINT_SANITIZE})
endif()
if(MIDPOINT_FUZZ)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "MIDPOINT_FUZZ needs clang, found ${CMAKE_CXX_COMPILER_ID}: use the preset fuzz")
    endif()
    # Coverage in all of the code under test; the fuzzers alone link libFuzzer's main.
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()
include_directories("${CMAKE_SOURCE_DIR}")

find_program(MIDPOINT_CCACHE ccache)
if(MIDPOINT_CCACHE)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${MIDPOINT_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_NOHASHDIR=1 ${MIDPOINT_CCACHE})
    midpoint_compile_options(-fpch-preprocess)
endif()

find_package(Threads REQUIRED)
include(MidpointDependencies)

# Warnings about narrowing only in our own torch-free code: LibTorch's inline functions cannot be held to them.
function(midpoint_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_compile_options(${name} PRIVATE -Wconversion)
    target_link_libraries(${name} PUBLIC ${ARG_LINKS})
    set_property(GLOBAL APPEND PROPERTY MIDPOINT_BACKEND_LIBRARIES ${name})
endfunction()

function(midpoint_engine_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
    add_library(${name} OBJECT ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC midpoint_torch ${ARG_LINKS})
    target_precompile_headers(${name} REUSE_FROM midpoint_torch_pch)
    set_property(GLOBAL APPEND PROPERTY MIDPOINT_ENGINE_LIBRARIES ${name})
endfunction()

function(midpoint_test name)
    cmake_parse_arguments(ARG "ENGINE" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest GTest::gmock)
    if(ARG_ENGINE)
        target_link_libraries(${name} PRIVATE midpoint_engine)
        target_precompile_headers(${name} REUSE_FROM midpoint_torch_pch)
    endif()
    target_link_libraries(${name} PRIVATE midpoint_test_main)
    if(NOT ARG_LABELS)
        set(ARG_LABELS fast)
    endif()
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 300)
    endif()
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    add_test(NAME ${name} COMMAND ${name})
    # Tests run side by side on the same cores: OpenMP's threads must not spin for long (app/openmp.h), and work is shared only where a
    # test asks for more than one thread.
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
        ENVIRONMENT "MIDPOINT_BINARY=${CMAKE_BINARY_DIR}/bin/midpoint;MIDPOINT_SOURCE=${CMAKE_SOURCE_DIR};GOMP_SPINCOUNT=2000;OMP_NUM_THREADS=1")
endfunction()
