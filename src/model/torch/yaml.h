/* The plain part of YAML, which configurations are written in, as JSON: mappings, sequences and scalars. Anchors,
 * aliases and tags are refused with their line, so that a text stands for no more than it says and names no class; so
 * are a second document, keys that are there twice, over 1 MiB, and depths over 16. Scalars without quotes are null,
 * true, false, whole or decimal numbers as JSON has them, or else text. */
#ifndef TRM_MODEL_TORCH_YAML_H
#define TRM_MODEL_TORCH_YAML_H

#include <jansson.h>
#include <stddef.h>
#include <trm/error.h>

/* An owned reference in *out. TRM_E_INPUT with the line; TRM_E_UNSUPPORTED in a build without libyaml. */
trm_status trm__yaml_parse(json_t **out, const char *text, size_t size, const char *where, trm_error *err);

#endif
