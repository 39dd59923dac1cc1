# cmake -DAR=ar -DARCHIVE=a.a -DADDED=b.a -P merge_archives.cmake: adds the members of b.a to a.a. The names in a script of ar's
# may hold no blanks or commas, which folders have: hence the link.
get_filename_component(folder ${ARCHIVE} DIRECTORY)
get_filename_component(name ${ARCHIVE} NAME)
file(CREATE_LINK ${ADDED} ${folder}/added_${name} SYMBOLIC)
file(WRITE ${folder}/added_${name}.mri "OPEN ${name}\nADDLIB added_${name}\nSAVE\nEND\n")
execute_process(COMMAND ${AR} -M INPUT_FILE ${folder}/added_${name}.mri WORKING_DIRECTORY ${folder} RESULT_VARIABLE failed)
file(REMOVE ${folder}/added_${name} ${folder}/added_${name}.mri)
if(failed)
  file(REMOVE ${ARCHIVE}) # or the next build would take it for complete
  message(FATAL_ERROR "${AR} cannot add ${ADDED} to ${ARCHIVE}: ${failed}")
endif()
