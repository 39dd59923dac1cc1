# Cross-compiles for 64-bit ARM under Debian: gcc-aarch64-linux-gnu, or clang with -DTRM_CROSS_CLANG=ON; libraries
# of the architecture arm64, programs run by qemu-user when it is there. `make arm64` uses it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(TRM_CROSS_CLANG OFF CACHE BOOL "cross-compile with clang")
if(TRM_CROSS_CLANG)
  set(CMAKE_C_COMPILER clang)
  set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
else()
  set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
  find_program(TRM_CROSS_CXX aarch64-linux-gnu-g++) # for the emulated CUDA tests, where it is installed
  if(TRM_CROSS_CXX)
    set(CMAKE_CXX_COMPILER ${TRM_CROSS_CXX})
  endif()
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TRM_CROSS_CLANG)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu /usr/lib/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)

# Every instruction set that the emulator knows, so that all kernels run.
find_program(TRM_QEMU NAMES qemu-aarch64 qemu-aarch64-static)
if(TRM_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${TRM_QEMU} -cpu max)
  set(TRM_LAUNCHER ${TRM_QEMU} -cpu max CACHE STRING "a program and its options in front of each test program")
endif()
