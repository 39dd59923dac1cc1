# The CUDA sources compiled for the host, for tests on machines without a card or toolkit: the .cu files of kernels/cuda as C++ in
# which each thread is a coroutine (tools/cuda_emulator), and the backend against a runtime made of host memory.
#   trm_cuda_kernels_emulated   kernels and runtime
#   trm_cuda_emulated           and src/backend with TRM_CUDA_ENABLED
# Both are objects rather than archives, so that what they define comes before the same in trm_kernels and trm_backend.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CXX_COMPILER)
  return() # the host's C++ compiler is of no use
endif()
include(CheckLanguage)
check_language(CXX)
if(NOT CMAKE_CXX_COMPILER)
  message(STATUS "no C++ compiler: the tests of the CUDA sources are left out")
  return()
endif()
enable_language(CXX)
set(emulate_dir ${CMAKE_SOURCE_DIR}/tools/cuda_emulator)

add_library(trm_cuda_emulated_flags INTERFACE)
target_include_directories(trm_cuda_emulated_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src ${emulate_dir})
target_compile_definitions(trm_cuda_emulated_flags INTERFACE _GNU_SOURCE TRM_EMULATE)
target_compile_options(trm_cuda_emulated_flags INTERFACE
  -std=c++17 -Wall -Wextra -Wshadow -Wno-unknown-pragmas $<$<BOOL:${TRM_WERROR}>:-Werror>
  -fno-math-errno -ffp-contract=off -fno-exceptions ${trm_prefix_map})
if(TRM_SANITIZE)
  target_compile_options(trm_cuda_emulated_flags INTERFACE -fsanitize=${TRM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
endif()

# trm_emulate_cuda(target source...): adds .cu files to a target, compiled for the host.
function(trm_emulate_cuda target)
  foreach(source ${ARGN})
    set_source_files_properties(${source} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
  endforeach()
  add_library(${target}_cu OBJECT EXCLUDE_FROM_ALL ${ARGN})
  target_link_libraries(${target}_cu PRIVATE trm_cuda_emulated_flags)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_cu>)
endfunction()

file(GLOB emulator CONFIGURE_DEPENDS ${emulate_dir}/*.cpp)
file(GLOB_RECURSE kernels CONFIGURE_DEPENDS src/kernels/cuda/*.cu)
foreach(source ${kernels})
  set_source_files_properties(${source} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
endforeach()
add_library(trm_cuda_kernels_objects OBJECT EXCLUDE_FROM_ALL ${emulator} ${kernels})
target_link_libraries(trm_cuda_kernels_objects PRIVATE trm_cuda_emulated_flags)
add_library(trm_cuda_kernels_emulated INTERFACE)
target_include_directories(trm_cuda_kernels_emulated INTERFACE ${emulate_dir})
target_compile_definitions(trm_cuda_kernels_emulated INTERFACE TRM_CUDA_ENABLED TRM_EMULATE)
target_sources(trm_cuda_kernels_emulated INTERFACE $<TARGET_OBJECTS:trm_cuda_kernels_objects>)
target_link_libraries(trm_cuda_kernels_emulated INTERFACE trm_kernels)

file(GLOB backend CONFIGURE_DEPENDS src/backend/cuda/*.c)
add_library(trm_cuda_backend_objects OBJECT EXCLUDE_FROM_ALL ${backend} src/backend/registry.c src/backend/runtime.c)
target_include_directories(trm_cuda_backend_objects PRIVATE ${emulate_dir})
target_compile_definitions(trm_cuda_backend_objects PRIVATE TRM_CUDA_ENABLED)
target_link_libraries(trm_cuda_backend_objects PRIVATE trm_flags)
add_library(trm_cuda_emulated INTERFACE)
target_link_libraries(trm_cuda_emulated INTERFACE ${CMAKE_DL_LIBS})
target_sources(trm_cuda_emulated INTERFACE $<TARGET_OBJECTS:trm_cuda_backend_objects>)
target_link_libraries(trm_cuda_emulated INTERFACE trm_cuda_kernels_emulated trm_backend)
