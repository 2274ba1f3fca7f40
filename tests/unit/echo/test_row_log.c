/* tests/unit/echo/test_row_log.c: rows as a piece of the log has them: taken as they were written, and anything else refused. */
#include "echo/row_log.h"
#include "test.h"

enum { PIECE_MAX = 1024 };

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    dx_unwritten set;
    dx_buf piece;
} fixture;

static void init(fixture *f) {
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 1);
    dx_unwritten_init(&f->set, &f->alloc.port, &f->random.port);
    dx_buf_init(&f->piece, &f->alloc.port, PIECE_MAX);
}

static void deinit(fixture *f) {
    dx_unwritten_deinit(&f->set);
    dx_buf_deinit(&f->piece);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static void write_row(fixture *f, const dx_unwritten_row *row) {
    assert_int_equal(dx_row_log_write(row, &f->piece), DX_OK);
}

/* Changed, with all a row may have; made and gone again; deleted from its table. */
static void write_rows(fixture *f) {
    dx_unwritten_row row = {.key = (int64_t)5 << 48 | 70000, .was = true, .is = true};
    row.before = (dx_entity_row){.kind = 1, .type = 3, .deleted = true};
    row.after = (dx_entity_row){.kind = 1,
                                .type = 300,
                                .model = -70000,
                                .created = INT64_MAX,
                                .parent = 24,
                                .has_life = true,
                                .life_counter = 255,
                                .life_feed = 256,
                                .source = 65535,
                                .target = 65536,
                                .state = dx_bytes_text("a state that is longer than a head's own bits")};
    write_row(f, &row);
    row = (dx_unwritten_row){.key = 8};
    write_row(f, &row);
    row = (dx_unwritten_row){.key = 9, .was = true};
    row.before = (dx_entity_row){.type = 4};
    write_row(f, &row);
}

enum { PIECE = 7 };

/* Objects: whether it is there now and was not. */
static int weigh(void *ctx, const dx_unwritten_row *row, dx_unwritten_packed *packed) {
    ++*(size_t *)ctx;
    packed->objects = (int8_t)(row->is - row->was);
    return DX_OK;
}

static int pack(fixture *f, dx_bytes piece) {
    size_t weighed = 0;
    dx_unwritten_clear(&f->set);
    int error = dx_row_log_pack(&f->set, PIECE, piece, weigh, &weighed);
    assert_true(error != DX_OK || weighed == f->set.in_log);
    return error;
}

static void test_as_written(void **state) {
    (void)state;
    fixture f;
    init(&f);
    write_rows(&f);
    dx_buf again;
    dx_buf_init(&again, &f.alloc.port, PIECE_MAX);
    assert_int_equal(pack(&f, dx_buf_view(&f.piece)), DX_OK);
    assert_true(f.set.row_count == 0 && f.set.packed_left == 3 && f.set.packed_objects == -1);
    assert_true(f.set.in_log == 3 && f.set.made == 1 && f.set.changes == 0);
    dx_bytes piece = dx_buf_view(&f.piece);
    assert_int_equal(dx_row_log_unpack_piece(&f.set, PIECE + 1, piece), DX_OK);
    assert_int_equal(f.set.packed_left, 3); /* they stand in another one */
    assert_int_equal(dx_row_log_unpack_row(&f.set, dx_unwritten_find_packed(&f.set, 9), piece), DX_OK);
    assert_int_equal(f.set.packed_left, 2);
    assert_int_equal(dx_row_log_unpack_piece(&f.set, PIECE, piece), DX_OK);
    assert_true(f.set.packed_left == 0 && f.set.row_count == 3);
    static const size_t numbers[] = {1, 2, 0}; /* the last one was first */
    for (size_t i = 0; i < f.set.row_count; i++) {
        const dx_unwritten_row *row = dx_unwritten_at(&f.set, numbers[i]);
        assert_true(row->logged && row->unread == row->was);
        assert_int_equal(dx_row_log_write(row, &again), DX_OK);
    }
    assert_true(dx_bytes_equal(dx_buf_view(&again), piece));
    dx_buf_deinit(&again);
    deinit(&f);
}

/* Of two rows of a key the later one counts. */
static void test_later_row(void **state) {
    (void)state;
    fixture f;
    init(&f);
    dx_unwritten_row row = {.key = 9, .is = true};
    row.after = (dx_entity_row){.type = 4, .state = dx_bytes_text("first")};
    write_row(&f, &row);
    row.after = (dx_entity_row){.type = 4, .parent = 2, .state = dx_bytes_text("second")};
    write_row(&f, &row);
    assert_int_equal(pack(&f, dx_buf_view(&f.piece)), DX_OK);
    assert_true(f.set.packed_left == 1 && f.set.packed_objects == 1 && f.set.made == 1);
    assert_int_equal(dx_row_log_unpack_piece(&f.set, PIECE, dx_buf_view(&f.piece)), DX_OK);
    const dx_unwritten_row *loaded = dx_unwritten_find(&f.set, 9);
    assert_true(f.set.row_count == 1 && !loaded->was && !loaded->unread && loaded->is);
    assert_true(dx_bytes_equal(loaded->after.state, dx_bytes_text("second")));
    assert_non_null(dx_key_table_find(&f.set.parents, 2));
    deinit(&f);
}

/* A place at which another row stands, or none. */
static void test_wrong_place(void **state) {
    (void)state;
    fixture f;
    init(&f);
    write_rows(&f);
    assert_int_equal(pack(&f, dx_buf_view(&f.piece)), DX_OK);
    const dx_unwritten_packed *packed = dx_unwritten_find_packed(&f.set, 9);
    for (size_t at = 0; at < f.piece.size + 2; at++) {
        dx_unwritten_packed moved = *packed;
        moved.offset = (uint32_t)at;
        assert_int_equal(dx_row_log_unpack_row(&f.set, &moved, dx_buf_view(&f.piece)), DX_E_MALFORMED);
    }
    assert_int_equal(f.set.packed_left, 3);
    deinit(&f);
}

/* Cut off anywhere but between two rows; a byte of another kind; a head that is longer than it must be. */
static void test_refused(void **state) {
    (void)state;
    fixture f;
    init(&f);
    write_rows(&f);
    size_t whole = 0;
    for (size_t size = 0; size <= f.piece.size; size++) {
        int error = pack(&f, dx_bytes_of(f.piece.data, size));
        assert_true(error == DX_OK || error == DX_E_MALFORMED);
        whole += error == DX_OK;
    }
    assert_int_equal(whole, 4);
    static const char *const pieces[] = {"\x83\x18\x09\xf6\xf6", "\x83\x20\xf6\xf6", "\x82\x09\xf6",
                                         "\x83\x09\xf5\xf6",     "\x83\x09\xf6\xf7", "\x83\x41\xf6\xf6",
                                         "\x83\x1c\xf6\xf6"};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        assert_int_equal(pack(&f, dx_bytes_text(pieces[i])), DX_E_MALFORMED);
    }
    assert_int_equal(pack(&f, dx_bytes_text("\x83\x09\xf6\xf6")), DX_OK);
    deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_as_written), DX_TEST(test_later_row), DX_TEST(test_wrong_place),
             DX_TEST(test_refused))
