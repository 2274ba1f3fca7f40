/* fuzz/fuzz_head.c: any bytes as a head, and a true head with the input laid over it.
 *
 * Properties: what is read is written again byte for byte; of all changes to a true head only no change
 * verifies. */
#include "feed/head.h"
#include "fuzz.h"

static int read_head(dx_bytes bytes, dx_head *head) {
    dx_reader reader;
    dx_reader_init(&reader, bytes);
    dx_head_read(&reader, head);
    return dx_reader_finish(&reader);
}

static void write_head(const dx_head *head, dx_buf *out) {
    dx_writer writer;
    dx_buf_init(out, &fuzz_alloc, DX_HEAD_SIZE_MAX);
    dx_writer_init(&writer, out);
    dx_head_write(head, &writer);
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t seed[DX_KEY_SIZE] = {1}, space_id[DX_HASH_SIZE] = {2}, feed_id[DX_HASH_SIZE] = {3};
    static dx_sign_key key;
    static dx_head honest = {.length = 300, .root = {4}};
    if (honest.signature[0] == 0 && honest.signature[1] == 0) {
        dx_sign_key_from_seed(&key, seed);
        dx_head_sign(&honest, &key, space_id, feed_id);
    }
    dx_head head;
    dx_buf bytes;
    if (read_head(dx_bytes_of(data, size), &head) == DX_OK) {
        write_head(&head, &bytes);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&bytes), dx_bytes_of(data, size)));
        dx_buf_deinit(&bytes);
    }
    write_head(&honest, &bytes);
    bool changed = false;
    for (size_t i = 0; i < size && i < bytes.size; i++) {
        bytes.data[i] ^= data[i];
        changed |= data[i] != 0;
    }
    bool holds = read_head(dx_buf_view(&bytes), &head) == DX_OK &&
                 dx_head_verify(&head, space_id, feed_id, key.public_key) == DX_OK;
    FUZZ_CHECK(holds == !changed);
    dx_buf_deinit(&bytes);
    return 0;
}
