/* tests/unit/node/test_watch.c: a program that watches and asks by one port believes what it is told in the order it is told
 * (docs/spec/query.md, Watching); and one watch of several spaces (node/commands_subscription.c, node/watch_merge.c). */
#include "street.h"

enum { OBJECTS = 10000, BATCH = 1000 };

static street road;

/* Of the rows told to the program, the last one about this entity. */
static const char *last_word(const vault *self, const char *id) {
    const char *found = NULL;
    for (const char *at = self->heard_by[1]; (at = strstr(at, id)) != NULL; at++) {
        const char *line = at;
        while (line > self->heard_by[1] && line[-1] != '\n') {
            line--;
        }
        bool is_note = strncmp(line, "{\"rows\":", 8) == 0 || strncmp(line, "{\"at\":", 6) == 0;
        found = is_note ? at : found;
    }
    return found == NULL ? "nothing" : found;
}

/* A question that takes several steps finds an object in the first and goes on; meanwhile the object goes. What was found is told
 * before that. */
static void test_found_and_gone(void **state) {
    (void)state;
    static char batch[STREET_TEXT_SIZE];
    char id[64], json[256];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'S'}");
    street_field(vault_ask(alice, "{'do': 'object.add', 'space': 'S', 'type': 't', 'data': {'n': 0}}"), "id",
                 id, sizeof id);
    for (size_t i = 0; i < OBJECTS / BATCH; i++) {
        size_t at = (size_t)snprintf(batch, sizeof batch, "{'do': 'batch', 'space': 'S', 'ops': [");
        for (size_t k = 0; k < BATCH; k++) {
            at += (size_t)snprintf(batch + at, sizeof batch - at,
                                   "%s{'op': 'add', 'type': 't', 'data': {'n': 1}}", k == 0 ? "" : ",");
        }
        snprintf(batch + at, sizeof batch - at, "]}");
        vault_ask(alice, batch);
    }
    alice->heard_by[1][0] = 0;
    vault_ask(alice, "{'do': 'watch', 'space': 'S', 'query': {'where': {'n': 0}}}");
    vault_begin(alice, "{'do': 'query', 'space': 'S', 'query': {'where': {'n': 0}}}");
    assert_string_equal(alice->last, ""); /* it goes on */
    snprintf(json, sizeof json, "{'do': 'object.rm', 'space': 'S', 'id': '%s'}", id);
    vault_ask(alice, json);
    assert_non_null(strstr(last_word(alice, id), "\"change\":\"removed\""));
    street_deinit(&road);
}

/* --- Several spaces --------------------------------------------------------------------------------------- */

static void make_space(vault *self, const char *name) {
    char json[128];
    snprintf(json, sizeof json, "{'do': 'space.create', 'name': '%s'}", name);
    assert_non_null(strstr(vault_ask(self, json), "\"space\":"));
}

static void add(vault *self, const char *space, const char *data, char id[static 64]) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.add', 'space': '%s', 'type': 't', 'data': %s}", space, data);
    street_field(vault_ask(self, json), "id", id, 64);
}

static size_t count_of(const char *text, const char *what) {
    size_t count = 0;
    for (; (text = strstr(text, what)) != NULL; text++) {
        count++;
    }
    return count;
}

/* The position that was told last. */
static void last_at(const vault *self, char at[static 64]) {
    const char *found = NULL;
    for (const char *next = self->heard_by[1]; (next = strstr(next, "{\"at\":\"")) != NULL; next++) {
        found = next;
    }
    assert_non_null(found);
    street_field(found, "at", at, 64);
}

/* Who comes back in the very step in which an object goes, before or behind that command, is told that it went. */
static void test_back_as_it_goes(void **state) {
    (void)state;
    char ids[2][64], at[64], remove[256], back[256];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    make_space(alice, "S");
    uint64_t watch = vault_begin(
        alice, "{'do': 'watch', 'space': 'S', 'query': {'type': 't', 'where': {'n': 1}}, 'since': ''}");
    street_run(&road);
    for (size_t i = 0; i < 2; i++) {
        add(alice, "S", "{'n': 1}", ids[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        last_at(alice, at);
        vault_refer(alice, "request.cancel", watch, NULL);
        street_run(&road);
        alice->heard_by[1][0] = 0;
        snprintf(remove, sizeof remove, "{'do': 'object.rm', 'space': 'S', 'id': '%s'}", ids[i]);
        snprintf(back, sizeof back,
                 "{'do': 'watch', 'space': 'S', 'query': {'type': 't', 'where': {'n': 1}}, 'since': '%s'}",
                 at);
        watch = alice->next_request + 1 + i;
        vault_ask_both(alice, i == 0 ? back : remove, i == 0 ? remove : back);
        assert_non_null(strstr(last_word(alice, ids[i]), "\"change\":\"removed\""));
    }
    street_deinit(&road);
}

static void test_several_spaces(void **state) {
    (void)state;
    char a[64], b[64], c[64], at[64], json[256];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    make_space(alice, "A");
    make_space(alice, "B");
    make_space(alice, "C");
    alice->heard_by[1][0] = 0;
    uint64_t watch =
        vault_begin(alice, "{'do': 'watch', 'spaces': ['A', 'B'], 'query': {'type': 't'}, 'since': ''}");
    street_run(&road);
    add(alice, "A", "{'n': 1}", a);
    add(alice, "B", "{'n': 2}", b);
    add(alice, "C", "{'n': 3}", c);
    assert_non_null(strstr(last_word(alice, a), "\"change\":\"added\""));
    assert_int_equal(count_of(alice->heard_by[1], "\"space\":\"") >= 2, true);
    assert_string_equal(last_word(alice, c), "nothing");
    /* Who was away goes on from one position in all of them. */
    last_at(alice, at);
    vault_refer(alice, "request.cancel", watch, NULL);
    street_run(&road);
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'B', 'id': '%s', 'set': {'n': 5}}", b);
    vault_ask(alice, json);
    alice->heard_by[1][0] = 0;
    snprintf(json, sizeof json,
             "{'do': 'watch', 'spaces': ['B', 'A', 'A'], 'query': {'type': 't'}, 'since': '%s'}", at);
    vault_ask(alice, json);
    assert_non_null(strstr(last_word(alice, b), "\"n\":5"));
    assert_string_equal(last_word(alice, a), "nothing");
    assert_null(strstr(alice->heard_by[1], "refresh"));
    /* One of them goes: it ends. */
    vault_ask(alice, "{'do': 'space.rm', 'space': 'A'}");
    assert_non_null(strstr(alice->heard_by[1], "E_CANCELLED"));
    street_deinit(&road);
}

static void test_all_spaces(void **state) {
    (void)state;
    char a[64], b[64];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    make_space(alice, "A");
    vault_ask(alice, "{'do': 'watch', 'spaces': 'all', 'query': {'type': 't'}}");
    make_space(alice, "B");
    alice->heard_by[1][0] = 0;
    add(alice, "B", "{'n': 1}", b);
    assert_non_null(strstr(last_word(alice, b), "\"change\":\"added\""));
    vault_ask(alice, "{'do': 'space.rm', 'space': 'B'}");
    assert_non_null(strstr(alice->heard_by[1], "\"change\":\"refresh\""));
    add(alice, "A", "{'n': 1}", a);
    assert_non_null(strstr(last_word(alice, a), "\"change\":\"added\""));
    street_deinit(&road);
}

/* --- Several spaces in one order ---------------------------------------------------------------------------- */

enum { HELD_MAX = 128, SPACES = 3, SITES = 40 };

/* What somebody holds who carries out what is told. */
typedef struct list_held {
    char ids[HELD_MAX][64];
    size_t count;
    bool listed;
} list_held;

static void carry_out(list_held *held, dx_bytes row) {
    dx_bytes change = dx_item_text(dx_item_get(row, "change")), id = dx_item_text(dx_item_get(row, "id"));
    int64_t from = dx_item_int(dx_item_get(row, "from"), -1), to = dx_item_int(dx_item_get(row, "to"), -1);
    if (dx_bytes_equal(change, dx_bytes_text("listed"))) {
        held->listed = true;
        return;
    }
    if (dx_bytes_equal(change, dx_bytes_text("refresh"))) {
        held->count = 0;
        return;
    }
    assert_true(dx_item_text(dx_item_get(row, "space")).size == 64);
    if (from >= 0) {
        assert_true((size_t)from < held->count);
        assert_memory_equal(held->ids[from], id.data, id.size);
        held->count--;
        memmove(held->ids[from], held->ids[from + 1], (held->count - (size_t)from) * sizeof held->ids[0]);
    }
    if (to >= 0) {
        assert_true((size_t)to <= held->count && held->count < HELD_MAX);
        memmove(held->ids[to + 1], held->ids[to], (held->count - (size_t)to) * sizeof held->ids[0]);
        held->count++;
        snprintf(held->ids[to], sizeof held->ids[0], "%.*s", (int)id.size, (const char *)id.data);
    }
}

/* Carries out all that came by the port, and forgets it. */
static void hear(vault *self, list_held *held) {
    for (char *line = self->heard_by[1]; *line != 0;) {
        char *end = strchr(line, '\n');
        *end = 0;
        if (strncmp(line, "{\"rows\":", 8) == 0 || strncmp(line, "{\"at\":", 6) == 0) {
            char message[128];
            dx_buf item;
            dx_writer writer;
            dx_reader rows;
            dx_buf_init(&item, &self->alloc.port, STREET_TEXT_SIZE);
            dx_writer_init(&writer, &item);
            assert_int_equal(dx_json_parse(dx_bytes_text(line), &writer, message, sizeof message), DX_OK);
            dx_reader_init(&rows, dx_item_get(dx_buf_view(&item), "rows"));
            for (size_t count = dx_read_array(&rows); count > 0; count--) {
                carry_out(held, dx_read_item(&rows));
            }
            dx_buf_deinit(&item);
        }
        line = end + 1;
    }
    self->heard_by[1][0] = 0;
}

/* The same question, asked now, by another way. */
static void expect_held(vault *self, const char *spaces, const char *query, const list_held *held) {
    char json[512], id[64];
    size_t count = 0;
    snprintf(json, sizeof json, "{'do': 'query', 'spaces': %s, 'query': {'ids': true, %s}", spaces,
             query + 1);
    vault_ask(self, json);
    for (const char *at = self->told; (at = strstr(at, "{\"id\":\"")) != NULL; at++) {
        street_field(at, "id", id, sizeof id);
        if (count >= held->count || strcmp(held->ids[count], id) != 0) {
            fail_msg("%s: place %zu of %zu is %s, and %s is held", query, count, held->count, id,
                     count < held->count ? held->ids[count] : "nothing");
        }
        count++;
    }
    if (count != held->count) {
        fail_msg("%s: %zu rows, and %zu are held, the last %s", query, count, held->count,
                 held->ids[held->count - 1]);
    }
    self->heard_by[1][0] = 0;
}

static uint32_t throw(uint32_t * dice, uint32_t sides) {
    *dice = *dice * 1664525u + 1013904223u;
    return (*dice >> 8) % sides;
}

static void change_at_random(vault *self, uint32_t *dice, char ids[SITES][64], bool gone[SITES]) {
    char json[256];
    uint32_t at = throw(dice, SITES), space = at % SPACES, n = throw(dice, 12);
    if (ids[at][0] == 0) {
        snprintf(json, sizeof json, "{'n': %u}", n);
        add(self, &"A\0B\0C"[2 * space], json, ids[at]);
        return;
    }
    const char *what = gone[at] ? "restore" : throw(dice, 4) == 0 ? "rm" : "set";
    gone[at] = gone[at] ? false : what[0] == 'r';
    snprintf(json, sizeof json, "{'do': 'object.%s', 'space': '%c', 'id': '%s'%s%u%s}", what, "ABC"[space],
             ids[at], what[0] == 's' ? ", 'set': {'n': " : ", 'x': {'n': ", n, "}");
    assert_null(strstr(vault_ask(self, json), "error"));
}

/* Rows told one after another, upon what was held, are what the query answers, whatever changes in which space; a space that
 * goes takes its rows along, and one that comes brings some. */
static void test_several_in_order(void **state) {
    static const char *const queries[] = {
        "{'type': 't', 'order': 'n', 'limit': 5}",
        "{'type': 't', 'order': {'path': 'n', 'descending': true}}",
        "{'type': 't', 'where': {'n': {'lt': 9}}, 'order': 'n', 'limit': 12}",
    };
    (void)state;
    for (size_t q = 0; q < sizeof queries / sizeof queries[0]; q++) {
        static char ids[SITES][64];
        static list_held held;
        bool gone[SITES] = {false};
        uint32_t dice = (uint32_t)q + 1;
        char json[512];
        memset(ids, 0, sizeof ids);
        memset(&held, 0, sizeof held);
        street_init(&road);
        vault *alice = street_person(&road, "alice");
        make_space(alice, "A");
        make_space(alice, "B");
        make_space(alice, "C");
        for (int i = 0; i < 15; i++) {
            change_at_random(alice, &dice, ids, gone);
        }
        alice->heard_by[1][0] = 0;
        snprintf(json, sizeof json, "{'do': 'watch', 'spaces': 'all', 'query': %s}", queries[q]);
        vault_begin(alice, json);
        street_run(&road);
        hear(alice, &held);
        assert_true(held.listed);
        expect_held(alice, "'all'", queries[q], &held);
        for (int i = 0; i < 150; i++) {
            change_at_random(alice, &dice, ids, gone);
            hear(alice, &held);
            expect_held(alice, "'all'", queries[q], &held);
        }
        vault_ask(alice, "{'do': 'space.rm', 'space': 'B'}");
        hear(alice, &held);
        expect_held(alice, "'all'", queries[q], &held);
        make_space(alice, "D");
        char id[64];
        for (int i = 0; i < 4; i++) {
            add(alice, "D", i % 2 == 0 ? "{'n': 3}" : "{'n': 11}", id);
            hear(alice, &held);
            expect_held(alice, "'all'", queries[q], &held);
        }
        street_deinit(&road);
    }
}

/* Who comes back is told all of it anew. */
static void test_back_to_several_in_order(void **state) {
    static list_held held;
    char id[64], at[64], json[512];
    const char query[] = "{'type': 't', 'order': 'n', 'limit': 3}";
    (void)state;
    memset(&held, 0, sizeof held);
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    make_space(alice, "A");
    make_space(alice, "B");
    alice->heard_by[1][0] = 0;
    snprintf(json, sizeof json, "{'do': 'watch', 'spaces': ['A', 'B'], 'query': %s, 'since': ''}", query);
    uint64_t watch = vault_begin(alice, json);
    street_run(&road);
    add(alice, "A", "{'n': 2}", id);
    add(alice, "B", "{'n': 1}", id);
    last_at(alice, at);
    vault_refer(alice, "request.cancel", watch, NULL);
    street_run(&road);
    hear(alice, &held);
    expect_held(alice, "['A', 'B']", query, &held);
    add(alice, "B", "{'n': 0}", id);
    alice->heard_by[1][0] = 0;
    snprintf(json, sizeof json,
             "{'do': 'watch', 'spaces': ['A', 'B'], 'query': %s, 'since': '%s', 'holds': []}", query, at);
    vault_begin(alice, json);
    street_run(&road);
    assert_non_null(strstr(alice->heard_by[1], "\"change\":\"refresh\""));
    held.listed = false;
    hear(alice, &held);
    assert_true(held.listed);
    expect_held(alice, "['A', 'B']", query, &held);
    street_deinit(&road);
}

static void test_refused(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    make_space(alice, "A");
    static const char *const wrong[] = {
        "{'do': 'watch', 'spaces': 'some', 'query': {'type': 't'}}",
        "{'do': 'watch', 'spaces': ['A', 3], 'query': {'type': 't'}}",
        "{'do': 'watch', 'spaces': ['A', 'nowhere'], 'query': {'type': 't'}}",
        "{'do': 'watch', 'spaces': ['A'], 'space': 'A', 'query': {'type': 't'}}",
        "{'do': 'watch', 'spaces': 'all', 'query': {'type': 't', 'group': 'n'}}",
        "{'do': 'watch', 'spaces': 'all', 'query': {'follow': [{'out': 'x'}]}}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (strstr(vault_ask(alice, wrong[i]), "\"error\"") == NULL) {
            fail_msg("%s: %s", wrong[i], alice->last);
        }
    }
    street_deinit(&road);
}

/* An app hears of what it was granted; a grant that shrinks ends what was at work by it. */
static void test_apps(void **state) {
    (void)state;
    static const char app[] = "https://todo.example";
    char a[64], b[64];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    make_space(alice, "A");
    make_space(alice, "B");
    vault_connect(alice, 2, app);
    vault_ask(alice, "{'do': 'app.grant', 'origin': 'https://todo.example', 'spaces': {'A': 'read'}}");
    assert_non_null(strstr(vault_ask_by(alice, 2, "{'do': 'watch', 'spaces': ['A', 'B']}"), "E_DENIED"));
    vault_ask_by(alice, 2, "{'do': 'watch', 'spaces': 'all', 'query': {'type': 't'}}");
    alice->heard_by[2][0] = 0;
    add(alice, "A", "{'n': 1}", a);
    add(alice, "B", "{'n': 1}", b);
    assert_non_null(strstr(alice->heard_by[2], a));
    assert_null(strstr(alice->heard_by[2], b));
    vault_ask(alice, "{'do': 'app.grant', 'origin': 'https://todo.example', 'spaces': {'B': 'read'}}");
    assert_non_null(strstr(alice->heard_by[2], "E_DENIED"));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_found_and_gone), DX_TEST(test_back_as_it_goes), DX_TEST(test_several_spaces),
             DX_TEST(test_all_spaces), DX_TEST(test_several_in_order), DX_TEST(test_back_to_several_in_order),
             DX_TEST(test_refused), DX_TEST(test_apps))
