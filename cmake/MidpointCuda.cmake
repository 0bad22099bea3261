# The CUDA module, libmidpoint_cuda: part of every build on a machine with nvcc, left out elsewhere. It needs no LibTorch, holds
# its CUDA run time and asks for a driver only when it is used, so it opens on any machine.
#
#   MIDPOINT_CUDA                AUTO (the default), ON (an error where nvcc cannot work) or OFF
#   MIDPOINT_CUDA_ARCHITECTURES  compute capabilities; by default that of this machine's devices, else 90
include_guard()
include(CheckLanguage)

set(MIDPOINT_CUDA AUTO CACHE STRING "Build the CUDA module: AUTO, ON or OFF")
set_property(CACHE MIDPOINT_CUDA PROPERTY STRINGS AUTO ON OFF)
set(MIDPOINT_CUDA_ARCHITECTURES "" CACHE STRING "Compute capabilities that the CUDA module holds code for")

# What the devices of this machine have, as nvcc's own query tells it.
function(midpoint_find_architectures)
    get_filename_component(folder "${MIDPOINT_NVCC}" DIRECTORY)
    execute_process(COMMAND "${folder}/__nvcc_device_query" RESULT_VARIABLE result OUTPUT_VARIABLE found ERROR_QUIET
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT result EQUAL 0 OR NOT found MATCHES "^[0-9]+(,[0-9]+)*$")
        set(found 90)
    endif()
    string(REPLACE "," ";" found "${found}")
    list(REMOVE_DUPLICATES found)
    set(MIDPOINT_CUDA_ARCHITECTURES "${found}" CACHE STRING "" FORCE)
endfunction()

# The CUDA version of the compiler that was found; empty if there is none.
function(midpoint_nvcc_version result)
    set(CMAKE_MATCH_1 "")
    if(MIDPOINT_NVCC)
        execute_process(COMMAND "${MIDPOINT_NVCC}" --version OUTPUT_VARIABLE text ERROR_QUIET)
        string(REGEX MATCH "release ([0-9.]+)" text "${text}")
    endif()
    set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
endfunction()

# Sets MIDPOINT_HAS_CUDA and, where it is true, makes CUDA a language of the project.
function(midpoint_find_cuda)
    set(MIDPOINT_HAS_CUDA OFF PARENT_SCOPE)
    if(MIDPOINT_CUDA STREQUAL "OFF" OR (NOT MIDPOINT_CUDA STREQUAL "AUTO" AND NOT MIDPOINT_CUDA))
        return()
    endif()
    find_program(MIDPOINT_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda "${MIDPOINT_SITE_PACKAGES}/nvidia/cu13"
        PATH_SUFFIXES bin)
    midpoint_nvcc_version(version)
    set(reason "nvcc was not found (looked in PATH, CUDA_HOME, CUDA_PATH, /usr/local/cuda and what scripts/bootstrap --cuda installs)")
    if(version AND version VERSION_LESS 12.0)
        set(reason "${MIDPOINT_NVCC} is of CUDA ${version}, expected 12.0 or newer for C++20")
    elseif(version)
        if(NOT DEFINED ENV{CUDACXX})
            set(ENV{CUDACXX} "${MIDPOINT_NVCC}")
        endif()
        if(NOT MIDPOINT_CUDA_ARCHITECTURES)
            midpoint_find_architectures()
        endif()
        # CMake tries the compiler together with g++.
        set(CMAKE_CUDA_ARCHITECTURES ${MIDPOINT_CUDA_ARCHITECTURES})
        check_language(CUDA)
        set(reason "${MIDPOINT_NVCC} does not compile with ${CMAKE_CXX_COMPILER}; see CMakeFiles/CMakeError.log")
    endif()
    if(CMAKE_CUDA_COMPILER)
        set(MIDPOINT_HAS_CUDA ON PARENT_SCOPE)
    elseif(MIDPOINT_CUDA STREQUAL "AUTO")
        message(STATUS "The CUDA module is left out: ${reason}")
    else()
        message(FATAL_ERROR "MIDPOINT_CUDA is ${MIDPOINT_CUDA}, but ${reason}")
    endif()
endfunction()

midpoint_find_cuda()
if(MIDPOINT_HAS_CUDA)
    set(CMAKE_CUDA_ARCHITECTURES ${MIDPOINT_CUDA_ARCHITECTURES})
    enable_language(CUDA)
    # CMake 3.25 does not know that nvcc has C++20 since CUDA 12.
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
        set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
        list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_EXTENSIONS OFF)
endif()
