/* store/page_seal.h: how one page of the vault file, or one frame of its log, is encrypted.
 *
 * Layer: floor 1, store. Bytes in, bytes out; no file, no state. Format: docs/spec/vault-file.md.
 * A unit is what is sealed at once: a database page (4096 bytes), or a log frame (SQLite's 24-byte frame
 * header and the page after it). Its last 40 bytes are the page's reserved bytes: a nonce, then a tag.
 * Everything before them is ciphertext (XChaCha20-Poly1305), but for the 16 bytes a vault file begins with,
 * which are the same in every vault: stored as our own name, read as SQLite's. The page in a frame is sealed as the database
 * has it, so that a checkpoint copies it as it stands; the header is covered by itself, and the last bytes of the page's nonce
 * are a keyed hash of frame number, group and header, which so belong to this page and no other. Invariants: in plain form the
 * reserved bytes are zero; a nonce is never used twice (the caller draws fresh bytes for every write); a page's number, and a
 * frame's, are authenticated, so no unit can stand in another's place. */
#ifndef DX_STORE_PAGE_SEAL_H
#define DX_STORE_PAGE_SEAL_H

#include <dxos/base.h>

enum {
    DX_PAGE_SIZE = 4096,
    DX_PAGE_NONCE_SIZE = 24,
    DX_PAGE_TAG_SIZE = 16,
    DX_PAGE_RESERVED_SIZE = DX_PAGE_NONCE_SIZE + DX_PAGE_TAG_SIZE,
    DX_FRAME_RANDOM_SIZE = 8, /* the first bytes of a frame's nonce are drawn, ... */
    DX_FRAME_GROUP_SIZE = 4,  /* ... then comes its group; the rest is made when it is sealed */
    DX_PAGE_KEY_SIZE = 32,
    DX_PAGE_NAME_SIZE = 16,    /* clear bytes at the start of page 1 */
    DX_PAGE_HEADER_SIZE = 100, /* SQLite's database header, at the start of page 1 */
    DX_FRAME_HEADER_SIZE = 24, /* SQLite's log format, §4.2 of its file format description */
    DX_FRAME_SIZE = DX_FRAME_HEADER_SIZE + DX_PAGE_SIZE
};

typedef enum dx_unit_kind { DX_UNIT_PAGE = 'p', DX_UNIT_FRAME = 'w' } dx_unit_kind;

/* DX_PAGE_SIZE or DX_FRAME_SIZE. */
size_t dx_unit_size(dx_unit_kind kind);
/* Encrypts in place. number counts from 1, as SQLite counts pages and frames. Of a frame's nonce the drawn bytes and the
 * group are given. */
void dx_unit_seal(const uint8_t key[static DX_PAGE_KEY_SIZE], dx_unit_kind kind, uint64_t number,
                  const uint8_t nonce[static DX_PAGE_NONCE_SIZE], uint8_t *unit);
/* Decrypts in place. False when the unit does not authenticate; its bytes are then zero. */
DX_MUST_USE bool dx_unit_open(const uint8_t key[static DX_PAGE_KEY_SIZE], dx_unit_kind kind, uint64_t number,
                              uint8_t *unit);
/* The number of the first frame that was written after the same sync of the log: whoever reads the frame knows that everything
 * before that one had been durable. */
/* Whether it is sealed as frames were before docs/decisions/0036; its bytes are lost. */
bool dx_frame_is_old(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number, uint8_t *sealed_frame);
void dx_frame_write_group(uint8_t nonce[static DX_PAGE_NONCE_SIZE], uint32_t first);
/* Of a sealed frame; to be believed when it opens. */
uint32_t dx_frame_group(const uint8_t *sealed_frame);
/* Of a sealed frame, whose page stays sealed: *page is the number under which it is. False when the header does not belong to
 * this page at this place. */
DX_MUST_USE bool dx_frame_page(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number,
                               const uint8_t *sealed_frame, uint64_t *page);
/* Whether these are the first bytes of a vault file (any key). */
bool dx_page_is_named(const uint8_t first_bytes[static DX_PAGE_NAME_SIZE]);
/* Page 1 of a database that has nothing in it yet, plain form: WAL mode, 4096-byte pages, 40 reserved bytes.
 */
void dx_page_write_empty(uint8_t page[static DX_PAGE_SIZE]);

#endif
