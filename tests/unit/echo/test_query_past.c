/* tests/unit/echo/test_query_past.c: what a question answered at a point is what it answers about that point ever after
 * (echo/query_past.c): two people write by turns, and each answer is kept with the point it was given at. */
#include <stdlib.h>

#include "echo/base.h"
#include "echo/history.h"
#include "echo/query_state.h"
#include "echo/timeline.h"
#include "epochs.h"
#include "test_item.h"

enum { THINGS_MAX = 48, ROUNDS = 120, ANSWER_MAX = 64 * 1024, IDS_ASKED = 3 };

/* $: the id of one of the things. */
static const char *const questions[] = {
    "{}",
    "{\"kind\":\"any\",\"deleted\":\"show\"}",
    "{\"type\":\"tree\"}",
    "{\"type\":\"tree\",\"where\":{\"n\":{\"ge\":3}}}",
    "{\"type\":\"tree\",\"where\":{\"n\":{\"ge\":3}},\"count\":true}",
    "{\"or\":[{\"where\":{\"site\":\"north\"}},{\"type\":\"stone\"}],\"not\":{\"where\":{\"n\":2}}}",
    "{\"deleted\":\"only\",\"kind\":\"any\"}",
    "{\"type\":\"tree\",\"order\":\"n\"}",
    "{\"order\":[\"site\",{\"path\":\"n\",\"descending\":true}],\"limit\":4}",
    "{\"group\":\"site\"}",
    "{\"count\":true}",
    "{\"type\":\"tree\",\"count\":true}",
    "{\"kind\":\"link\",\"ids\":true}",
    "{\"type\":\"stone\",\"parent\":null}",
    "{\"parent\":\"$\"}",
    "{\"id\":\"$\"}",
    "{\"source\":\"$\"}",
    "{\"target\":\"$\",\"type\":\"near\",\"deleted\":\"show\"}",
    "{\"where\":{\"site\":\"north\"},\"follow\":[{\"out\":\"near\"}]}",
    "{\"where\":{\"site\":\"south\"},\"follow\":[{\"in\":null},{\"out\":\"far\",\"type\":\"tree\"}]}",
    "{\"type\":\"tree\",\"follow\":[{\"out\":null,\"repeat\":3,\"where\":{\"n\":{\"lt\":4}}}]}",
    "{\"type\":\"stone\",\"follow\":[{\"children\":true}]}",
    "{\"type\":\"stone\",\"follow\":[{\"descendants\":true,\"type\":\"tree\"}],\"ids\":true}",
    "{\"type\":\"tree\",\"follow\":[{\"parent\":true}]}",
    "{\"type\":\"tree\",\"follow\":[{\"ancestors\":true}],\"count\":true}",
    "{\"type\":\"tree\",\"follow\":[{\"ref\":\"to\"}]}",
    "{\"type\":\"tree\",\"follow\":[{\"referrers\":\"to\",\"where\":{\"n\":{\"exists\":true}}}]}",
    "{\"type\":\"no such\",\"follow\":[{\"out\":\"nor such\"}]}",
};
enum { QUESTIONS = sizeof questions / sizeof questions[0] };

typedef struct world {
    peer alice, bob;
    uint64_t dice;
    int64_t things[THINGS_MAX]; /* alice's keys */
    bool deleted[THINGS_MAX];
    size_t count;
    int64_t links[THINGS_MAX];
    size_t link_count;
} world;

static size_t draw(world *w, size_t sides) {
    w->dice ^= w->dice << 13;
    w->dice ^= w->dice >> 7;
    w->dice ^= w->dice << 17;
    return (size_t)(w->dice % sides);
}

/* --- Asking ------------------------------------------------------------------------------------------ */

typedef struct answer {
    peer *self;
    char *text; /* a line for each row */
    size_t size;
} answer;

static void say(answer *out, dx_bytes line) {
    assert_true(out->size + line.size + 2 < ANSWER_MAX);
    memcpy(out->text + out->size, line.data, line.size);
    out->size += line.size;
    out->text[out->size++] = '\n';
    out->text[out->size] = '\0';
}

static int take_row(void *ctx, const dx_query_row *row) {
    answer *out = ctx;
    peer *self = out->self;
    char number[64];
    dx_buf item, json;
    dx_writer writer;
    if (row->entity == NULL) {
        snprintf(number, sizeof number, "%lld %lld", (long long)row->key, (long long)row->count);
        say(out, dx_bytes_text(number));
        if (row->value.size != 0) {
            say(out, row->value);
        }
        return DX_OK;
    }
    dx_buf_init(&item, &self->alloc.port, 1 << 20);
    dx_buf_init(&json, &self->alloc.port, 1 << 20);
    dx_writer_init(&writer, &item);
    assert_int_equal(dx_entity_write(&self->context, self->space, row->entity, &writer), DX_OK);
    assert_int_equal(dx_json_print(dx_buf_view(&item), &json), DX_OK);
    say(out, dx_buf_view(&json));
    dx_buf_deinit(&item);
    dx_buf_deinit(&json);
    return DX_OK;
}

/* point: NULL, now. The answer is the caller's, and freed with free; NULL: history begins later. */
static char *ask(peer *self, dx_bytes item, const dx_stamp *point, size_t budget) {
    char message[DX_QUERY_MESSAGE_SIZE] = "", count[32];
    answer out = {.self = self, .text = calloc(1, ANSWER_MAX)};
    dx_query *query;
    bool more = true;
    peer_begin(self);
    int error = dx_query_create_at(&self->context, self->space, item, point, message, sizeof message, &query);
    if (error == DX_E_GONE) {
        peer_commit(self);
        free(out.text);
        return NULL;
    }
    assert_int_equal(error, DX_OK);
    for (size_t calls = 0; more; calls++) {
        assert_true(calls < 100000);
        assert_int_equal(dx_query_run(query, budget, take_row, &out, &more), DX_OK);
        peer_commit(self);
        peer_begin(self);
    }
    snprintf(count, sizeof count, "= %lld", (long long)dx_query_count(query));
    say(&out, dx_bytes_text(count));
    dx_query_destroy(query);
    peer_commit(self);
    return out.text;
}

static dx_bytes question(const world *w, size_t index, size_t thing) {
    static char text[1024];
    char id_text[DX_ID_TEXT_MAX];
    uint8_t id[DX_ID_SIZE];
    size_t at = 0;
    assert_int_equal(dx_key_to_id(w->alice.space, w->things[thing], id), DX_OK);
    dx_id_print(id, id_text);
    for (const char *json = questions[index]; *json != '\0'; json++) {
        at += (size_t)snprintf(text + at, sizeof text - at, *json == '$' ? "%s" : "%.1s",
                               *json == '$' ? id_text : json);
    }
    return test_item(text);
}

/* --- What was answered ------------------------------------------------------------------------------- */

typedef struct memory {
    dx_stamp point;
    char *answers[IDS_ASKED][QUESTIONS];
} memory;

static int note_stamp(void *ctx, const dx_moment *moment) {
    *(dx_stamp *)ctx = moment->stamp;
    return DX_OK;
}

static void remember(world *w, memory *out) {
    bool more;
    peer *alice = &w->alice;
    peer_begin(alice);
    assert_int_equal(dx_timeline(&alice->context, alice->space, NULL, 1, note_stamp, &out->point, &more),
                     DX_OK);
    peer_commit(alice);
    for (size_t i = 0; i < IDS_ASKED; i++) {
        for (size_t k = 0; k < QUESTIONS; k++) {
            out->answers[i][k] = ask(alice, question(w, k, i), NULL, 1000);
        }
    }
}

/* gone: how many answers lie before history begins. */
static void expect(world *w, const memory *then, size_t budget, size_t *gone) {
    for (size_t i = 0; i < IDS_ASKED; i++) {
        for (size_t k = 0; k < QUESTIONS; k++) {
            char *said = ask(&w->alice, question(w, k, i), &then->point, budget);
            if (said == NULL) {
                ++*gone;
                continue;
            }
            if (strcmp(said, then->answers[i][k]) != 0) {
                fail_msg("%s at %llu\n%sand was\n%s", questions[k], (unsigned long long)then->point.counter,
                         said, then->answers[i][k]);
            }
            free(said);
        }
    }
}

/* --- Writing ----------------------------------------------------------------------------------------- */

static void move(peer *self, int64_t key, int64_t parent) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    int error = dx_transaction_move(transaction, key, parent);
    if (error != DX_OK) { /* it would stand below itself */
        assert_int_equal(error, DX_E_CONFLICT);
        dx_transaction_abort(transaction);
    } else {
        assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    }
    peer_commit(self);
}

static void refer(world *w, peer *self, int64_t key, int64_t to) {
    char id_text[DX_ID_TEXT_MAX], json[128];
    uint8_t id[DX_ID_SIZE];
    assert_int_equal(dx_key_to_id(self->space, to, id), DX_OK);
    dx_id_print(id, id_text);
    snprintf(json, sizeof json, draw(w, 2) == 0 ? "{\"@ref\":\"%s\"}" : "[{\"@ref\":\"%s\"}]", id_text);
    peer_set(self, key, "to", json);
}

static void write_something(world *w) {
    static const char *const sites[] = {"\"north\"", "\"south\"", "7", "null"};
    peer *writer = draw(w, 3) == 0 ? &w->bob : &w->alice;
    bool bobs = writer == &w->bob;
    size_t at = draw(w, w->count), other = draw(w, w->count), dice = draw(w, 16);
    int64_t key = bobs ? peer_key(writer, &w->alice, w->things[at]) : w->things[at];
    int64_t to = bobs ? peer_key(writer, &w->alice, w->things[other]) : w->things[other];
    char number[16];
    snprintf(number, sizeof number, "%zu", draw(w, 6));
    if (dice < 3 && w->count < THINGS_MAX && !bobs) {
        char data[64];
        snprintf(data, sizeof data, "{\"site\":%s,\"n\":%s}", sites[draw(w, 4)], number);
        w->things[w->count++] = peer_add(writer, draw(w, 3) == 0 ? "stone" : "tree", data);
    } else if (dice < 4 || w->deleted[at]) {
        w->deleted[at] = !w->deleted[at];
        peer_change_life(writer, key, w->deleted[at]);
    } else if (dice < 6) {
        peer_set(writer, key, "site", sites[draw(w, 4)]);
    } else if (dice < 8) {
        peer_set(writer, key, "n", draw(w, 5) == 0 ? NULL : number);
    } else if (dice < 11) {
        move(writer, key, w->deleted[other] || draw(w, 4) == 0 ? 0 : to);
    } else if (dice < 12) {
        refer(w, writer, key, to);
    } else if (dice < 15 && !w->deleted[other] && w->link_count < THINGS_MAX && !bobs) {
        w->links[w->link_count++] = peer_link(writer, draw(w, 2) == 0 ? "near" : "far", key, to);
    } else if (w->link_count > 0 && !bobs) {
        size_t link = draw(w, w->link_count);
        peer_change_life(writer, w->links[link], true);
        w->links[link] = w->links[--w->link_count];
    }
    peer_pull(&w->bob, &w->alice, PEER_RUN_MAX);
    peer_pull(&w->alice, &w->bob, PEER_RUN_MAX);
}

static void begin(world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    w->dice = seed * UINT64_C(0x9e3779b97f4a7c15);
    peer_init(&w->alice, 2 * seed, "Alice");
    peer_init(&w->bob, 2 * seed + 1, "Bob");
    peer_create_space(&w->alice, "Garden");
    peer_admit(&w->alice, &w->bob, DX_ROLE_EDITOR);
    for (; w->count < IDS_ASKED; w->count++) {
        w->things[w->count] = peer_add(&w->alice, w->count == 0 ? "stone" : "tree", "{\"site\":\"north\"}");
    }
    peer_pull(&w->bob, &w->alice, PEER_RUN_MAX);
}

static void end(world *w) {
    peer_deinit(&w->alice);
    peer_deinit(&w->bob);
}

/* --- Tests ------------------------------------------------------------------------------------------- */

static void play(uint64_t seed) {
    enum { MEMORIES = 12 };
    static memory memories[MEMORIES];
    static world w;
    dx_cut cut;
    size_t gone = 0, kept = 0;
    begin(&w, seed);
    for (size_t round = 0; round < ROUNDS; round++) {
        write_something(&w);
        if ((round + 1) % (ROUNDS / MEMORIES) == 0) {
            remember(&w, &memories[kept++]);
        }
        if (round == ROUNDS / 2) {
            epoch_cut(&w.alice, &cut);
        }
    }
    for (size_t i = 0; i < MEMORIES; i++) {
        expect(&w, &memories[i], i % 3 == 0 ? 1 : i % 3 == 1 ? 37 : 4096, &gone);
    }
    assert_int_equal(gone, 0);
    /* An epoch takes the place of the first half: of that there is no answer any more, of the rest the same. */
    epoch_make(&w.alice, &cut, 7);
    epoch_compact(&w.alice, &cut, 7);
    for (size_t i = 0; i < MEMORIES; i++) {
        bool older = dx_stamp_compare(&memories[i].point, &w.alice.space->base->horizon) < 0;
        gone = 0;
        expect(&w, &memories[i], 50, &gone);
        assert_int_equal(gone, older ? IDS_ASKED * QUESTIONS : 0);
        assert_int_equal(older, i < MEMORIES / 2);
    }
    for (size_t i = 0; i < MEMORIES; i++) {
        for (size_t k = 0; k < IDS_ASKED * QUESTIONS; k++) {
            free(memories[i].answers[k / QUESTIONS][k % QUESTIONS]);
        }
    }
    dx_cut_deinit(&cut);
    end(&w);
}

static void test_an_answer_about_a_point_is_what_was_answered_there(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        play(seed);
    }
}

static void test_pages_of_an_answer_about_a_point_are_of_that_point(void **state) {
    static world w;
    dx_stamp point = {.counter = 0};
    bool more;
    (void)state;
    begin(&w, 9);
    for (size_t round = 0; round < 40; round++) {
        write_something(&w);
    }
    peer_begin(&w.alice);
    assert_int_equal(dx_timeline(&w.alice.context, w.alice.space, NULL, 1, note_stamp, &point, &more), DX_OK);
    peer_commit(&w.alice);
    dx_stamp points[] = {point, dx_point_before(&point)};
    char message[DX_QUERY_MESSAGE_SIZE], text[512];
    dx_buf cursor;
    dx_query *query;
    dx_buf_init(&cursor, &w.alice.alloc.port, 4096);
    answer out = {.self = &w.alice, .text = calloc(1, ANSWER_MAX)};
    peer_begin(&w.alice);
    const char page[] = "{\"type\":\"tree\",\"order\":\"n\",\"limit\":2}";
    assert_int_equal(dx_query_create_at(&w.alice.context, w.alice.space, test_item(page), &points[0], message,
                                        sizeof message, &query),
                     DX_OK);
    assert_int_equal(dx_query_run(query, SIZE_MAX, take_row, &out, &more), DX_OK);
    assert_int_equal(dx_query_cursor(query, &cursor), DX_OK);
    dx_query_destroy(query);
    peer_commit(&w.alice);
    for (size_t round = 0; round < 20; round++) {
        write_something(&w);
    }
    snprintf(text, sizeof text, "{\"type\":\"tree\",\"order\":\"n\",\"cursor\":\"%.*s\"}", (int)cursor.size,
             (const char *)cursor.data);
    char *rest = ask(&w.alice, test_item(text), &points[0], 9);
    char *all = ask(&w.alice, test_item("{\"type\":\"tree\",\"order\":\"n\"}"), &points[0], 9);
    size_t head = strlen(out.text), tail = (size_t)(strrchr(rest, '=') - rest);
    assert_memory_equal(all, out.text, head);
    assert_memory_equal(all + head, rest, tail);
    assert_int_equal((size_t)(strrchr(all, '=') - all), head + tail);
    /* A page of one point goes on at no other, and at none now. */
    for (size_t i = 0; i < 2; i++) {
        peer_begin(&w.alice);
        assert_int_equal(dx_query_create_at(&w.alice.context, w.alice.space, test_item(text),
                                            i == 0 ? &points[1] : NULL, message, sizeof message, &query),
                         DX_E_INVALID);
        peer_commit(&w.alice);
    }
    free(rest);
    free(all);
    free(out.text);
    dx_buf_deinit(&cursor);
    end(&w);
}

static void test_what_is_asked_of_now_alone_says_so(void **state) {
    static const char *const refused[] = {"{\"type\":\"tree\",\"text\":\"oak\"}",
                                          "{\"path\":{\"to\":{\"type\":\"tree\"}}}"};
    static world w;
    (void)state;
    begin(&w, 5);
    for (size_t i = 0; i < 2; i++) {
        char message[DX_QUERY_MESSAGE_SIZE] = "";
        const dx_stamp point = {.counter = 1};
        dx_query *query;
        peer_begin(&w.alice);
        assert_int_equal(dx_query_create_at(&w.alice.context, w.alice.space, test_item(refused[i]), &point,
                                            message, sizeof message, &query),
                         DX_E_INVALID);
        assert_non_null(strstr(message, "asked of now"));
        peer_commit(&w.alice);
    }
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_about_a_point_is_what_was_answered_there),
        cmocka_unit_test(test_pages_of_an_answer_about_a_point_are_of_that_point),
        cmocka_unit_test(test_what_is_asked_of_now_alone_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
