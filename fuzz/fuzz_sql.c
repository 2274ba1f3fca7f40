/* fuzz_sql.c: statements about a small space. Input: a statement's text. Checks: a wrong one says what is wrong and leaves
 * nothing behind; a right one ends, gives the same rows however often the vault is given back to others in between, and
 * nothing of another space. */
#include "asked.h"
#include "echo/sql.h"

#include <stdio.h>
#include <string.h>

/* Rows without end are a right answer: whoever asks stops taking them. */
enum { OBJECTS = 12, ROWS_MAX = 4096, PATIENCE_MS = 20 };

static void add_objects(asked *self, dx_space *space, bool secretly) {
    static const uint8_t data[] = {0xa2, 0x61, 'm', 0xa1, 0x61, 'k', 0xf6, 0x61, 'n', 0x02};
    static const uint8_t secret[] = {0xa1, 0x61, 'n', 0x66, 's', 'e', 'c', 'r', 'e', 't'};
    dx_transaction *transaction;
    int64_t keys[OBJECTS], link;
    dx_bytes none = {NULL, 0};
    FUZZ_CHECK(dx_transaction_begin(&self->context, space, &transaction) == DX_OK);
    for (size_t i = 0; i < OBJECTS; i++) {
        dx_bytes item = secretly     ? dx_bytes_of(secret, sizeof secret)
                        : i % 2 == 0 ? dx_bytes_of(data, sizeof data)
                                     : none;
        FUZZ_CHECK(dx_transaction_add_object(transaction, dx_bytes_text(i % 3 == 1 ? "a" : "b"),
                                             i % 4 == 3 ? keys[i - 1] : 0, item, &keys[i]) == DX_OK);
        FUZZ_CHECK(dx_transaction_add_link(transaction, dx_bytes_text("l"), keys[i], keys[i / 2], none,
                                           &link) == DX_OK);
    }
    FUZZ_CHECK(dx_transaction_delete(transaction, keys[1]) == DX_OK);
    FUZZ_CHECK(dx_transaction_commit(transaction) == DX_OK);
}

static asked *the_vault(void) {
    static asked self;
    if (self.space == NULL) {
        asked_init(&self);
        self.other = asked_space(&self, "O");
        add_objects(&self, self.other, true);
        add_objects(&self, self.space, false);
        FUZZ_CHECK(dx_index_add(&self.context, self.space, DX_TYPE_OBJECT, dx_bytes_text("a"),
                                dx_bytes_text("n")) == DX_OK);
        asked_build_indexes(&self);
    }
    return &self;
}

typedef struct rows {
    uint64_t sum;
    size_t count;
    dx_buf row;
} rows;

/* Rows in their order, as one number. */
static int note(void *ctx, dx_sql *sql) {
    rows *self = ctx;
    dx_writer writer;
    dx_buf_clear(&self->row);
    dx_writer_init(&writer, &self->row);
    FUZZ_CHECK(dx_sql_write_row(sql, &writer) == DX_OK);
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK && dx_item_check(dx_buf_view(&self->row)) == DX_OK);
    for (size_t i = 0; i < self->row.size; i++) {
        self->sum = self->sum * 31 + self->row.data[i];
        FUZZ_CHECK(self->row.size - i < 6 || memcmp(self->row.data + i, "secret", 6) != 0);
    }
    self->count++;
    return self->count < ROWS_MAX ? DX_OK : DX_SQL_ENOUGH;
}

static int ask(asked *self, dx_bytes text, size_t budget, uint64_t *sum) {
    char message[DX_SQL_MESSAGE_SIZE] = "";
    dx_sql *sql;
    bool more = true;
    rows found = {.sum = 1};
    dx_buf_init(&found.row, &fuzz_alloc, SIZE_MAX / 2);
    int error =
        dx_sql_create(&self->context, self->space, text, dx_bytes_of(NULL, 0), PATIENCE_MS, message, &sql);
    FUZZ_CHECK(error == DX_OK || (sql == NULL && message[0] != '\0'));
    while (error == DX_OK && more && found.count < ROWS_MAX) {
        error = dx_sql_run(sql, budget, note, &found, &more);
        FUZZ_CHECK(error == DX_OK || dx_sql_message(sql)[0] != '\0');
    }
    FUZZ_CHECK(error == DX_OK || error == DX_E_INVALID || error == DX_E_LIMIT);
    FUZZ_CHECK(sqlite3_hard_heap_limit64(-1) == 0);
    dx_sql_destroy(sql);
    dx_buf_deinit(&found.row);
    *sum = found.sum;
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    asked *self = the_vault();
    uint64_t whole, parts;
    /* The word is asked for by an input that looks for it: then it is its own. */
    for (size_t i = 0; i + 6 <= size; i++) {
        if (memcmp(data + i, "secr", 4) == 0) {
            return 0;
        }
    }
    int error = ask(self, dx_bytes_of(data, size), SIZE_MAX, &whole);
    if (error == DX_OK) {
        FUZZ_CHECK(ask(self, dx_bytes_of(data, size), 1, &parts) == DX_OK && parts == whole);
    }
    return 0;
}
