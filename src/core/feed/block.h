/* feed/block.h: a block is one transaction: a clear header and per-object sections, each sealed by itself.
 *
 * Layer: floor 1, feed. Format in docs/spec/block.md:
 *   block   = [header: bstr, [section…]]
 *   section = bstr (sealed; in control feeds plain) | [bstr 32] (a hole: its hash stands for it)
 *   header  = [1, class, flags, key_epoch, wall_ms, auth, deps]
 *   auth    = [[feed prefix 16, length, root 16]…], ascending: the control feeds that advanced since the own
 *             feed's previous block
 *   deps    = the same for data feeds; empty in a control block, which no data can justify
 *   sealed  = siv 16 ‖ XChaCha20(key of key_epoch, nonce = siv ‖ zeros 8, plaintext)
 *   siv     = first 16 bytes of H(NONCE keyed by the key, feed id ‖ seq ‖ index ‖ plaintext): a fork never
 *             reuses one for other text, and it is the tag, too. Blocks written before docs/decisions/0032 have
 *             nonce 24 ‖ XChaCha20-Poly1305(…) ‖ tag 16 there: they open as ever, and nobody writes them
 *   leaf    = H(LEAF, feed id ‖ seq ‖ header size ‖ header ‖ section count ‖ H(SECTION, section)…)
 * A feed never names itself. In control blocks key_epoch is 0 and there are no holes. Numbers inside
 * hashes are 8 bytes, little endian. The leaf is the same whether or not a section is there:
 * whoever takes blocks from others decides what its holes mean (hole.h).
 * Ownership: a decoded block points into its bytes. Nothing here allocates but the caller's dx_buf. */
#ifndef DX_FEED_BLOCK_H
#define DX_FEED_BLOCK_H

#include <dxos/codec.h>

#include "base/limits.h"
#include "crypto/keys.h"

enum {
    DX_BLOCK_VERSION = 1,
    DX_PREFIX_SIZE = 16,
    DX_ROOT_PREFIX_SIZE = 16,
    DX_BLOCK_CONTINUES = 1, /* flag: the transaction goes on in the next block of this feed */
    DX_SECTION_OVERHEAD = DX_SIV_SIZE,
    DX_SECTION_OVERHEAD_OLD = DX_AEAD_NONCE_SIZE + DX_AEAD_TAG_SIZE /* of sections older than 0032 */
};

typedef enum dx_feed_class { DX_FEED_CONTROL = 0, DX_FEED_DATA = 1 } dx_feed_class;

/* What a feed was at a length >= 1. */
typedef struct dx_dependency {
    uint8_t feed[DX_PREFIX_SIZE];
    uint64_t length;
    uint8_t root[DX_ROOT_PREFIX_SIZE];
} dx_dependency;

typedef struct dx_block_header {
    dx_feed_class feed_class;
    uint64_t flags;
    uint64_t key_epoch;
    uint64_t wall_ms;
    size_t auth_count, dependency_count;
    dx_bytes auth, dependencies; /* the encoded entries, walked with dx_block_dependency */
} dx_block_header;

typedef struct dx_block {
    dx_bytes header_bytes;
    dx_block_header header;
    size_t section_count;
    size_t hole_count;
    dx_bytes sections; /* the encoded items, walked with dx_block_section */
} dx_block;

/* Strict: accepted bytes are exactly what dx_block_encode makes of them. DX_OK or DX_E_MALFORMED. */
DX_MUST_USE int dx_block_decode(dx_bytes bytes, dx_block *out);
/* Walks sections, section_count times: cursor starts over block.sections. hole tells that section is its
 * 32-byte hash. */
DX_MUST_USE int dx_block_section(dx_reader *cursor, dx_bytes *section, bool *hole);
/* Walks auth or dependencies, as often as its count says: cursor starts over it. */
DX_MUST_USE int dx_block_dependency(dx_reader *cursor, dx_dependency *out);
/* A list of dependencies as a header holds it: read as strictly, entries to be walked as above. What is written must be
 * what may be read: ascending, each once, lengths from 1 on (DX_E_INVALID), at most DX_BLOCK_DEPENDENCIES_MAX
 * (DX_E_LIMIT). */
void dx_dependencies_read(dx_reader *reader, size_t *count, dx_bytes *entries);
DX_MUST_USE int dx_dependencies_write(dx_writer *writer, const dx_dependency *entries, size_t count);
/* The leaf of this block at its place. */
void dx_block_leaf(const dx_block *block, const uint8_t feed_id[static DX_HASH_SIZE], uint64_t seq,
                   uint8_t out[static DX_HASH_SIZE]);

/* --- Writing ----------------------------------------------------------------------------------- */

/* Header from its parts. DX_E_INVALID for what decode would refuse (unsorted entries, a length of 0, unknown
 * flags, a control block with data dependencies …), DX_E_LIMIT for too many entries, the buffer's errors.
 * Appends. */
DX_MUST_USE int dx_block_header_encode(dx_feed_class feed_class, uint64_t flags, uint64_t key_epoch,
                                       uint64_t wall_ms, const dx_dependency *auth, size_t auth_count,
                                       const dx_dependency *dependencies, size_t dependency_count,
                                       dx_buf *out);
/* [header, sections]; section_items is the concatenation of section_count encoded items. Appends.
 * DX_E_INVALID when the items are not that many, DX_E_LIMIT above DX_BLOCK_SECTIONS_MAX or DX_BLOCK_SIZE_MAX,
 * the buffer's errors. */
DX_MUST_USE int dx_block_encode(dx_bytes header, dx_bytes section_items, size_t section_count, dx_buf *out);
/* Seals one section for (feed, seq, index) and appends it as a bstr item. The buffer's errors. */
DX_MUST_USE int dx_section_seal(const uint8_t key[static DX_KEY_SIZE],
                                const uint8_t feed_id[static DX_HASH_SIZE], uint64_t seq, uint64_t index,
                                dx_bytes plaintext, dx_buf *out_items);
/* Opens a sealed section, of the old form too; appends the plaintext. DX_E_SIGNATURE, DX_E_MALFORMED (too short), the buffer's
 * errors; on error nothing is appended. */
DX_MUST_USE int dx_section_open(const uint8_t key[static DX_KEY_SIZE],
                                const uint8_t feed_id[static DX_HASH_SIZE], uint64_t seq, uint64_t index,
                                dx_bytes sealed, dx_buf *out);

#endif
