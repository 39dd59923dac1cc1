# The CUDA toolkit: nvcc >= 12, its headers and libcudart_static. Sets TRM_CUDA_FOUND and trm_cuda_objects, one object a
# .cu file below src/kernels/cuda. Custom commands rather than CMake's CUDA language: files differ in the architectures
# they are for, and the assembler's report is kept beside each object (tools/check_cuda_spills reads it). Only a build that
# asks for CUDA has it: the kernels take many times as long to compile as everything else.
option(TRM_CUDA "kernels for NVIDIA GPUs; needs nvcc >= 12" OFF)
option(TRM_CUDA_LINES "line numbers in CUDA kernels, for compute-sanitizer; they name the source folder" OFF)
set(TRM_CUDA_ARCHS "80;90" CACHE STRING "compute capabilities that kernels are compiled for; the last also as PTX")
if(TRM_CUDA STREQUAL "AUTO") # a build folder of version 0.1.0 may say so
  set_property(CACHE TRM_CUDA PROPERTY VALUE OFF)
endif()
set(TRM_CUDA_FOUND OFF)
set(trm_cuda_objects)
set(trm_cuda_reports)

# trm_cuda_find(why): looks for all of it; why is empty when it is there.
function(trm_cuda_find why)
  find_program(TRM_NVCC nvcc HINTS $ENV{CUDACXX} $ENV{CUDA_PATH}/bin $ENV{CUDA_HOME}/bin PATHS /usr/local/cuda/bin /opt/cuda/bin)
  if(DEFINED ENV{CUDACXX} AND EXISTS $ENV{CUDACXX})
    set(TRM_NVCC $ENV{CUDACXX} CACHE FILEPATH "" FORCE)
  endif()
  if(NOT TRM_NVCC)
    set(${why} "no nvcc on PATH, in CUDACXX or in /usr/local/cuda/bin" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND ${TRM_NVCC} --version OUTPUT_VARIABLE text ERROR_QUIET)
  string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" found "${text}")
  set(version "${CMAKE_MATCH_1}")
  if(NOT version OR version VERSION_LESS 12)
    set(${why} "${TRM_NVCC} is release '${version}', not 12 or later" PARENT_SCOPE)
    return()
  endif()
  get_filename_component(nvcc ${TRM_NVCC} REALPATH)
  get_filename_component(bin ${nvcc} DIRECTORY)
  get_filename_component(root ${bin} DIRECTORY)
  file(GLOB targets ${root}/targets/${CMAKE_SYSTEM_PROCESSOR}*-linux)
  find_path(TRM_CUDA_INCLUDE cuda_runtime_api.h HINTS ${root} ${targets} PATH_SUFFIXES include)
  find_library(TRM_CUDART cudart_static HINTS ${root} ${targets} PATH_SUFFIXES lib64 lib)
  if(NOT TRM_CUDA_INCLUDE OR NOT TRM_CUDART)
    set(${why} "nvcc ${version} is there, but not cuda_runtime_api.h or libcudart_static.a" PARENT_SCOPE)
    return()
  endif()
  if(NOT TRM_CUDA_WORKS STREQUAL "${TRM_NVCC}") # once: it takes seconds
    file(WRITE ${CMAKE_BINARY_DIR}/cuda/try.cu "#include <cuda_runtime.h>\n__global__ void one(int *x) { *x = 1; }\n")
    execute_process(COMMAND ${TRM_NVCC} -arch=sm_80 -c ${CMAKE_BINARY_DIR}/cuda/try.cu -o ${CMAKE_BINARY_DIR}/cuda/try.o
      RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
    if(failed)
      string(STRIP "${text}" text)
      set(${why} "nvcc ${version} cannot compile: ${text}" PARENT_SCOPE)
      return()
    endif()
    set(TRM_CUDA_WORKS ${TRM_NVCC} CACHE INTERNAL "")
  endif()
  set(TRM_CUDA_VERSION ${version} PARENT_SCOPE)
  set(${why} "" PARENT_SCOPE)
endfunction()

# -fno-threadsafe-statics: the only statics are in the stubs of kernel<<<...>>>(), which nothing calls; with guards they
# would need the C++ runtime.
# trm_cuda_compile(source): src/kernels/cuda/**/name.cu -> cuda/name.o and cuda/name.ptxas in the build tree. name_sm90a.cu is
# for sm_90a alone.
function(trm_cuda_compile source)
  get_filename_component(name ${source} NAME_WE)
  set(archs)
  if(name MATCHES "_sm90a$")
    set(archs -gencode arch=compute_90a,code=sm_90a)
  else()
    foreach(arch ${TRM_CUDA_ARCHS})
      list(APPEND archs -gencode arch=compute_${arch},code=sm_${arch})
    endforeach()
    list(GET TRM_CUDA_ARCHS -1 last)
    list(APPEND archs -gencode arch=compute_${last},code=compute_${last})
  endif()
  list(TRANSFORM trm_prefix_map PREPEND -Xcompiler= OUTPUT_VARIABLE flags)
  if(TRM_WERROR)
    list(APPEND flags -Werror all-warnings -Xcompiler=-Werror)
  endif()
  if(TRM_CUDA_LINES)
    list(APPEND flags -lineinfo)
  endif()
  set(to ${CMAKE_BINARY_DIR}/cuda/${name})
  add_custom_command(OUTPUT ${to}.o BYPRODUCTS ${to}.ptxas
    COMMAND ${CMAKE_SOURCE_DIR}/tools/compile_cuda ${to}.ptxas ${TRM_NVCC} -c ${source} -o ${to}.o -MD -MF ${to}.d
      -O3 -std=c++17 ${flags} ${archs} -Xptxas -v -Wno-deprecated-gpu-targets
      -Xcompiler=-Wall,-Wextra,-Wshadow,-fPIC,-fno-exceptions,-fno-threadsafe-statics,-fno-strict-aliasing
      -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_SOURCE_DIR}/include
    DEPENDS ${source} ${CMAKE_SOURCE_DIR}/tools/compile_cuda DEPFILE ${to}.d
    COMMENT "Building CUDA object ${name}.o" VERBATIM)
  set(trm_cuda_objects ${trm_cuda_objects} ${to}.o PARENT_SCOPE)
  set(trm_cuda_reports ${trm_cuda_reports} ${to}.ptxas PARENT_SCOPE)
endfunction()

# trm_cuda_runtime_into(library): adds libcudart_static.a to a static library, so that who links it needs no toolkit and
# nothing installed names one. NVIDIA's licence lists the file among those that may be passed on inside a program.
function(trm_cuda_runtime_into library)
  add_custom_command(TARGET ${library} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -DAR=${CMAKE_AR} -DARCHIVE=$<TARGET_FILE:${library}> -DADDED=${TRM_CUDART}
      -P ${CMAKE_SOURCE_DIR}/cmake/merge_archives.cmake)
  target_link_libraries(${library} INTERFACE dl rt)
endfunction()

if(NOT TRM_CUDA)
  message(STATUS "CUDA: left out (make CUDA=1, or -DTRM_CUDA=ON, builds kernels for NVIDIA GPUs)")
else()
  trm_cuda_find(why)
  if(why)
    message(FATAL_ERROR "TRM_CUDA is ON: ${why}; make CUDA=0, or -DTRM_CUDA=OFF, builds without")
  endif()
  set(TRM_CUDA_FOUND ON)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/cuda/*.cu)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/cuda)
  foreach(source ${sources})
    trm_cuda_compile(${source})
  endforeach()
  add_custom_target(trm_cuda_compiled DEPENDS ${trm_cuda_objects}) # once, though several libraries hold them
  set_source_files_properties(${trm_cuda_objects} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set(trm_cuda_libraries ${TRM_CUDART} dl rt Threads::Threads)
  message(STATUS "CUDA: nvcc ${TRM_CUDA_VERSION} (${TRM_NVCC}), for ${TRM_CUDA_ARCHS}")
endif()
