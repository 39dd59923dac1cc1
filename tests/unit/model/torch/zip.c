/* Zip archives: what the writer writes the reader reads, zip64 too, and every allocation of reading a checkpoint may
 * fail. */
#include "support/check.h"

#include "model/torch/checkpoint.h"
#include "model/torch/pickle_write.h"
#include "model/torch/zip.h"
#include "model/torch/zip_write.h"

static char folder[64];

enum { ENTRIES = 5 };

/* Entries of growing size; from `wide` bytes on, sizes and offsets are zip64. */
static void write_archive(const char *path, uint64_t wide) {
  trm_error err;
  trm__zip_written room[ENTRIES];
  trm__zip_writer zip = {.wide = wide, .entry = room, .most = ENTRIES};
  CHECK_OK(trm__writer_open(&zip.file, path, &err), err);
  for (int i = 0; i < ENTRIES; i++) {
    char name[40], data[400];
    size_t size = (size_t)(90 * i);
    snprintf(name, sizeof name, "folder/data/%d", i);
    memset(data, 'a' + i, sizeof data);
    CHECK_OK(trm__zip_begin(&zip, name, size, trm__crc32(0, data, size), &err), err);
    CHECK_OK(trm__zip_write(&zip, data, size, &err), err);
  }
  CHECK_FAILS(trm__zip_begin(&zip, "more", 0, 0, &err), TRM_E_INTERNAL, err, "too many");
  CHECK_OK(trm__zip_end(&zip, &err), err);
  CHECK_OK(trm__writer_commit(&zip.file, &err), err);
}

static void test_what_is_written_is_read(void **state) {
  (void)state;
  static const uint64_t wides[] = {0xffffffff, 1000, 100, 0};
  for (size_t w = 0; w < sizeof wides / sizeof *wides; w++) {
    const char *path = check_path(folder, "archive");
    trm_error err;
    trm__zip zip;
    char *data = NULL;
    size_t size = 0;
    write_archive(path, wides[w]);
    CHECK_OK(trm__file_read(path, 1 << 20, &data, &size, &err), err);
    CHECK_OK(trm__zip_parse(&zip, data, size, path, &err), err);
    assert_int_equal(zip.count, ENTRIES);
    for (int i = 0; i < ENTRIES; i++) {
      char name[40];
      snprintf(name, sizeof name, "data/%d", i);
      trm__zip_entry *e = trm__zip_find(&zip, "folder/", 7, name);
      assert_non_null(e);
      assert_int_equal(e->size, 90 * i);
      assert_int_equal((e->data - (const unsigned char *)data) % 64, 0);
      for (size_t k = 0; k < e->size; k++) assert_int_equal(e->data[k], 'a' + i);
      CHECK_OK(trm__zip_check(e, path, &err), err);
    }
    assert_null(trm__zip_find(&zip, "folder/", 7, "data/9"));
    trm__zip_close(&zip);
    for (size_t cut = 0; cut < size; cut++)
      CHECK_FAILS(trm__zip_parse(&zip, data, cut, path, &err), TRM_E_INPUT, err, NULL);
    trm__free(data);
  }
}

/* Each byte of the archive's records changed: it is read the same, or refused, and never beyond its end. */
static void test_each_byte_changed(void **state) {
  (void)state;
  const char *path = check_path(folder, "changed");
  trm_error err;
  char *data = NULL;
  size_t size = 0;
  write_archive(path, 200);
  CHECK_OK(trm__file_read(path, 1 << 20, &data, &size, &err), err);
  for (size_t i = 0; i < size; i++)
    for (int with = 0; with < 3; with++) {
      static const unsigned char change[] = {0xff, 0x01, 0x80};
      trm__zip zip;
      data[i] = (char)((unsigned char)data[i] ^ change[with]);
      if (!trm__zip_parse(&zip, data, size, path, &err)) {
        for (size_t k = 0; k < zip.count; k++) {
          assert_true((const char *)zip.entry[k].data >= data);
          assert_true((const char *)zip.entry[k].data + zip.entry[k].size <= data + size);
          (void)trm__zip_check(&zip.entry[k], path, &err);
        }
        trm__zip_close(&zip);
      }
      data[i] = (char)((unsigned char)data[i] ^ change[with]);
    }
  trm__free(data);
}

/* -- checkpoints --------------------------------------------------------------------------------------------------- */

static void write_checkpoint(const char *path) {
  static const float numbers[6] = {1, 2, 3, 4, 5, 6};
  trm__st_source source[2] = {
      {.name = "inner.a", .dtype = TRM__ST_F32, .rank = 2, .shape = {2, 3}, .data = numbers},
      {.name = "inner.b", .dtype = TRM__ST_BF16, .rank = 1, .shape = {6}, .data = numbers, .data_is_real = 1}};
  trm__zip_written room[4];
  unsigned char *pickle = NULL;
  size_t size = 0;
  trm_error err;
  uint16_t half[6] = {0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0};
  trm__zip_writer zip = {.wide = 0xffffffff, .entry = room, .most = 4};
  CHECK_OK(trm__pickle_compose(&pickle, &size, "model.", source, 2, &err), err);
  CHECK_OK(trm__writer_open(&zip.file, path, &err), err);
  CHECK_OK(trm__zip_begin(&zip, "x/data.pkl", size, trm__crc32(0, pickle, size), &err), err);
  CHECK_OK(trm__zip_write(&zip, pickle, size, &err), err);
  CHECK_OK(trm__zip_begin(&zip, "x/data/0", sizeof numbers, trm__crc32(0, numbers, sizeof numbers), &err), err);
  CHECK_OK(trm__zip_write(&zip, numbers, sizeof numbers, &err), err);
  CHECK_OK(trm__zip_begin(&zip, "x/data/1", sizeof half, trm__crc32(0, half, sizeof half), &err), err);
  CHECK_OK(trm__zip_write(&zip, half, sizeof half, &err), err);
  CHECK_OK(trm__zip_end(&zip, &err), err);
  CHECK_OK(trm__writer_commit(&zip.file, &err), err);
  trm__free(pickle);
}

static void test_a_checkpoint(void **state) {
  (void)state;
  const char *path = check_path(folder, "checkpoint");
  trm_error err;
  trm__safetensors st;
  trm__checkpoint_form form;
  write_checkpoint(path);
  CHECK_OK(trm__checkpoint_open(&st, &form, path, &err), err);
  assert_int_equal(form, TRM__CHECKPOINT_ZIP);
  assert_int_equal(st.count, 2);
  assert_string_equal(st.tensor[1].name, "model.inner.b");
  assert_int_equal(st.tensor[0].shape[1], 3);
  for (int t = 0; t < 2; t++)
    for (size_t i = 0; i < 6; i++) assert_true(trm__st_element(&st.tensor[t], i) == (double)(i + 1));
  trm__st_close(&st);
}

static trm_status open_once(void *path, trm_error *err) {
  trm__safetensors st;
  trm__checkpoint_form form;
  trm_status status = trm__checkpoint_open(&st, &form, path, err);
  if (!status) trm__st_close(&st);
  return status;
}

static void test_each_allocation(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s/checkpoint", folder);
  check_each_allocation(open_once, path);
}

static int make_folder(void **state) {
  (void)state;
  check_temp_dir(folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  check_remove(folder);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_written_is_read),
                                     cmocka_unit_test(test_each_byte_changed), cmocka_unit_test(test_a_checkpoint),
                                     cmocka_unit_test(test_each_allocation)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
