/* The library's own description of its public headers, for programs that cannot include them: bindings of other
 * languages build their structs and calls from it instead of writing them by hand. The compiler has compared every row
 * with the headers, so that none can be wrong; tools/check_abi compares the rows with the headers' text, so that none
 * is missing. */
#ifndef TRM_ABI_H
#define TRM_ABI_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes one JSON object: {"version": "0.1.0", "pointer": 8, "rows": [[what, of, name, type, value, size], ...]}. Rows
 * come in the order of the headers; later versions may append kinds of rows.
 *   ["struct",   "",            "trm_error",   "",                               0, 1540]   or "union"
 *   ["field",    "trm_error",   "where",       "char (*)[512]",                  4,  512]   value: its offset
 *   ["type",     "",            "trm_status",  "unsigned",                       0,    4]   an enum or integer type
 *   ["value",    "trm_status",  "TRM_E_INPUT", "",                               2,    0]   of: "" for constants
 *   ["callback", "",            "trm_step_fn", "int (*)(void *context, const trm_step *step)", 0, 8]
 *   ["call",     "",            "trm_version", "const char *(*)(void)",          0,    0]
 * Types are written as the header has them. That of a field is the type of a pointer to it, that of a call the type of
 * a pointer to the function. A type that is none of these is opaque, and only pointers to it are passed on.
 * Returns the length without the NUL, as snprintf does: the text is cut when it does not fit. */
int trm_abi_json(char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
