/* tests/stories/story_one_mutation.c: one mutation's whole way through the house, told by those it passes.
 *
 * Alice changes a word. It becomes a section of a block of her data feed, sealed, hashed into the feed's
 * range, and signed once with the commit. Bob gets the block, verifies it, finds its author admitted and
 * everything it depends on here, opens it, and has the word. Asserted: every
 * line that echo (echo/trace.c) says on the way. */
#include "peer.h"

static char heard[8192];

static void hear(void *ctx, const char *room, const char *text) {
    if (strcmp(room, "echo") == 0) {
        size_t at = strlen(heard);
        snprintf(heard + at, sizeof heard - at, "%s: %s\n", (const char *)ctx, text);
    }
}

static void listen_to(peer *self, dx_tracer *tracer, const char *name) {
    *tracer = (dx_tracer){.ctx = (void *)name, .line = hear};
    self->context.tracer = tracer;
}

static void test_story(void **state) {
    (void)state;
    peer alice, bob;
    dx_tracer alices, bobs;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    listen_to(&alice, &alices, "Alice");
    peer_create_space(&alice, "Garden");
    assert_string_equal(
        heard,
        "Alice: wrote block 0 of control feed 1: 6 sections, names 0 feeds\n" /* genesis, device, two feeds,
                                                                                 key, grant */
        "Alice: applied block 0 of control feed 1\n"
        "Alice: wrote block 0 of data feed 2: 2 sections, names 1 feeds\n" /* the space's name and Alice's */
        "Alice: opening block 0 of data feed 2: 2 sections, stamp 1\n"
        "Alice: applied block 0 of data feed 2\n");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    int64_t page = peer_add(&alice, "page", "{\"word\": \"hello\"}");
    peer_pull(&bob, &alice, 9);
    peer_pull(&alice, &bob, 9);
    listen_to(&bob, &bobs, "Bob");
    heard[0] = '\0';
    peer_set(&alice, page, "word", "\"goodbye\"");
    peer_pull(&bob, &alice, 9);
    assert_string_equal(
        heard,
        "Alice: wrote block 2 of data feed 2: 1 sections, names 2 feeds\n" /* she has seen Bob's two feeds
                                                                              since */
        "Alice: opening block 2 of data feed 2: 1 sections, stamp 4\n"     /* three of hers, one of Bob's */
        "Alice: applied block 2 of data feed 2\n"
        "Bob: opening block 2 of data feed 4: 1 sections, stamp 4\n"
        "Bob: applied block 2 of data feed 4\n");
    assert_shows(&bob, peer_key(&bob, &alice, page), "{\"word\":\"goodbye\"}");
    assert_same_state(&alice, &bob);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

DX_TEST_MAIN(DX_TEST(test_story))
