/* feed/head.h: what names a feed, and the one signature over all of it.
 *
 * Layer: floor 1, feed (over codec and crypto; no store). docs/spec/feed.md. Pure functions. */
#ifndef DX_FEED_HEAD_H
#define DX_FEED_HEAD_H

#include <dxos/codec.h>

#include "feed/block.h"

/* What names a feed before any block is here. */
typedef struct dx_feed_identity {
    uint8_t space_id[DX_HASH_SIZE];
    uint8_t device[DX_KEY_SIZE];
    uint8_t key[DX_KEY_SIZE];
    dx_feed_class feed_class;
} dx_feed_identity;

/* H(FEED_ID, space id ‖ device ‖ class (8 bytes) ‖ key). */
void dx_feed_id(const dx_feed_identity *identity, uint8_t out[static DX_HASH_SIZE]);

/* What one signature covers. Signed bytes: space id ‖ feed id ‖ length (8, little endian) ‖ root, context
 * "dxos head/1". */
typedef struct dx_head {
    uint64_t length; /* 1 … DX_FEED_LENGTH_MAX */
    uint8_t root[DX_HASH_SIZE];
    uint8_t signature[DX_SIGNATURE_SIZE];
} dx_head;

/* [length, root, signature] at its largest. */
enum { DX_HEAD_SIZE_MAX = 1 + 5 + 2 + DX_HASH_SIZE + 2 + DX_SIGNATURE_SIZE };

/* DX_OK or DX_E_SIGNATURE (also for a length out of range). */
DX_MUST_USE int dx_head_verify(const dx_head *head, const uint8_t space_id[static DX_HASH_SIZE],
                               const uint8_t feed_id[static DX_HASH_SIZE],
                               const uint8_t feed_key[static DX_KEY_SIZE]);
/* Fills signature from length and root. */
void dx_head_sign(dx_head *head, const dx_sign_key *key, const uint8_t space_id[static DX_HASH_SIZE],
                  const uint8_t feed_id[static DX_HASH_SIZE]);
/* [length, root, signature] */
void dx_head_write(const dx_head *head, dx_writer *out);
void dx_head_read(dx_reader *in, dx_head *out); /* sticky error of the reader; all zeros then */

#endif
