/* Whom a request takes us for, and whose page sent it. A page that a browser shows may ask any server that the browser
 * reaches, ours on the loopback too; and a name that somebody else owns may lead here (DNS rebinding), so that such a
 * page also reads the answers. So a server that asks for no token answers only to names that are its own: an address of
 * numbers, which nobody can make lead elsewhere, localhost, and the names that it was given. And a request with an
 * Origin, which browsers send for pages, is answered when that is the very host that it asks, or one of the given
 * names. */
#ifndef TRM_NET_HOSTS_H
#define TRM_NET_HOSTS_H

/* authority: "host" or "host:port" as of trm__request; "": the client did not say. names: behind commas, without ports.
 */
int trm__host_is_ours(const char *authority, const char *names);
/* origin: the field's value, "https://example.org:8443". */
int trm__origin_is_ours(const char *origin, const char *authority, const char *names);

#endif
