/* The form of a frame's data, for the files that pack and read frames: JSON, and arrays behind it (serve/work.h). */
#ifndef TRM_SERVE_WORK_DATA_H
#define TRM_SERVE_WORK_DATA_H

#include <jansson.h>

#include "serve/work.h"

typedef struct trm__work_array {
  const void *data; /* NULL: left out */
  size_t size;      /* bytes */
} trm__work_array;

/* The JSON, whose reference is taken (NULL: there was no memory), and the arrays behind it. */
trm_status trm__work_data_pack(json_t *json, const trm__work_array *array, size_t arrays, const char *what,
                               trm__work_bytes *out, trm_error *err);

/* What is left of the data behind what was read. */
typedef struct trm__work_rest {
  const unsigned char *data;
  size_t size;
} trm__work_rest;

trm_status trm__work_data_read(json_t **json, trm__work_rest *rest, const void *data, uint32_t size, const char *what,
                               trm_error *err);
/* count elements of four bytes; NULL, and *bad, when they are not there. */
const void *trm__work_rest_take(trm__work_rest *rest, size_t count, int *bad);

/* The same for frames that are JSON alone. */
trm_status trm__work_json_pack(json_t *json, const char *what, trm__work_bytes *out, trm_error *err);
trm_status trm__work_json_read(json_t **json, const void *data, uint32_t size, const char *what, trm_error *err);

#endif
