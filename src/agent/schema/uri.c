/* A URI reference is cut into its five parts; those that it lacks come from the base, and of the path that results "."
 * and ".." are worked out. */
#include "agent/schema/uri.h"

#include <string.h>

#include "base/mem.h"

typedef struct uri_part {
  const char *text; /* not terminated; NULL: absent, which is not the same as empty */
  size_t length;
} uri_part;

typedef struct uri_parts {
  uri_part scheme, authority, path, query;
} uri_parts;

static uri_parts uri_split(const char *uri) {
  uri_parts p = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
  size_t scheme = strcspn(uri, ":/?#");
  if (scheme && uri[scheme] == ':') {
    p.scheme = (uri_part){uri, scheme};
    uri += scheme + 1;
  }
  if (!strncmp(uri, "//", 2)) {
    p.authority = (uri_part){uri + 2, strcspn(uri + 2, "/?#")};
    uri = p.authority.text + p.authority.length;
  }
  p.path = (uri_part){uri, strcspn(uri, "?#")};
  uri += p.path.length;
  if (*uri == '?') p.query = (uri_part){uri + 1, strcspn(uri + 1, "#")};
  return p;
}

/* "." and ".." of a path, in place; returns its length. */
static size_t uri_remove_dots(char *path) {
  size_t in = 0, out = 0;
  while (path[in]) {
    size_t slash = path[in] == '/', length = strcspn(path + in + slash, "/");
    const char *segment = path + in + slash;
    int last = !segment[length];
    int one = length == 1 && segment[0] == '.', two = length == 2 && segment[0] == '.' && segment[1] == '.';
    if (two) {
      while (out && path[--out] != '/') continue;
    } else if (!one) {
      memmove(path + out, path + in, slash + length);
      out += slash + length;
    }
    if ((one || two) && last && slash) path[out++] = '/';
    in += slash + length;
  }
  path[out] = 0;
  return out;
}

static char *uri_put(char *out, const char *before, uri_part part, const char *behind) {
  size_t length = strlen(before);
  memcpy(out, before, length);
  out += length;
  if (part.length) memcpy(out, part.text, part.length);
  out += part.length;
  length = strlen(behind);
  memcpy(out, behind, length);
  return out + length;
}

char *trm__schema_uri(const char *base, const char *reference) {
  uri_parts b = uri_split(base), r = uri_split(reference), t = r;
  uri_part folder = {NULL, 0}; /* of the base's path, in front of a relative one */
  if (!r.scheme.text) {
    t.scheme = b.scheme;
    if (!r.authority.text) {
      t.authority = b.authority;
      if (!r.path.length) {
        t.path = b.path;
        if (!r.query.text) t.query = b.query;
      } else if (r.path.text[0] != '/') {
        folder = b.path;
        while (folder.length && folder.text[folder.length - 1] != '/') folder.length--;
      }
    }
  }
  char *uri = trm__calloc(strlen(base) + strlen(reference) + 8, 1), *out = uri;
  if (!uri) return NULL;
  if (t.scheme.text) out = uri_put(out, "", t.scheme, ":");
  if (t.authority.text) out = uri_put(out, "//", t.authority, "");
  char *path = out;
  if (t.authority.text && !folder.length && t.path.length && t.path.text[0] != '/') *out++ = '/';
  out = uri_put(out, "", folder, "");
  *uri_put(out, "", t.path, "") = 0;
  out = path;
  if (*path == '/' || !t.scheme.text) out += uri_remove_dots(path); /* a URN's path has no folders */
  else out += strlen(path);
  if (t.query.text) out = uri_put(out, "?", t.query, "");
  *out = 0;
  return uri;
}

const char *trm__schema_fragment(const char *reference) {
  const char *hash = strchr(reference, '#');
  return hash ? hash + 1 : "";
}
