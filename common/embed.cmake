# embed_text(TARGET FILE SYMBOL): FILE becomes a C text in TARGET, to be declared where it is used as
#   extern const char SYMBOL[];
# The build runs this same file as a script to write the array.
if(CMAKE_SCRIPT_MODE_FILE)
    file(READ "${EMBED_FILE}" bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n    " lines "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," lines "${lines}")
    get_filename_component(name "${EMBED_FILE}" NAME)
    file(WRITE "${EMBED_OUTPUT}"
        "/* Made from ${name}. */\nextern const char ${EMBED_SYMBOL}[];\n"
        "const char ${EMBED_SYMBOL}[] = {\n    ${lines}'\\0'\n};\n")
    return()
endif()

function(embed_text target file symbol)
    get_filename_component(input "${file}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
    set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.c")
    add_custom_command(
        OUTPUT "${output}"
        COMMAND ${CMAKE_COMMAND} "-DEMBED_FILE=${input}" "-DEMBED_OUTPUT=${output}"
                "-DEMBED_SYMBOL=${symbol}" -P "${PROJECT_SOURCE_DIR}/common/embed.cmake"
        DEPENDS "${input}" "${PROJECT_SOURCE_DIR}/common/embed.cmake"
        VERBATIM)
    target_sources(${target} PRIVATE "${output}")
endfunction()
