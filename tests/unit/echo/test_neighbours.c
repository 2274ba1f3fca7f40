/* tests/unit/echo/test_neighbours.c: what memory knows of links, beside the tables, while links and objects come and go.
 *
 * Names echo/query_links.c and echo/query_step.c too. */
#include "echo/neighbours.h"

#include "echo/query_state.h"
#include "peer.h"
#include "test_item.h"

enum { OBJECTS = 24, LINKS = 64, CHANGES = 600 };

typedef struct world {
    peer alice;
    test_random random;
    dx_neighbour_memory memory;
    int64_t objects[OBJECTS], links[LINKS];
    bool gone[OBJECTS], cut[LINKS];
    size_t link_count;
} world;

static void begin(world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    peer_init(&w->alice, seed, "Alice");
    test_random_init(&w->random, seed);
    w->alice.context.neighbour_memory = &w->memory;
    peer_create_space(&w->alice, "Garden");
    for (size_t i = 0; i < OBJECTS; i++) {
        static const char *const types[] = {"a", "b", "dx.own"};
        w->objects[i] = peer_add(&w->alice, types[i % 8 == 7 ? 2 : i % 2], "{}");
    }
}

static void end(world *w) {
    peer_deinit(&w->alice);
    assert_int_equal(w->memory.size, 0);
    assert_null(w->memory.first);
}

static size_t draw(world *w, size_t count) {
    return (size_t)(test_random_next(&w->random) % count);
}

/* A link comes, goes or comes back, or an object does. Several links between the same two are common. */
static void change(world *w) {
    static const char *const types[] = {"l", "m", "dx.hint"};
    size_t what = draw(w, 8), at;
    if (w->link_count < LINKS && what < 3) {
        size_t hub = draw(w, 3) == 0 ? 0 : draw(w, OBJECTS);
        w->links[w->link_count++] =
            peer_link(&w->alice, types[draw(w, 3)], w->objects[hub], w->objects[draw(w, 6)]);
    } else if (w->link_count > 0 && what < 6) {
        at = draw(w, w->link_count);
        w->cut[at] = !w->cut[at];
        peer_change_life(&w->alice, w->links[at], w->cut[at]);
    } else {
        at = draw(w, OBJECTS);
        w->gone[at] = !w->gone[at];
        peer_change_life(&w->alice, w->objects[at], w->gone[at]);
    }
}

/* --- Asking -------------------------------------------------------------------------------------- */

static int note_key(void *ctx, const dx_query_row *row) {
    dx_key_list_add(ctx, row->key);
    return DX_OK;
}

static dx_bytes question(world *w, const char *json, size_t object) {
    char text[256], id_text[DX_ID_TEXT_MAX];
    uint8_t id[DX_ID_SIZE];
    assert_int_equal(dx_key_to_id(w->alice.space, w->objects[object], id), DX_OK);
    dx_id_print(id, id_text);
    snprintf(text, sizeof text, json, id_text);
    return test_item(text);
}

/* The keys of an answer; returns what the question did. */
static dx_query_plan ask(world *w, dx_bytes item, size_t budget, dx_buf *keys) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_query *query;
    dx_query_plan plan;
    bool more = true;
    dx_buf_clear(keys);
    peer_begin(&w->alice);
    assert_int_equal(
        dx_query_create(&w->alice.context, w->alice.space, item, message, sizeof message, &query), DX_OK);
    while (more) {
        assert_int_equal(dx_query_run(query, budget, note_key, keys, &more), DX_OK);
    }
    dx_query_explain(query, &plan);
    dx_query_destroy(query);
    peer_commit(&w->alice);
    return plan;
}

static const char *const questions[] = {
    "{\"id\":\"%s\",\"deleted\":\"show\",\"ids\":true,\"follow\":[{\"out\":\"l\"}]}",
    "{\"id\":\"%s\",\"deleted\":\"show\",\"ids\":true,\"follow\":[{\"in\":\"m\"}]}",
    "{\"id\":\"%s\",\"deleted\":\"show\",\"ids\":true,\"follow\":[{\"in\":null,\"repeat\":true}]}",
    "{\"id\":\"%s\",\"deleted\":\"show\",\"ids\":true,\"follow\":[{\"out\":null},{\"in\":\"l\",\"type\":"
    "\"a\"}]}",
    "{\"id\":\"%s\",\"deleted\":\"show\",\"ids\":true,\"follow\":[{\"out\":\"dx.hint\",\"type\":\"dx.own\"}]"
    "}",
    "{\"id\":\"%s\",\"deleted\":\"show\",\"ids\":true,\"follow\":[{\"out\":null,\"where\":{\"x\":{\"exists\":"
    "false}}}]}",
};

/* With memory as it has become over all changes, and from the tables alone. */
static void test_beside_tables(void **state) {
    (void)state;
    static const size_t budgets[] = {1, 3, 40, 4096};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        world w;
        dx_buf with, without;
        begin(&w, seed);
        dx_buf_init(&with, &w.alice.alloc.port, 1 << 16);
        dx_buf_init(&without, &w.alice.alloc.port, 1 << 16);
        int64_t remembered = 0;
        for (size_t i = 0; i < CHANGES; i++) {
            change(&w);
            dx_bytes item =
                question(&w, questions[draw(&w, sizeof questions / sizeof questions[0])], draw(&w, OBJECTS));
            dx_query_plan plan = ask(&w, item, budgets[draw(&w, 4)], &with);
            remembered += plan.remembered;
            if (i % 40 == 39) { /* without any, and then with little */
                dx_neighbours_forget(w.alice.space->neighbours);
                w.memory.size_max = 1;
                assert_int_equal(ask(&w, item, budgets[draw(&w, 4)], &without).remembered, 0);
                w.memory.size_max = i % 80 == 39 ? 14000 : 0;
            } else {
                dx_neighbours *kept = w.alice.space->neighbours;
                dx_context context = w.alice.context;
                context.neighbour_memory = NULL;
                w.alice.space->neighbours = dx_neighbours_create(&context);
                (void)ask(&w, item, 4096, &without);
                dx_neighbours_destroy(w.alice.space->neighbours);
                w.alice.space->neighbours = kept;
            }
            if (!dx_bytes_equal(dx_buf_view(&with), dx_buf_view(&without))) {
                fail_msg("seed %d, change %zu: %zu entities from memory, %zu from the tables", (int)seed, i,
                         dx_key_list_count(&with), dx_key_list_count(&without));
            }
        }
        assert_true(remembered > 100);
        dx_buf_deinit(&with);
        dx_buf_deinit(&without);
        end(&w);
    }
}

/* The second question reads nothing of the tables, and a change of a link or an end is seen by the third. */
static void test_remembers(void **state) {
    (void)state;
    world w;
    dx_buf keys;
    begin(&w, 7);
    dx_buf_init(&keys, &w.alice.alloc.port, 1 << 16);
    int64_t link = 0;
    for (size_t i = 1; i <= 5; i++) {
        link = peer_link(&w.alice, "l", w.objects[0], w.objects[i]);
    }
    dx_bytes item = question(&w, questions[0], 0);
    assert_int_equal(ask(&w, item, 4096, &keys).examined, 1 + 5 + 5);
    assert_int_equal(dx_key_list_count(&keys), 5);
    dx_query_plan plan = ask(&w, item, 4096, &keys);
    assert_int_equal(plan.examined, 1);
    assert_int_equal(plan.remembered, 5);
    assert_true(dx_neighbours_size(w.alice.space->neighbours) > 0);
    assert_int_equal(dx_neighbours_size(w.alice.space->neighbours), w.memory.size);
    peer_change_life(&w.alice, link, true);
    peer_change_life(&w.alice, w.objects[1], true);
    peer_link(&w.alice, "l", w.objects[0], w.objects[6]);
    plan = ask(&w, item, 4096, &keys);
    assert_int_equal(plan.examined, 1 + 1); /* what the new end is */
    assert_int_equal(dx_key_list_count(&keys), 4);
    dx_buf_deinit(&keys);
    end(&w);
}

/* --- Itself -------------------------------------------------------------------------------------- */

/* Lists of every length grow and shrink by one, beside a plain array. */
static void test_lists(void **state) {
    (void)state;
    enum { ENDS = 70 };
    world w;
    begin(&w, 9);
    dx_neighbours *self = w.alice.space->neighbours;
    const dx_neighbour_set set = {77, false};
    int place = dx_neighbours_set(self, &set);
    dx_buf ends;
    size_t counts[ENDS] = {0}, count = 0;
    dx_buf_init(&ends, &w.alice.alloc.port, 1 << 16);
    assert_true(dx_neighbours_put(self, place, 1000, &ends));
    for (size_t i = 0; i < 4000; i++) {
        dx_neighbour_list list;
        size_t end = draw(&w, ENDS), found[ENDS] = {0};
        bool comes = counts[end] == 0 || (draw(&w, 2) == 0 && count < 200);
        dx_entity_row row = {
            .key = 5, .kind = DX_ENTITY_LINK, .type = 77, .source = 1000, .target = (int64_t)end + 1};
        assert_int_equal(
            dx_neighbours_take(&w.alice.context, w.alice.space, comes ? NULL : &row, comes ? &row : NULL),
            DX_OK);
        counts[end] += comes ? 1u : (size_t)-1;
        count += comes ? 1u : (size_t)-1;
        assert_true(dx_neighbours_find(self, place, 1000, &list));
        assert_int_equal(list.count, count);
        for (size_t k = 0; k < list.count; k++) {
            found[dx_neighbours_key(self, list.ends[k]) - 1]++;
        }
        assert_memory_equal(found, counts, sizeof counts);
        if (i % 200 == 199) { /* learnt anew, as it is */
            dx_buf_clear(&ends);
            for (size_t k = 0; k < ENDS; k++) {
                for (size_t n = 0; n < counts[k]; n++) {
                    dx_key_list_add(&ends, (int64_t)k + 1);
                }
            }
            assert_true(dx_neighbours_put(self, place, 1000, &ends));
        }
    }
    size_t used = w.memory.size;
    assert_true(used < 30000); /* what is left is used again */
    dx_buf_deinit(&ends);
    end(&w);
}

/* Spaces share their memory; whoever fills it makes all forget. Places for sets run out. */
static void test_bounded(void **state) {
    (void)state;
    world w;
    begin(&w, 11);
    dx_neighbours *first = w.alice.space->neighbours, *second = dx_neighbours_create(&w.alice.context);
    dx_buf ends;
    dx_buf_init(&ends, &w.alice.alloc.port, 1 << 16);
    dx_key_list_add(&ends, 3);
    w.memory.size_max = 60000;
    dx_neighbour_set set = {1, false};
    int place = dx_neighbours_set(first, &set), other = dx_neighbours_set(second, &set);
    assert_true(dx_neighbours_put(first, place, 4, &ends));
    uint64_t age = dx_neighbours_age(first);
    int64_t key = 10;
    while (dx_neighbours_put(second, other, key, &ends)) {
        key++;
        assert_true(w.memory.size <= w.memory.size_max);
        assert_true(key < 100000);
    }
    assert_true(key > 500);
    dx_neighbours_forget(second);
    assert_int_equal(w.memory.size, 0);
    assert_true(dx_neighbours_age(first) != age);
    for (int64_t type = 1; type <= DX_NEIGHBOUR_SETS_MAX; type++) {
        set.link_type = type;
        assert_int_equal(dx_neighbours_set(first, &set), type - 1);
    }
    set.incoming = true;
    assert_int_equal(dx_neighbours_set(first, &set), -1);
    dx_buf_deinit(&ends);
    dx_neighbours_destroy(second);
    end(&w);
}

DX_TEST_MAIN(DX_TEST(test_beside_tables), DX_TEST(test_remembers), DX_TEST(test_lists), DX_TEST(test_bounded))
