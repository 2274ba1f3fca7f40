/* Updates that nobody honest writes, and those that are only unusual: what a document makes of each. */
#include "documents.h"
#include "text_invariants.h"

#include "base/limits.h"

#include <dxos/text_protocol.h>

static test_alloc alloc;

/* An update of given structs, all in one section per client, in the order given. */
static dx_buf update_of(const dx_text_struct *structs, size_t count, const dx_id_set *deletes) {
    dx_buf out = buffer(&alloc);
    dx_text_writer writer;
    dx_text_writer_init(&writer, &alloc.port);
    dx_text_writer_begin(&writer, DX_TEXT_V1, &out);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || structs[i].id.client != structs[i - 1].id.client) {
            dx_text_writer_section(&writer, structs[i].id.client, structs[i].id.clock);
        }
        dx_text_writer_struct(&writer, &structs[i], 0);
    }
    assert_int_equal(dx_text_writer_finish(&writer, deletes), DX_OK);
    dx_text_writer_deinit(&writer);
    return out;
}

static int apply_structs(dx_text_doc *doc, const dx_text_struct *structs, size_t count) {
    dx_buf update = update_of(structs, count, NULL);
    int error = dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&update));
    dx_buf_deinit(&update);
    const char *wrong = text_invariants(doc);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
    return error;
}

static dx_text_struct string_at(uint64_t client, uint64_t clock, const char *text) {
    return (dx_text_struct){.id = {client, clock},
                            .length = strlen(text),
                            .ref = DX_TEXT_STRING,
                            .parent = DX_TEXT_PARENT_ROOT,
                            .parent_name = dx_bytes_text("text"),
                            .content = dx_bytes_text(text)};
}

static dx_text_struct string_after(uint64_t client, uint64_t clock, const char *text, dx_text_id origin) {
    dx_text_struct what = string_at(client, clock, text);
    what.parent = DX_TEXT_PARENT_COPIED;
    what.parent_name = dx_bytes_of(NULL, 0);
    what.has_origin = true;
    what.origin = origin;
    return what;
}

static dx_text_struct type_in(uint64_t client, uint64_t clock, dx_text_kind kind, dx_text_id parent) {
    return (dx_text_struct){.id = {client, clock},
                            .length = 1,
                            .ref = DX_TEXT_TYPE,
                            .type_ref = (uint8_t)kind,
                            .parent = DX_TEXT_PARENT_ID,
                            .parent_id = parent};
}

static void assert_text(dx_text_doc *doc, const char *wanted) {
    dx_text_type type;
    dx_buf text = buffer(&alloc);
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    assert_int_equal(dx_text_read(doc, type, &text), DX_OK);
    assert_bytes_equal(dx_buf_view(&text), dx_bytes_text(wanted));
    dx_buf_deinit(&text);
}

/* Counts, lengths and numbers beyond reason cost nothing. */
static void test_counts(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        int error;
    } rows[] = {
        {"ffffffff07", DX_E_MALFORMED},                     /* two billion sections */
        {"01ffffffff070100", DX_E_MALFORMED},               /* two billion structs */
        {"000101ffffffff07", DX_E_MALFORMED},               /* two billion ranges */
        {"010105000401047465787480808080", DX_E_MALFORMED}, /* a string without an end */
        {"01010500040104746578740000", DX_E_MALFORMED},     /* a string of nothing */
        {"010105000b0104746578740000", DX_E_UNSUPPORTED},   /* a kind of content nobody knows */
        {"0101050000ffffffffffffff0f00", DX_E_LIMIT},       /* garbage of 2^53 - 1 clocks */
        {"010105feffffff0f000500", DX_E_LIMIT},             /* a clock beyond 2^32 */
        {"010105008405000161ff00", DX_E_MALFORMED},         /* its own clock as origin */
    };
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_text_doc *doc = new_document(&alloc, 77, false);
        dx_buf update = from_hex(&alloc, rows[i].hex);
        alloc.limit_bytes = alloc.live_bytes + 4096; /* at any moment of it */
        assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&update)), rows[i].error);
        alloc.limit_bytes = 0;
        assert_false(dx_text_pending(doc));
        assert_encodes(&alloc, doc, DX_TEXT_V1, "0000");
        dx_buf_deinit(&update);
        dx_text_destroy(doc);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* So do they in version 2, in state vectors, in snapshots, in what is said of who is there, and where there is no document. */
static void test_counts_elsewhere(void **state) {
    (void)state;
    static const char *const rows[] = {
        "00ffffffff07",                             /* a column of two billion bytes */
        "00000000000000000000ffffffff07",           /* two billion sections */
        "0000000000000000000001ffffffff070100",     /* two billion structs, and no column */
        "000000000000000000000001ffffffff07",       /* two billion ranges */
        "000000000000000004ffffffff07000000010100", /* strings of two billion bytes */
    };
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_text_awareness *awareness;
    assert_int_equal(dx_text_awareness_create(&alloc.port, 77, &awareness), DX_OK);
    dx_buf many = from_hex(&alloc, "ffffffff07"), none = from_hex(&alloc, "00"), out = buffer(&alloc);
    dx_buf_append(&out, "out", 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_buf update = from_hex(&alloc, rows[i]);
        dx_bytes twice[] = {dx_buf_view(&update), dx_buf_view(&update)};
        alloc.limit_bytes = alloc.live_bytes + 16384;
        assert_true(dx_text_apply(doc, DX_TEXT_V2, twice[0]) < 0);
        assert_true(dx_text_merge_updates(&alloc.port, DX_TEXT_V2, twice, 2, &out) < 0);
        assert_true(dx_text_diff_update(&alloc.port, DX_TEXT_V2, twice[0], dx_buf_view(&none), &out) < 0);
        assert_true(dx_text_convert_update(&alloc.port, DX_TEXT_V2, DX_TEXT_V1, twice[0], &out) < 0);
        assert_true(dx_text_update_state_vector(&alloc.port, DX_TEXT_V2, twice[0], &out) < 0);
        alloc.limit_bytes = 0;
        dx_buf_deinit(&update);
    }
    bool equal;
    alloc.limit_bytes = alloc.live_bytes + 16384;
    assert_int_equal(dx_text_encode(doc, DX_TEXT_V1, dx_buf_view(&many), &out), DX_E_MALFORMED);
    assert_int_equal(
        dx_text_snapshots_equal(&alloc.port, DX_TEXT_V1, dx_buf_view(&many), dx_buf_view(&many), &equal),
        DX_E_MALFORMED);
    assert_int_equal(dx_text_awareness_apply(awareness, dx_buf_view(&many), 0), DX_E_MALFORMED);
    alloc.limit_bytes = 0;
    assert_bytes_equal(dx_buf_view(&out), dx_bytes_text("out"));
    dx_text_awareness_destroy(awareness);
    dx_buf_deinit(&out);
    dx_buf_deinit(&none);
    dx_buf_deinit(&many);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Version 2 has structs of no bytes, runs of them that honest writers make, too: of two billion in 26 bytes as many are read as any update
 * may have, in 64 bytes each, and none is taken. */
static void test_run_without_end(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_buf update = from_hex(&alloc, "0000010100000100010000000641ffffffff0701ffffffff070000");
    alloc.limit_bytes = alloc.live_bytes + 64 * (size_t)DX_TEXT_STRUCTS_FREE;
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V2, dx_buf_view(&update)), DX_E_LIMIT);
    alloc.limit_bytes = 0;
    assert_encodes(&alloc, doc, DX_TEXT_V1, "0000");
    dx_buf_deinit(&update);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Ids of 53 bits, as origins, as parents, in state vectors. */
static void test_large_clients(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, DX_LIB0_UINT_MAX, false);
    const uint64_t low = DX_LIB0_UINT_MAX - 1;
    dx_text_struct structs[] = {string_at(DX_LIB0_UINT_MAX, 0, "b"),
                                string_after(low, 0, "a", (dx_text_id){DX_LIB0_UINT_MAX, 0})};
    assert_int_equal(apply_structs(doc, structs, 2), DX_OK);
    assert_text(doc, "ba");
    dx_buf states = state_vector_of(&alloc, doc);
    dx_text_clocks clocks;
    dx_text_clocks_init(&clocks, &alloc.port);
    assert_int_equal(dx_text_clocks_decode(&clocks, dx_buf_view(&states)), DX_OK);
    assert_int_equal(dx_text_clocks_get(&clocks, DX_LIB0_UINT_MAX), 1);
    assert_int_equal(dx_text_clocks_get(&clocks, low), 1);
    dx_text_clocks_deinit(&clocks);
    dx_buf_deinit(&states);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A parent that is no type, an origin that is garbage: garbage, too, as Yjs has it. */
static void test_parents_that_are_none(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_text_struct gc = {.id = {3, 0}, .length = 4, .ref = DX_TEXT_GC};
    dx_text_struct structs[] = {string_at(9, 0, "abc"), type_in(8, 0, DX_TEXT_KIND_TEXT, (dx_text_id){9, 1}),
                                string_after(7, 0, "x", (dx_text_id){8, 0}), gc,
                                string_after(2, 0, "y", (dx_text_id){3, 2})};
    assert_int_equal(apply_structs(doc, structs, 5), DX_OK);
    assert_false(dx_text_pending(doc));
    assert_text(doc, "abc");
    /* All but the first are in the delete set, since garbage is. */
    dx_buf snapshot = snapshot_of(&alloc, doc, DX_TEXT_V1);
    assert_hex_equal(&alloc, dx_buf_view(&snapshot),
                     "04080100010701000103010004020100010509030801070103040201");
    dx_buf_deinit(&snapshot);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Clocks that overlap with what is here, repeat it, leave a hole before them. */
static void test_overlaps(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_text_struct first = string_at(5, 0, "abc"), longer = string_at(5, 0, "abcdef"),
                   late = string_after(5, 8, "x", (dx_text_id){5, 7});
    assert_int_equal(apply_structs(doc, &first, 1), DX_OK);
    assert_int_equal(apply_structs(doc, &late, 1), DX_OK);
    assert_true(dx_text_pending(doc));
    assert_int_equal(apply_structs(doc, &longer, 1), DX_OK);
    assert_text(doc, "abcdef");
    assert_int_equal(apply_structs(doc, &first, 1), DX_OK);
    assert_text(doc, "abcdef");
    dx_text_struct gap = string_after(5, 6, "gh", (dx_text_id){5, 5});
    assert_int_equal(apply_structs(doc, &gap, 1), DX_OK);
    assert_text(doc, "abcdefghx");
    assert_false(dx_text_pending(doc));
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Two clients that wait for one another, the second behind a hole: when what the first waits for has come, it is tried, although the
 * hole is still there. (Yjs 13.6.33 watches the hole alone, and both wait for ever.) */
static void test_wait_behind_hole(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_text_struct begin = string_at(8, 0, "ab"), waits = string_after(15, 0, "c", (dx_text_id){8, 2});
    dx_text_struct behind = string_after(8, 4, "f", (dx_text_id){8, 3}),
                   second = string_after(1, 1, "y", (dx_text_id){1, 0});
    dx_text_struct first = string_at(1, 0, "x");
    first.parent_name = dx_bytes_text("elsewhere");
    dx_text_struct rest[] = {string_after(8, 2, "d", (dx_text_id){8, 1}),
                             string_after(8, 3, "e", (dx_text_id){15, 0})};
    const dx_text_struct *alone[] = {&begin, &second, &waits, &behind, &first};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(apply_structs(doc, alone[i], 1), DX_OK);
    }
    assert_true(dx_text_pending(doc));
    assert_int_equal(apply_structs(doc, rest, 2), DX_OK);
    assert_false(dx_text_pending(doc));
    assert_text(doc, "abdcef");
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Known in part, and the seam lies inside of a pair: the half that comes is U+FFFD. */
static void test_cut_pair(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_text_struct first = string_at(5, 0, "ab"), second = string_at(5, 0, "a\xf0\x9f\x98\x80z");
    second.length = 4;
    assert_int_equal(apply_structs(doc, &first, 1), DX_OK);
    assert_int_equal(apply_structs(doc, &second, 1), DX_OK);
    assert_text(doc, "ab\xef\xbf\xbdz");
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Types within types, deeper than any stack; then the outermost goes, by a delete and by an overwritten key. */
static void test_depth(void **state) {
    (void)state;
    enum { DEPTH = 50000 };
    dx_text_struct *structs = calloc(DEPTH, sizeof *structs);
    for (uint64_t i = 0; i < DEPTH; i++) {
        structs[i] = type_in(5, i, i % 2 ? DX_TEXT_KIND_TEXT : DX_TEXT_KIND_MAP, (dx_text_id){5, i - 1});
        if (i % 2) {
            structs[i].has_sub = true;
            structs[i].sub = dx_bytes_text("k");
        }
    }
    structs[0].parent = DX_TEXT_PARENT_ROOT;
    structs[0].parent_name = dx_bytes_text("text");
    test_alloc_init(&alloc);
    for (int keep = 0; keep < 2; keep++) {
        dx_text_doc *doc = new_document(&alloc, 77, keep);
        assert_int_equal(apply_structs(doc, structs, DEPTH), DX_OK);
        dx_id_set deletes;
        dx_id_set_init(&deletes, &alloc.port);
        assert_int_equal(dx_id_set_add(&deletes, 5, 0, 1), DX_OK);
        dx_buf update = update_of(NULL, 0, &deletes);
        assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&update)), DX_OK);
        assert_null(text_invariants(doc));
        dx_buf snapshot = snapshot_of(&alloc, doc, DX_TEXT_V1);
        assert_hex_equal(&alloc, dx_buf_view(&snapshot), "01050100d086030105d08603"); /* all of it */
        dx_buf_deinit(&snapshot);
        dx_buf_deinit(&update);
        dx_id_set_deinit(&deletes);
        dx_text_destroy(doc);
    }
    free(structs);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A root that came by an update is of a kind when it is asked for; its list and its keys are both there. */
static void test_unknown_root(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_text_struct entry = string_at(5, 1, "v");
    entry.has_sub = true;
    entry.sub = dx_bytes_text("k");
    dx_text_struct structs[] = {string_at(5, 0, "t"), entry};
    assert_int_equal(apply_structs(doc, structs, 2), DX_OK);
    dx_text_type type, other;
    assert_int_equal(dx_text_kind_of(doc, 1), DX_TEXT_KIND_UNKNOWN);
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    assert_int_equal(dx_text_kind_of(doc, type), DX_TEXT_KIND_TEXT);
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_MAP, &other), DX_E_CONFLICT);
    assert_int_equal(dx_text_root(doc, "\xff", DX_TEXT_KIND_MAP, &other), DX_E_INVALID);
    assert_int_equal(dx_text_length(doc, type), 1);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A right origin before the left one, in the same item; one in another list; two that wait for each other for ever. */
static void test_origins_that_lie(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_text_struct base = string_at(5, 0, "abcdef"), other = string_at(6, 0, "xyz");
    other.parent_name = dx_bytes_text("elsewhere");
    dx_text_struct crossed = string_after(4, 0, "!", (dx_text_id){5, 4});
    crossed.has_right = true;
    crossed.right = (dx_text_id){5, 2};
    dx_text_struct astray = string_after(3, 0, "?", (dx_text_id){5, 5});
    astray.has_right = true;
    astray.right = (dx_text_id){6, 1};
    dx_text_struct structs[] = {other, base, crossed, astray};
    assert_int_equal(apply_structs(doc, structs, 4), DX_OK);
    assert_text(doc, "abcde!f?");
    dx_text_struct circle[] = {string_after(9, 0, "a", (dx_text_id){8, 0}),
                               string_after(8, 0, "b", (dx_text_id){9, 0})};
    assert_int_equal(apply_structs(doc, circle, 2), DX_OK);
    assert_true(dx_text_pending(doc));
    assert_int_equal(apply_structs(doc, circle, 2), DX_OK);
    assert_text(doc, "abcde!f?");
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Entries of one key, two clients' by turns, each placed upon the one before, which it deletes. A struct that names no parent has a
 * bit that tells whether it is an entry; where it stands follows from its origin, whatever the bit says. */
static void apply_entries(bool honest, dx_buf *json) {
    enum { ENTRIES = 50 };
    static dx_text_struct structs[2 * ENTRIES];
    test_alloc_init(&alloc);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        structs[i] = structs[ENTRIES + i] = (dx_text_struct){.id = {2, i},
                                                             .length = 1,
                                                             .ref = DX_TEXT_ANY,
                                                             .has_origin = true,
                                                             .has_sub = honest,
                                                             .origin = {1, i},
                                                             .content = dx_bytes_text("\x7d\x01")};
        structs[ENTRIES + i].id.client = 1;
        structs[ENTRIES + i].origin = (dx_text_id){2, i - 1};
    }
    structs[ENTRIES].has_origin = false;
    structs[ENTRIES].parent = DX_TEXT_PARENT_ROOT;
    structs[ENTRIES].parent_name = dx_bytes_text("map");
    structs[ENTRIES].has_sub = true;
    structs[ENTRIES].sub = dx_bytes_text("key");
    dx_text_doc *doc = new_document(&alloc, 9, false);
    assert_int_equal(apply_structs(doc, structs, 2 * ENTRIES), DX_OK);
    dx_text_type map;
    assert_int_equal(dx_text_root(doc, "map", DX_TEXT_KIND_MAP, &map), DX_OK);
    assert_int_equal(dx_text_json(doc, map, json), DX_OK);
    dx_text_destroy(doc);
}

static void test_entries_without_their_bit(void **state) {
    (void)state;
    for (int honest = 0; honest < 2; honest++) {
        static test_alloc its;
        test_alloc_init(&its);
        dx_buf json = buffer(&its);
        apply_entries(honest, &json);
        assert_true(dx_bytes_equal(dx_buf_view(&json), dx_bytes_text("{\"key\":1}")));
        dx_buf_deinit(&json);
    }
}

/* Calls in the wrong state, arguments that are none. */
static void test_arguments(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_text_doc *doc = NULL;
    dx_text_options options = {.client = 0};
    assert_int_equal(dx_text_create(&alloc.port, &options, &doc), DX_E_INVALID);
    options.client = DX_LIB0_UINT_MAX + 1;
    assert_int_equal(dx_text_create(&alloc.port, &options, &doc), DX_E_INVALID);
    doc = new_document(&alloc, 1, false);
    dx_buf out = buffer(&alloc);
    assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, &out), DX_E_STATE);
    assert_int_equal(dx_text_begin(doc), DX_OK);
    assert_int_equal(dx_text_begin(doc), DX_E_STATE);
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_bytes_of("\0\0", 2)), DX_E_STATE);
    assert_int_equal(dx_text_commit(doc, (dx_text_form)3, &out), DX_E_INVALID);
    assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, &out), DX_OK);
    assert_int_equal(out.size, 0);
    assert_int_equal(dx_text_apply(doc, (dx_text_form)0, dx_bytes_of("\0\0", 2)), DX_E_INVALID);
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V2, dx_bytes_of("\0\0", 2)), DX_E_MALFORMED);
    assert_int_equal(dx_text_encode(doc, DX_TEXT_V1, dx_bytes_of("\xff", 1), &out), DX_E_MALFORMED);
    dx_buf_deinit(&out);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Values that only arrays have stand in a formatted text: a deletion steps over them and goes further, and has reserved for that. */
static void test_values_in_a_text(void **state) {
    (void)state;
    enum { COUNT = 20 };
    static const uint8_t on = DX_ANY_TRUE;
    uint8_t nulls[COUNT];
    dx_text_struct structs[COUNT + 2];
    test_alloc_init(&alloc);
    memset(nulls, DX_ANY_NULL, sizeof nulls);
    structs[0] = (dx_text_struct){.id = {5, 0}, .length = 1, .ref = DX_TEXT_FORMAT};
    structs[0].parent = DX_TEXT_PARENT_ROOT;
    structs[0].parent_name = dx_bytes_text("t");
    structs[0].key = dx_bytes_text("bold");
    structs[0].content = dx_bytes_of(&on, 1);
    structs[1] = (dx_text_struct){.id = {5, 1}, .length = COUNT, .ref = DX_TEXT_ANY, .has_origin = true};
    structs[1].origin = (dx_text_id){5, 0};
    structs[1].content = dx_bytes_of(nulls, COUNT);
    for (size_t i = 2; i < COUNT + 2; i++) {
        /* Each right behind the values, so that no two are deleted as one run. */
        structs[i] =
            (dx_text_struct){.id = {5, COUNT + i - 1}, .length = 1, .ref = DX_TEXT_EMBED, .has_origin = true};
        structs[i].origin = (dx_text_id){5, COUNT};
        structs[i].content = dx_bytes_of(&on, 1);
    }
    dx_text_doc *doc = new_document(&alloc, 9, false);
    dx_text_type text;
    assert_int_equal(dx_text_root(doc, "t", DX_TEXT_KIND_TEXT, &text), DX_OK);
    assert_int_equal(apply_structs(doc, structs, COUNT + 2), DX_OK);
    assert_int_equal(dx_text_length(doc, text), 2 * COUNT);
    assert_int_equal(dx_text_delete(doc, text, 0, COUNT), DX_OK);
    assert_int_equal(dx_text_length(doc, text), COUNT);
    assert_null(text_invariants(doc));
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_counts), DX_TEST(test_values_in_a_text), DX_TEST(test_counts_elsewhere),
             DX_TEST(test_run_without_end), DX_TEST(test_large_clients), DX_TEST(test_parents_that_are_none),
             DX_TEST(test_overlaps), DX_TEST(test_wait_behind_hole), DX_TEST(test_cut_pair),
             DX_TEST(test_depth), DX_TEST(test_unknown_root), DX_TEST(test_origins_that_lie),
             DX_TEST(test_entries_without_their_bit), DX_TEST(test_arguments))
