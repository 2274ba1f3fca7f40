/* tests/unit/store/vault_model.h: a small vault whose right content is known after each commit.
 *
 * A deterministic workload on one table; commit n leaves a state with a known digest. A vault reopened after
 * a crash says which commit it holds (row -1), and must then hold exactly that commit's state. */
#ifndef DX_TESTS_STORE_VAULT_MODEL_H
#define DX_TESTS_STORE_VAULT_MODEL_H

#include "disk.h"
#include "store/store.h"
#include "test.h"

enum { MODEL_ROWS = 60, MODEL_COMMITS_MAX = 1000, MODEL_BLOB_MAX = 9000 };

/* Sanitizers make everything ten times slower; the plain build tries every case, theirs a part of each kind.
 */
#if defined(__SANITIZE_ADDRESS__)
enum { MODEL_SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { MODEL_SANITIZED = 1 };
#else
enum { MODEL_SANITIZED = 0 };
#endif
#else
enum { MODEL_SANITIZED = 0 };
#endif

#define MODEL_PATH "vault"
#define MODEL_LOG  "vault-wal"

typedef struct vault_model {
    test_alloc alloc;
    test_random random;            /* the vault's port */
    test_random workload;          /* what the commits do */
    uint32_t versions[MODEL_ROWS]; /* 0: no row */
    uint32_t beginning_versions[MODEL_ROWS];
    uint64_t digests[MODEL_COMMITS_MAX + 1];
    int commits;   /* acknowledged */
    int beginning; /* the commit under way, or equal to commits */
    uint32_t row_max_size;
    dx_store_config config;
    char message[DX_STORE_MESSAGE_SIZE];
} vault_model;

static inline void model_init(vault_model *self, uint64_t seed, const char *vfs) {
    memset(self, 0, sizeof *self);
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, seed);
    test_random_init(&self->workload, seed + 1);
    self->row_max_size = 1200;
    self->config = (dx_store_config){.alloc = &self->alloc.port,
                                     .random = &self->random.port,
                                     .vfs = vfs,
                                     .path = MODEL_PATH,
                                     .page_key = {42},
                                     .create = true,
                                     .message = self->message,
                                     .message_size = sizeof self->message};
}

/* The same model on another disk, with ports of its own. */
static inline void model_copy(vault_model *self, const vault_model *from, const char *vfs) {
    *self = *from;
    test_alloc_init(&self->alloc);
    self->random.port.ctx = &self->random;
    self->config.alloc = &self->alloc.port;
    self->config.random = &self->random.port;
    self->config.message = self->message;
    self->config.vfs = vfs;
}

static inline uint64_t model_mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

static inline uint64_t model_mix_bytes(uint64_t hash, dx_bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        hash = model_mix(hash, bytes.data[i]);
    }
    return model_mix(hash, bytes.size);
}

/* What row `key` holds in its version-th state. */
static inline dx_bytes model_content(const vault_model *self, uint32_t key, uint32_t version,
                                     uint8_t *buffer) {
    test_random random;
    test_random_init(&random, (uint64_t)key << 32 | version);
    size_t size = test_random_next(&random) % self->row_max_size;
    for (size_t i = 0; i < size; i++) {
        buffer[i] =
            (uint8_t)((i & 7) == 0 ? (uint8_t)test_random_next(&random) : (uint8_t)(buffer[i - 1] + 7));
    }
    return dx_bytes_of(buffer, size);
}

static inline uint64_t model_digest(const vault_model *self) {
    static uint8_t buffer[MODEL_BLOB_MAX];
    uint64_t digest = 1;
    for (uint32_t key = 0; key < MODEL_ROWS; key++) {
        if (self->versions[key] != 0) {
            digest = model_mix(digest, key);
            digest = model_mix_bytes(digest, model_content(self, key, self->versions[key], buffer));
        }
    }
    return digest;
}

static inline int model_open(vault_model *self, dx_store **store) {
    return dx_store_open(&self->config, store);
}

static inline int model_run(dx_store *store, const char *sql) {
    sqlite3_stmt *statement = dx_store_query_dynamic(store, sql);
    while (dx_step(store, statement)) {
    }
    dx_store_discard(statement);
    return dx_store_error(store);
}

/* The table itself; counts as commit 0. */
static inline int model_create(vault_model *self, dx_store *store) {
    int error = dx_store_begin(store);
    if (error != DX_OK) {
        return error;
    }
    error =
        model_run(store, "CREATE TABLE IF NOT EXISTS model(key INTEGER PRIMARY KEY, content BLOB NOT NULL)");
    if (error == DX_OK) {
        error = model_run(store, "INSERT OR REPLACE INTO model VALUES(-1, 0)");
    }
    if (error != DX_OK) {
        dx_store_rollback(store);
        return error;
    }
    self->digests[0] = model_digest(self);
    self->beginning = 0;
    error = dx_store_commit(store);
    self->commits = error == DX_OK ? 0 : self->commits;
    return error;
}

/* store NULL: the model alone. */
static inline void model_change_row(vault_model *self, dx_store *store, uint32_t key) {
    static uint8_t buffer[MODEL_BLOB_MAX];
    if (store == NULL) {
        return;
    }
    if (self->versions[key] == 0) {
        sqlite3_stmt *statement = dx_store_query(store, "DELETE FROM model WHERE key=?1");
        dx_bind_int(statement, 1, key);
        (void)dx_step(store, statement);
        return;
    }
    sqlite3_stmt *statement = dx_store_query(store, "INSERT OR REPLACE INTO model VALUES(?1, ?2)");
    dx_bind_int(statement, 1, key);
    dx_bind_bytes(statement, 2, model_content(self, key, self->versions[key], buffer));
    (void)dx_step(store, statement);
}

/* What the next commit does; its number. */
static inline int model_change(vault_model *self, dx_store *store, uint32_t changes) {
    int number = self->commits + 1;
    assert_true(number <= MODEL_COMMITS_MAX);
    for (uint32_t i = 0; i < changes; i++) {
        uint64_t chance = test_random_next(&self->workload);
        uint32_t key = (uint32_t)(chance % MODEL_ROWS);
        self->versions[key] = (chance >> 32) % 5 == 0 ? 0 : (uint32_t)number * 64 + i % 64;
        model_change_row(self, store, key);
    }
    self->digests[number] = model_digest(self);
    return number;
}

/* The commit as the model knows it, when it was made elsewhere. */
static inline void model_commit_without_store(vault_model *self, uint32_t changes) {
    self->commits = model_change(self, NULL, changes);
    self->beginning = self->commits;
}

/* One commit of a few changed rows. On error the model is as before, and the commit counts as under way. */
static inline int model_commit(vault_model *self, dx_store *store, uint32_t changes) {
    uint32_t before[MODEL_ROWS];
    memcpy(before, self->versions, sizeof before);
    int error = dx_store_begin(store);
    if (error != DX_OK) {
        return error;
    }
    int number = model_change(self, store, changes);
    sqlite3_stmt *statement = dx_store_query(store, "UPDATE model SET content=?1 WHERE key=-1");
    dx_bind_int(statement, 1, number);
    (void)dx_step(store, statement);
    self->beginning = number;
    memcpy(self->beginning_versions, self->versions, sizeof before);
    error = dx_store_commit(store);
    if (error != DX_OK) {
        memcpy(self->versions, before, sizeof before);
        return error;
    }
    self->commits = number;
    return DX_OK;
}

/* Which commit the vault holds, and the digest of what is in it. An error when it cannot be read. */
static inline int model_read(dx_store *store, int *commit, uint64_t *digest) {
    int error = dx_store_begin(store);
    if (error != DX_OK) {
        return error;
    }
    *commit = -1;
    *digest = 1;
    sqlite3_stmt *statement = dx_store_query(store, "SELECT 1 FROM sqlite_schema WHERE name='model'");
    if (dx_step(store, statement)) {
        statement = dx_store_query(store, "SELECT content FROM model WHERE key=-1");
        *commit = dx_step(store, statement) ? (int)dx_column_int(statement, 0) : -1;
        statement = dx_store_query(store, "SELECT key, content FROM model WHERE key>=0 ORDER BY key");
        while (dx_step(store, statement)) {
            *digest = model_mix(*digest, (uint64_t)dx_column_int(statement, 0));
            *digest = model_mix_bytes(*digest, dx_column_bytes(statement, 1));
        }
    }
    error = dx_store_error(store);
    dx_store_rollback(store);
    return error;
}

/* Takes over what a reopened vault holds: the commit under way may have become one or not. */
static inline void model_adopt(vault_model *self, dx_store *store) {
    int commit = -1;
    uint64_t digest = 0;
    assert_int_equal(model_read(store, &commit, &digest), DX_OK);
    if (commit > 0 && commit == self->beginning && commit != self->commits) {
        memcpy(self->versions, self->beginning_versions, sizeof self->versions);
    }
    self->commits = commit;
    self->beginning = commit;
}

/* The vault must hold an acknowledged state, or the one that was being committed; or nothing yet. */
static inline void model_expect(const vault_model *self, dx_store *store, int acknowledged, int beginning) {
    int commit = -1;
    uint64_t digest = 0;
    int error = model_read(store, &commit, &digest);
    if (error != DX_OK) {
        fail_msg("reading failed: %s: %s", dx_error_name(error), dx_store_message(store));
    }
    if (commit < acknowledged || commit > beginning) {
        fail_msg("the vault holds commit %d; %d was acknowledged, %d under way", commit, acknowledged,
                 beginning);
    }
    if (commit >= 0 && digest != self->digests[commit]) {
        fail_msg("the vault holds another state than commit %d left", commit);
    }
}

#endif
