/* tests/wasm/test_platform.c: the two libraries of the core, tried inside wasm: what the core relies on must
 * hold there.
 *
 * Built by tools/wasm with src/wasm/disk.c and run by tools/wasm-run.mjs --test. test_run returns 0, or the
 * line of the first check that failed. Sources: RFC 8032 §7.1 test 1 (Ed25519), RFC 7693 appendix A
 * (BLAKE2b-512 of "abc"). */
#include <sodium.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                     \
    if (!(condition)) {                                                                                      \
        return __LINE__;                                                                                     \
    }

int __attribute__((export_name("test_run"))) test_run(void);

static bool is_hex(const uint8_t *bytes, size_t size, const char *hex) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        if (hex[2 * i] != digits[bytes[i] >> 4] || hex[2 * i + 1] != digits[bytes[i] & 15]) {
            return false;
        }
    }
    return hex[2 * size] == 0;
}

static int check_sodium(void) {
    static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                     0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                     0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    uint8_t public_key[32], secret_key[64], signature[64], hash[64];
    CHECK(sodium_init() == 0)
    CHECK(crypto_sign_seed_keypair(public_key, secret_key, seed) == 0)
    CHECK(is_hex(public_key, 32, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    CHECK(crypto_sign_detached(signature, NULL, NULL, 0, secret_key) == 0)
    CHECK(is_hex(signature, 8, "e5564300c360ac72"))
    CHECK(crypto_sign_verify_detached(signature, NULL, 0, public_key) == 0)
    signature[3] ^= 1;
    CHECK(crypto_sign_verify_detached(signature, NULL, 0, public_key) != 0)
    CHECK(crypto_generichash(hash, 64, (const uint8_t *)"abc", 3, NULL, 0) == 0)
    CHECK(is_hex(hash, 8, "ba80a53f981c4d0d"))
    return 0;
}

/* The first column of the first row as text equals wanted; NULL: there must be no row. */
static bool gives(sqlite3 *db, const char *sql, const char *wanted) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool row = sqlite3_step(statement) == SQLITE_ROW;
    const char *text = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    bool same = wanted == NULL ? !row : text != NULL && strcmp(text, wanted) == 0;
    return sqlite3_finalize(statement) == SQLITE_OK && same;
}

static bool runs(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* What the store asks for: reserved bytes, WAL under an exclusive lock, FTS5, JSON, and a file that is there
 * again. */
static int check_sqlite(void) {
    sqlite3 *db = NULL;
    int reserved = 40;
    CHECK(sqlite3_open_v2("vault", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK)
    CHECK(sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved) == SQLITE_OK)
    CHECK(gives(db, "PRAGMA locking_mode=EXCLUSIVE", "exclusive"))
    CHECK(gives(db, "PRAGMA journal_mode=WAL", "wal"))
    CHECK(runs(db, "PRAGMA synchronous=FULL; CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT);"
                   "CREATE VIRTUAL TABLE words USING fts5(body);"
                   "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                   " INSERT INTO t SELECT i, printf('{\"n\":%d}', i) FROM n;"
                   "INSERT INTO words VALUES('a house of rooms')"))
    CHECK(gives(db, "SELECT sum(body ->> '$.n') FROM t", "2001000"))
    CHECK(gives(db, "SELECT body FROM words WHERE words MATCH 'rooms'", "a house of rooms"))
    CHECK(gives(db, "SELECT datetime('now')", "1970-01-01 00:00:00"))
    CHECK(sqlite3_close(db) == SQLITE_OK)

    reserved = -1;
    CHECK(sqlite3_open_v2("vault", &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
    CHECK(gives(db, "PRAGMA locking_mode=EXCLUSIVE", "exclusive"))
    CHECK(gives(db, "SELECT count(*) FROM t", "2000"))
    CHECK(gives(db, "PRAGMA integrity_check", "ok"))
    CHECK(sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved) == SQLITE_OK &&
          reserved == 40)
    CHECK(sqlite3_close(db) == SQLITE_OK)
    CHECK(sqlite3_open_v2("absent", &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_CANTOPEN)
    CHECK(sqlite3_close(db) == SQLITE_OK)
    return 0;
}

int test_run(void) {
    int line = check_sodium();
    return line != 0 ? line : check_sqlite();
}
