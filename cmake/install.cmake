# What `make install` puts where: program, libraries, headers, man pages, completions, licence, README and
# examples, trained models, and the two files by which other builds find the library (pkg-config and CMake). Both compute the
# prefix from their own place, so the tree can be moved. Debian packages are made of the same (packaging/debian).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(TARGET trm)
  install(TARGETS trm RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(program trm-server trm-agent)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/trm)
  endif()
endforeach()
if(TARGET trm-agent)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/share/schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/trm)
endif()
if(TARGET trm-mpi)
  install(TARGETS trm-mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/trm)
endif()
install(TARGETS trm_shared trm_static EXPORT trmTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
# --strip takes symbols from programs and shared libraries; the archive's debug information goes by hand.
install(CODE "
  if(CMAKE_INSTALL_DO_STRIP)
    execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-debug
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/$<TARGET_FILE_NAME:trm_static>\" COMMAND_ERROR_IS_FATAL ANY)
  endif()")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/trm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
file(GLOB man1 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.1)
file(GLOB man3 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.3)
if(man1)
  install(FILES ${man1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
if(man3)
  install(FILES ${man3} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
endif()
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN "__pycache__" EXCLUDE)

# Where each shell looks for completions by itself.
set(completions ${CMAKE_SOURCE_DIR}/packaging/completions)
install(FILES ${completions}/trm DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${completions}/_trm DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${completions}/trm.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# Weights are looked for beside the program: bin/../share/trm/models (cli/models.c).
file(GLOB models CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/*.safetensors ${CMAKE_SOURCE_DIR}/models/*.json)
if(models)
  install(FILES ${models} DESTINATION ${CMAKE_INSTALL_DATADIR}/trm/models)
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/trm)
install(EXPORT trmTargets NAMESPACE trm:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/trmConfig.cmake.in ${CMAKE_BINARY_DIR}/trmConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/trmConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/trmConfig.cmake ${CMAKE_BINARY_DIR}/trmConfigVersion.cmake DESTINATION ${package_dir})

set(pc_cuda)
if(TRM_CUDA_FOUND) # the static library holds CUDA's runtime, which needs these
  set(pc_cuda "-ldl -lrt ")
endif()
set(pc_optional) # what the static library needs beside jansson
if(ZLIB_FOUND)
  string(APPEND pc_optional ", zlib")
endif()
if(YAML_FOUND)
  string(APPEND pc_optional ", yaml-0.1")
endif()
file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${CMAKE_SOURCE_DIR}/cmake/trm.pc.in ${CMAKE_BINARY_DIR}/trm.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/trm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
