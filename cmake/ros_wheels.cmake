# Passed as -DCMAKE_PROJECT_INCLUDE=<this file> to build messages against the ROS 2 wheels of PyPI.
#
# Their exported *__rosidl_generator_py targets carry the include directories of the Python that the wheels were built
# with, /opt/python/cp3..., which exist on no other machine; CMake refuses such targets. When the project has been read,
# those directories are replaced by the ones of the Python in use.
cmake_minimum_required(VERSION 3.19)

function(mend_python_include_directories)
  find_package(Python3 REQUIRED COMPONENTS Development.Module)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(directories MATCHES "/opt/python/cp3")
      list(TRANSFORM directories REPLACE "^/opt/python/cp3.*$" "${Python3_INCLUDE_DIRS}")
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${directories}")
    endif()
  endforeach()
endfunction()

cmake_language(DEFER CALL mend_python_include_directories)
