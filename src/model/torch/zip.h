/* Zip archives as torch.save writes them: every entry is stored, none is packed, so that each lies in the file as one
 * run of bytes and is used from the map without a copy, whatever its size. A general library copies entries out; here
 * nothing is ever unpacked, and so nothing can grow.
 *
 * Bytes, all little-endian. At the end of the file stands the end record (22 bytes and a comment):
 *   u32 0x06054b50, u16 disk, u16 disk of the directory, u16 entries on this disk, u16 entries, u32 bytes of the
 *   directory, u32 its offset, u16 length of the comment
 * where a count or offset does not fit (all bits set), the real ones are in the zip64 end record
 *   u32 0x06064b50, u64 bytes that follow, u16 u16 versions, u32 u32 disks, u64 entries on this disk, u64 entries, u64
 *   bytes of the directory, u64 its offset
 * whose offset is in the locator, 20 bytes in front of the end record: u32 0x07064b50, u32 disk, u64 offset, u32 disks.
 * The directory has for each entry
 *   u32 0x02014b50, u16 u16 versions, u16 flags, u16 method (0: stored), u16 u16 time, u32 CRC-32, u32 packed size, u32
 *   size, u16 length of the name, u16 of the extra fields, u16 of the comment, u16 disk, u16 u32 attributes, u32 offset
 * of the local header; then name, extra fields (u16 kind, u16 length, bytes; kind 1 holds as u64 what did not fit) and
 *   comment
 * and in front of an entry's bytes stands its local header
 *   u32 0x04034b50, u16 version, u16 flags, u16 method, u16 u16 time, u32 CRC-32, u32 packed size, u32 size, u16 length
 * of the name, u16 of the extra fields; then both. Its sizes may be 0 (flag 8), those of the directory hold.
 *
 * Reading checks all of it first: places in range, entries that overlap neither one another nor the directory, one name
 * once, the same name in both headers. */
#ifndef TRM_MODEL_TORCH_ZIP_H
#define TRM_MODEL_TORCH_ZIP_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#define TRM__ZIP_MOST 16384 /* entries */

typedef struct trm__zip_entry {
  const char *name; /* [length], in the archive, without a NUL behind it */
  size_t length;
  const unsigned char *data; /* [size] */
  size_t size;
  uint32_t crc;
  int checked; /* its bytes have this CRC */
} trm__zip_entry;

typedef struct trm__zip {
  trm__zip_entry *entry; /* in the order of the bytes */
  size_t count;
} trm__zip;

/* data [size] must outlive zip; where names the file in errors. TRM_E_INPUT, TRM_E_MEMORY. */
trm_status trm__zip_parse(trm__zip *zip, const void *data, size_t size, const char *where, trm_error *err);
void trm__zip_close(trm__zip *zip);

/* The entry of the name folder/name, folder having length bytes; NULL: there is none. */
trm__zip_entry *trm__zip_find(const trm__zip *zip, const char *folder, size_t length, const char *name);
/* Compares the CRC, once. */
trm_status trm__zip_check(trm__zip_entry *entry, const char *where, trm_error *err);

/* Numbers of length bytes, little-endian. */
uint64_t trm__zip_number(const unsigned char *at, int length);

#endif
