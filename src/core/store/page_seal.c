/* store/page_seal.c: how one page of the vault file, or one frame of its log, is encrypted. See page_seal.h.
 */
#include "store/page_seal.h"

#include "store/page_cipher.h"

#include <string.h>

enum { PAGE_TEXT_SIZE = DX_PAGE_SIZE - DX_PAGE_RESERVED_SIZE };

_Static_assert(DX_FRAME_RANDOM_SIZE + DX_FRAME_GROUP_SIZE + DX_FRAME_MARK_SIZE == DX_PAGE_NONCE_SIZE,
               "a frame's nonce");

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

static size_t clear_size(uint64_t number) {
    return number == 1 ? DX_PAGE_NAME_SIZE : 0;
}

/* --- Pages ------------------------------------------------------------------------------------ */

static void seal_page(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number,
                      const uint8_t nonce[static DX_PAGE_NONCE_SIZE], uint8_t *page) {
    size_t clear = clear_size(number);
    uint8_t *reserved = page + PAGE_TEXT_SIZE;
    uint8_t place[DX_PAGE_PLACE_SIZE];
    write_place(DX_UNIT_PAGE, number, place);
    memcpy(page, vault_name, clear);
    memcpy(reserved, nonce, DX_PAGE_NONCE_SIZE);
    dx_page_encrypt(key, reserved, place, page + clear, PAGE_TEXT_SIZE - clear,
                    reserved + DX_PAGE_NONCE_SIZE);
}

static bool open_page(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number, uint8_t *page) {
    size_t clear = clear_size(number);
    uint8_t *reserved = page + PAGE_TEXT_SIZE;
    uint8_t place[DX_PAGE_PLACE_SIZE];
    write_place(DX_UNIT_PAGE, number, place);
    if (memcmp(page, vault_name, clear) != 0 ||
        !dx_page_decrypt(key, reserved, place, page + clear, PAGE_TEXT_SIZE - clear,
                         reserved + DX_PAGE_NONCE_SIZE)) {
        return false;
    }
    memcpy(page, sqlite_name, clear);
    memset(reserved, 0, DX_PAGE_RESERVED_SIZE);
    return true;
}

/* --- Frames ----------------------------------------------------------------------------------- */

/* The page's number begins the header (SQLite's file format description, §4.2). */
static uint64_t read_page_number(const uint8_t header[static DX_FRAME_HEADER_SIZE]) {
    return (uint64_t)header[0] << 24 | (uint64_t)header[1] << 16 | (uint64_t)header[2] << 8 | header[3];
}

static void make_mark(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number,
                      const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                      const uint8_t header[static DX_FRAME_HEADER_SIZE],
                      uint8_t mark[static DX_FRAME_MARK_SIZE]) {
    enum { GIVEN_SIZE = DX_PAGE_NONCE_SIZE - DX_FRAME_MARK_SIZE };
    uint8_t marked[DX_FRAME_MARKED_SIZE];
    write_place(DX_UNIT_FRAME, number, marked);
    memcpy(marked + DX_PAGE_PLACE_SIZE, nonce, GIVEN_SIZE);
    memcpy(marked + DX_PAGE_PLACE_SIZE + GIVEN_SIZE, header, DX_FRAME_HEADER_SIZE);
    dx_frame_mark(key, marked, mark);
}

static void mask_header(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number,
                        const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                        uint8_t header[static DX_FRAME_HEADER_SIZE]) {
    uint8_t place[DX_PAGE_PLACE_SIZE];
    write_place(DX_UNIT_FRAME, number, place);
    dx_frame_mask(key, place, nonce, header);
}

static void seal_frame(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number,
                       const uint8_t given[static DX_PAGE_NONCE_SIZE], uint8_t *frame) {
    uint8_t nonce[DX_PAGE_NONCE_SIZE];
    memcpy(nonce, given, sizeof nonce);
    make_mark(key, number, nonce, frame, nonce + sizeof nonce - DX_FRAME_MARK_SIZE);
    seal_page(key, read_page_number(frame), nonce, frame + DX_FRAME_HEADER_SIZE);
    mask_header(key, number, nonce, frame);
}

/* The header in plain form, when it is that of this page at this place. */
static bool open_header(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number, const uint8_t *frame,
                        uint8_t header[static DX_FRAME_HEADER_SIZE]) {
    const uint8_t *nonce = frame + DX_FRAME_HEADER_SIZE + PAGE_TEXT_SIZE;
    uint8_t mark[DX_FRAME_MARK_SIZE];
    memcpy(header, frame, DX_FRAME_HEADER_SIZE);
    mask_header(key, number, nonce, header);
    make_mark(key, number, nonce, header, mark);
    return memcmp(mark, nonce + DX_PAGE_NONCE_SIZE - DX_FRAME_MARK_SIZE, sizeof mark) == 0;
}

static bool open_frame(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number, uint8_t *frame) {
    uint8_t header[DX_FRAME_HEADER_SIZE];
    bool is_whole = open_header(key, number, frame, header) &&
                    open_page(key, read_page_number(header), frame + DX_FRAME_HEADER_SIZE);
    memcpy(frame, header, sizeof header);
    return is_whole;
}

bool dx_frame_page(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number, const uint8_t *sealed_frame,
                   uint64_t *page) {
    uint8_t header[DX_FRAME_HEADER_SIZE];
    bool belongs = open_header(key, number, sealed_frame, header);
    *page = read_page_number(header);
    return belongs;
}

bool dx_frame_is_old(const uint8_t key[static DX_PAGE_KEY_SIZE], uint64_t number, uint8_t *sealed_frame) {
    const size_t text_size = DX_FRAME_SIZE - DX_PAGE_RESERVED_SIZE;
    const uint8_t *reserved = sealed_frame + text_size;
    uint8_t place[DX_PAGE_PLACE_SIZE];
    write_place(DX_UNIT_FRAME, number, place);
    return dx_page_decrypt(key, reserved, place, sealed_frame, text_size, reserved + DX_PAGE_NONCE_SIZE);
}

void dx_frame_write_group(uint8_t nonce[static DX_PAGE_NONCE_SIZE], uint32_t first) {
    for (int i = 0; i < DX_FRAME_GROUP_SIZE; i++) {
        nonce[DX_FRAME_RANDOM_SIZE + i] = (uint8_t)(first >> (8 * i));
    }
}

uint32_t dx_frame_group(const uint8_t *sealed_frame) {
    const uint8_t *bytes = sealed_frame + DX_FRAME_SIZE - DX_PAGE_RESERVED_SIZE + DX_FRAME_RANDOM_SIZE;
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* --- Either ----------------------------------------------------------------------------------- */

void dx_unit_seal(const uint8_t key[static DX_PAGE_KEY_SIZE], dx_unit_kind kind, uint64_t number,
                  const uint8_t nonce[static DX_PAGE_NONCE_SIZE], uint8_t *unit) {
    if (kind == DX_UNIT_PAGE) {
        seal_page(key, number, nonce, unit);
    } else {
        seal_frame(key, number, nonce, unit);
    }
}

bool dx_unit_open(const uint8_t key[static DX_PAGE_KEY_SIZE], dx_unit_kind kind, uint64_t number,
                  uint8_t *unit) {
    bool is_whole = kind == DX_UNIT_PAGE ? open_page(key, number, unit) : open_frame(key, number, unit);
    if (!is_whole) {
        memset(unit, 0, dx_unit_size(kind));
    }
    return is_whole;
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
