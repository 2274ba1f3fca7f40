/* tests/stories/story_invitation.c: what may go wrong at the door.
 *
 * A wrong PIN may be typed again, three times in all; then the invitation is locked for everyone, also for
 * who knows the right one. A host who is not there is waited for and named. A second try joins. Joining twice
 * is success. Who comes with the link of an invitation that is over is told at once how it ended, also after
 * the host's restart, for a week. Several may stand at the door at once: who only waits holds nobody up, and
 * the three attempts are the invitation's, whoever uses them. Asserted: every state both people are shown. */
#include "street.h"

#define DAY_MS UINT64_C(86400000)

static street road;
static char url[2100], pin[7], json[2400];

static void begin(vault **alice, vault **bob) {
    street_init(&road);
    *alice = street_person(&road, "alice");
    *bob = street_person(&road, "bob");
    vault_ask(*alice, "{'do': 'space.create', 'name': 'Club'}");
}

static void share_with_several(vault *alice) {
    vault_begin(alice, "{'do': 'space.share', 'space': 'Club', 'multi': true}");
    street_field(alice->told, "url", url, sizeof url);
    street_field(alice->told, "pin", pin, sizeof pin);
}

static const char *wrong_pin(void) {
    return strcmp(pin, "000000") == 0 ? "111111" : "000000";
}

static uint64_t join(vault *guest, const char *with_pin) {
    if (with_pin == NULL) {
        snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s'}", url);
    } else {
        snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s', 'pin': '%s'}", url, with_pin);
    }
    uint64_t request = vault_begin(guest, json);
    street_pass(&road, 3000);
    return request;
}

static void type(vault *guest, uint64_t request, const char *digits) {
    vault_refer(guest, "space.pin", request, digits);
    street_pass(&road, 3000);
}

static void test_three_wrong_pins(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    street_share(alice, "Club", url, sizeof url, pin);
    const char *wrong = wrong_pin();
    uint64_t request = join(bob, NULL);
    assert_non_null(strstr(bob->told, "\"pin-required\""));
    type(bob, request, wrong);
    assert_non_null(strstr(bob->told, "\"left\":2"));
    type(bob, request, wrong);
    assert_non_null(strstr(bob->told, "\"left\":1"));
    type(bob, request, wrong);
    assert_non_null(strstr(bob->last, "\"E_LOCKED\""));
    assert_non_null(strstr(bob->last, "ask for a new one"));
    assert_string_equal(alice->last,
                        "{\"state\":\"locked\",\"message\":\"three wrong PINs; share again for a new one\"}");

    /* The right PIN comes too late, for him as for anybody. */
    join(bob, pin);
    assert_non_null(strstr(bob->last, "\"E_LOCKED\""));
    assert_asks(bob, "{'do': 'space.list'}", "{\"count\":0}");
    street_deinit(&road);
}

static void test_host_is_gone(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    street_share(alice, "Club", url, sizeof url, pin);
    vault_leave(alice);
    uint64_t begun_ms = road.now_ms;
    join(bob, pin);
    while (bob->last[0] == '\0' && road.now_ms - begun_ms < 1000000) {
        street_pass(&road, 1000);
    }
    assert_non_null(strstr(bob->last, "\"E_NO_HOST\""));
    assert_true(road.now_ms - begun_ms <= 61000); /* he is told within a minute */

    /* She comes home: the invitation is still good. */
    vault_open(alice);
    join(bob, pin);
    street_pass(&road, 5000);
    assert_non_null(strstr(bob->last, "\"ready\""));
    street_agree(&road, "Club");
    street_deinit(&road);
}

static void test_joining_twice(void **state) {
    (void)state;
    vault *alice, *bob;
    char first[256];
    begin(&alice, &bob);
    share_with_several(alice);
    join(bob, pin);
    snprintf(first, sizeof first, "%s", bob->last);
    assert_non_null(strstr(first, "\"ready\""));
    join(bob, pin);
    assert_string_equal(bob->last, first);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'space.members', 'space': 'Club'}"), "{\"count\":2}"));
    street_deinit(&road);
}

/* The program that shared has gone; the invitation is found in the list, and withdrawn from there, also after a restart. */
static void test_withdrawn_from_the_list(void **state) {
    (void)state;
    vault *alice, *bob;
    char id[40];
    begin(&alice, &bob);
    street_share(alice, "Club", url, sizeof url, pin);
    vault_leave(alice);
    vault_open(alice);
    assert_asks(alice, "{'do': 'invitation.list', 'space': 'Club'}", "{\"count\":1}");
    assert_non_null(strstr(alice->told, "\"role\":\"editor\""));
    assert_non_null(strstr(alice->told, "\"state\":\"advertising\""));
    assert_non_null(strstr(alice->told, "\"uses_max\":1"));
    assert_null(strstr(alice->told, pin));
    assert_null(strstr(alice->told, "dxos://"));
    street_field(alice->told, "id", id, sizeof id);
    assert_int_equal(strlen(id), 32);

    join(bob, NULL);
    assert_asks(alice, "{'do': 'invitation.list'}", "{\"count\":1}");
    assert_non_null(strstr(alice->told, "\"state\":\"pin-wait\""));
    snprintf(json, sizeof json, "{'do': 'invitation.cancel', 'id': '%.6s'}", id);
    assert_non_null(strstr(vault_ask(alice, json), "\"state\":\"cancelled\""));
    street_pass(&road, 1000);
    assert_non_null(strstr(bob->last, "\"E_WITHDRAWN\""));
    snprintf(json, sizeof json, "{'do': 'invitation.cancel', 'id': '%s'}", id);
    assert_non_null(strstr(vault_ask(alice, json), "\"E_STATE\""));

    assert_asks(alice, "{'do': 'invitation.list'}", "{\"count\":0}");
    assert_asks(alice, "{'do': 'invitation.list', 'ended': true}", "{\"count\":1}");
    assert_non_null(strstr(alice->told, "\"the invitation was cancelled\""));
    join(bob, pin);
    assert_non_null(strstr(bob->last, "\"E_WITHDRAWN\""));
    street_deinit(&road);
}

/* A few digits may mean two invitations. */
static void test_which_invitation(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    share_with_several(alice);
    share_with_several(alice);
    assert_asks(alice, "{'do': 'invitation.list'}", "{\"count\":2}");
    assert_non_null(strstr(vault_ask(alice, "{'do': 'invitation.cancel', 'id': ''}"), "\"E_NOT_FOUND\""));
    join(bob, NULL); /* an invitation of another's is none of his */
    assert_asks(bob, "{'do': 'invitation.list', 'ended': true}", "{\"count\":0}");
    assert_non_null(strstr(vault_ask(bob, "{'do': 'invitation.cancel', 'id': '0000'}"), "\"E_NOT_FOUND\""));
    street_deinit(&road);
}

/* Alice changes her mind while Bob looks for his glasses. */
static void test_withdrawn(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    street_share(alice, "Club", url, sizeof url, pin);
    join(bob, NULL);
    assert_asks(alice, "{'do': 'space.rm', 'space': 'Club'}", alice->last);
    street_pass(&road, 1000);
    assert_non_null(strstr(bob->last, "\"E_WITHDRAWN\""));
    assert_non_null(strstr(bob->last, "ask the host for a new invitation"));
    assert_asks(alice, "{'do': 'space.list'}", "{\"count\":0}");
    join(bob, pin); /* once more: the space is gone, the answer is not */
    assert_non_null(strstr(bob->last, "\"E_WITHDRAWN\""));
    street_deinit(&road);
}

/* What a guest who comes with this link is told within three seconds. */
static void assert_told(vault *guest, const char *outcome) {
    join(guest, pin);
    if (strstr(guest->last, outcome) == NULL) {
        fail_msg("%s: %s", outcome, guest->last);
    }
}

static void test_used_up(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    vault *carol = street_person(&road, "carol");
    street_share(alice, "Club", url, sizeof url, pin);
    assert_told(bob, "\"ready\"");
    assert_told(carol, "\"E_EXHAUSTED\"");
    vault_crash(alice);
    vault_open(alice);
    assert_told(carol, "\"E_EXHAUSTED\"");
    assert_told(carol, "ask the host for a new invitation");
    vault_leave(bob);
    street_pass(&road, DAY_MS * 9); /* a day to expire, a week to answer */
    join(carol, pin);
    assert_string_equal(carol->last, "");
    street_pass(&road, 61000);
    assert_non_null(strstr(carol->last, "\"E_NO_HOST\""));
    street_deinit(&road);
}

/* Carol has the link and no PIN; Bob is not held up, and neither is she when she has found it. */
static void test_two_at_the_door(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    vault *carol = street_person(&road, "carol");
    share_with_several(alice);
    uint64_t hers = join(carol, NULL);
    assert_non_null(strstr(carol->told, "\"pin-required\""));
    uint64_t his = join(bob, NULL);
    assert_non_null(strstr(bob->told, "\"pin-required\""));
    type(carol, hers, wrong_pin());
    assert_non_null(strstr(carol->told, "\"left\":2"));
    type(bob, his, pin);
    assert_non_null(strstr(bob->last, "\"ready\""));
    type(carol, hers, pin); /* her second try on the same link */
    assert_non_null(strstr(carol->last, "\"ready\""));
    street_agree(&road, "Club");
    street_deinit(&road);
}

static void test_attempts_are_the_invitations(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    vault *carol = street_person(&road, "carol");
    street_share(alice, "Club", url, sizeof url, pin);
    const char *wrong = wrong_pin();
    uint64_t hers = join(carol, NULL), his = join(bob, NULL);
    type(carol, hers, wrong);
    type(bob, his, wrong);
    assert_non_null(strstr(bob->told, "\"left\":1"));
    type(carol, hers, wrong);
    assert_non_null(strstr(carol->last, "\"E_LOCKED\""));
    assert_non_null(strstr(bob->last, "\"E_LOCKED\"")); /* before he types again */
    street_deinit(&road);
}

/* The one use is Bob's; Carol, who was first and only waited, is told. */
static void test_the_first_is_not_served_first(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    vault *carol = street_person(&road, "carol");
    street_share(alice, "Club", url, sizeof url, pin);
    join(carol, NULL);
    join(bob, pin);
    assert_non_null(strstr(bob->last, "\"ready\""));
    street_pass(&road, 5000);
    assert_non_null(strstr(carol->last, "\"E_EXHAUSTED\""));
    street_deinit(&road);
}

/* While the host is away, the time runs out; while it is up for long, it does not. */
static void test_expired(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    street_pass(&road, DAY_MS * 40);
    street_share(alice, "Club", url, sizeof url, pin);
    vault_leave(alice);
    street_pass(&road, DAY_MS / 2);
    vault_open(alice);
    join(bob, NULL);
    assert_non_null(strstr(bob->told, "\"pin-required\""));
    vault_leave(alice);
    street_pass(&road, DAY_MS);
    vault_open(alice);
    assert_told(bob, "\"E_EXPIRED\"");
    vault_leave(alice);
    vault_open(alice);
    assert_told(bob, "\"E_EXPIRED\"");
    street_deinit(&road);
}

/* The memory of ended invitations has an end too: the newest are kept. */
static void test_many_withdrawn(void **state) {
    (void)state;
    enum { ANSWERED = 64 };
    static char first[sizeof url], second[sizeof url];
    vault *alice, *bob;
    begin(&alice, &bob);
    for (int i = 0; i < ANSWERED + 1; i++) {
        uint64_t request = vault_begin(alice, "{'do': 'space.share', 'space': 'Club'}");
        street_field(alice->told, "url", url, sizeof url);
        vault_refer(alice, "request.cancel", request, NULL);
        street_pass(&road, 1000);
        if (i < 2) {
            snprintf(i == 0 ? first : second, sizeof first, "%s", url);
        }
    }
    assert_told(bob, "\"E_WITHDRAWN\"");
    snprintf(url, sizeof url, "%s", second);
    assert_told(bob, "\"E_WITHDRAWN\"");
    snprintf(url, sizeof url, "%s", first);
    assert_told(bob, "");
    street_pass(&road, 61000);
    assert_non_null(strstr(bob->last, "\"E_NO_HOST\""));
    street_deinit(&road);
}

/* --- Two ways to one host ---------------------------------------------------------------------------------- */

static uint64_t late_link; /* dialled at the slow address, and not yet answered */

static bool is_slow(street *self, vault *from, const dx_effect *effect) {
    bool slow =
        effect->kind == DX_EFFECT_LINK_OPEN && dx_bytes_equal(effect->body, dx_bytes_text("mem:back-door"));
    (void)self;
    (void)from;
    late_link = slow ? effect->link : late_link;
    return slow;
}

/* The host is named twice, and the second link comes up while the first is in use: one of them stays, the same on
 * both sides, and the join goes on over it. at_ms: after the first. */
static void join_by_two_ways(uint64_t at_ms, bool typed) {
    vault *alice, *bob;
    begin(&alice, &bob);
    vault_event(alice, (dx_event){.kind = DX_EVENT_LISTENING, .body = dx_bytes_text("mem:back-door")});
    road.beyond = is_slow;
    late_link = 0;
    street_share(alice, "Club", url, sizeof url, pin);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s'}", url);
    uint64_t request = vault_begin(bob, json);
    street_pass(&road, at_ms);
    assert_true(late_link != 0);
    assert_non_null(strstr(bob->told, "\"pin-required\""));
    if (typed) { /* the other link comes right behind it */
        vault_refer(bob, "space.pin", request, pin);
    }
    street_dial(&road, bob, late_link, dx_bytes_text("mem:alice"));
    if (!typed) {
        street_pass(&road, 1000);
        vault_refer(bob, "space.pin", request, pin);
    }
    street_pass(&road, 5000);
    assert_non_null(strstr(bob->last, "\"ready\""));
    street_agree(&road, "Club");
    street_deinit(&road);
}

static void test_a_second_link_loses_no_join(void **state) {
    (void)state;
    join_by_two_ways(1000, false);
    join_by_two_ways(1000, true);
    join_by_two_ways(8000, false);
    join_by_two_ways(8000, true);
}

DX_TEST_MAIN(DX_TEST(test_three_wrong_pins), DX_TEST(test_host_is_gone), DX_TEST(test_joining_twice),
             DX_TEST(test_a_second_link_loses_no_join), DX_TEST(test_withdrawn),
             DX_TEST(test_withdrawn_from_the_list), DX_TEST(test_which_invitation), DX_TEST(test_used_up),
             DX_TEST(test_two_at_the_door), DX_TEST(test_attempts_are_the_invitations),
             DX_TEST(test_the_first_is_not_served_first), DX_TEST(test_expired), DX_TEST(test_many_withdrawn))
