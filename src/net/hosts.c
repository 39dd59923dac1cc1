#include "net/hosts.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/grammar.h"

/* Without the port; brackets of an IPv6 address belong to it. */
static size_t host_length(const char *authority) {
  const char *end = *authority == '[' ? strchr(authority, ']') : NULL;
  return end ? (size_t)(end + 1 - authority) : strcspn(authority, ":");
}

static int host_is_address(const char *host, size_t length) {
  char text[64];
  struct in6_addr out;
  int six = *host == '[';
  if (six) host++, length -= 2;
  if (length >= sizeof text) return 0;
  memcpy(text, host, length);
  text[length] = 0;
  return inet_pton(six ? AF_INET6 : AF_INET, text, &out) == 1;
}

static int host_is_same(const char *a, size_t a_length, const char *b, size_t b_length) {
  if (a_length != b_length) return 0;
  for (size_t i = 0; i < a_length; i++)
    if (trm__ascii_lower(a[i]) != trm__ascii_lower(b[i])) return 0;
  return 1;
}

static int host_is_given(const char *host, size_t length, const char *names) {
  while (length && *names) {
    size_t end = strcspn(names, ",");
    if (host_is_same(host, length, names, end)) return 1;
    names += end + (names[end] == ',');
  }
  return 0;
}

int trm__host_is_ours(const char *authority, const char *names) {
  size_t length = host_length(authority);
  if (!*authority) return 1;
  if (length < 1 || (*authority == '[' && length < 3)) return 0;
  return trm__ascii_is(authority, length, "localhost") || host_is_address(authority, length) ||
         host_is_given(authority, length, names);
}

int trm__origin_is_ours(const char *origin, const char *authority, const char *names) {
  const char *scheme_end = strstr(origin, "://");
  size_t scheme = scheme_end ? (size_t)(scheme_end - origin) : 0;
  if (!trm__ascii_is(origin, scheme, "http") && !trm__ascii_is(origin, scheme, "https")) return 0;
  const char *host = scheme_end + 3;
  if (!*host || host[strcspn(host, "/?#@ ")]) return 0;
  return host_is_same(host, strlen(host), authority, strlen(authority)) ||
         host_is_given(host, host_length(host), names);
}
