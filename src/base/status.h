/* Filling trm_error. The one way in which library code reports a failure:
 *     return trm__fail(err, TRM_E_INPUT, path, "header claims %zu bytes, the file has %zu", n, size); */
#ifndef TRM_BASE_STATUS_H
#define TRM_BASE_STATUS_H

#include <stddef.h>
#include <trm/error.h>

#if defined(__GNUC__)
#define TRM__PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define TRM__PRINTF(f, a)
#endif

/* Fills err (may be NULL) and returns code. where may be NULL. */
trm_status trm__fail(trm_error *err, trm_status code, const char *where, const char *format, ...) TRM__PRINTF(4, 5);

/* As trm__fail with TRM_E_IO, errno's text appended to the sentence ("... : No space left on device"). */
trm_status trm__fail_errno(trm_error *err, const char *where, const char *format, ...) TRM__PRINTF(3, 4);

/* TRM_E_MEMORY with the number of bytes. */
trm_status trm__fail_memory(trm_error *err, const char *where, size_t bytes);

#endif
