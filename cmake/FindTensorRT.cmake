# TensorRT's headers, and its library where there is one: from a tar file, Debian packages or JetPack.
#
# Looked for in TENSORRT_ROOT (variable or environment), TENSORRT_INCLUDE_DIR (headers alone are enough for a plugin
# library, which links to nothing of TensorRT's) and the usual places.
#
# Defines TensorRT_FOUND, TensorRT_VERSION, TensorRT_INCLUDE_DIR, TensorRT_LIBRARY (may be missing), and the targets
# TensorRT::headers and, with the library, TensorRT::nvinfer.

if(NOT CMAKE_LIBRARY_ARCHITECTURE AND CMAKE_SYSTEM_PROCESSOR)
  set(CMAKE_LIBRARY_ARCHITECTURE "${CMAKE_SYSTEM_PROCESSOR}-linux-gnu")
endif()
set(_roots ${TENSORRT_ROOT} $ENV{TENSORRT_ROOT} /usr/local/tensorrt /usr/local/TensorRT /opt/tensorrt /opt/TensorRT)

find_path(TensorRT_INCLUDE_DIR NvInferVersion.h
  HINTS ${TENSORRT_INCLUDE_DIR} $ENV{TENSORRT_INCLUDE_DIR} ${_roots}
  PATH_SUFFIXES include include/${CMAKE_LIBRARY_ARCHITECTURE}
  PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
find_library(TensorRT_LIBRARY nvinfer
  HINTS ${_roots}
  PATH_SUFFIXES lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE} targets/${CMAKE_LIBRARY_ARCHITECTURE}/lib
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
unset(_roots)

if(TensorRT_INCLUDE_DIR)
  file(READ "${TensorRT_INCLUDE_DIR}/NvInferVersion.h" _header)
  set(_parts)
  foreach(_part MAJOR MINOR PATCH)
    # Until 10.x the number stands behind NV_TENSORRT_*, since then behind TRT_*_ENTERPRISE.
    if(_header MATCHES "#define TRT_${_part}_ENTERPRISE ([0-9]+)")
      list(APPEND _parts ${CMAKE_MATCH_1})
    elseif(_header MATCHES "#define NV_TENSORRT_${_part} ([0-9]+)")
      list(APPEND _parts ${CMAKE_MATCH_1})
    endif()
  endforeach()
  list(JOIN _parts "." TensorRT_VERSION)
  unset(_header)
  unset(_parts)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TensorRT REQUIRED_VARS TensorRT_INCLUDE_DIR VERSION_VAR TensorRT_VERSION
  REASON_FAILURE_MESSAGE "give -DTENSORRT_ROOT=FOLDER, or -DTENSORRT_INCLUDE_DIR=FOLDER with NvInfer.h")

if(TensorRT_FOUND AND NOT TARGET TensorRT::headers)
  add_library(TensorRT::headers INTERFACE IMPORTED)
  target_include_directories(TensorRT::headers SYSTEM INTERFACE "${TensorRT_INCLUDE_DIR}")
endif()
if(TensorRT_FOUND AND TensorRT_LIBRARY AND NOT TARGET TensorRT::nvinfer)
  add_library(TensorRT::nvinfer UNKNOWN IMPORTED)
  set_target_properties(TensorRT::nvinfer PROPERTIES IMPORTED_LOCATION "${TensorRT_LIBRARY}")
  target_link_libraries(TensorRT::nvinfer INTERFACE TensorRT::headers)
endif()
mark_as_advanced(TensorRT_INCLUDE_DIR TensorRT_LIBRARY)
