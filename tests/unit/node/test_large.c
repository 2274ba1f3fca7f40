/* tests/unit/node/test_large.c: an object larger than an answer hides no other. */
#include <dxos/codec.h>
#include <dxos/node.h>

#include "disk.h"
#include "test.h"

enum { VALUE_SIZE = 1000000, LARGE_VALUES = 5, BODY_MAX = 8 << 20, ANSWER_MAX = 4 << 20 };

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    sim_disk *disk;
    dx_node *node;
    uint64_t time_ms;
    uint8_t requests;
    char space[65];
    /* Of the last command. */
    dx_buf reply;
    size_t rows, omitted, large;
    int64_t omitted_size;
    char ids[8][80];
} fixture;

static void take_row(fixture *f, dx_bytes row) {
    dx_bytes id = dx_item_text(dx_item_get(row, "id")), omitted = dx_item_get(row, "omitted");
    assert_int_equal(dx_item_check(row), DX_OK);
    assert_true(f->rows < 8 && id.size < sizeof f->ids[0]);
    snprintf(f->ids[f->rows++], sizeof f->ids[0], "%.*s", (int)id.size, (const char *)id.data);
    f->large += dx_item_text(dx_item_get(dx_item_get(row, "data"), "v3")).size == VALUE_SIZE;
    if (omitted.size > 0) {
        f->omitted++;
        f->omitted_size = dx_item_int(omitted, 0);
        assert_int_equal(dx_item_kind(dx_item_get(row, "data")), DX_KIND_NULL);
        assert_int_equal(dx_item_kind(dx_item_get(row, "type")), DX_KIND_TEXT);
    }
}

static void take_effects(fixture *f, const dx_effects *effects) {
    for (size_t i = 0; i < effects->count; i++) {
        dx_bytes body = effects->items[i].body, rows = dx_item_get(body, "rows");
        assert_true(body.size <= ANSWER_MAX);
        if (effects->items[i].kind == DX_EFFECT_REPLY) {
            dx_buf_clear(&f->reply);
            dx_buf_append(&f->reply, body.data, body.size);
        } else if (rows.size > 0) {
            dx_reader reader;
            dx_reader_init(&reader, rows);
            for (size_t count = dx_read_array(&reader); count > 0; count--) {
                take_row(f, dx_read_item(&reader));
            }
        }
    }
}

/* Runs a command to its reply; a port that reads all it is sent. A watch has none: it gets a few steps. */
static void ask(fixture *f, dx_bytes body) {
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = 1, .request = {++f->requests}, .body = body};
    dx_event took = {.kind = DX_EVENT_PORT_WRITABLE, .time_ms = f->time_ms, .port = 1, .size = BODY_MAX};
    dx_effects effects;
    assert_int_equal(dx_node_step(f->node, &took, 1, &effects), DX_OK);
    f->rows = f->omitted = f->large = 0;
    dx_buf_clear(&f->reply);
    for (int steps = 0; f->reply.size == 0 && steps < 12; steps++) {
        event.time_ms = ++f->time_ms;
        assert_int_equal(dx_node_step(f->node, &event, 1, &effects), DX_OK);
        take_effects(f, &effects);
        event = took;
    }
}

static void ask_json(fixture *f, const char *json) {
    dx_buf body;
    dx_writer writer;
    dx_buf_init(&body, &f->alloc.port, BODY_MAX);
    dx_writer_init(&writer, &body);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), DX_OK);
    ask(f, dx_buf_view(&body));
    dx_buf_deinit(&body);
}

static void fixture_init(fixture *f) {
    memset(f, 0, sizeof *f);
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 1);
    dx_buf_init(&f->reply, &f->alloc.port, BODY_MAX);
    f->disk = sim_disk_create(1, &(sim_disk_config){0});
    dx_node_config config = {.alloc = f->alloc.port,
                             .random = f->random.port,
                             .vfs = sim_disk_vfs(f->disk),
                             .path = "vault.db",
                             .create = true};
    assert_int_equal(dx_node_open(&config, &f->node, NULL, 0), DX_OK);
    dx_effects effects;
    assert_int_equal(dx_node_step(f->node, &(dx_event){.kind = DX_EVENT_PORT_UP, .port = 1}, 1, &effects),
                     DX_OK);
    ask_json(f, "{\"do\": \"halo.create\", \"name\": \"a\"}");
    ask_json(f, "{\"do\": \"space.create\"}");
    dx_bytes space = dx_item_text(dx_item_get(dx_buf_view(&f->reply), "space"));
    assert_int_equal(space.size, 64);
    memcpy(f->space, space.data, 64);
}

static void fixture_deinit(fixture *f) {
    dx_node_close(f->node);
    dx_buf_deinit(&f->reply);
    assert_int_equal(f->alloc.live_bytes, 0);
    sim_disk_destroy(f->disk);
}

static void add(fixture *f, char id[static 80]) {
    char json[200];
    snprintf(json, sizeof json, "{\"do\": \"object.add\", \"space\": \"%s\", \"type\": \"t\"}", f->space);
    ask_json(f, json);
    dx_bytes text = dx_item_text(dx_item_get(dx_buf_view(&f->reply), "id"));
    assert_true(text.size > 0);
    snprintf(id, 80, "%.*s", (int)text.size, (const char *)text.data);
}

/* Sets members v0 … each to a text of a million characters. */
static void grow(fixture *f, const char *id, int values) {
    char *json = malloc(VALUE_SIZE + 400);
    assert_non_null(json);
    for (int i = 0; i < values; i++) {
        int at = snprintf(json, 400,
                          "{\"do\": \"object.set\", \"space\": \"%s\", \"id\": \"%s\", \"set\": {\"v%d\": \"",
                          f->space, id, i);
        memset(json + at, 'a' + i, VALUE_SIZE);
        memcpy(json + at + VALUE_SIZE, "\"}}", 4);
        ask_json(f, json);
        dx_bytes reply = dx_buf_view(&f->reply);
        assert_int_equal(dx_item_get(reply, "error").size, 0);
        assert_int_equal(dx_item_get(reply, "omitted").size > 0, i >= 4); /* the fifth is one too many */
    }
    free(json);
}

static void ask_space(fixture *f, const char *command) {
    char json[200];
    snprintf(json, sizeof json, "{\"do\": \"%s\", \"space\": \"%s\"}", command, f->space);
    ask_json(f, json);
}

static void test_rows(void **state) {
    (void)state;
    fixture f;
    char first[80], large[80], fits[80], last[80], json[300];
    fixture_init(&f);
    add(&f, first);
    add(&f, large);
    add(&f, fits);
    add(&f, last);
    grow(&f, large, LARGE_VALUES);
    grow(&f, fits, 4); /* four million bytes are a row of its own */
    static const char *const commands[] = {"query", "object.ls", "export"};
    for (size_t i = 0; i < 3; i++) {
        ask_space(&f, commands[i]);
        assert_int_equal(f.rows, 4);
        assert_int_equal(dx_item_int(dx_item_get(dx_buf_view(&f.reply), "count"), 0), 4);
        assert_string_equal(f.ids[0], first);
        assert_string_equal(f.ids[1], large);
        assert_string_equal(f.ids[2], fits);
        assert_string_equal(f.ids[3], last);
        assert_int_equal(f.large, 1);
        assert_int_equal(f.omitted, 1);
        assert_true(f.omitted_size > LARGE_VALUES * VALUE_SIZE);
    }
    snprintf(json, sizeof json, "{\"do\": \"object.get\", \"space\": \"%s\", \"id\": \"%s\"}", f.space,
             large);
    ask_json(&f, json);
    assert_true(dx_item_int(dx_item_get(dx_buf_view(&f.reply), "omitted"), 0) == f.omitted_size ||
                f.rows == 0);
    assert_int_equal(dx_item_kind(dx_item_get(dx_buf_view(&f.reply), "data")), DX_KIND_NULL);
    fixture_deinit(&f);
}

/* Who watches is told that it changed. */
static void test_watch(void **state) {
    (void)state;
    fixture f;
    char large[80];
    fixture_init(&f);
    add(&f, large);
    ask_space(&f, "watch");
    grow(&f, large, LARGE_VALUES);
    assert_int_equal(f.rows, 1);
    assert_int_equal(f.omitted, 1);
    assert_string_equal(f.ids[0], large);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_rows), DX_TEST(test_watch))
