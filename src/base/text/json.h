/* JSON with limits: files and texts from outside are parsed with a size limit, a depth limit, no duplicate keys, and
 * errors that name file, line and column. */
#ifndef TRM_BASE_TEXT_JSON_H
#define TRM_BASE_TEXT_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

/* An owned reference in *out. Depth over 64, duplicate keys, NUL bytes and trailing text are TRM_E_INPUT. A byte order
 * mark in front of the text, as some editors write it, is skipped; columns in errors count from behind it. */
trm_status trm__json_parse(json_t **out, const char *text, size_t size, const char *where, trm_error *err);
trm_status trm__json_load(json_t **out, const char *path, size_t limit, trm_error *err);
/* json_dumps and json_dump_callback of jansson, whatever the locale. */
char *trm__json_text(const json_t *value, size_t flags); /* freed with free; NULL without memory */
int trm__json_dump(const json_t *value, json_dump_callback_t put, void *context, size_t flags);
trm_status trm__json_save(const json_t *value, const char *path, trm_error *err); /* indented, atomic */

/* Fields of an object; TRM_E_INPUT naming where and key when absent, of another type or out of range. */
trm_status trm__json_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out,
                         const char *where, trm_error *err);
trm_status trm__json_string(const json_t *object, const char *key, const char **out, const char *where,
                            trm_error *err); /* borrowed */

const char *trm__json_type_name(const json_t *value); /* "an object"; "nothing" for NULL */

#endif
