/* tests/unit/echo/test_undo.c: what is taken back of edits, and what is left of others' (model/object_inverse.h,
 * model/object_difference.h, echo/history.h, echo/undo.h). Examples first, then laws over random worlds:
 *   alone: undoing everything goes back through all that stood there, redoing everything forth;
 *   among others: an undo touches nothing that somebody else wrote, and a redo returns to what stood before it;
 *   apart: what each of several people did and took back, without having seen the others, is what each alone would have.
 * One thing is not as it was: an array that an undone edit began stays, empty (docs/spec/history.md). */
#include "echo/undo.h"

#include <stdlib.h>

#include "model/object_state.h"
#include "peer.h"
#include "test_item.h"

enum { AUTHORS = 3, TEXT_MAX = 8192 };

/* --- Writing ----------------------------------------------------------------------------------- */

typedef struct writing {
    peer *self;
    dx_transaction *transaction;
    int64_t key;
} writing;

static writing begin(peer *self, int64_t key) {
    writing w = {.self = self, .key = key};
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &w.transaction), DX_OK);
    return w;
}

static void commit(writing *w) {
    assert_int_equal(dx_transaction_commit(w->transaction), DX_OK);
    peer_commit(w->self);
}

static int push(writing *w, const char *path, size_t at, const char *json) {
    return dx_transaction_insert(w->transaction, w->key, dx_bytes_text(path), at, test_item(json));
}

static int include(writing *w, const char *path, const char *json, bool in) {
    return dx_transaction_include(w->transaction, w->key, dx_bytes_text(path), test_item(json), in);
}

static int count(writing *w, const char *path, int64_t by) {
    return dx_transaction_increment(w->transaction, w->key, dx_bytes_text(path), by);
}

static int set(writing *w, const char *path, const char *json) {
    return json == NULL ? dx_transaction_unset(w->transaction, w->key, dx_bytes_text(path))
                        : dx_transaction_set(w->transaction, w->key, dx_bytes_text(path), test_item(json));
}

static int take_back(peer *self, bool redo, size_t *kept) {
    dx_undone undone;
    peer_begin(self);
    int error = dx_undo(&self->context, self->space, redo, NULL, &undone);
    peer_commit(self);
    *kept = undone.kept;
    return error;
}

static void expect_undo(peer *self, bool redo, size_t kept) {
    size_t found;
    assert_int_equal(take_back(self, redo, &found), DX_OK);
    assert_int_equal(found, kept);
}

static void two_peers(peer *alice, peer *bob) {
    peer_init(alice, 1, "Alice");
    peer_init(bob, 2, "Bob");
    peer_create_space(alice, "Garden");
    peer_admit(alice, bob, DX_ROLE_EDITOR);
}

static void meet(peer *alice, peer *bob) {
    peer_pull(alice, bob, 9);
    peer_pull(bob, alice, 9);
    assert_same_state(alice, bob);
}

/* What a copied vault does: it writes with new feeds. */
static void renew(peer *self) {
    peer_begin(self);
    assert_int_equal(dx_space_renew_feeds(&self->context, self->space), DX_OK);
    peer_commit(self);
}

static unsigned draw(test_random *random, unsigned below) {
    uint8_t bytes[4];
    random->port.fill(random->port.ctx, bytes, sizeof bytes);
    return (bytes[0] | (unsigned)bytes[1] << 8 | (unsigned)bytes[2] << 16) % below;
}

/* --- Examples ---------------------------------------------------------------------------------- */

/* Both edit the same values, and neither has seen what the other did when one takes his edits back. */
static void test_edits_of_others_stay(void **state) {
    (void)state;
    peer alice, bob;
    two_peers(&alice, &bob);
    int64_t oak = peer_add(&alice, "tree", "{\"l\":[1,2,3],\"s\":[\"a\"],\"n\":5,\"m\":{\"x\":1}}");
    meet(&alice, &bob);
    int64_t bobs = peer_key(&bob, &alice, oak);
    writing w = begin(&alice, oak);
    assert_int_equal(push(&w, "l", 1, "10"), DX_OK);
    assert_int_equal(dx_transaction_remove(w.transaction, oak, dx_bytes_text("l"), 0), DX_OK);
    assert_int_equal(dx_transaction_replace(w.transaction, oak, dx_bytes_text("l"), 1, test_item("20")),
                     DX_OK);
    assert_int_equal(dx_transaction_reorder(w.transaction, oak, dx_bytes_text("l"), 2, 0), DX_OK);
    assert_int_equal(include(&w, "s", "\"b\"", true), DX_OK);
    assert_int_equal(include(&w, "s", "\"a\"", false), DX_OK);
    assert_int_equal(count(&w, "n", 7), DX_OK);
    assert_int_equal(set(&w, "m.y", "2"), DX_OK);
    assert_int_equal(set(&w, "new.deep", "1"), DX_OK);
    commit(&w);
    assert_shows(&alice, oak,
                 "{\"l\":[3,10,20],\"m\":{\"x\":1,\"y\":2},\"n\":12,\"s\":[\"b\"],\"new\":{\"deep\":1}}");
    w = begin(&bob, bobs);
    assert_int_equal(push(&w, "l", DX_AT_END, "4"), DX_OK);
    assert_int_equal(push(&w, "l", 2, "25"), DX_OK);
    assert_int_equal(include(&w, "s", "\"c\"", true), DX_OK);
    assert_int_equal(count(&w, "n", 100), DX_OK);
    assert_int_equal(set(&w, "m.z", "3"), DX_OK);
    assert_int_equal(set(&w, "new.other", "1"), DX_OK);
    commit(&w);
    expect_undo(&alice, false, 0);
    assert_shows(&alice, oak, "{\"l\":[1,2,3],\"m\":{\"x\":1},\"n\":5,\"s\":[\"a\"]}");
    meet(&alice, &bob);
    assert_shows(
        &alice, oak,
        "{\"l\":[1,2,25,3,4],\"m\":{\"x\":1,\"z\":3},\"n\":105,\"s\":[\"a\",\"c\"],\"new\":{\"other\":1}}");
    expect_undo(&alice, true, 0);
    assert_shows(&alice, oak,
                 "{\"l\":[3,10,20,25,4],\"m\":{\"x\":1,\"y\":2,\"z\":3},\"n\":112,\"s\":[\"b\",\"c\"],"
                 "\"new\":{\"deep\":1,\"other\":1}}");
    expect_undo(&bob, false, 0);
    meet(&alice, &bob);
    assert_shows(&bob, bobs,
                 "{\"l\":[3,10,20],\"m\":{\"x\":1,\"y\":2},\"n\":12,\"s\":[\"b\"],\"new\":{\"deep\":1}}");
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* What somebody has said since is his word, also where it is the same. */
static void test_what_was_said_again_stays(void **state) {
    (void)state;
    peer alice, bob;
    two_peers(&alice, &bob);
    int64_t oak = peer_add(&alice, "tree", "{\"k\":1,\"l\":[1,2],\"s\":[\"a\"]}");
    int64_t wood = peer_add(&alice, "wood", "{}");
    meet(&alice, &bob);
    int64_t bobs = peer_key(&bob, &alice, oak), bobs_wood = peer_key(&bob, &alice, wood);
    writing w = begin(&alice, oak);
    assert_int_equal(set(&w, "k", "2"), DX_OK);
    assert_int_equal(include(&w, "s", "\"b\"", true), DX_OK);
    assert_int_equal(dx_transaction_replace(w.transaction, oak, dx_bytes_text("l"), 0, test_item("7")),
                     DX_OK);
    assert_int_equal(dx_transaction_remove(w.transaction, oak, dx_bytes_text("l"), 1), DX_OK);
    assert_int_equal(dx_transaction_move(w.transaction, oak, wood), DX_OK);
    commit(&w);
    meet(&alice, &bob);
    w = begin(&bob, bobs);
    assert_int_equal(set(&w, "k", "2"), DX_OK);
    assert_int_equal(include(&w, "s", "\"b\"", true), DX_OK);
    assert_int_equal(dx_transaction_replace(w.transaction, bobs, dx_bytes_text("l"), 0, test_item("7")),
                     DX_OK);
    assert_int_equal(dx_transaction_move(w.transaction, bobs, bobs_wood), DX_OK);
    commit(&w);
    meet(&alice, &bob);
    expect_undo(&alice, false, 1);
    assert_shows(&alice, oak, "{\"k\":2,\"l\":[7,2],\"s\":[\"a\",\"b\"]}");
    dx_entity entity;
    peer_begin(&alice);
    assert_int_equal(dx_entity_read(&alice.context, alice.space, oak, &entity), DX_OK);
    peer_commit(&alice);
    assert_int_equal(entity.parent, wood);
    /* Deleted by both, and by Bob after he had restored it: it stays deleted. */
    peer_change_life(&alice, oak, true);
    meet(&alice, &bob);
    peer_change_life(&bob, bobs, false);
    peer_change_life(&bob, bobs, true);
    meet(&alice, &bob);
    expect_undo(&alice, false, 1);
    assert_shows(&alice, oak, "{\"k\":2,\"l\":[7,2],\"s\":[\"a\",\"b\"]} deleted");
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* What another put under a path stands in the way of taking the path back, and nothing of his goes. */
static void test_maps(void **state) {
    (void)state;
    peer alice, bob;
    two_peers(&alice, &bob);
    int64_t oak = peer_add(&alice, "tree", "{\"a\":5,\"b\":{\"x\":1,\"y\":2}}");
    meet(&alice, &bob);
    int64_t bobs = peer_key(&bob, &alice, oak);
    writing w = begin(&alice, oak);
    assert_int_equal(set(&w, "a", "{\"p\":1}"), DX_OK);
    assert_int_equal(set(&w, "b", NULL), DX_OK);
    assert_int_equal(set(&w, "c", "{\"q\":{}}"), DX_OK);
    commit(&w);
    meet(&alice, &bob);
    w = begin(&bob, bobs);
    assert_int_equal(set(&w, "a.r", "2"), DX_OK);
    assert_int_equal(set(&w, "b.z", "3"), DX_OK);
    commit(&w);
    meet(&alice, &bob);
    expect_undo(&alice, false, 1); /* 5 does not come back */
    assert_shows(&alice, oak, "{\"a\":{\"r\":2},\"b\":{\"x\":1,\"y\":2,\"z\":3}}");
    expect_undo(&alice, true, 0);
    assert_shows(&alice, oak, "{\"a\":{\"p\":1,\"r\":2},\"b\":{\"z\":3},\"c\":{\"q\":{}}}");
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* A counter, a set and an array that begin with an edit, and the deletion that came with changes. */
static void test_what_an_edit_began(void **state) {
    (void)state;
    peer alice, bob;
    two_peers(&alice, &bob);
    int64_t oak = peer_add(&alice, "tree", "{\"k\":1}");
    meet(&alice, &bob);
    int64_t bobs = peer_key(&bob, &alice, oak);
    writing w = begin(&alice, oak);
    assert_int_equal(count(&w, "n", 3), DX_OK);
    assert_int_equal(push(&w, "l", 0, "1"), DX_OK);
    assert_int_equal(include(&w, "s", "1", true), DX_OK);
    commit(&w);
    w = begin(&bob, bobs);
    assert_int_equal(count(&w, "n", 4), DX_OK);
    assert_int_equal(push(&w, "l", 0, "2"), DX_OK);
    assert_int_equal(include(&w, "s", "2", true), DX_OK);
    commit(&w);
    expect_undo(&alice, false, 0);
    assert_shows(&alice, oak, "{\"k\":1,\"l\":[],\"s\":[]}");
    w = begin(&alice, oak);
    assert_int_equal(push(&w, "n", 0, "1"), DX_OK); /* nothing counts there any more */
    dx_transaction_abort(w.transaction);
    peer_commit(&alice);
    meet(&alice, &bob);
    assert_shows(&alice, oak, "{\"k\":1,\"l\":[2],\"n\":4,\"s\":[2]}");
    /* Changed and deleted at once. */
    w = begin(&alice, oak);
    assert_int_equal(set(&w, "k", "2"), DX_OK);
    assert_int_equal(dx_transaction_delete(w.transaction, oak), DX_OK);
    commit(&w);
    assert_shows(&alice, oak, "{\"k\":2,\"l\":[2],\"n\":4,\"s\":[2]} deleted");
    expect_undo(&alice, false, 0);
    assert_shows(&alice, oak, "{\"k\":1,\"l\":[2],\"n\":4,\"s\":[2]}");
    expect_undo(&alice, true, 0);
    assert_shows(&alice, oak, "{\"k\":2,\"l\":[2],\"n\":4,\"s\":[2]} deleted");
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* --- Other models ------------------------------------------------------------------------------ */

static int64_t add_of(peer *self, const char *model, const char *request) {
    int64_t key = 0;
    writing w = begin(self, 0);
    assert_int_equal(dx_transaction_add_object_of(w.transaction, dx_bytes_text(model), dx_bytes_text("t"), 0,
                                                  test_item(request), &key),
                     DX_OK);
    commit(&w);
    return key;
}

static void ask(peer *self, int64_t key, const char *request) {
    writing w = begin(self, key);
    assert_int_equal(dx_transaction_apply(w.transaction, key, test_item(request)), DX_OK);
    commit(&w);
}

static void test_counters_and_lists(void **state) {
    (void)state;
    peer alice, bob;
    two_peers(&alice, &bob);
    int64_t sum = add_of(&alice, "dx/counter/1", "1");
    int64_t list = add_of(&alice, "dx/list/1", "{\"insert\":0,\"values\":[1,2,3,4]}");
    meet(&alice, &bob);
    int64_t bobs_sum = peer_key(&bob, &alice, sum), bobs_list = peer_key(&bob, &alice, list);
    ask(&alice, sum, "10");
    ask(&bob, bobs_sum, "100");
    expect_undo(&alice, false, 0);
    meet(&alice, &bob);
    assert_shows(&alice, sum, "101");
    expect_undo(&alice, true, 0);
    assert_shows(&alice, sum, "111");
    ask(&alice, list, "{\"delete\":1,\"count\":2}");
    ask(&bob, bobs_list, "{\"insert\":2,\"values\":[25]}");
    expect_undo(&alice, false, 0);
    assert_shows(&alice, list, "[1,2,3,4]");
    meet(&alice, &bob);
    assert_shows(&alice, list, "[1,2,25,3,4]");
    expect_undo(&alice, true, 0);
    assert_shows(&alice, list, "[1,25,4]");
    ask(&alice, list, "{\"move\":0,\"to\":2}");
    meet(&alice, &bob);
    ask(&bob, bobs_list, "{\"move\":2,\"to\":1}");
    meet(&alice, &bob);
    expect_undo(&alice, false, 1); /* it stands where Bob put it */
    assert_shows(&alice, list, "[25,1,4]");
    expect_undo(&bob, false, 0);
    assert_shows(&bob, bobs_list, "[25,4,1]");
    ask(&alice, list, "{\"set\":0,\"value\":7}");
    meet(&alice, &bob);
    ask(&bob, bobs_list, "{\"set\":0,\"value\":7}");
    meet(&alice, &bob);
    expect_undo(&alice, false, 1);
    expect_undo(&bob, false, 0);
    assert_shows(&bob, bobs_list, "[7,4,1]");
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* Of other models a copied vault leaves what it did before, and says so; whether they live comes back. */
static void test_models_of_before_a_copy_are_kept(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t votes = add_of(&alice, "dx/counter/1", "2");
    ask(&alice, votes, "3");
    renew(&alice);
    ask(&alice, votes, "4");
    expect_undo(&alice, false, 0);
    assert_shows(&alice, votes, "5");
    expect_undo(&alice, false, 1); /* 3 stays */
    assert_shows(&alice, votes, "5");
    expect_undo(&alice, false, 0); /* its making */
    assert_shows(&alice, votes, "5 deleted");
    expect_undo(&alice, true, 0);
    assert_shows(&alice, votes, "5");
    peer_deinit(&alice);
}

/* Moves and other values: what was deleted, and so an insertion done again, comes back as another element. */
static void test_a_list_alone(void **state) {
    (void)state;
    enum { STEPS = 40 };
    static char shown[STEPS + 1][TEXT_MAX], now[TEXT_MAX];
    peer alice;
    test_random random;
    size_t kept;
    test_random_init(&random, 4000);
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t list = add_of(&alice, "dx/list/1", "{\"insert\":0,\"values\":[1,2,3,4,5,6]}");
    peer_show(&alice, list, shown[0], TEXT_MAX);
    for (int i = 1; i <= STEPS; i++) {
        char request[96];
        unsigned at = draw(&random, 6), to = draw(&random, 6);
        unsigned what = draw(&random, 6);
        if (what < 4) {
            snprintf(request, sizeof request, "{\"move\":%u,\"to\":%u}", at, to);
        } else {
            snprintf(request, sizeof request, "{\"set\":%u,\"value\":%d}", at, 100 * i);
        }
        ask(&alice, list, request);
        peer_show(&alice, list, shown[i], TEXT_MAX);
    }
    for (int turn = 0, at = STEPS; turn < 4; turn++) {
        int to = turn == 2 ? 0 : turn == 3 ? STEPS : (int)draw(&random, STEPS + 1);
        while (at != to) {
            assert_int_equal(take_back(&alice, to > at, &kept), DX_OK);
            assert_int_equal(kept, 0);
            at += to > at ? 1 : -1;
            peer_show(&alice, list, now, TEXT_MAX);
            assert_string_equal(now, shown[at]);
        }
    }
    peer_deinit(&alice);
}

/* --- Random edits ------------------------------------------------------------------------------ */

/* Something, that may be refused where other things stand; to make sure of a change, a key of its own goes with it. */
static void edit_at_random(writing *w, test_random *random, int *next) {
    static const char *const paths[] = {"l", "s", "n", "k", "m", "m.a", "m.b", "m.b.c"};
    static const char *const values[] = {"[1,2]", "[\"a\"]", "3", "{\"x\":{\"y\":1}}", "{}", NULL};
    char json[32];
    size_t at = draw(random, 4), to = draw(random, 4);
    unsigned what = draw(random, 20);
    snprintf(json, sizeof json, "%d", ++*next);
    const dx_bytes list = dx_bytes_text("l");
    if (what < 3) {
        (void)!set(w, paths[draw(random, 8)], values[draw(random, 6)]);
    } else if (what < 6) {
        (void)!set(w, paths[3 + draw(random, 5)], json);
    } else if (what < 9) {
        (void)!push(w, "l", at, json);
    } else if (what < 11) {
        (void)!dx_transaction_remove(w->transaction, w->key, list, at);
    } else if (what < 12) {
        (void)!dx_transaction_replace(w->transaction, w->key, list, at, test_item(json));
    } else if (what < 14) {
        (void)!dx_transaction_reorder(w->transaction, w->key, list, at, to);
    } else if (what < 17) {
        snprintf(json, sizeof json, "%u", draw(random, 4));
        (void)!include(w, "s", json, draw(random, 3) != 0);
    } else {
        (void)!count(w, draw(random, 2) == 0 ? "n" : "k", (int64_t)draw(random, 9) - 4);
    }
    snprintf(json, sizeof json, "%d", *next);
    assert_int_equal(set(w, "own", json), DX_OK);
}

static void write_at_random(peer *self, int64_t key, test_random *random, int *next) {
    writing w = begin(self, key);
    assert_int_equal(dx_transaction_restore(w.transaction, key), DX_OK); /* its making may be taken back */
    for (unsigned edits = 1 + draw(random, 4); edits > 0; edits--) {
        edit_at_random(&w, random, next);
    }
    commit(&w);
}

/* As it shows, without empty arrays: "s":[] alone differs from nothing. */
static void show(peer *self, int64_t key, char *out) {
    peer_show(self, key, out, TEXT_MAX);
    for (char *at = out; (at = strstr(at, ":[]")) != NULL;) {
        char *begins = at - 1, *ends = at + 3;
        while (*--begins != '"') {
        }
        if (*ends == ',') {
            ends++;
        } else if (begins[-1] == ',') {
            begins--;
        }
        memmove(begins, ends, strlen(ends) + 1);
        at = begins;
    }
}

/* What was counted by an older feed is taken from the share of the new one: both stand, and show 0 where nothing showed. */
static void pass_over_zeros(char *out) {
    static const char *const zeros[] = {"\"k\":0", "\"n\":0"};
    for (size_t i = 0; i < 2; i++) {
        char *at = strstr(out, zeros[i]);
        if (at != NULL) {
            char *ends = at + strlen(zeros[i]);
            at -= *ends != ',' && at[-1] == ',';
            memmove(at, ends + (*ends == ','), strlen(ends + (*ends == ',')) + 1);
        }
    }
}

/* In every second world the vault is copied now and then: what was written before a copy comes back all the same. */
static void test_alone_all_comes_back(void **state) {
    (void)state;
    enum { WORLDS = 12, STEPS = 12 };
    static char shown[STEPS + 1][TEXT_MAX], now[TEXT_MAX];
    for (uint64_t world = 0; world < WORLDS; world++) {
        peer alice;
        test_random random;
        int next = 0;
        size_t kept;
        test_random_init(&random, 1000 + world);
        peer_init(&alice, world, "Alice");
        peer_create_space(&alice, "Garden");
        int64_t oak = peer_add(&alice, "tree", "{\"l\":[1,2,3],\"s\":[1],\"n\":0,\"m\":{\"a\":1}}");
        show(&alice, oak, shown[0]);
        if (world % 2 == 1) {
            pass_over_zeros(shown[0]);
        }
        for (int i = 1; i <= STEPS; i++) {
            write_at_random(&alice, oak, &random, &next);
            show(&alice, oak, shown[i]);
            if (world % 2 == 1) {
                pass_over_zeros(shown[i]);
            }
            if (world % 2 == 1 && draw(&random, 4) == 0) {
                renew(&alice);
            }
        }
        for (int turn = 0, at = STEPS; turn < 6; turn++) {
            int to = turn == 4 ? 0 : turn == 5 ? STEPS : (int)draw(&random, STEPS + 1);
            while (at != to) {
                assert_int_equal(take_back(&alice, to > at, &kept), DX_OK);
                at += to > at ? 1 : -1;
                if (world % 2 == 1 && draw(&random, 8) == 0) {
                    renew(&alice);
                }
                show(&alice, oak, now);
                if (world % 2 == 1) {
                    pass_over_zeros(now);
                }
                if (kept != 0 || strcmp(now, shown[at]) != 0) {
                    fail_msg("world %d, turn %d, at %d, kept %d\nis    %s\nshall %s", (int)world, turn, at,
                             (int)kept, now, shown[at]);
                }
            }
        }
        peer_deinit(&alice);
    }
}

/* --- Among others ------------------------------------------------------------------------------ */

/* A saved state of the object, to look into. */
typedef struct state_copy {
    dx_buf saved;
    dx_object_content content;
} state_copy;

static void copy_state(peer *self, int64_t key, state_copy *out) {
    dx_entity entity;
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    dx_buf_init(&out->saved, &self->alloc.port, 1 << 20);
    dx_buf_append(&out->saved, entity.state.data, entity.state.size);
    dx_stamp created = {.counter = entity.created};
    memcpy(created.feed, dx_space_feed(self->space, dx_entity_key_feed(key))->id, sizeof created.feed);
    peer_commit(self);
    assert_int_equal(
        dx_object_content_read(&out->content, &self->alloc.port, &created, dx_buf_view(&out->saved)), DX_OK);
}

static void free_state(peer *self, state_copy *copy) {
    dx_object_content_deinit(&copy->content, &self->alloc.port);
    dx_buf_deinit(&copy->saved);
}

static bool is_same(const dx_stamp *a, const dx_stamp *b, dx_bytes x, dx_bytes y) {
    return dx_stamp_compare(a, b) == 0 && dx_bytes_equal(x, y);
}

/* Everything in `before` that is not this author's is in `after`. */
static void expect_others_kept(const state_copy *before, const state_copy *after, const uint8_t *author) {
    const dx_object_content *a = &before->content, *b = &after->content;
    for (size_t i = 0; i < a->count; i++) {
        const dx_register *item = &a->registers[i];
        if (memcmp(a->stamps[item->stamp].feed, author, DX_FEED_PREFIX_SIZE) != 0) {
            const dx_register *found = dx_register_find(b->registers, b->count, item->path);
            assert_non_null(found);
            assert_true(
                is_same(&a->stamps[item->stamp], &b->stamps[found->stamp], item->payload, found->payload));
        }
    }
    for (size_t i = 0; i < a->element_count; i++) {
        const dx_element *item = &a->elements[i];
        bool found = memcmp(a->stamps[item->stamp].feed, author, DX_FEED_PREFIX_SIZE) == 0;
        for (size_t k = 0; k < b->element_count && !found; k++) {
            const dx_element *other = &b->elements[k];
            found = item->kind == other->kind && dx_bytes_equal(item->path, other->path) &&
                    dx_bytes_equal(item->key, other->key) &&
                    is_same(&a->stamps[item->stamp], &b->stamps[other->stamp], item->payload, other->payload);
        }
        assert_true(found);
    }
}

static void undo_and_redo(peer *self, int64_t key, unsigned world) {
    static char before[TEXT_MAX], after[TEXT_MAX];
    state_copy was, is;
    size_t kept;
    const dx_feed *feed = dx_space_feed(self->space, self->space->own_data);
    const uint8_t *author = feed->id;
    uint64_t length = feed->length;
    show(self, key, before);
    copy_state(self, key, &was);
    int error = take_back(self, false, &kept);
    assert_true(error == DX_OK || error == DX_E_NOT_FOUND);
    copy_state(self, key, &is);
    expect_others_kept(&was, &is, author);
    free_state(self, &was);
    if (error == DX_OK && feed->length != length) { /* else all of it is kept: there is nothing to do again */
        assert_int_equal(take_back(self, true, &kept), DX_OK);
        copy_state(self, key, &was);
        expect_others_kept(&is, &was, author);
        free_state(self, &was);
        show(self, key, after);
        if (strcmp(before, after) != 0) {
            fail_msg("world %u\nwas %s\nis  %s", world, before, after);
        }
    }
    free_state(self, &is);
}

typedef struct company {
    peer people[AUTHORS];
    int64_t keys[AUTHORS]; /* of the one object, in each vault */
} company;

static void company_init(company *all, uint64_t world, const char *json) {
    static const char *const names[AUTHORS] = {"Alice", "Bob", "Carol"};
    for (size_t i = 0; i < AUTHORS; i++) {
        peer_init(&all->people[i], 10 * world + i, names[i]);
    }
    peer_create_space(&all->people[0], "Garden");
    for (size_t i = 1; i < AUTHORS; i++) {
        peer_admit(&all->people[0], &all->people[i], DX_ROLE_EDITOR);
    }
    all->keys[0] = peer_add(&all->people[0], "tree", json);
    for (size_t i = 1; i < AUTHORS; i++) {
        peer_pull(&all->people[i], &all->people[0], 9);
        all->keys[i] = peer_key(&all->people[i], &all->people[0], all->keys[0]);
    }
}

static void company_meets(company *all) {
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < AUTHORS; i++) {
            for (size_t k = 0; k < AUTHORS; k++) {
                if (i != k) {
                    peer_pull(&all->people[i], &all->people[k], 9);
                }
            }
        }
    }
}

static void company_deinit(company *all) {
    for (size_t i = 0; i < AUTHORS; i++) {
        peer_deinit(&all->people[i]);
    }
}

static void test_among_others_nothing_of_theirs_goes(void **state) {
    (void)state;
    enum { WORLDS = 4, STEPS = 30 };
    for (unsigned world = 0; world < WORLDS; world++) {
        company all;
        test_random random;
        int next = 0;
        size_t kept;
        test_random_init(&random, 2000 + world);
        company_init(&all, world, "{\"l\":[1,2,3],\"s\":[1],\"n\":0,\"m\":{\"a\":1}}");
        for (int i = 0; i < STEPS; i++) {
            size_t who = draw(&random, AUTHORS), other = (who + 1 + draw(&random, AUTHORS - 1)) % AUTHORS;
            unsigned what = draw(&random, 8);
            if (what < 3) {
                write_at_random(&all.people[who], all.keys[who], &random, &next);
            } else if (what < 5) {
                peer_pull(&all.people[who], &all.people[other], 9);
            } else if (what < 7) {
                undo_and_redo(&all.people[who], all.keys[who], world);
            } else {
                int error = take_back(&all.people[who], false, &kept);
                assert_true(error == DX_OK || error == DX_E_NOT_FOUND);
            }
        }
        company_meets(&all);
        assert_same_state(&all.people[0], &all.people[1]);
        assert_same_state(&all.people[0], &all.people[2]);
        company_deinit(&all);
    }
}

/* --- Apart ------------------------------------------------------------------------------------- */

/* What one author alone holds of the shared values: his share of the counter, his members of the set (of its values every
 * third is his), his items of the array, his key. */
enum { ITEMS_MAX = 64, HISTORY_MAX = 64, VALUES = 12 };

typedef struct share {
    int64_t count;
    bool in[VALUES];
    int items[ITEMS_MAX], item_count;
    int key; /* 0: none */
} share;

typedef struct memory {
    share states[HISTORY_MAX];
    int at, top;
} memory;

/* One transaction of his, and the same to his share. */
static void write_share(peer *self, int64_t key, int author, share *mine, test_random *random, int *next) {
    writing w = begin(self, key);
    char json[32];
    for (unsigned edits = 1 + draw(random, 4); edits > 0; edits--) {
        const dx_bytes list = dx_bytes_text("l");
        unsigned what = draw(random, 8);
        int fresh = 1000000 * (author + 1) + ++*next;
        size_t at;
        snprintf(json, sizeof json, "%d", fresh);
        if (what == 0) {
            int64_t by = (int64_t)draw(random, 9) - 4;
            assert_int_equal(count(&w, "n", by), DX_OK);
            mine->count += by;
        } else if (what == 1) {
            int value = author + AUTHORS * (int)draw(random, VALUES / AUTHORS);
            bool in = draw(random, 2) == 0;
            snprintf(json, sizeof json, "%d", value);
            assert_int_equal(include(&w, "s", json, in), DX_OK);
            mine->in[value] = in;
        } else if (what == 2) {
            bool gone = draw(random, 3) == 0;
            char path[8];
            snprintf(path, sizeof path, "m.k%d", author);
            assert_int_equal(set(&w, path, gone ? NULL : json), DX_OK);
            mine->key = gone ? 0 : fresh;
        } else if (what < 5 || mine->item_count == 0) {
            if (mine->item_count < ITEMS_MAX &&
                push(&w, "l", draw(random, 2) == 0 ? 0 : DX_AT_END, json) == DX_OK) {
                mine->items[mine->item_count++] = fresh;
            }
        } else {
            int which = (int)draw(random, (unsigned)mine->item_count);
            char held[32];
            snprintf(held, sizeof held, "%d", mine->items[which]);
            assert_int_equal(dx_transaction_find_item(w.transaction, key, list, 0, test_item(held), &at),
                             DX_OK);
            if (what == 5) {
                assert_int_equal(dx_transaction_remove(w.transaction, key, list, at), DX_OK);
                mine->items[which] = mine->items[--mine->item_count];
            } else if (what == 6) {
                assert_int_equal(dx_transaction_replace(w.transaction, key, list, at, test_item(json)),
                                 DX_OK);
                mine->items[which] = fresh;
            } else {
                assert_int_equal(dx_transaction_reorder(w.transaction, key, list, at,
                                                        draw(random, 2) == 0 ? 0 : DX_AT_END),
                                 DX_OK);
            }
        }
    }
    snprintf(json, sizeof json, "%d", ++*next);
    char path[8];
    snprintf(path, sizeof path, "seen%d", author);
    assert_int_equal(set(&w, path, json), DX_OK); /* so that each transaction is one */
    commit(&w);
}

static int compare_ints(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* The object holds what all shares together do. */
static void expect_shares(peer *self, int64_t key, const memory *memories, int world) {
    dx_entity entity;
    dx_buf view;
    dx_writer writer;
    dx_reader reader;
    int64_t total = 0;
    bool in[VALUES] = {false};
    int items[AUTHORS * ITEMS_MAX], item_count = 0, shown[AUTHORS * ITEMS_MAX];
    dx_buf_init(&view, &self->alloc.port, 1 << 20);
    dx_writer_init(&writer, &view);
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    assert_int_equal(dx_entity_view(&self->context, self->space, &entity, &writer), DX_OK);
    peer_commit(self);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_bytes data = dx_buf_view(&view), map = dx_item_get(data, "m");
    for (int author = 0; author < AUTHORS; author++) {
        const share *mine = &memories[author].states[memories[author].at];
        char name[8];
        snprintf(name, sizeof name, "k%d", author);
        dx_bytes own = map.size == 0 ? map : dx_item_get(map, name);
        assert_int_equal(own.size == 0 ? 0 : dx_item_int(own, -1), mine->key);
        total += mine->count;
        for (int i = 0; i < VALUES; i++) {
            in[i] = in[i] || mine->in[i];
        }
        for (int i = 0; i < mine->item_count; i++) {
            items[item_count++] = mine->items[i];
        }
    }
    if (dx_item_int(dx_item_get(data, "n"), 0) != total) {
        fail_msg("world %d: counts %d, shall %d", world, (int)dx_item_int(dx_item_get(data, "n"), 0),
                 (int)total);
    }
    dx_reader_init(&reader, dx_item_get(data, "s"));
    for (size_t left = dx_read_array(&reader); left > 0; left--) {
        int64_t value = dx_read_int(&reader);
        assert_true(value >= 0 && value < VALUES && in[value]);
        in[value] = false;
    }
    for (int i = 0; i < VALUES; i++) {
        assert_false(in[i]);
    }
    dx_reader_init(&reader, dx_item_get(data, "l"));
    assert_int_equal(dx_read_array(&reader), item_count);
    for (int i = 0; i < item_count; i++) {
        shown[i] = (int)dx_read_int(&reader);
    }
    qsort(items, (size_t)item_count, sizeof *items, compare_ints);
    qsort(shown, (size_t)item_count, sizeof *shown, compare_ints);
    assert_memory_equal(items, shown, (size_t)item_count * sizeof *items);
    dx_buf_deinit(&view);
}

static void test_apart_each_has_what_he_alone_would_have(void **state) {
    (void)state;
    enum { WORLDS = 4, STEPS = 40 };
    static memory memories[AUTHORS];
    for (int world = 0; world < WORLDS; world++) {
        company all;
        test_random random;
        int next = 0;
        size_t kept;
        memset(memories, 0, sizeof memories);
        test_random_init(&random, 3000 + (uint64_t)world);
        company_init(&all, 100 + (uint64_t)world, "{\"l\":[],\"s\":[],\"n\":0,\"m\":{}}");
        for (int i = 0; i < STEPS; i++) {
            size_t who = draw(&random, AUTHORS), other = (who + 1 + draw(&random, AUTHORS - 1)) % AUTHORS;
            memory *mine = &memories[who];
            unsigned what = draw(&random, 8);
            if (what < 3 && mine->at + 1 < HISTORY_MAX) {
                mine->states[mine->at + 1] = mine->states[mine->at];
                mine->top = ++mine->at;
                write_share(&all.people[who], all.keys[who], (int)who, &mine->states[mine->at], &random,
                            &next);
            } else if (what < 5) {
                peer_pull(&all.people[who], &all.people[other], 9);
            } else if (what < 7 && mine->at > 0) {
                assert_int_equal(take_back(&all.people[who], false, &kept), DX_OK);
                assert_int_equal(kept, 0);
                mine->at--;
            } else if (mine->at < mine->top) {
                assert_int_equal(take_back(&all.people[who], true, &kept), DX_OK);
                assert_int_equal(kept, 0);
                mine->at++;
            }
        }
        company_meets(&all);
        expect_shares(&all.people[0], all.keys[0], memories, world);
        assert_same_state(&all.people[0], &all.people[1]);
        assert_same_state(&all.people[0], &all.people[2]);
        company_deinit(&all);
    }
}

DX_TEST_MAIN(DX_TEST(test_edits_of_others_stay), DX_TEST(test_what_was_said_again_stays), DX_TEST(test_maps),
             DX_TEST(test_what_an_edit_began), DX_TEST(test_counters_and_lists),
             DX_TEST(test_models_of_before_a_copy_are_kept), DX_TEST(test_a_list_alone),
             DX_TEST(test_alone_all_comes_back), DX_TEST(test_among_others_nothing_of_theirs_goes),
             DX_TEST(test_apart_each_has_what_he_alone_would_have))
