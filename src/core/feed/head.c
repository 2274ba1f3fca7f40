/* feed/head.c: feed ids and signed heads.
 *
 * Layer: floor 1, feed. The space stands in the signed bytes although the feed id already binds it: a
 * signature says what it is for without another hash. */
#include "feed/head.h"

#include <string.h>

#include "feed/number.h"

enum { HEAD_ITEMS = 3, SIGNED_SIZE = DX_HASH_SIZE + DX_HASH_SIZE + 8 + DX_HASH_SIZE };

static const char head_context[] = "dxos head/1";

void dx_feed_id(const dx_feed_identity *identity, uint8_t out[static DX_HASH_SIZE]) {
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_FEED_ID, dx_bytes_of(NULL, 0));
    dx_hash_add(&hash, identity->space_id, DX_HASH_SIZE);
    dx_hash_add(&hash, identity->device, DX_KEY_SIZE);
    dx_hash_add_u64(&hash, (uint64_t)identity->feed_class);
    dx_hash_add(&hash, identity->key, DX_KEY_SIZE);
    dx_hash_end(&hash, out);
}

static void put_signed(const dx_head *head, const uint8_t space_id[static DX_HASH_SIZE],
                       const uint8_t feed_id[static DX_HASH_SIZE], uint8_t out[static SIGNED_SIZE]) {
    memcpy(out, space_id, DX_HASH_SIZE);
    memcpy(out + DX_HASH_SIZE, feed_id, DX_HASH_SIZE);
    put_u64(out + 2 * DX_HASH_SIZE, head->length);
    memcpy(out + 2 * DX_HASH_SIZE + 8, head->root, DX_HASH_SIZE);
}

int dx_head_verify(const dx_head *head, const uint8_t space_id[static DX_HASH_SIZE],
                   const uint8_t feed_id[static DX_HASH_SIZE], const uint8_t feed_key[static DX_KEY_SIZE]) {
    if (head->length == 0 || head->length > DX_FEED_LENGTH_MAX) {
        return DX_E_SIGNATURE;
    }
    uint8_t message[SIGNED_SIZE];
    put_signed(head, space_id, feed_id, message);
    return dx_sign_verify(feed_key, head_context, dx_bytes_of(message, sizeof message), head->signature);
}

void dx_head_sign(dx_head *head, const dx_sign_key *key, const uint8_t space_id[static DX_HASH_SIZE],
                  const uint8_t feed_id[static DX_HASH_SIZE]) {
    DX_ASSERT(head->length >= 1 && head->length <= DX_FEED_LENGTH_MAX);
    uint8_t message[SIGNED_SIZE];
    put_signed(head, space_id, feed_id, message);
    dx_sign(key, head_context, dx_bytes_of(message, sizeof message), head->signature);
}

void dx_head_write(const dx_head *head, dx_writer *out) {
    dx_write_array(out, HEAD_ITEMS);
    dx_write_uint(out, head->length);
    dx_write_bytes(out, dx_bytes_of(head->root, DX_HASH_SIZE));
    dx_write_bytes(out, dx_bytes_of(head->signature, DX_SIGNATURE_SIZE));
}

void dx_head_read(dx_reader *in, dx_head *out) {
    if (dx_read_array(in) != HEAD_ITEMS) {
        dx_reader_fail(in);
    }
    out->length = dx_read_uint_max(in, DX_FEED_LENGTH_MAX);
    dx_read_bytes_exact(in, out->root, DX_HASH_SIZE);
    dx_read_bytes_exact(in, out->signature, DX_SIGNATURE_SIZE);
    if (out->length == 0) {
        dx_reader_fail(in);
    }
    if (in->error != DX_OK) {
        memset(out, 0, sizeof *out);
    }
}
