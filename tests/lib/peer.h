/* tests/lib/peer.h: a person with a vault and one space, and blocks carried from one to another by hand.
 *
 * Layer: tests of echo and stories. A peer's vault is on a simulated disk. Nothing here is a network:
 * peer_pull copies what the other one has signed, in runs of the given length. */
#ifndef DX_TESTS_LIB_PEER_H
#define DX_TESTS_LIB_PEER_H

#include "disk.h"
#include "echo/entity_row.h"
#include "echo/mutation.h"
#include "echo/pipeline.h"
#include "echo/saved_state.h"
#include "test.h"

typedef struct peer {
    test_alloc alloc;
    test_random random;
    sim_disk *disk;
    dx_store_config config;
    dx_identity identity;
    dx_changes changes;
    dx_context context;
    dx_space *space;
} peer;

/* --- Life ------------------------------------------------------------------------------------ */

static inline void peer_begin(peer *self) {
    assert_int_equal(dx_store_begin(self->context.store), DX_OK);
}

static inline void peer_commit(peer *self) {
    if (self->space != NULL) {
        assert_int_equal(dx_space_sign_heads(&self->context, self->space), DX_OK);
    }
    assert_int_equal(dx_store_commit(self->context.store), DX_OK);
}

static inline void peer_open(peer *self) {
    assert_int_equal(dx_store_open(&self->config, &self->context.store), DX_OK);
    peer_begin(self);
    assert_int_equal(dx_identity_load(self->context.store, &self->alloc.port, &self->identity), DX_OK);
}

static inline void peer_init(peer *self, uint64_t seed, const char *name) {
    memset(self, 0, sizeof *self);
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, seed);
    sim_disk_config disk = {0};
    self->disk = sim_disk_create(seed, &disk);
    self->config = (dx_store_config){.alloc = &self->alloc.port,
                                     .random = &self->random.port,
                                     .vfs = sim_disk_vfs(self->disk),
                                     .path = "vault",
                                     .page_key = {(uint8_t)seed},
                                     .create = true};
    dx_changes_init(&self->changes, &self->alloc.port);
    self->context = (dx_context){.alloc = &self->alloc.port,
                                 .random = &self->random.port,
                                 .identity = &self->identity,
                                 .changes = &self->changes,
                                 .wall_ms = 1700000000000};
    peer_open(self);
    assert_int_equal(dx_identity_create(self->context.store, &self->alloc.port, &self->random.port,
                                        dx_bytes_text(name), &self->identity),
                     DX_OK);
    peer_commit(self);
}

/* Rows that follow their blocks do so now. */
static inline void peer_settle(peer *self) {
    peer_begin(self);
    assert_int_equal(dx_entity_rows_write(&self->context, self->space), DX_OK);
    peer_commit(self);
}

/* Forgets everything in memory, as a crash or a failed step does, and loads the space again. */
static inline void peer_reopen(peer *self) {
    int64_t local = self->space != NULL ? self->space->local : 0;
    dx_space_destroy(&self->context, self->space);
    self->space = NULL;
    dx_identity_deinit(&self->identity);
    dx_store_close(self->context.store);
    peer_open(self);
    if (local != 0) {
        assert_int_equal(dx_space_load(&self->context, local, &self->space), DX_OK);
    }
    peer_commit(self);
}

/* Undoes the transaction, and forgets what was in memory. */
static inline void peer_rollback(peer *self) {
    int64_t local = self->space != NULL ? self->space->local : 0;
    dx_store_rollback(self->context.store);
    dx_space_destroy(&self->context, self->space);
    self->space = NULL;
    if (local != 0) {
        peer_begin(self);
        assert_int_equal(dx_space_load(&self->context, local, &self->space), DX_OK);
        peer_commit(self);
    }
}

static inline void peer_deinit(peer *self) {
    dx_space_destroy(&self->context, self->space);
    dx_identity_deinit(&self->identity);
    dx_changes_deinit(&self->changes);
    dx_store_close(self->context.store);
    sim_disk_destroy(self->disk);
    assert_int_equal(self->alloc.live_bytes, 0);
}

/* --- Spaces ---------------------------------------------------------------------------------- */

static inline void peer_create_space(peer *self, const char *name) {
    peer_begin(self);
    assert_int_equal(dx_space_create(&self->context, dx_bytes_text(name), &self->space), DX_OK);
    peer_commit(self);
}

static inline void peer_admit(peer *host, peer *guest, dx_role role) {
    const uint8_t invitation[16] = {1, 2, 3};
    dx_buf welcome;
    dx_buf_init(&welcome, &host->alloc.port, DX_BLOCK_SIZE_MAX);
    peer_begin(host);
    assert_int_equal(dx_space_admit(&host->context, host->space,
                                    dx_buf_view(&guest->identity.device_credential), role, invitation,
                                    &welcome),
                     DX_OK);
    peer_commit(host);
    peer_begin(guest);
    assert_int_equal(dx_space_join(&guest->context, dx_buf_view(&welcome), &guest->space), DX_OK);
    peer_commit(guest);
    dx_buf_deinit(&welcome);
}

/* --- Carrying blocks ------------------------------------------------------------------------- */

enum { PEER_RUN_MAX = 64 };

/* Copies blocks [to's length, end) of a feed with a head that covers them. Returns what dx_feed_receive said.
 */
static inline int peer_carry(peer *to, peer *from, dx_feed *source, uint64_t end) {
    dx_feed *target;
    dx_bytes blocks[PEER_RUN_MAX];
    dx_buf copies[PEER_RUN_MAX];
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    int error = dx_space_add_feed(&to->context, to->space, &source->identity, &target);
    if (error != DX_OK || target->own || target->length >= end) {
        return error;
    }
    size_t count = (size_t)(end - target->length);
    assert_true(count <= PEER_RUN_MAX);
    for (size_t i = 0; i < count; i++) {
        dx_bytes block;
        assert_int_equal(dx_feed_read(source, from->context.store, target->length + i, &block), DX_OK);
        dx_buf_init(&copies[i], &from->alloc.port, DX_BLOCK_SIZE_MAX);
        dx_buf_append(&copies[i], block.data, block.size);
        blocks[i] = dx_buf_view(&copies[i]);
    }
    const dx_head *head = dx_feed_cover(source, end);
    assert_non_null(head);
    assert_int_equal(dx_feed_prove(source, from->context.store, end, head->length, proof), DX_OK);
    size_t proof_size = (size_t)dx_mmr_proof_size(end, head->length);
    error = dx_feed_receive(target, to->context.store, head, target->length, blocks, count,
                            dx_bytes_of(proof, proof_size));
    for (size_t i = 0; i < count; i++) {
        dx_buf_deinit(&copies[i]);
    }
    return error;
}

static inline void peer_run(peer *self) {
    bool more = true;
    while (more) {
        assert_int_equal(dx_pipeline_run(&self->context, self->space, SIZE_MAX, &more), DX_OK);
    }
}

/* Everything the other one has, control feeds first, run by run, applied as it comes. */
static inline void peer_pull(peer *to, peer *from, uint64_t run) {
    peer_begin(to);
    peer_begin(from);
    for (int class = DX_FEED_CONTROL; class <= DX_FEED_DATA; class ++) {
        for (size_t i = 0; i < from->space->feed_count; i++) {
            dx_feed *source = &from->space->feeds[i];
            if ((int)source->identity.feed_class != class || source->identity.device == to->identity.device) {
                continue;
            }
            const dx_feed *have = dx_space_feed_by_id(to->space, source->id);
            uint64_t at = have != NULL ? have->length : 0;
            while (at < source->length) {
                at = source->length - at < run ? source->length : at + run;
                int error = peer_carry(to, from, source, at);
                assert_true(error == DX_OK || error == DX_E_UNAUTHORIZED);
                peer_run(to);
            }
        }
    }
    peer_commit(from);
    peer_commit(to);
}

/* --- Writing --------------------------------------------------------------------------------- */

static inline void peer_item(peer *self, const char *json, dx_buf *out) {
    char message[128];
    dx_writer writer;
    dx_buf_init(out, &self->alloc.port, 4 << 20);
    dx_writer_init(&writer, out);
    if (dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message) != DX_OK) {
        fail_msg("%s: %s", json, message);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

static inline int64_t peer_add(peer *self, const char *type, const char *json) {
    dx_transaction *transaction;
    dx_buf data;
    int64_t key = 0;
    peer_item(self, json, &data);
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_add_object(transaction, dx_bytes_text(type), 0, dx_buf_view(&data), &key),
                     DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
    dx_buf_deinit(&data);
    return key;
}

/* json NULL: unset. */
static inline void peer_set(peer *self, int64_t key, const char *path, const char *json) {
    dx_transaction *transaction;
    dx_buf value;
    peer_item(self, json == NULL ? "null" : json, &value);
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(json != NULL
                         ? dx_transaction_set(transaction, key, dx_bytes_text(path), dx_buf_view(&value))
                         : dx_transaction_unset(transaction, key, dx_bytes_text(path)),
                     DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
    dx_buf_deinit(&value);
}

static inline void peer_change_life(peer *self, int64_t key, bool deleted) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(
        deleted ? dx_transaction_delete(transaction, key) : dx_transaction_restore(transaction, key), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static inline int64_t peer_link(peer *self, const char *type, int64_t source, int64_t target) {
    dx_transaction *transaction;
    int64_t key = 0;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(
        dx_transaction_add_link(transaction, dx_bytes_text(type), source, target, (dx_bytes){NULL, 0}, &key),
        DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
    return key;
}

/* The same entity in another vault. */
static inline int64_t peer_key(peer *self, peer *other, int64_t key) {
    uint8_t id[DX_ID_SIZE];
    int64_t here;
    assert_int_equal(dx_key_to_id(other->space, key, id), DX_OK);
    assert_int_equal(dx_id_to_key(self->space, id, &here), DX_OK);
    return here;
}

/* --- Looking --------------------------------------------------------------------------------- */

/* One entity as a line of JSON without its id; caller frees by test's end of text. */
static inline void peer_show(peer *self, int64_t key, char *out, size_t size) {
    dx_entity entity;
    dx_buf row, text;
    dx_writer writer;
    dx_buf_init(&row, &self->alloc.port, 4 << 20);
    dx_buf_init(&text, &self->alloc.port, 4 << 20);
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    dx_writer_init(&writer, &row);
    assert_int_equal(dx_entity_view(&self->context, self->space, &entity, &writer), DX_OK);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    bool deleted = entity.deleted;
    peer_commit(self);
    assert_int_equal(dx_json_print(dx_buf_view(&row), &text), DX_OK);
    snprintf(out, size, "%.*s%s", (int)text.size, (const char *)text.data, deleted ? " deleted" : "");
    dx_buf_deinit(&row);
    dx_buf_deinit(&text);
}

#define assert_shows(self, key, expected)                                                                    \
    do {                                                                                                     \
        char shown[1024];                                                                                    \
        peer_show(self, key, shown, sizeof shown);                                                           \
        assert_string_equal(shown, expected);                                                                \
    } while (0)

static int peer_compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything a replica believes, in a form without local numbers: rows sorted by id, saved states, the digest
 * of the control state. Freed by the caller with free. */
static inline char *peer_state_inside(peer *self) {
    enum { LINES_MAX = 4096 };
    char **lines = calloc(LINES_MAX, sizeof *lines), *out = calloc(1, 1);
    size_t count = 0, size = 1;
    assert_int_equal(dx_entity_rows_settle(&self->context, self->space), DX_OK);
    sqlite3_stmt *select = dx_store_query(self->context.store,
                                          "SELECT " DX_ENTITY_COLUMNS ", entity.deleted_counter FROM entity");
    while (dx_step(self->context.store, select)) {
        dx_entity entity;
        dx_buf row, text;
        if (dx_space_feed(self->space, dx_entity_key_feed(dx_column_int(select, 0))) == NULL) {
            continue; /* of another space */
        }
        dx_writer writer;
        dx_buf_init(&row, &self->alloc.port, 4 << 20);
        dx_buf_init(&text, &self->alloc.port, 4 << 20);
        assert_int_equal(dx_entity_of_row(&self->context, self->space, select, 0, &entity), DX_OK);
        dx_writer_init(&writer, &row);
        assert_int_equal(dx_entity_write(&self->context, self->space, &entity, &writer), DX_OK);
        assert_int_equal(dx_json_print(dx_buf_view(&row), &text), DX_OK);
        dx_buf room;
        dx_bytes saved;
        dx_buf_init(&room, &self->alloc.port, 4 << 20);
        assert_int_equal(dx_saved_state_canonical(&self->context, entity.model_id < 0 ? NULL : entity.model,
                                                  entity.state, &room, &saved),
                         DX_OK);
        char *line = calloc(1, text.size + 2 * saved.size + 64);
        int at = snprintf(line, text.size + 64, "%.*s created %llu life %lld state ", (int)text.size,
                          (const char *)text.data, (unsigned long long)entity.created,
                          (long long)dx_column_int(select, 10));
        dx_hex_encode(saved, line + at);
        dx_buf_deinit(&room);
        assert_true(count < LINES_MAX);
        lines[count++] = line;
        dx_buf_deinit(&row);
        dx_buf_deinit(&text);
    }
    qsort(lines, count, sizeof *lines, peer_compare_lines);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(lines[i]);
        out = realloc(out, size + length + 1);
        memcpy(out + size - 1, lines[i], length);
        memcpy(out + size - 1 + length, "\n", 2);
        size += length + 1;
        free(lines[i]);
    }
    free(lines);
    return out;
}

static inline char *peer_state(peer *self) {
    peer_begin(self);
    char *out = peer_state_inside(self);
    peer_commit(self);
    return out;
}

static inline void assert_same_state(peer *a, peer *b) {
    uint8_t digest_a[DX_HASH_SIZE], digest_b[DX_HASH_SIZE];
    char *state_a = peer_state(a), *state_b = peer_state(b);
    assert_string_equal(state_a, state_b);
    free(state_a);
    free(state_b);
    dx_control_digest(a->space->control, digest_a);
    dx_control_digest(b->space->control, digest_b);
    assert_memory_equal(digest_a, digest_b, DX_HASH_SIZE);
}

#endif
