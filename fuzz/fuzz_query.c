/* fuzz_query.c: questions about a small space. Input: a query as JSON when it begins with a brace, as an
 * encoded item otherwise. Checks: a wrong question says what is wrong and leaves nothing behind; a right one
 * ends, gives no more than its limit, and counts and gives the same whether it is asked in one call or in
 * many, and in a space that has an index on "n" as in one that has none. */
#include "disk.h"
#include "echo/index.h"
#include "echo/mutation.h"
#include "echo/query.h"
#include "fuzz.h"

enum { OBJECTS = 12, CALLS_MAX = 10000 };

typedef struct world {
    dx_identity identity;
    dx_context context;
    dx_space *space;
} world;

static void fill(void *ctx, uint8_t *out, size_t size) {
    uint64_t *state = ctx;
    for (size_t i = 0; i < size; i++) {
        *state = *state * UINT64_C(6364136223846793005) + 1;
        out[i] = (uint8_t)(*state >> 56);
    }
}

static uint64_t random_state = 1;
static const dx_random fuzz_random = {&random_state, fill};

static void add_objects(world *self) {
    static const uint8_t data[] = {0xa2, 0x61, 'm', 0xa1, 0x61, 'k', 0xf6, 0x61, 'n', 0x02};
    dx_transaction *transaction;
    int64_t keys[OBJECTS], link;
    dx_bytes none = {NULL, 0};
    FUZZ_CHECK(dx_transaction_begin(&self->context, self->space, &transaction) == DX_OK);
    for (size_t i = 0; i < OBJECTS; i++) {
        dx_bytes type = i % 3 == 0 ? none : dx_bytes_text(i % 3 == 1 ? "a" : "dx.b");
        FUZZ_CHECK(dx_transaction_add_object(transaction, type, i % 4 == 3 ? keys[i - 1] : 0,
                                             i % 2 == 0 ? dx_bytes_of(data, sizeof data) : none,
                                             &keys[i]) == DX_OK);
    }
    for (size_t i = 0; i < 3 * OBJECTS; i++) {
        FUZZ_CHECK(dx_transaction_add_link(transaction,
                                           dx_bytes_text(i % 5 == 0 ? "dx.l"
                                                         : i % 2    ? "l"
                                                                    : "m"),
                                           keys[i % OBJECTS], keys[(i * 7 + 1) % OBJECTS], none,
                                           &link) == DX_OK);
        if (i % 6 == 5) {
            FUZZ_CHECK(dx_transaction_delete(transaction, link) == DX_OK);
        }
    }
    FUZZ_CHECK(dx_transaction_delete(transaction, keys[1]) == DX_OK);
    FUZZ_CHECK(dx_transaction_commit(transaction) == DX_OK);
}

static void set_index(world *self, bool there) {
    bool more = true;
    dx_bytes type = dx_bytes_text("a"), path = dx_bytes_text("n");
    FUZZ_CHECK((there ? dx_index_add(&self->context, self->space, DX_TYPE_OBJECT, type, path)
                      : dx_index_remove(&self->context, self->space, DX_TYPE_OBJECT, type, path)) == DX_OK);
    while (more) {
        FUZZ_CHECK(dx_indexes_build(&self->context, self->space, 100, &more) == DX_OK);
    }
}

/* Made by the first input and kept: questions change nothing. */
static world *the_world(void) {
    static world self;
    if (self.space == NULL) {
        sim_disk_config disk = {0};
        dx_store_config config = {.alloc = &fuzz_alloc,
                                  .random = &fuzz_random,
                                  .vfs = sim_disk_vfs(sim_disk_create(1, &disk)),
                                  .path = "vault",
                                  .create = true};
        self.context = (dx_context){.alloc = &fuzz_alloc, .random = &fuzz_random, .identity = &self.identity};
        FUZZ_CHECK(dx_store_open(&config, &self.context.store) == DX_OK);
        FUZZ_CHECK(dx_store_begin(self.context.store) == DX_OK);
        FUZZ_CHECK(dx_identity_create(self.context.store, &fuzz_alloc, &fuzz_random, dx_bytes_text("A"),
                                      &self.identity) == DX_OK);
        FUZZ_CHECK(dx_space_create(&self.context, dx_bytes_text("S"), &self.space) == DX_OK);
        add_objects(&self);
    }
    return &self;
}

/* Order and number of rows, as one number. */
static int note(void *ctx, const dx_query_row *row) {
    uint64_t *sum = ctx;
    *sum = *sum * 31 + (uint64_t)row->key + (uint64_t)row->count;
    return DX_OK;
}

static int64_t ask(world *self, dx_bytes item, size_t budget, uint64_t *sum) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_query *query;
    bool more = true;
    int error = dx_query_create(&self->context, self->space, item, message, sizeof message, &query);
    if (error != DX_OK) {
        FUZZ_CHECK(error == DX_E_INVALID && message[0] != '\0' && query == NULL);
        return -1;
    }
    for (size_t calls = 0; more; calls++) {
        FUZZ_CHECK(calls < CALLS_MAX);
        FUZZ_CHECK(dx_query_run(query, budget, note, sum, &more) == DX_OK);
    }
    int64_t count = dx_query_count(query);
    FUZZ_CHECK(!dx_query_counts(query) || *sum == 0);
    dx_query_destroy(query);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    world *self = the_world();
    dx_buf item;
    dx_buf_init(&item, &fuzz_alloc, 1 << 20);
    if (size > 0 && data[0] == '{') {
        dx_writer writer;
        dx_writer_init(&writer, &item);
        if (dx_json_parse(dx_bytes_of(data, size), &writer, NULL, 0) != DX_OK) {
            dx_buf_clear(&item);
        }
    } else {
        dx_buf_append(&item, data, size);
    }
    uint64_t whole = 0, parts = 0, indexed = 0;
    int64_t count = ask(self, dx_buf_view(&item), SIZE_MAX, &whole);
    FUZZ_CHECK(ask(self, dx_buf_view(&item), 2, &parts) == count && parts == whole);
    set_index(self, true);
    FUZZ_CHECK(ask(self, dx_buf_view(&item), 3, &indexed) == count && indexed == whole);
    set_index(self, false);
    int64_t limit = dx_item_int(dx_item_get(dx_buf_view(&item), "limit"), INT64_MAX);
    FUZZ_CHECK(count < 0 || count <= limit);
    dx_buf_deinit(&item);
    return 0;
}
