/* fuzz_vault.c: a vault and its log that the input damages, replaces, or (knowing the key) fills with
 * authentic nonsense. Checks: opening and reading end in an answer; what is refused is left as it was; unless
 * the key was known, every row that is read is one that was written. */
#include "disk.h"
#include "fuzz.h"
#include "store/page_seal.h"
#include "store/store.h"

#include <sodium.h>

enum { ROWS = 40, LOG_HEADER_SIZE = 32, PATCH_MAX = 16 };

static const char *const names[] = {"vault", "vault-wal"};

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    uint64_t *state = ctx;
    for (size_t i = 0; i < size; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(*state >> 56);
    }
}

static dx_store_config make_config(const sim_disk *disk, const dx_random *random) {
    return (dx_store_config){.alloc = &fuzz_alloc,
                             .random = random,
                             .vfs = sim_disk_vfs(disk),
                             .path = names[0],
                             .page_key = {9},
                             .create = true};
}

static void run(dx_store *store, const char *sql) {
    sqlite3_stmt *statement = dx_store_query_dynamic(store, sql);
    FUZZ_CHECK(dx_step_done(store, statement) == DX_OK);
    dx_store_discard(statement);
}

static void commit_rows(dx_store *store, int from, int to) {
    FUZZ_CHECK(dx_store_begin(store) == DX_OK);
    for (int64_t i = from; i < to; i++) {
        sqlite3_stmt *statement =
            dx_store_query(store, "INSERT INTO rows VALUES(?1, ?1 * 31, zeroblob(700))");
        dx_bind_int(statement, 1, i);
        FUZZ_CHECK(dx_step_done(store, statement) == DX_OK);
    }
    FUZZ_CHECK(dx_store_commit(store) == DX_OK);
}

/* A vault with half of its rows in the file and half in the log, as a killed process leaves it. Made once. */
static const sim_disk *template_disk(void) {
    static sim_disk *template;
    if (template == NULL) {
        FUZZ_CHECK(sodium_init() >= 0);
        uint64_t state = 1;
        dx_random random = {&state, fill_random};
        sim_disk *disk = sim_disk_create(1, &(sim_disk_config){0});
        dx_store_config config = make_config(disk, &random);
        dx_store *store;
        FUZZ_CHECK(dx_store_open(&config, &store) == DX_OK);
        FUZZ_CHECK(dx_store_begin(store) == DX_OK);
        run(store, "CREATE TABLE rows(id INTEGER PRIMARY KEY, value INTEGER, pad BLOB)");
        FUZZ_CHECK(dx_store_commit(store) == DX_OK);
        commit_rows(store, 0, ROWS / 2);
        FUZZ_CHECK(dx_store_checkpoint(store) == DX_OK);
        for (int i = ROWS / 2; i < ROWS; i += 5) {
            commit_rows(store, i, i + 5);
        }
        template = sim_disk_copy(disk, 1);
        dx_store_close(store);
        sim_disk_destroy(disk);
    }
    return template;
}

/* --- What the input does ---------------------------------------------------------------------- */

static uint64_t number(fuzz_input *input) {
    uint64_t low = fuzz_byte(input);
    low |= (uint64_t)fuzz_byte(input) << 8;
    return low | (uint64_t)fuzz_byte(input) << 16;
}

static void patch_files(fuzz_input *input, sim_disk *disk) {
    for (int i = 0; i < PATCH_MAX && input->left > 0; i++) {
        uint8_t how = fuzz_byte(input);
        const char *name = names[how & 1];
        dx_bytes file = sim_disk_file(disk, name);
        uint64_t at = file.size > 0 ? number(input) % file.size : 0;
        if (how >> 1 == 0) {
            sim_disk_put(disk, name, dx_bytes_of(file.data, (size_t)at));
        } else {
            sim_disk_flip(disk, name, at, fuzz_byte(input));
        }
    }
}

static void put_u32(uint8_t *out, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* SQLite's checksum over big-endian words, as the magic 0x377f0683 asks for. */
static void add_checksum(uint32_t sum[2], const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i += 8) {
        sum[0] += get_u32(bytes + i) + sum[1];
        sum[1] += get_u32(bytes + i + 4) + sum[0];
    }
}

/* A log that recovers well, of pages that are good ones of the vault changed by the input. */
static void forge_log(fuzz_input *input, sim_disk *disk) {
    static const uint8_t key[DX_PAGE_KEY_SIZE] = {9};
    static uint8_t log[LOG_HEADER_SIZE + 8 * DX_FRAME_SIZE];
    uint32_t sum[2] = {0, 0};
    size_t size = LOG_HEADER_SIZE;
    dx_bytes vault = sim_disk_file(disk, names[0]);
    uint64_t pages = vault.size / DX_PAGE_SIZE;
    memset(log, 0, LOG_HEADER_SIZE);
    put_u32(log, 0x377f0683);
    put_u32(log + 4, 3007000);
    put_u32(log + 8, DX_PAGE_SIZE);
    add_checksum(sum, log, 24);
    put_u32(log + 24, sum[0]);
    put_u32(log + 28, sum[1]);
    for (uint32_t frame = 1; frame <= 8 && input->left > 0; frame++, size += DX_FRAME_SIZE) {
        uint8_t *header = log + size, *page = header + DX_FRAME_HEADER_SIZE;
        uint64_t which = fuzz_byte(input) % pages + 1;
        memcpy(page, vault.data + (which - 1) * DX_PAGE_SIZE, DX_PAGE_SIZE);
        FUZZ_CHECK(dx_unit_open(key, DX_UNIT_PAGE, which, page));
        for (uint8_t changes = fuzz_byte(input) % 16; changes > 0; changes--) {
            page[number(input) % (DX_PAGE_SIZE - DX_PAGE_RESERVED_SIZE)] = fuzz_byte(input);
        }
        memset(header, 0, DX_FRAME_HEADER_SIZE);
        put_u32(header, (uint32_t)which + fuzz_byte(input) / 200);
        put_u32(header + 4, fuzz_byte(input) & 1 ? (uint32_t)pages : 0);
        add_checksum(sum, header, 8);
        add_checksum(sum, page, DX_PAGE_SIZE);
        put_u32(header + 16, sum[0]);
        put_u32(header + 20, sum[1]);
        uint8_t nonce[DX_PAGE_NONCE_SIZE] = {(uint8_t)frame};
        dx_frame_write_group(nonce, fuzz_byte(input) % 9);
        dx_unit_seal(key, DX_UNIT_FRAME, frame, nonce, header);
    }
    sim_disk_put(disk, names[1], dx_bytes_of(log, size));
}

/* --- What must hold ---------------------------------------------------------------------------- */

static void read_rows(dx_store *store, bool honest) {
    if (dx_store_begin(store) != DX_OK) {
        return;
    }
    sqlite3_stmt *statement = dx_store_query(store, "SELECT id, value, length(pad) FROM rows");
    while (dx_step(store, statement)) {
        int64_t id = dx_column_int(statement, 0);
        FUZZ_CHECK(!honest || (id >= 0 && id < ROWS && dx_column_int(statement, 1) == id * 31 &&
                               dx_column_int(statement, 2) == 700));
    }
    int error = dx_store_error(store);
    FUZZ_CHECK(!honest || error == DX_OK || error == DX_E_CORRUPT || error == DX_E_STORE);
    dx_store_rollback(store);
}

static void open_and_read(sim_disk *disk, bool honest) {
    uint64_t state = 2;
    dx_random random = {&state, fill_random};
    dx_store_config config = make_config(disk, &random);
    sim_disk *before = sim_disk_copy(disk, 1);
    dx_store *store;
    int error = dx_store_open(&config, &store);
    if (error == DX_OK) {
        read_rows(store, honest);
        error = dx_store_check(store);
        FUZZ_CHECK(!honest || error == DX_OK || error == DX_E_CORRUPT);
        dx_store_close(store);
    } else {
        FUZZ_CHECK(!honest || error == DX_E_CORRUPT);
        for (size_t i = 0; i < 2 && honest; i++) {
            FUZZ_CHECK(dx_bytes_equal(sim_disk_file(disk, names[i]), sim_disk_file(before, names[i])));
        }
    }
    sim_disk_destroy(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { REPLACE_VAULT, REPLACE_LOG, FORGE_LOG, WAYS = 8 }; /* all other ways: patches */
    fuzz_input input = {data, size};
    sim_disk *disk = sim_disk_copy(template_disk(), 3);
    uint8_t how = fuzz_byte(&input) % WAYS;
    if (how == REPLACE_VAULT || how == REPLACE_LOG) {
        sim_disk_put(disk, names[how == REPLACE_LOG], dx_bytes_of(input.at, input.left));
    } else if (how == FORGE_LOG) {
        forge_log(&input, disk);
    } else {
        patch_files(&input, disk);
    }
    open_and_read(disk, how != FORGE_LOG);
    sim_disk_destroy(disk);
    return 0;
}
