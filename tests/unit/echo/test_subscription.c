/* tests/unit/echo/test_subscription.c: what a watcher is told. */
#include "echo/subscription.h"

#include "peer.h"
#include "test_item.h"

typedef struct watcher {
    peer alice;
    dx_subscription *subscription;
    char told[1024];
} watcher;

/* "added oak", with "!" behind what is deleted; one row after another. */
static int note(void *ctx, dx_bytes row) {
    watcher *self = ctx;
    assert_int_equal(dx_item_check(row), DX_OK);
    dx_bytes change = dx_item_text(dx_item_get(row, "change"));
    dx_bytes name = dx_item_text(dx_item_get(dx_item_get(row, "data"), "name"));
    size_t at = strlen(self->told);
    snprintf(self->told + at, sizeof self->told - at, "%s%.*s%s%.*s%s", at == 0 ? "" : ", ", (int)change.size,
             (const char *)change.data, name.size == 0 ? "" : " ", (int)name.size, (const char *)name.data,
             dx_item_bool(dx_item_get(row, "deleted"), false) ? "!" : "");
    return DX_OK;
}

static void begin(watcher *self) {
    peer_init(&self->alice, 1, "Alice");
    peer_create_space(&self->alice, "Garden");
    dx_changes_clear(&self->alice.changes);
}

static void watch(watcher *self, const char *json, size_t budget, size_t runs) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    peer *alice = &self->alice;
    dx_bytes item = json == NULL ? dx_bytes_of(NULL, 0) : test_item(json);
    bool more = true;
    dx_changes_clear(&alice->changes);
    peer_begin(alice);
    if (dx_subscription_create(&alice->context, alice->space, item, message, sizeof message,
                               &self->subscription) != DX_OK) {
        fail_msg("%s", message);
    }
    while (more && runs-- > 0) {
        assert_int_equal(dx_subscription_run(self->subscription, budget, &more), DX_OK);
    }
    peer_commit(alice);
}

static void expect_told(watcher *self, const char *expected) {
    self->told[0] = '\0';
    peer_begin(&self->alice);
    assert_int_equal(dx_subscription_take(self->subscription, &self->alice.changes, note, self), DX_OK);
    peer_commit(&self->alice);
    dx_changes_clear(&self->alice.changes);
    assert_string_equal(self->told, expected);
}

static void end(watcher *self) {
    dx_subscription_destroy(self->subscription);
    peer_deinit(&self->alice);
}

static void test_everything(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    watch(&w, NULL, 1000, SIZE_MAX);
    expect_told(&w, "");
    int64_t elm = peer_add(&w.alice, "tree", "{\"name\":\"elm\"}");
    expect_told(&w, "added elm");
    peer_set(&w.alice, elm, "name", "\"ash\"");
    peer_set(&w.alice, oak, "age", "3");
    peer_set(&w.alice, oak, "age", "4");
    expect_told(&w, "changed ash, changed oak");
    int64_t link = peer_link(&w.alice, "near", oak, elm);
    expect_told(&w, "added");
    peer_change_life(&w.alice, link, true);
    expect_told(&w, "removed!");
    peer_change_life(&w.alice, oak, true);
    expect_told(&w, "removed oak!");
    peer_change_life(&w.alice, oak, false);
    expect_told(&w, "added oak");
    int64_t brief = peer_add(&w.alice, "tree", "{\"name\":\"brief\"}");
    peer_change_life(&w.alice, brief, true); /* came and went within one step */
    expect_told(&w, "");
    peer_add(&w.alice, "dx.note", "{\"name\":\"hidden\"}");
    expect_told(&w, "");
    end(&w);
}

static void test_condition(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\",\"ill\":false}");
    int64_t elm = peer_add(&w.alice, "tree", "{\"name\":\"elm\",\"ill\":true}");
    int64_t stone = peer_add(&w.alice, "stone", "{\"name\":\"flint\",\"ill\":true}");
    watch(&w, "{\"type\":\"tree\",\"where\":{\"ill\":true}}", 1, SIZE_MAX);
    peer_set(&w.alice, oak, "name", "\"holm oak\"");
    peer_set(&w.alice, stone, "name", "\"chert\"");
    expect_told(&w, "");
    peer_set(&w.alice, oak, "ill", "true");
    expect_told(&w, "added holm oak");
    peer_set(&w.alice, elm, "ill", NULL);
    expect_told(&w, "removed elm");
    peer_set(&w.alice, elm, "ill", "false");
    expect_told(&w, "");
    end(&w);
}

/* Changes while the subscription still learns: nothing that matters is lost, at worst something is told
 * twice. */
static void test_while_learning(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    int64_t elm = peer_add(&w.alice, "tree", "{\"name\":\"elm\"}");
    int64_t stone = peer_add(&w.alice, "stone", "{\"name\":\"flint\"}");
    watch(&w, "{\"type\":\"tree\"}", 1, 1);
    peer_set(&w.alice, elm, "age", "1");
    peer_set(&w.alice, stone, "age", "1");
    peer_add(&w.alice, "tree", "{\"name\":\"ash\"}");
    expect_told(&w, "changed elm, added ash");
    peer_change_life(&w.alice, elm, true);
    peer_change_life(&w.alice, oak, true);
    expect_told(&w, "removed elm!, removed oak!");
    bool more = true;
    peer_begin(&w.alice);
    while (more) {
        assert_int_equal(dx_subscription_run(w.subscription, 1, &more), DX_OK);
    }
    assert_int_equal(dx_subscription_run(w.subscription, 1, &more), DX_OK); /* nothing left to learn */
    assert_false(more);
    peer_commit(&w.alice);
    peer_change_life(&w.alice, elm, false);
    expect_told(&w, "added elm");
    end(&w);
}

static void test_overflow(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    watch(&w, "{\"type\":\"tree\"}", 10, SIZE_MAX);
    w.alice.changes.overflow = true;
    expect_told(&w, "refresh");
    peer_set(&w.alice, oak, "age", "1"); /* before it has learnt anew */
    expect_told(&w, "changed oak");
    bool more;
    peer_begin(&w.alice);
    assert_int_equal(dx_subscription_run(w.subscription, 10, &more), DX_OK);
    assert_false(more);
    peer_commit(&w.alice);
    peer_set(&w.alice, oak, "age", "2");
    peer_add(&w.alice, "tree", "{\"name\":\"elm\"}");
    expect_told(&w, "changed oak, added elm");
    end(&w);
}

/* More matches than it may remember: added and removed are guesses from then on, in the watcher's favour. */
static void test_too_many(void **state) {
    (void)state;
    for (size_t learnt = 0; learnt < 2; learnt++) {
        watcher w;
        begin(&w);
        int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\",\"ill\":true}");
        peer_add(&w.alice, "tree", "{\"name\":\"elm\",\"ill\":true}");
        int64_t ash = peer_add(&w.alice, "tree", "{\"name\":\"ash\",\"ill\":false}");
        watch(&w, "{\"type\":\"tree\",\"where\":{\"ill\":true}}", 10, 0);
        dx_subscription_limit(w.subscription, learnt == 0 ? 1 : 2);
        bool more;
        peer_begin(&w.alice);
        assert_int_equal(dx_subscription_run(w.subscription, 10, &more), DX_OK);
        assert_false(more);
        peer_commit(&w.alice);
        peer_set(&w.alice, ash, "age", "1");
        expect_told(&w, learnt == 0 ? "removed ash" : ""); /* it never matched, but who knows */
        peer_set(&w.alice, ash, "ill", "true");
        expect_told(&w, learnt == 0 ? "changed ash" : "added ash"); /* the third: all is forgotten */
        peer_set(&w.alice, oak, "ill", "false");
        expect_told(&w, "removed oak");
        peer_add(&w.alice, "tree", "{\"name\":\"fir\",\"ill\":true}");
        expect_told(&w, "added fir");
        end(&w);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"{\"follow\":[{\"out\":null}]}", "{\"path\":{\"to\":{}}}",
                                        "{\"limit\":3}", "{\"count\":true}"};
    watcher w;
    begin(&w);
    peer_begin(&w.alice);
    for (size_t i = 0; i <= sizeof wrong / sizeof wrong[0]; i++) {
        char message[DX_QUERY_MESSAGE_SIZE];
        bool last = i == sizeof wrong / sizeof wrong[0];
        assert_int_equal(dx_subscription_create(&w.alice.context, w.alice.space,
                                                test_item(last ? "{\"x\":1}" : wrong[i]), message,
                                                sizeof message, &w.subscription),
                         DX_E_INVALID);
        assert_string_equal(
            message, last ? "a query has no key \"x\""
                          : "watch takes a filter alone, without follow, path, order, group, limit, after, "
                            "cursor, ids or count");
        assert_null(w.subscription);
    }
    peer_commit(&w.alice);
    end(&w);
}

static int refuse(void *ctx, dx_bytes row) {
    (void)ctx;
    (void)row;
    return DX_E_CANCELLED;
}

static void test_failures(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    dx_bytes item = test_item("{\"type\":\"tree\"}");
    bool done = false;
    for (uint64_t fail_at = 1; !done; fail_at++) {
        char message[DX_QUERY_MESSAGE_SIZE];
        bool more = true;
        dx_changes_clear(&w.alice.changes);
        peer_set(&w.alice, oak, "age", "1");
        peer_begin(&w.alice);
        w.alice.alloc.calls = 0;
        w.alice.alloc.fail_at = fail_at;
        w.told[0] = '\0';
        int error = dx_subscription_create(&w.alice.context, w.alice.space, item, message, sizeof message,
                                           &w.subscription);
        if (error == DX_OK) {
            error = dx_subscription_run(w.subscription, 10, &more);
        }
        if (error == DX_OK) {
            error = dx_subscription_take(w.subscription, &w.alice.changes, note, &w);
        }
        done = w.alice.alloc.calls < fail_at;
        w.alice.alloc.fail_at = 0;
        assert_int_equal(error, done ? DX_OK : DX_E_NO_MEMORY);
        if (!done) {
            dx_subscription_destroy(w.subscription);
            w.subscription = NULL;
        }
        peer_commit(&w.alice);
    }
    assert_string_equal(w.told, "changed oak");
    peer_begin(&w.alice);
    assert_int_equal(dx_subscription_take(w.subscription, &w.alice.changes, refuse, NULL), DX_E_CANCELLED);
    peer_commit(&w.alice);
    expect_told(&w, "changed oak"); /* the failed call kept nothing of its own */
    end(&w);
}

DX_TEST_MAIN(DX_TEST(test_everything), DX_TEST(test_condition), DX_TEST(test_while_learning),
             DX_TEST(test_overflow), DX_TEST(test_too_many), DX_TEST(test_refused), DX_TEST(test_failures))
