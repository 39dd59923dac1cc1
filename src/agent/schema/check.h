/* The functions behind the keywords that check something; schema/keywords.c says which is whose. Each returns 1 for
 * what its keyword does not speak of. */
#ifndef TRM_AGENT_SCHEMA_CHECK_H
#define TRM_AGENT_SCHEMA_CHECK_H

#include "agent/schema/run.h"

/* Of the value itself (check_value.c). */
int trm__check_type(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_enum(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_const(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_minimum(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_maximum(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_above(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_below(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_multiple(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_min_length(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_max_length(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_pattern(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_min_items(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_max_items(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_unique(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_min_members(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_max_members(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_required(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_dependent_required(schema_run *r, const schema_frame *f, const json_t *keyword);

/* Through other schemas (check_apply.c for the same place, check_inside.c for members and items). */
int trm__check_ref(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_dynamic_ref(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_all(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_any(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_one(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_not(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_if(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_dependent(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_members(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_names(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_items(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_contains(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_other_members(schema_run *r, const schema_frame *f, const json_t *keyword);
int trm__check_other_items(schema_run *r, const schema_frame *f, const json_t *keyword);

#endif
