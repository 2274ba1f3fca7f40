/* tests/stories/story_part.c: a phone that keeps a part.
 *
 * Alice's laptop has an album: photos, what the photos are made of (large), notes, a list. Bob's phone joins and will keep photos
 * alone: what they are made of never crosses the wire, and whatever may lack something says so. He looks at one photo, and its
 * bytes come, all of them; he looks at the list, whose model is another one, and adds to it. On the train he writes. At home his
 * tablet joins too, which keeps everything, and gets from the phone what the phone has; in the end he keeps everything on the
 * phone as well. Asserted: bytes on the wire, what each reads, and equal digests at the end. */
#include "street.h"

enum { PIECES = 16, PIECE_SIZE = 50000, PHOTOS = 3 };

static street road;
static char photo[PHOTOS][80], bytes_of[PHOTOS][80];

static void assert_says(vault *self, const char *command, const char *expected) {
    const char *answer = vault_ask(self, command);
    if (strstr(answer, expected) == NULL && strstr(self->told, expected) == NULL) {
        fail_msg("%s: %s says %s%s, not %s", command, self->name, self->told, answer, expected);
    }
}

static void assert_keeps_silent(vault *self, const char *command, const char *word) {
    const char *answer = vault_ask(self, command);
    if (strstr(answer, word) != NULL || strstr(answer, "error") != NULL) {
        fail_msg("%s: %s says %s", command, self->name, answer);
    }
}

static void add(vault *self, const char *json, char *id, size_t size) {
    street_field(vault_ask(self, json), "id", id, size);
}

/* What a photo is made of: an object of its own, of a type of its own, written in pieces that each fit a block. */
static void write_bytes(vault *self, const char *id) {
    static char command[PIECE_SIZE + 256];
    for (int piece = 0; piece < PIECES; piece++) {
        int at = snprintf(command, sizeof command,
                          "{'do': 'object.set', 'space': 'Album', 'id': '%s', 'set': {'p%d': '", id, piece);
        memset(command + at, 'a' + piece % 26, PIECE_SIZE);
        snprintf(command + at + PIECE_SIZE, sizeof command - (size_t)at - PIECE_SIZE, "'}}");
        vault_ask(self, command);
    }
}

static void fill_album(vault *alice) {
    char json[256];
    for (size_t i = 0; i < PHOTOS; i++) {
        add(alice, "{'do': 'object.add', 'space': 'Album', 'type': 'photo.bytes'}", bytes_of[i],
            sizeof bytes_of[i]);
        write_bytes(alice, bytes_of[i]);
        snprintf(
            json, sizeof json,
            "{'do': 'object.add', 'space': 'Album', 'type': 'photo', 'data': {'n': %d, 'bytes': {'@ref': "
            "'%s'}}}",
            (int)i, bytes_of[i]);
        add(alice, json, photo[i], sizeof photo[i]);
    }
}

/* Asks for one object whole; what came. */
static const char *fetch(vault *self, const char *id) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Album', 'id': '%s', 'fetch': true}", id);
    vault_begin(self, json);
    street_pass(&road, 12000);
    return self->last;
}

/* Its bytes are here to the last piece. */
static void assert_has_bytes(vault *self, const char *id) {
    char json[256];
    snprintf(json, sizeof json,
             "{'do': 'query', 'space': 'Album', 'query': {'id': '%s', 'where': {'p0': {'prefix': 'aaa'}, "
             "'p%d': {'prefix': '%c%c'}}, 'count': true}}",
             id, PIECES - 1, 'a' + (PIECES - 1) % 26, 'a' + (PIECES - 1) % 26);
    assert_says(self, json, "\"count\":1");
}

static void join_with(vault *host, vault *guest, const char *rest) {
    char url[2100], pin[7], json[2400];
    street_share(host, "Album", url, sizeof url, pin);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s', 'pin': '%s'%s}", url, pin, rest);
    vault_begin(guest, json);
    street_pass(host->street, 8000);
    assert_non_null(strstr(guest->last, "\"ready\""));
}

static void test_a_phone(void **state) {
    (void)state;
    static const char photos[] =
        "{'do': 'query', 'space': 'Album', 'query': {'type': 'photo', 'count': true}}";
    static const char notes[] = "{'do': 'query', 'space': 'Album', 'query': {'type': 'note', 'count': true}}";
    char note[80], list[80], json[512], digest[128];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Album'}");
    fill_album(alice);
    add(alice, "{'do': 'object.add', 'space': 'Album', 'type': 'note', 'data': {'text': 'buy film'}}", note,
        sizeof note);
    add(alice, "{'do': 'object.add', 'space': 'Album', 'type': 'plan', 'model': 'dx/list/1'}", list,
        sizeof list);
    snprintf(json, sizeof json,
             "{'do': 'object.apply', 'space': 'Album', 'id': '%s', 'operation': {'insert': 0, 'values': "
             "['sea', 'hill']}}",
             list);
    vault_ask(alice, json);

    /* He says what he will keep as he joins: megabytes stay where they are. */
    alice->sent_bytes = 0;
    join_with(alice, bob, ", 'types': ['photo']");
    assert_in_range(alice->sent_bytes, 1, PIECE_SIZE);
    assert_says(bob, photos, "\"count\":3");
    assert_keeps_silent(bob, photos, "partial");
    assert_says(bob, notes, "\"partial\":true");
    assert_says(bob, "{'do': 'space.status', 'space': 'Album'}", "\"synced\":true");

    /* He looks at a photo: its bytes come, and no other's. */
    alice->sent_bytes = 0;
    assert_null(strstr(fetch(bob, bytes_of[1]), "error"));
    assert_in_range(alice->sent_bytes, PIECES * PIECE_SIZE, PIECES * PIECE_SIZE * 12 / 10);
    assert_has_bytes(bob, bytes_of[1]);
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Album', 'id': '%s'}", bytes_of[0]);
    assert_says(bob, json, "keeps a part");

    /* The list is of another model, and comes the same way; what he adds arrives. */
    assert_non_null(strstr(fetch(bob, list), "sea"));
    snprintf(json, sizeof json,
             "{'do': 'object.apply', 'space': 'Album', 'id': '%s', 'operation': {'insert': 2, 'values': "
             "['moon']}}",
             list);
    vault_ask(bob, json);
    street_pass(&road, 5000);
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Album', 'id': '%s'}", list);
    assert_says(alice, json, "moon");

    /* On the train: what is here is read and written; what is not is named as what it is. */
    road.closed = true;
    street_break(&road);
    snprintf(json, sizeof json,
             "{'do': 'object.set', 'space': 'Album', 'id': '%s', 'set': {'title': 'dusk'}}", photo[2]);
    vault_ask(bob, json);
    assert_non_null(strstr(fetch(bob, note), "error")); /* nobody is there */
    vault_crash(bob);
    vault_open(bob);
    assert_says(bob, photos, "\"count\":3");

    /* At home his tablet joins him; of what the phone lacks it says so, and gets the rest when Alice is there. */
    vault_leave(alice);
    road.closed = false;
    vault *carol = street_person(&road, "carol");
    vault_open(alice);
    join_with(alice, carol, "");
    street_pass(&road, 60000);
    vault_leave(alice);
    assert_says(carol, photos, "\"count\":3");
    assert_keeps_silent(carol, photos, "partial");
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Album', 'id': '%s'}", photo[2]);
    assert_says(carol, json, "dusk");

    /* Everything after all, from who is there. */
    assert_says(bob, "{'do': 'space.scope', 'space': 'Album', 'all': true}", "\"partial\":false");
    street_pass(&road, 60000);
    assert_keeps_silent(bob, notes, "partial");
    assert_says(bob, notes, "\"count\":1");
    assert_has_bytes(bob, bytes_of[0]);
    vault_open(alice);
    street_pass(&road, 60000);
    snprintf(digest, sizeof digest, "%s", vault_ask(alice, "{'do': 'space.digest', 'space': 'Album'}"));
    assert_asks(bob, "{'do': 'space.digest', 'space': 'Album'}", digest);
    assert_asks(carol, "{'do': 'space.digest', 'space': 'Album'}", digest);
    street_deinit(&road);
}

/* Alice and Carol let go of the history below an epoch while the phone keeps photos alone. Nobody has the blocks any more that it left out:
 * when he wants everything after all he gets the state instead, with what he wrote meanwhile in it. */
static void test_history_that_went_meanwhile(void **state) {
    (void)state;
    static const char notes[] = "{'do': 'query', 'space': 'Album', 'query': {'type': 'note', 'count': true}}";
    char note[80], taken[80], json[256], digest[128];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob"),
          *carol = street_person(&road, "carol");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Album'}");
    for (int i = 0; i < 5; i++) {
        add(alice, "{'do': 'object.add', 'space': 'Album', 'type': 'note', 'data': {'text': 'buy film'}}",
            note, sizeof note);
        add(alice, "{'do': 'object.add', 'space': 'Album', 'type': 'photo', 'data': {'title': 'dawn'}}",
            taken, sizeof taken);
    }
    join_with(alice, carol, "");
    join_with(alice, bob, ", 'types': ['photo']");
    assert_says(bob, notes, "\"partial\":true");
    assert_says(alice, "{'do': 'space.epoch', 'space': 'Album'}", "\"number\":1");
    street_pass(&road, 60000); /* Carol finds it right */
    static const char compact[] = "{'do': 'space.compact', 'space': 'Album', 'now': true, 'copies': 1}";
    assert_says(bob, compact, "not checked here"); /* he has not what it is made of */
    assert_says(alice, compact, "\"base\":1");
    assert_says(carol, compact, "\"base\":1");
    snprintf(json, sizeof json,
             "{'do': 'object.set', 'space': 'Album', 'id': '%s', 'set': {'title': 'dusk'}}", taken);
    vault_ask(bob, json);
    street_pass(&road, 60000);
    assert_says(alice, "{'do': 'object.ls', 'space': 'Album', 'type': 'photo'}", "dusk");

    assert_says(bob, "{'do': 'space.scope', 'space': 'Album', 'all': true}", "\"partial\":false");
    street_pass(&road, 200000);
    assert_says(bob, notes, "\"count\":5");
    assert_says(bob, "{'do': 'space.status', 'space': 'Album'}", "\"base\":1");
    assert_keeps_silent(bob, "{'do': 'space.status', 'space': 'Album'}", "missing");
    assert_says(bob, "{'do': 'object.ls', 'space': 'Album', 'type': 'photo'}", "dusk");
    snprintf(digest, sizeof digest, "%s", vault_ask(alice, "{'do': 'space.digest', 'space': 'Album'}"));
    assert_asks(bob, "{'do': 'space.digest', 'space': 'Album'}", digest);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_a_phone), DX_TEST(test_history_that_went_meanwhile))
