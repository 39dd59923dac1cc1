/* URI references of schemas against the URI of the schema that they stand in (RFC 3986, section 5.2). */
#ifndef TRM_AGENT_SCHEMA_URI_H
#define TRM_AGENT_SCHEMA_URI_H

/* What reference means inside base ("" for a schema without a URI), without its fragment; trm__free. NULL without
 * memory. */
char *trm__schema_uri(const char *base, const char *reference);

/* The fragment of a reference, behind '#', as it stands there; "" when there is none. */
const char *trm__schema_fragment(const char *reference);

#endif
