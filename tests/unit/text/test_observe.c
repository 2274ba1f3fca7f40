/* tests/unit/text/test_observe.c: events as deltas: an editor that does what it is told shows the document (text/observe.c,
 * text/delta_write.c). */
#include "desk.h"

/* --- An editor that knows nothing but deltas --------------------------------------------------- */

enum { UNITS_MAX = 8192, WORD = 160 };

/* One unit of a text: its content, and its formatting as sorted "key=value;". */
typedef struct unit {
    char content[WORD], attributes[WORD];
} unit;

typedef struct editor {
    unit *units;
    size_t count;
    dx_text_type type;
    size_t told;
    uint64_t origin;
    bool local;
    const dx_text_undo_manager *undoes;
    char last[512]; /* the last delta, and keys */
} editor;

static void editor_open(editor *it, dx_text_type type) {
    *it = (editor){.units = calloc(UNITS_MAX, sizeof(unit)), .type = type};
}

/* One key is set (value NULL: ended). */
static void set_attribute(char *attributes, const char *key, const char *value) {
    char out[WORD] = "", rest[WORD], *next;
    size_t size = 0;
    bool placed = value == NULL;
    memcpy(rest, attributes, WORD);
    for (char *at = rest; *at != 0; at = next) {
        char *end = strchr(at, ';'), name[WORD] = "";
        next = end + 1;
        *end = 0;
        memcpy(name, at, (size_t)(strchr(at, '=') - at));
        int order = strcmp(name, key);
        if (!placed && order > 0) {
            size += (size_t)snprintf(out + size, WORD - size, "%s=%s;", key, value);
            placed = true;
        }
        if (order != 0) {
            size += (size_t)snprintf(out + size, WORD - size, "%s;", at);
        }
    }
    if (!placed) {
        snprintf(out + size, WORD - size, "%s=%s;", key, value);
    }
    memcpy(attributes, out, WORD);
}

/* A JSON value as text, by its bytes in the codec's form. */
static void spell(dx_bytes item, char *out) {
    if (dx_item_text(item).data != NULL) {
        char *text = text_of(item);
        snprintf(out, WORD, "%s", text);
        free(text);
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < item.size && at + 3 < WORD; i++) {
        at += (size_t)snprintf(out + at, WORD - at, "%02x", item.data[i]);
    }
    out[at] = 0;
}

static void apply_attributes(unit *at, dx_bytes attributes) {
    dx_reader reader;
    if (attributes.size == 0) {
        return;
    }
    dx_reader_init(&reader, attributes);
    uint64_t count = dx_read_map(&reader);
    for (uint64_t i = 0; i < count; i++) {
        char key[WORD], value[WORD];
        spell(dx_read_item(&reader), key);
        dx_bytes item = dx_read_item(&reader);
        bool null = item.size == 1 && item.data[0] == 0xf6; /* as the codec has it */
        spell(item, value);
        set_attribute(at->attributes, key, null ? NULL : value);
    }
}

static unit *open_gap(editor *it, size_t at, size_t count) {
    assert_true(it->count + count <= UNITS_MAX && at <= it->count);
    memmove(it->units + at + count, it->units + at, (it->count - at) * sizeof(unit));
    memset(it->units + at, 0, count * sizeof(unit));
    it->count += count;
    return it->units + at;
}

/* Characters are ASCII here. */
static size_t insert(editor *it, size_t at, dx_bytes what, dx_bytes attributes) {
    dx_bytes text = dx_item_text(what);
    size_t count = text.data != NULL ? text.size : 1;
    unit *made = open_gap(it, at, count);
    for (size_t i = 0; i < count; i++) {
        if (text.data != NULL) {
            made[i].content[0] = (char)text.data[i];
        } else {
            spell(what, made[i].content);
        }
        apply_attributes(&made[i], attributes);
    }
    return count;
}

static void follow(editor *it, test_alloc *alloc, dx_bytes json) {
    dx_buf item = buffer(alloc);
    dx_writer writer;
    char message[96] = "";
    dx_writer_init(&writer, &item);
    assert_int_equal(dx_json_parse(json, &writer, message, sizeof message), DX_OK);
    dx_bytes op;
    size_t at = 0;
    for (dx_reader ops = elements_of(dx_buf_view(&item)); next_element(&ops, &op);) {
        dx_bytes what = dx_item_get(op, "insert"), attributes = dx_item_get(op, "attributes");
        size_t gone = (size_t)dx_item_int(dx_item_get(op, "delete"), 0);
        size_t kept = (size_t)dx_item_int(dx_item_get(op, "retain"), 0);
        if (what.size != 0) {
            at += insert(it, at, what, attributes);
        } else if (gone != 0) {
            assert_true(at + gone <= it->count);
            memmove(it->units + at, it->units + at + gone, (it->count - at - gone) * sizeof(unit));
            it->count -= gone;
        } else {
            assert_true(kept != 0 && at + kept <= it->count);
            for (size_t i = 0; i < kept; i++) {
                apply_attributes(&it->units[at + i], attributes);
            }
            at += kept;
        }
    }
    dx_buf_deinit(&item);
}

static void assert_shows(editor *it, desk *at) {
    editor fresh;
    dx_buf delta = buffer(&at->alloc);
    editor_open(&fresh, it->type);
    assert_int_equal(dx_text_delta(at->doc, it->type, &delta), DX_OK);
    follow(&fresh, &at->alloc, dx_buf_view(&delta));
    assert_int_equal(it->count, fresh.count);
    for (size_t i = 0; i < it->count; i++) {
        assert_string_equal(it->units[i].content, fresh.units[i].content);
        assert_string_equal(it->units[i].attributes, fresh.units[i].attributes);
    }
    dx_buf_deinit(&delta);
    free(fresh.units);
}

typedef struct listener {
    editor editor;
    desk *desk;
} listener;

static void hear(void *ctx, const dx_text_event *event) {
    listener *self = ctx;
    test_alloc alloc;
    test_alloc_init(&alloc);
    self->editor.told++;
    self->editor.origin = event->origin;
    self->editor.local = event->local;
    self->editor.undoes = event->undoes;
    self->editor.last[0] = 0;
    assert_int_equal(event->error, DX_OK);
    for (size_t i = 0; i < event->type_count; i++) {
        dx_buf delta = buffer(&alloc), keys = buffer(&alloc);
        assert_int_equal(dx_text_event_delta(event, event->types[i], &delta), DX_OK);
        assert_int_equal(dx_text_event_keys(event, event->types[i], &keys), DX_OK);
        snprintf(self->editor.last, sizeof self->editor.last, "%.*s %.*s", (int)delta.size,
                 (const char *)delta.data, (int)keys.size, (const char *)keys.data);
        if (event->types[i] == self->editor.type &&
            dx_text_kind_of(event->doc, self->editor.type) == DX_TEXT_KIND_TEXT) {
            follow(&self->editor, &alloc, dx_buf_view(&delta));
        }
        dx_buf_deinit(&delta);
        dx_buf_deinit(&keys);
    }
    assert_int_equal(alloc.live_bytes, 0);
    /* Nothing can be changed now. */
    dx_text_doc *doc = self->desk->doc;
    assert_int_equal(dx_text_insert(doc, self->desk->text, 0, dx_bytes_text("no"), NULL), DX_E_STATE);
    assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, NULL), DX_E_STATE);
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_bytes_of("\0", 2)), DX_E_STATE);
    assert_int_equal(dx_text_unobserve(doc, hear, self), DX_E_STATE);
}

static void listen(listener *it, desk *at, dx_text_type type) {
    it->desk = at;
    editor_open(&it->editor, type);
    assert_int_equal(dx_text_observe(at->doc, hear, it), DX_OK);
}

static void deafen(listener *it) {
    free(it->editor.units);
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void test_text(void **state) {
    (void)state;
    desk it;
    listener ear;
    desk_open(&it, 1);
    listen(&ear, &it, it.text);
    type_in(&it, 0, "hello world");
    assert_string_equal(ear.editor.last, "[{\"insert\":\"hello world\"}] {}");
    type_in(&it, 5, ",");
    assert_string_equal(ear.editor.last, "[{\"retain\":5},{\"insert\":\",\"}] {}");
    type_in(&it, 6, "!"); /* longer now by what follows it */
    assert_string_equal(ear.editor.last, "[{\"retain\":6},{\"insert\":\"!\"}] {}");
    rub_out(&it, 2, 5);
    assert_string_equal(ear.editor.last, "[{\"retain\":2},{\"delete\":5}] {}");
    assert_int_equal(dx_text_format(it.doc, it.text, 1, 4, "{\"b\":true}"), DX_OK);
    assert_string_equal(ear.editor.last, "[{\"retain\":1},{\"retain\":4,\"attributes\":{\"b\":true}}] {}");
    type_in(&it, 3, "x");
    assert_string_equal(ear.editor.last,
                        "[{\"retain\":3},{\"insert\":\"x\",\"attributes\":{\"b\":true}}] {}");
    assert_int_equal(dx_text_format(it.doc, it.text, 2, 2, "{\"b\":null,\"i\":{\"a\":[1]}}"), DX_OK);
    assert_string_equal(ear.editor.last,
                        "[{\"retain\":2},{\"retain\":2,\"attributes\":{\"i\":{\"a\":[1]},\"b\":null}}] {}");
    assert_int_equal(dx_text_insert_embed(it.doc, it.text, 1, "{\"image\":\"x\"}", NULL), DX_OK);
    assert_string_equal(ear.editor.last, "[{\"retain\":1},{\"insert\":{\"image\":\"x\"}}] {}");
    assert_shows(&ear.editor, &it);
    size_t told = ear.editor.told;
    assert_int_equal(dx_text_begin(it.doc), DX_OK);
    type_in(&it, 0, "abc");
    rub_out(&it, 1, 4);
    assert_int_equal(dx_text_commit(it.doc, DX_TEXT_V1, NULL), DX_OK);
    assert_int_equal(ear.editor.told, told + 1);
    assert_shows(&ear.editor, &it);
    assert_int_equal(dx_text_begin(it.doc), DX_OK);
    assert_int_equal(dx_text_commit(it.doc, DX_TEXT_V1, NULL), DX_OK);
    assert_int_equal(ear.editor.told, told + 1);
    assert_int_equal(dx_text_unobserve(it.doc, hear, &ear), DX_OK);
    assert_int_equal(dx_text_unobserve(it.doc, hear, &ear), DX_E_NOT_FOUND);
    type_in(&it, 0, "unheard");
    assert_int_equal(ear.editor.told, told + 1);
    deafen(&ear);
    desk_close(&it);
}

static void test_units(void **state) {
    (void)state;
    static const struct {
        dx_text_unit unit;
        const char *deleted;
    } rows[] = {{DX_TEXT_UTF16, "[{\"retain\":3},{\"delete\":3}] {}"},
                {DX_TEXT_UTF8, "[{\"retain\":6},{\"delete\":5}] {}"},
                {DX_TEXT_CODE_POINTS, "[{\"retain\":2},{\"delete\":2}] {}"}};
    static const uint64_t places[][2] = {{3, 3}, {6, 5}, {2, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        desk it;
        desk_open_with(&it, &(dx_text_options){.client = 1, .unit = rows[i].unit});
        /* ä, a grin, b, a grin, c */
        type_in(&it, 0,
                "\xc3\xa4\xf0\x9f\x98\x80"
                "b\xf0\x9f\x98\x80"
                "c");
        for (int formatted = 0; formatted < 2; formatted++) {
            listener ear;
            listen(&ear, &it, 0);
            rub_out(&it, places[i][0], places[i][1]);
            assert_string_equal(ear.editor.last, rows[i].deleted);
            assert_int_equal(dx_text_unobserve(it.doc, hear, &ear), DX_OK);
            deafen(&ear);
            assert_int_equal(
                dx_text_insert(it.doc, it.text, places[i][0], dx_bytes_text("b\xf0\x9f\x98\x80"), NULL),
                DX_OK);
            assert_int_equal(dx_text_format(it.doc, it.text, 0, 1, "{\"b\":1}"), DX_OK);
        }
        desk_close(&it);
    }
}

static void test_arrays_and_maps(void **state) {
    (void)state;
    desk it;
    listener ear;
    dx_text_type array, map, child;
    desk_open(&it, 1);
    assert_int_equal(dx_text_root(it.doc, "a", DX_TEXT_KIND_ARRAY, &array), DX_OK);
    assert_int_equal(dx_text_root(it.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    listen(&ear, &it, it.text);
    assert_int_equal(dx_text_array_insert(it.doc, array, 0, "[1,\"two\",[3]]"), DX_OK);
    assert_string_equal(ear.editor.last, "[{\"insert\":[1,\"two\",[3]]}] {}");
    assert_int_equal(dx_text_array_delete(it.doc, array, 1, 1), DX_OK);
    assert_string_equal(ear.editor.last, "[{\"retain\":1},{\"delete\":1}] {}");
    assert_int_equal(dx_text_array_insert_type(it.doc, array, 2, DX_TEXT_KIND_MAP, NULL, &child), DX_OK);
    assert_string_equal(ear.editor.last,
                        "[{\"retain\":2},{\"insert\":[{\"@type\":\"map\",\"value\":{}}]}] {}");
    assert_int_equal(dx_text_map_set(it.doc, child, "k", "1"), DX_OK);
    assert_string_equal(ear.editor.last, "[] {\"k\":{\"action\":\"add\",\"value\":1}}");
    assert_int_equal(dx_text_map_set(it.doc, child, "k", "[2]"), DX_OK);
    assert_string_equal(ear.editor.last, "[] {\"k\":{\"action\":\"update\",\"value\":[2],\"oldValue\":1}}");
    assert_int_equal(dx_text_map_delete(it.doc, child, "k"), DX_OK);
    assert_string_equal(ear.editor.last, "[] {\"k\":{\"action\":\"delete\",\"oldValue\":[2]}}");
    assert_int_equal(dx_text_begin(it.doc), DX_OK);
    assert_int_equal(dx_text_map_set(it.doc, map, "gone", "1"), DX_OK);
    assert_int_equal(dx_text_map_delete(it.doc, map, "gone"), DX_OK);
    assert_int_equal(dx_text_map_set(it.doc, map, "k", "1"), DX_OK);
    assert_int_equal(dx_text_map_set(it.doc, map, "k", "2"), DX_OK);
    assert_int_equal(dx_text_map_set(it.doc, map, "j", "3"), DX_OK);
    assert_int_equal(dx_text_commit(it.doc, DX_TEXT_V1, NULL), DX_OK);
    assert_string_equal(ear.editor.last,
                        "[] {\"k\":{\"action\":\"add\",\"value\":2},\"j\":{\"action\":\"add\",\"value\":3}}");
    /* A type that goes takes its own changes with it. */
    assert_int_equal(dx_text_begin(it.doc), DX_OK);
    assert_int_equal(dx_text_map_set(it.doc, child, "late", "1"), DX_OK);
    assert_int_equal(dx_text_array_delete(it.doc, array, 2, 1), DX_OK);
    assert_int_equal(dx_text_commit(it.doc, DX_TEXT_V1, NULL), DX_OK);
    assert_string_equal(ear.editor.last, "[{\"retain\":2},{\"delete\":1}] {}");
    deafen(&ear);
    desk_close(&it);
}

/* What another set at the same time and what loses changes nothing: nothing is told of the key. */
static void test_keys_that_stay(void **state) {
    (void)state;
    desk one, other;
    listener ear;
    dx_text_type map, theirs;
    desk_open(&one, 9);
    desk_open(&other, 1);
    assert_int_equal(dx_text_root(one.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    assert_int_equal(dx_text_root(other.doc, "m", DX_TEXT_KIND_MAP, &theirs), DX_OK);
    assert_int_equal(dx_text_map_set(one.doc, map, "k", "1"), DX_OK);
    assert_int_equal(dx_text_map_set(other.doc, theirs, "k", "2"), DX_OK);
    listen(&ear, &one, one.text);
    give(&other, &one);
    assert_string_equal(ear.editor.last, "[] {}");
    assert_int_equal(dx_text_map_set(other.doc, theirs, "j", "3"), DX_OK);
    give(&other, &one);
    assert_string_equal(ear.editor.last, "[] {\"j\":{\"action\":\"add\",\"value\":3}}");
    deafen(&ear);
    desk_close(&other);
    desk_close(&one);
}

static void test_origin(void **state) {
    (void)state;
    desk a, b;
    listener ear;
    dx_text_undo_manager *manager;
    bool done;
    desk_open(&a, 1);
    desk_open(&b, 2);
    listen(&ear, &b, b.text);
    assert_int_equal(dx_text_undo_create(b.doc, &(dx_text_undo_options){.window = 0}, &manager), DX_OK);
    type_in(&a, 0, "remote");
    assert_int_equal(dx_text_set_origin(b.doc, 42), DX_OK);
    give(&a, &b);
    assert_true(ear.editor.origin == 42 && !ear.editor.local && ear.editor.undoes == NULL);
    assert_int_equal(dx_text_set_origin(b.doc, 0), DX_OK);
    type_in(&b, 0, "local ");
    assert_true(ear.editor.origin == 0 && ear.editor.local && ear.editor.undoes == NULL);
    assert_int_equal(dx_text_undo(manager, &done), DX_OK);
    assert_true(ear.editor.local && ear.editor.undoes == manager);
    assert_int_equal(ear.editor.told, 3);
    give(&a, &b); /* nothing new */
    assert_int_equal(ear.editor.told, 3);
    assert_shows(&ear.editor, &b);
    deafen(&ear);
    desk_close(&a);
    desk_close(&b);
}

/* --- At random --------------------------------------------------------------------------------- */

static void edit_at_random(desk *it, test_random *random) {
    static const char *const formats[] = {"{\"b\":true}", "{\"b\":null}", "{\"i\":{\"x\":1}}",
                                          "{\"i\":null,\"b\":1}", "{\"b\":\"q\"}"};
    uint64_t length = dx_text_length(it->doc, it->text), at = test_random_next(random) % (length + 1);
    uint64_t run = (test_random_next(random) % 6) % (length - at + 1);
    switch (test_random_next(random) % 6) {
    case 0:
        rub_out(it, at, run);
        break;
    case 1:
    case 2:
        assert_int_equal(dx_text_format(it->doc, it->text, at, run, formats[test_random_next(random) % 5]),
                         DX_OK);
        break;
    case 3:
        assert_int_equal(
            dx_text_insert_embed(it->doc, it->text, at, "{\"e\":1}", formats[test_random_next(random) % 5]),
            DX_OK);
        break;
    case 4:
        assert_int_equal(dx_text_insert(it->doc, it->text, at, dx_bytes_text("xyz"),
                                        formats[test_random_next(random) % 5]),
                         DX_OK);
        break;
    default:
        type_in(it, at, &"lorem ipsum"[test_random_next(random) % 10]);
    }
}

static void play(uint64_t seed) {
    enum { REPLICAS = 3 };
    test_random random = {.state = seed};
    desk desks[REPLICAS];
    listener ears[REPLICAS];
    dx_text_undo_manager *manager;
    bool done;
    for (size_t i = 0; i < REPLICAS; i++) {
        desk_open_with(&desks[i], &(dx_text_options){.client = i + 1, .keep_deleted = i == 2});
        listen(&ears[i], &desks[i], desks[i].text);
    }
    assert_int_equal(dx_text_undo_create(desks[0].doc, &(dx_text_undo_options){.window = 0}, &manager),
                     DX_OK);
    for (int round = 0; round < 50; round++) {
        size_t i = test_random_next(&random) % REPLICAS,
               other = (i + 1 + test_random_next(&random) % 2) % REPLICAS;
        switch (test_random_next(&random) % 5) {
        case 0:
            give(&desks[other], &desks[i]);
            break;
        case 1:
            assert_int_equal(dx_text_begin(desks[i].doc), DX_OK);
            for (uint64_t edits = test_random_next(&random) % 5; edits > 0; edits--) {
                edit_at_random(&desks[i], &random);
            }
            assert_int_equal(dx_text_commit(desks[i].doc, DX_TEXT_V2, NULL), DX_OK);
            break;
        case 2:
            assert_int_equal(test_random_next(&random) % 2 != 0 ? dx_text_undo(manager, &done)
                                                                : dx_text_redo(manager, &done),
                             DX_OK);
            break;
        default:
            edit_at_random(&desks[i], &random);
        }
        assert_shows(&ears[i].editor, &desks[i]);
        assert_shows(&ears[0].editor, &desks[0]);
    }
    for (size_t i = 0; i < REPLICAS; i++) {
        deafen(&ears[i]);
        desk_close(&desks[i]);
    }
}

static void test_histories(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        play(seed);
    }
}

/* --- Without memory ---------------------------------------------------------------------------- */

static void hear_of_trouble(void *ctx, const dx_text_event *event) {
    int *error = ctx;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf delta = buffer(&alloc);
    *error = event->error;
    if (*error == DX_OK) {
        assert_int_equal(event->type_count, 1);
        *error = dx_text_event_delta(event, event->types[0], &delta);
        assert_int_equal(delta.size == 0, *error != DX_OK);
    } else {
        assert_int_equal(event->type_count, 0);
    }
    dx_buf_deinit(&delta);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    size_t heard_of = 0;
    for (uint64_t at = 1;; at++) {
        desk it;
        int heard = DX_OK;
        desk_open(&it, 1);
        type_in(&it, 0, "abcdefgh");
        it.alloc.calls = 0;
        it.alloc.fail_at = at;
        int error = dx_text_observe(it.doc, hear_of_trouble, &heard);
        error = error != DX_OK ? error : dx_text_format(it.doc, it.text, 1, 3, "{\"b\":1}");
        bool over = it.alloc.calls < at;
        it.alloc.fail_at = 0;
        assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
        assert_true(heard == DX_OK || (heard == DX_E_NO_MEMORY && error == DX_OK));
        heard_of += heard != DX_OK;
        assert_delta(
            &it,
            error == DX_OK
                ? "[{\"insert\":\"a\"},{\"insert\":\"bcd\",\"attributes\":{\"b\":1}},{\"insert\":\"efgh\"}]"
                : "[{\"insert\":\"abcdefgh\"}]");
        desk_close(&it);
        if (over) {
            break;
        }
    }
    assert_true(heard_of > 2);
}

DX_TEST_MAIN(DX_TEST(test_text), DX_TEST(test_units), DX_TEST(test_arrays_and_maps),
             DX_TEST(test_keys_that_stay), DX_TEST(test_origin), DX_TEST(test_histories),
             DX_TEST(test_no_memory))
