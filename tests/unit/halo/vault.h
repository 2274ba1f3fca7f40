/* tests/unit/halo/vault.h: a vault on a simulated disk, for the tests of this room. */
#ifndef DX_TESTS_HALO_VAULT_H
#define DX_TESTS_HALO_VAULT_H

#include "disk.h"
#include "store/store.h"
#include "test.h"

typedef struct vault {
    sim_disk *disk;
    test_alloc *alloc;
    test_random *random;
    dx_store_config config;
    dx_store *store;
} vault;

static inline void vault_open(vault *self) {
    assert_int_equal(dx_store_open(&self->config, &self->store), DX_OK);
}

static inline void vault_init(vault *self, test_alloc *alloc, test_random *random) {
    memset(self, 0, sizeof *self);
    sim_disk_config disk = {0};
    self->disk = sim_disk_create(1, &disk);
    self->alloc = alloc;
    self->random = random;
    self->config = (dx_store_config){.alloc = &alloc->port,
                                     .random = &random->port,
                                     .vfs = sim_disk_vfs(self->disk),
                                     .path = "vault",
                                     .page_key = {42},
                                     .create = true};
    vault_open(self);
}

/* Closes and opens again, as a restart does. */
static inline void vault_reopen(vault *self) {
    dx_store_close(self->store);
    vault_open(self);
}

static inline void vault_deinit(vault *self) {
    dx_store_close(self->store);
    sim_disk_destroy(self->disk);
}

/* For a test that breaks rows on purpose. */
static inline void vault_execute(vault *self, const char *sql) {
    sqlite3_stmt *statement = dx_store_query_dynamic(self->store, sql);
    assert_int_equal(dx_step_done(self->store, statement), DX_OK);
    dx_store_discard(statement);
}

#endif
