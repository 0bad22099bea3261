# What `cmake --install` puts where. The modules and the libraries that no Debian has go to lib/midpoint.
#
#   cmake --install BUILD --prefix PREFIX                        a workstation: bin/midpoint, the window with its desktop file
#   cmake --install BUILD --prefix PREFIX --component server     what scripts/package makes an archive of: libexec/midpoint,
#                                                                which that script gives a launcher; no window
include_guard()

set_target_properties(midpoint PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/midpoint")
install(TARGETS midpoint RUNTIME DESTINATION bin COMPONENT workstation)
install(TARGETS midpoint RUNTIME DESTINATION libexec COMPONENT server EXCLUDE_FROM_ALL)
install(FILES ${midpoint_arrow_library} ${midpoint_parquet_library} DESTINATION lib/midpoint COMPONENT server)
if(MIDPOINT_ENGINE)
    install(TARGETS midpoint_engine LIBRARY DESTINATION lib/midpoint COMPONENT server)
    # Where the LibTorch of this build lies (app/libtorch.h); on another machine a Python environment has it.
    file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/libtorch" CONTENT "@MIDPOINT_SITE_PACKAGES@/torch\n" @ONLY)
    install(FILES "${CMAKE_BINARY_DIR}/libtorch" DESTINATION lib/midpoint COMPONENT workstation)
endif()
if(MIDPOINT_HAS_CUDA)
    install(TARGETS midpoint_cuda LIBRARY DESTINATION lib/midpoint COMPONENT server)
endif()
if(MIDPOINT_HAS_NCCL)
    install(TARGETS midpoint_nccl LIBRARY DESTINATION lib/midpoint COMPONENT server)
endif()
if(MIDPOINT_GUI)
    install(TARGETS midpoint_gui LIBRARY DESTINATION lib/midpoint COMPONENT workstation)
    install(FILES resources/midpoint.desktop DESTINATION share/applications COMPONENT workstation)
    install(FILES resources/icons/midpoint.svg DESTINATION share/icons/hicolor/scalable/apps COMPONENT workstation)
    install(FILES widgets/LICENSE DESTINATION share/doc/midpoint RENAME LICENSE.window COMPONENT workstation)
endif()
# Example projects without what runs and downloads leave in them.
install(DIRECTORY projects DESTINATION share/midpoint COMPONENT server
    PATTERN runs EXCLUDE PATTERN trash EXCLUDE PATTERN model EXCLUDE PATTERN "project.db*" EXCLUDE
    PATTERN demonstrations EXCLUDE PATTERN .gitignore EXCLUDE)
install(DIRECTORY resources/graders DESTINATION share/midpoint COMPONENT server)
install(FILES README.md scripts/SERVERS.md LICENSE backend/store/SCHEMA.md DESTINATION share/doc/midpoint COMPONENT server)
