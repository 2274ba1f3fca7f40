/* fuzz_query.c: questions about a small space. Input: a query as JSON when it begins with a brace, as an
 * encoded item otherwise. Checks: a wrong question says what is wrong and leaves nothing behind; a right one
 * ends, gives no more than its limit, and counts and gives the same whether it is asked in one call or in
 * many, and in a space that has an index on "n" as in one that has none. */
#include "asked.h"
#include "echo/query.h"

enum { OBJECTS = 12, CALLS_MAX = 10000 };

static void add_objects(asked *self) {
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

static void set_index(asked *self, bool there) {
    dx_bytes type = dx_bytes_text("a"), path = dx_bytes_text("n");
    FUZZ_CHECK((there ? dx_index_add(&self->context, self->space, DX_TYPE_OBJECT, type, path)
                      : dx_index_remove(&self->context, self->space, DX_TYPE_OBJECT, type, path)) == DX_OK);
    asked_build_indexes(self);
}

static asked *the_vault(void) {
    static asked self;
    if (self.space == NULL) {
        asked_init(&self);
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

static int64_t ask(asked *self, dx_bytes item, size_t budget, uint64_t *sum) {
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
    asked *self = the_vault();
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
