/* The version as text, put together from the numbers in trm.h. */
#include <trm/trm.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *trm_version(void) {
  return TEXT(TRM_VERSION_MAJOR) "." TEXT(TRM_VERSION_MINOR) "." TEXT(TRM_VERSION_PATCH);
}
