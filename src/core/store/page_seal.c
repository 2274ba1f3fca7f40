/* store/page_seal.c: how one page of the vault file, or one frame of its log, is encrypted. See page_seal.h.
 */
#include "store/page_seal.h"

#include "store/page_cipher.h"

#include <string.h>

/* Both are 16 bytes with their terminators' place: what a vault file begins with, and what SQLite wants
 * there. */
static const uint8_t vault_name[DX_PAGE_NAME_SIZE] = "DXOS vault/1\r\n\x1a";
static const uint8_t sqlite_name[DX_PAGE_NAME_SIZE] = "SQLite format 3";

size_t dx_unit_size(dx_unit_kind kind) {
    return kind == DX_UNIT_PAGE ? DX_PAGE_SIZE : DX_FRAME_SIZE;
}

/* What is authenticated beside the text: format, kind, number (little endian). */
static void write_place(dx_unit_kind kind, uint64_t number, uint8_t place[static DX_PAGE_PLACE_SIZE]) {
    memcpy(place, "dxvault", 7);
    place[7] = (uint8_t)kind;
    for (int i = 0; i < 8; i++) {
        place[8 + i] = (uint8_t)(number >> (8 * i));
    }
}

static size_t clear_size(dx_unit_kind kind, uint64_t number) {
    return kind == DX_UNIT_PAGE && number == 1 ? DX_PAGE_NAME_SIZE : 0;
}

void dx_unit_seal(const uint8_t key[static DX_PAGE_KEY_SIZE], dx_unit_kind kind, uint64_t number,
                  const uint8_t nonce[static DX_PAGE_NONCE_SIZE], uint8_t *unit) {
    size_t clear = clear_size(kind, number);
    size_t text_end = dx_unit_size(kind) - DX_PAGE_RESERVED_SIZE;
    uint8_t *reserved = unit + text_end;
    uint8_t place[DX_PAGE_PLACE_SIZE];
    write_place(kind, number, place);
    memcpy(unit, vault_name, clear);
    memcpy(reserved, nonce, DX_PAGE_NONCE_SIZE);
    dx_page_encrypt(key, reserved, place, unit + clear, text_end - clear, reserved + DX_PAGE_NONCE_SIZE);
}

bool dx_unit_open(const uint8_t key[static DX_PAGE_KEY_SIZE], dx_unit_kind kind, uint64_t number,
                  uint8_t *unit) {
    size_t clear = clear_size(kind, number);
    size_t text_end = dx_unit_size(kind) - DX_PAGE_RESERVED_SIZE;
    uint8_t *reserved = unit + text_end;
    uint8_t place[DX_PAGE_PLACE_SIZE];
    write_place(kind, number, place);
    if (memcmp(unit, vault_name, clear) != 0 ||
        !dx_page_decrypt(key, reserved, place, unit + clear, text_end - clear,
                         reserved + DX_PAGE_NONCE_SIZE)) {
        memset(unit, 0, dx_unit_size(kind));
        return false;
    }
    memcpy(unit, sqlite_name, clear);
    memset(reserved, 0, DX_PAGE_RESERVED_SIZE);
    return true;
}

void dx_frame_write_group(uint8_t nonce[static DX_PAGE_NONCE_SIZE], uint32_t first) {
    for (int i = 0; i < DX_FRAME_GROUP_SIZE; i++) {
        nonce[DX_PAGE_NONCE_SIZE - DX_FRAME_GROUP_SIZE + i] = (uint8_t)(first >> (8 * i));
    }
}

uint32_t dx_frame_group(const uint8_t *sealed_frame) {
    const uint8_t *bytes = sealed_frame + DX_FRAME_SIZE - DX_PAGE_TAG_SIZE - DX_FRAME_GROUP_SIZE;
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

bool dx_page_is_named(const uint8_t first_bytes[static DX_PAGE_NAME_SIZE]) {
    return memcmp(first_bytes, vault_name, DX_PAGE_NAME_SIZE) == 0;
}

/* SQLite's file format description, §1.3 (database header) and §1.6 (an empty table leaf at byte 100). */
void dx_page_write_empty(uint8_t page[static DX_PAGE_SIZE]) {
    enum { CONTENT_END = DX_PAGE_SIZE - DX_PAGE_RESERVED_SIZE, LEAF_TABLE = 13, WAL = 2 };
    memset(page, 0, DX_PAGE_SIZE);
    memcpy(page, sqlite_name, DX_PAGE_NAME_SIZE);
    page[16] = DX_PAGE_SIZE >> 8; /* page size, big endian; its low byte is zero */
    page[18] = WAL;               /* to write and ... */
    page[19] = WAL;               /* ... to read */
    page[20] = DX_PAGE_RESERVED_SIZE;
    page[21] = 64; /* the three fixed payload fractions */
    page[22] = 32;
    page[23] = 32;
    page[31] =
        1; /* pages in the database, valid since the change counter (24) equals version-valid-for (92) */
    page[DX_PAGE_HEADER_SIZE] = LEAF_TABLE;
    page[DX_PAGE_HEADER_SIZE + 5] = CONTENT_END >> 8;
    page[DX_PAGE_HEADER_SIZE + 6] = CONTENT_END & 255;
}
