/* Where device memory lies: with malloc's, or, when the host must not touch it, in a range of its own that is opened
 * while the device works; each piece with an unreadable page behind it where a test asks for that. */
#include "device.h"

#include <stdlib.h>
#include <sys/mman.h>

namespace trm {

namespace {

const size_t page = 4096, range = (size_t)1 << 36;
const size_t dry_range = (size_t)1 << 40;
unsigned char *dry_start;
size_t dry_used; /* never given back */
bool protect, asked, fence;
int open_count;
unsigned char *start, *end, *highest;      /* the range; what was ever taken */
std::map<unsigned char *, size_t> free_at; /* pieces below highest */
std::map<unsigned char *, size_t> fenced;  /* where the pages of a piece begin; up to the unreadable one */

size_t whole_pages(size_t bytes) {
  return (bytes + page - 1) / page * page;
}

void set_access(int rights) {
  if (highest > start && mprotect(start, (size_t)(highest - start), rights)) fail("mprotect of device memory failed");
  for (auto &f : fenced)
    if (mprotect(f.first, f.second, rights)) fail("mprotect of device memory failed");
}

size_t fenced_pages(size_t front, size_t bytes) {
  return whole_pages(front + (bytes + 15) / 16 * 16);
}

unsigned char *reserve() {
  void *at = mmap(nullptr, range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  end = (unsigned char *)at + range;
  return highest = start = (unsigned char *)at;
}

} /* namespace */

touching::touching() {
  if (protect && open_count++ == 0 && !device.dry) set_access(PROT_READ | PROT_WRITE);
}

touching::~touching() {
  if (protect && --open_count == 0 && !device.dry) set_access(PROT_NONE);
}

/* Addresses without memory. */
static unsigned char *dry_take(size_t bytes) {
  if (!dry_start) {
    void *at = mmap(nullptr, dry_range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    dry_start = (unsigned char *)at;
  }
  if (dry_range - dry_used < whole_pages(bytes)) return nullptr;
  unsigned char *at = dry_start + dry_used;
  dry_used += whole_pages(bytes);
  return at;
}

/* Within a `touching`; the first piece that is large enough. */
unsigned char *arena_take(size_t bytes) {
  if (device.dry) return dry_take(bytes);
  if (!protect) return (unsigned char *)aligned_alloc(512, (bytes + 511) / 512 * 512);
  size_t size = whole_pages(bytes);
  for (auto f = free_at.begin(); f != free_at.end(); ++f) {
    if (f->second < size) continue;
    unsigned char *at = f->first;
    size_t left = f->second - size;
    free_at.erase(f);
    if (left) free_at[at + size] = left;
    return at;
  }
  if ((!start && !reserve()) || (size_t)(end - highest) < size) return nullptr;
  unsigned char *at = highest;
  highest += size;
  set_access(PROT_READ | PROT_WRITE);
  return at;
}

void arena_give(unsigned char *at, size_t bytes) {
  if (device.dry) return;
  if (!protect) return free(at);
  size_t size = whole_pages(bytes);
  madvise(at, size, MADV_DONTNEED);
  auto next = free_at.lower_bound(at);
  if (next != free_at.end() && next->first == at + size) {
    size += next->second;
    next = free_at.erase(next);
  }
  if (next != free_at.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second == at) {
      before->second += size;
      return;
    }
  }
  free_at[at] = size;
}

/* Within a `touching`: memory with `front` bytes before it and less than 16 behind it, then the page; nullptr where
 * none is asked for. */
unsigned char *fenced_take(size_t front, size_t bytes) {
  if (!fence) return nullptr;
  size_t size = fenced_pages(front, bytes);
  void *at = mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  if (mprotect((unsigned char *)at + size, page, PROT_NONE)) fail("mprotect of device memory failed");
  fenced[(unsigned char *)at] = size;
  return (unsigned char *)at + size - (bytes + 15) / 16 * 16;
}

/* Bytes behind memory of fenced_take that can be looked at; `most` for other memory. */
size_t fenced_behind(const unsigned char *at, size_t bytes, size_t most) {
  auto f = fenced.upper_bound((unsigned char *)at);
  if (f == fenced.begin()) return most;
  --f;
  const unsigned char *wall = f->first + f->second;
  return at >= wall ? most : (size_t)(wall - at) - bytes;
}

/* Whether it was memory of fenced_take. */
bool fenced_give(unsigned char *at, size_t front, size_t bytes) {
  size_t size = fenced_pages(front, bytes);
  auto f = fenced.find(at + (bytes + 15) / 16 * 16 - size);
  if (f == fenced.end()) return false;
  munmap(f->first, size + page);
  fenced.erase(f);
  return true;
}

void protect_as_environment_says() {
  if (asked) return;
  asked = true;
  const char *text = getenv("TRM_EMULATE_PROTECT");
  protect = text && *text && *text != '0';
}

} /* namespace trm */

void emulate_dry(int on) {
  if (trm::device.used || trm::open_count) trm::fail("emulate_dry while there is device memory");
  trm::device.dry = on;
  trm::dry_used = 0;
}

void emulate_protect(int on) {
  if (trm::device.used || trm::open_count) trm::fail("emulate_protect while there is device memory");
  trm::asked = true;
  trm::protect = on;
}

void emulate_fence(int on) {
  trm::fence = on;
}
