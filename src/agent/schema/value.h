/* JSON values as schemas see them: 1 and 1.0 are one number, members have no order, and numbers are compared exactly,
 * whole ones beyond 2^53 too. */
#ifndef TRM_AGENT_SCHEMA_VALUE_H
#define TRM_AGENT_SCHEMA_VALUE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* -1, 0 or 1, of two numbers. */
int trm__value_compare(const json_t *a, const json_t *b);

/* Whether a is a whole number: 2 and 2.0 are. */
int trm__value_is_whole(const json_t *a);

/* Whether a is a multiple of b, both taken by their shortest decimal texts, so that 0.0075 is one of 0.0001. b > 0. */
int trm__value_is_multiple(const json_t *a, const json_t *b);

/* *steps is counted down by what is compared; below 0 the answer means nothing. */
int trm__value_equal(const json_t *a, const json_t *b, int64_t *steps);
uint64_t trm__value_hash(const json_t *a, int64_t *steps); /* equal values have equal hashes */

#define TRM__VALUE_TEXT 80
/* How a message shows it: "a", 7, an array of 3. Control characters are escaped; long texts are cut. Returns text. */
const char *trm__value_text(const json_t *a, char text[TRM__VALUE_TEXT]);

#endif
