/* tests/stories/story_signaling.c: two people whose machines nobody can dial meet at a signaling service, share a space by
 * link and PIN, and go on without it; then somebody there who learnt their secret puts himself between them.
 *
 * Asserted: what each is answered; that what the service was sent holds nothing of them; that whoever stands between is named on
 * both sides and gets nothing. */
#include "fair.h"
#include "node/state.h"
#include "street.h"

static street road;
static fair ground;

static bool carry_out(street *self, vault *from, const dx_effect *effect) {
    return fair_effect(self->beyond_ctx, from, effect);
}

static uint64_t go_on(street *self) {
    return fair_tick(self->beyond_ctx, self->now_ms);
}

static void give(void *who, const dx_event *event) {
    street_post(((vault *)who)->street, who, *event);
}

/* A vault that can dial and cannot be dialled, as in a browser or behind a router. */
static vault *move_in(const char *name) {
    vault *one = street_person(&road, name);
    one->listens = false;
    vault_event(one, (dx_event){.kind = DX_EVENT_LISTENING});
    return one;
}

static bool was_heard(const void *bytes, size_t size) {
    for (size_t at = 0; at + size <= ground.heard.size; at++) {
        if (memcmp(ground.heard.data + at, bytes, size) == 0) {
            return true;
        }
    }
    return false;
}

static void expect_unknown(vault *one) {
    const dx_identity *identity = &one->node->identity;
    assert_false(was_heard(identity->identity, 8));
    assert_false(was_heard(identity->device, 8));
    assert_false(was_heard(identity->noise, 8));
    assert_false(was_heard(identity->name, strlen(identity->name)));
    assert_false(was_heard(one->node->spaces[0]->id, 8));
    assert_false(was_heard(one->node->spaces[0]->discovery, 8));
}

static void add_bed(vault *one, const char *plant) {
    char json[160];
    snprintf(json, sizeof json,
             "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'plant': '%s'}}", plant);
    assert_non_null(strstr(vault_ask(one, json), "\"id\""));
}

static void expect_peers(vault *one, const char *count) {
    assert_non_null(strstr(vault_ask(one, "{'do': 'space.status', 'space': 'Garden'}"), count));
}

/* What `dx peer list` says. */
static const char *ask_peers(vault *one) {
    vault_ask(one, "{'do': 'peer.list'}");
    return one->told;
}

static void test_story(void **state) {
    (void)state;
    char json[200];
    street_init(&road);
    fair_init(&ground, give);
    road.beyond = carry_out;
    road.beyond_ctx = &ground;
    road.beyond_tick = go_on;
    vault *alice = move_in("alice"), *bob = move_in("bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    add_bed(alice, "rose");

    /* Nobody could reach Alice; she names a service. Bob need not know it: her link does. */
    assert_non_null(strstr(vault_ask(alice, "{'do': 'space.share', 'space': 'Garden'}"), "E_STATE"));
    snprintf(json, sizeof json, "{'do': 'signal.add', 'url': '%s'}", fair_url);
    assert_non_null(strstr(vault_ask(alice, json), fair_url));
    street_join(alice, bob, "Garden");
    street_pass(&road, 10000);
    street_agree(&road, "Garden");
    expect_peers(alice, "\"peers\":1");
    vault_ask(bob, "{'do': 'signal.list'}");
    assert_non_null(strstr(bob->told, "\"state\":\"ready\""));
    assert_non_null(strstr(bob->told, "\"invited\":true"));

    /* The service was told nothing of who they are and what they share. */
    assert_true(ground.heard.size > 1000);
    expect_unknown(alice);
    expect_unknown(bob);

    /* It stops; they stay connected and go on. */
    fair_stop(&ground);
    add_bed(bob, "mint");
    street_pass(&road, 60000);
    add_bed(alice, "sage");
    street_run(&road);
    street_agree(&road, "Garden");
    expect_peers(bob, "\"peers\":1");
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"state\":\"waiting to dial\""));

    /* The link breaks, and without the service they do not find each other; with it they do, at once. */
    fair_break(&ground);
    add_bed(alice, "iris");
    street_pass(&road, 60000);
    expect_peers(alice, "\"peers\":0");
    fair_start(&ground);
    street_pass(&road, 61000);
    expect_peers(alice, "\"peers\":1");
    street_agree(&road, "Garden");

    /* Somebody at the service has learnt the space's secret, and puts himself between them. Both are told. */
    uint8_t secret[DX_KEY_SIZE];
    memcpy(secret, alice->node->spaces[0]->discovery, sizeof secret);
    ground.secret = secret;
    fair_break(&ground);
    street_pass(&road, 5000);
    expect_peers(alice, "\"peers\":0");
    assert_non_null(strstr(ask_peers(alice), dx_error_text(DX_E_CHANNEL_BINDING)));
    assert_non_null(strstr(ask_peers(bob), dx_error_text(DX_E_CHANNEL_BINDING)));

    /* He goes; they meet. */
    ground.secret = NULL;
    add_bed(bob, "lily");
    street_pass(&road, 120000);
    expect_peers(bob, "\"peers\":1");
    street_agree(&road, "Garden");

    /* After a restart Bob still knows the service; when he removes it, it is gone for good. */
    vault_leave(bob);
    vault_open(bob);
    street_pass(&road, 120000);
    expect_peers(bob, "\"peers\":1");
    snprintf(json, sizeof json, "{'do': 'signal.rm', 'url': '%s'}", fair_url);
    assert_non_null(strstr(vault_ask(bob, json), fair_url));
    assert_non_null(strstr(vault_ask(bob, json), "E_NOT_FOUND"));
    expect_peers(bob, "\"peers\":1");
    assert_non_null(
        strstr(vault_ask(bob, "{'do': 'signal.add', 'url': 'http://fair.localhost'}"), "E_INVALID"));
    street_deinit(&road);
    fair_deinit(&ground);
}

DX_TEST_MAIN(DX_TEST(test_story))
