# Third-party libraries: from Debian, and LibTorch and Arrow C++ from the wheels that scripts/bootstrap unpacks.
include_guard()
include(FindPkgConfig)

find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_package(SQLiteCpp REQUIRED)
if(MIDPOINT_TESTS)
    find_package(GTest REQUIRED)
    find_package(benchmark REQUIRED)
endif()

file(GLOB midpoint_site_packages "${CMAKE_SOURCE_DIR}/.deps/venv/lib/python3*/site-packages")
set(MIDPOINT_SITE_PACKAGES "${midpoint_site_packages}" CACHE PATH "Folder with the unpacked torch and pyarrow wheels")

# Arrow C++ and Parquet (prompt sets)
file(GLOB midpoint_arrow_library "${MIDPOINT_SITE_PACKAGES}/pyarrow/libarrow.so.*")
file(GLOB midpoint_parquet_library "${MIDPOINT_SITE_PACKAGES}/pyarrow/libparquet.so.*")
if(NOT midpoint_arrow_library OR NOT midpoint_parquet_library)
    message(FATAL_ERROR "Arrow C++ was not found in '${MIDPOINT_SITE_PACKAGES}/pyarrow': run scripts/bootstrap")
endif()
add_library(midpoint_arrow INTERFACE)
target_include_directories(midpoint_arrow SYSTEM INTERFACE "${MIDPOINT_SITE_PACKAGES}/pyarrow/include")
target_link_libraries(midpoint_arrow INTERFACE ${midpoint_parquet_library} ${midpoint_arrow_library})

# LibTorch, the version of scripts/bootstrap: the two CPU libraries only. Torch's own CMake package demands a CUDA toolkit, so it is not used.
set(MIDPOINT_TORCH_VERSION 2.11.0)
if(MIDPOINT_ENGINE)
    set(MIDPOINT_TORCH_ROOT "${MIDPOINT_SITE_PACKAGES}/torch")
    if(NOT EXISTS "${MIDPOINT_TORCH_ROOT}/lib/libtorch_cpu.so")
        message(FATAL_ERROR "LibTorch was not found in '${MIDPOINT_TORCH_ROOT}': run scripts/bootstrap")
    endif()
    add_library(midpoint_torch INTERFACE)
    target_include_directories(midpoint_torch SYSTEM INTERFACE "${MIDPOINT_TORCH_ROOT}/include" "${MIDPOINT_TORCH_ROOT}/include/torch/csrc/api/include")
    target_link_libraries(midpoint_torch INTERFACE "${MIDPOINT_TORCH_ROOT}/lib/libtorch_cpu.so" "${MIDPOINT_TORCH_ROOT}/lib/libc10.so"
        "${MIDPOINT_TORCH_ROOT}/lib/libgomp.so.1" Threads::Threads) # its own OpenMP: one pool of threads in the process
    # ATen's vectorised headers are used with the baseline instruction set; ours are dispatched at run time.
    target_compile_definitions(midpoint_torch INTERFACE USE_C10D_GLOO)
endif()
