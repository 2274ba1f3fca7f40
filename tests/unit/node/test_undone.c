/* tests/unit/node/test_undone.c: a step that is undone owes its answers still. */
#include <dxos/codec.h>
#include <dxos/node.h>

#include "disk.h"
#include "test.h"

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    sim_disk *disk;
    dx_node *node;
    uint64_t time_ms;
    char space[65];
} fixture;

/* What came back of a step for one request. */
typedef struct answers {
    size_t replies, errors;
    dx_effects effects;
} answers;

static dx_event command(fixture *f, uint8_t id, const char *json, dx_buf *out) {
    dx_writer writer;
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = 1, .request = {id}};
    dx_buf_init(out, &f->alloc.port, 1 << 20);
    dx_writer_init(&writer, out);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), DX_OK);
    event.body = dx_buf_view(out);
    return event;
}

static answers count_answers(const dx_effects *effects, uint8_t id) {
    answers found = {.effects = *effects};
    for (size_t i = 0; i < effects->count; i++) {
        const dx_effect *effect = &effects->items[i];
        if (effect->kind == DX_EFFECT_REPLY && effect->request[0] == id) {
            found.replies++;
            found.errors += dx_item_get(effect->body, "error").size > 0;
        }
    }
    return found;
}

static dx_effects step(fixture *f, dx_event *events, size_t count) {
    dx_effects effects;
    for (size_t i = 0; i < count; i++) {
        events[i].time_ms = ++f->time_ms;
    }
    assert_int_equal(dx_node_step(f->node, events, count, &effects), DX_OK);
    return effects;
}

static dx_effects ask(fixture *f, uint8_t id, const char *json) {
    dx_buf body;
    dx_event event = command(f, id, json, &body);
    dx_effects effects = step(f, &event, 1);
    dx_buf_deinit(&body);
    return effects;
}

static void fixture_init(fixture *f) {
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 1);
    f->time_ms = 0;
    f->disk = sim_disk_create(1, &(sim_disk_config){0});
    dx_node_config config = {.alloc = f->alloc.port,
                             .random = f->random.port,
                             .vfs = sim_disk_vfs(f->disk),
                             .path = "vault.db",
                             .create = true,
                             .same_file = true};
    assert_int_equal(dx_node_open(&config, &f->node, NULL, 0), DX_OK);
    step(f, &(dx_event){.kind = DX_EVENT_PORT_UP, .port = 1}, 1);
    ask(f, 1, "{\"do\": \"halo.create\", \"name\": \"a\"}");
    dx_effects effects = ask(f, 2, "{\"do\": \"space.create\"}");
    dx_bytes space = dx_item_text(dx_item_get(effects.items[0].body, "space"));
    assert_int_equal(space.size, 64);
    memcpy(f->space, space.data, 64);
    f->space[64] = 0;
}

static void fixture_deinit(fixture *f) {
    dx_node_close(f->node);
    assert_int_equal(f->alloc.live_bytes, 0);
    sim_disk_destroy(f->disk);
}

/* An export goes on over two steps. In the second somebody writes, and the disk's n-th call fails, once:
 * whatever is undone, the export is answered once and the write once. */
static void test_answer_in_undone_step(void **state) {
    size_t undone = 0;
    (void)state;
    for (uint64_t at = 1; at < 40; at++) {
        fixture f;
        char json[200];
        dx_buf body;
        fixture_init(&f);
        snprintf(json, sizeof json, "{\"do\": \"export\", \"space\": \"%s\"}", f.space);
        dx_effects effects = ask(&f, 3, json);
        assert_int_equal(count_answers(&effects, 3).replies, 0);
        snprintf(json, sizeof json, "{\"do\": \"object.add\", \"space\": \"%s\"}", f.space);
        dx_event event = command(&f, 4, json, &body);
        sim_disk_plan(f.disk, &(sim_disk_fault){.calls = SIM_DISK_CHANGES, .at = at});
        effects = step(&f, &event, 1);
        answers read = count_answers(&effects, 3), written = count_answers(&effects, 4);
        for (size_t steps = 0; read.replies == 0 && steps < 4; steps++) {
            effects = step(&f, &(dx_event){.kind = DX_EVENT_CLOCK}, 1);
            read = count_answers(&effects, 3);
        }
        assert_int_equal(read.replies, 1);
        assert_int_equal(written.replies, 1);
        undone += read.errors;
        dx_buf_deinit(&body);
        fixture_deinit(&f);
    }
    assert_true(undone > 0);
}

DX_TEST_MAIN(DX_TEST(test_answer_in_undone_step))
