/* node/grant.c, node/commands_app.c, node/commands_watch.c, node/roll.c, node/dispatch.c: what an app may:
 * every command with every kind of grant, and that without one nothing is learned.
 *
 * Port 1 is the person's own program, 2 and 3 are apps. */
#include "node/state.h"
#include "street.h"

static street road;

static const char todo[] = "https://todo.example", notes[] = "https://notes.example:8443";
static const char denial[] =
    "{\"error\":{\"try\":\"app.ask\",\"code\":-6,\"name\":\"E_DENIED\",\"message\":\"this "
    "app has no grant for that\"}}";

/* Alice has two spaces; an app is there that nobody knows. */
static vault *begin(void) {
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Diary'}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 1}}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'Diary', 'type': 'page', 'data': {'dear': 'diary'}}");
    vault_connect(alice, 2, todo);
    return alice;
}

static void grant(vault *alice, const char *rights) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'app.grant', 'origin': '%s', %s}", todo, rights);
    if (strstr(vault_ask(alice, json), "\"granted\":true") == NULL) {
        fail_msg("%s: %s", json, alice->last);
    }
}

static void revoke(vault *alice) {
    assert_non_null(strstr(vault_ask(alice, "{'do': 'app.revoke', 'origin': 'https://todo.example'}"),
                           "\"granted\":false"));
}

static void assert_denied(vault *alice, uint64_t port, const char *json) {
    if (strcmp(vault_ask_by(alice, port, json), denial) != 0) {
        fail_msg("%s\nanswered %s", json, alice->last);
    }
}

static bool holds(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

/* --- Every command with every grant -------------------------------------------------------------------- */

/* Grants by letter; of rows: those with which the command is answered otherwise than by the denial. */
static const struct {
    char letter;
    const char *rights; /* NULL: none; empty: taken away again */
} grants[] = {{'-', NULL},
              {'g', "'scopes': []"},
              {'i', "'scopes': ['identity']"},
              {'c', "'scopes': ['create']"},
              {'j', "'scopes': ['join']"},
              {'r', "'spaces': {'Book': 'read'}"},
              {'w', "'spaces': {'Book': 'write'}"},
              {'s', "'spaces': {'Book': 'share'}"},
              {'d', "'spaces': {'Diary': 'share'}"},
              {'R', "'scopes': ['all:read']"},
              {'W', "'scopes': ['all:write']"},
              {'S', "'scopes': ['all:share']"},
              {'x', ""}};

static const char any[] = "gicjrwsdRWS", reads[] = "rwsRWS", writes[] = "wsWS", shares[] = "sS",
                  nobody[] = "", everybody[] = "-gicjrwsdRWSx";

static const struct {
    const char *command, *with, *fields;
} needs[] = {
    {"halo.create", nobody, ", 'name': 'Eve'"},
    {"halo.identity", "i", ""},
    {"halo.watch", "i", ""},
    {"halo.rename", nobody, ", 'name': 'Eve'"},
    {"device.rename", nobody, ", 'name': 'laptop'"},
    {"space.rename", writes, ", 'space': 'Book', 'name': 'Book'"},
    {"device.list", "i", ""},
    {"space.create", "c", ", 'name': 'Todo'"},
    {"space.list", any, ""},
    {"space.watch", any, ""},
    {"space.rm", nobody, ", 'space': 'Book'"},
    {"space.members", reads, ", 'space': 'Book'"},
    {"space.share", shares, ", 'space': 'Book'"},
    {"space.join", "j", ", 'url': 'dxos://join#no'"},
    {"space.pin", "j", ", 'pin': '123456'"},
    {"invitation.list", nobody, ""},
    {"invitation.cancel", nobody, ", 'id': '0123'"},
    {"space.status", reads, ", 'space': 'Book'"},
    {"space.post", writes, ", 'space': 'Book', 'channel': 'c', 'message': {'@bytes': ''}"},
    {"space.listen", reads, ", 'space': 'Book', 'channel': 'c'"},
    {"space.digest", reads, ", 'space': 'Book'"},
    {"space.epoch", shares, ", 'space': 'Book'"},
    {"space.epochs", reads, ", 'space': 'Book'"},
    {"space.compact", nobody, ", 'space': 'Book'"},
    {"space.scope", nobody, ", 'space': 'Book'"},
    {"object.add", writes, ", 'space': 'Book'"},
    {"object.get", reads, ", 'space': 'Book', 'id': '1-0'"},
    {"object.pieces", reads, ", 'space': 'Book', 'id': '1-0'"},
    {"object.set", writes, ", 'space': 'Book', 'id': '1-0', 'set': {'m': 2}"},
    {"object.unset", writes, ", 'space': 'Book', 'id': '1-0', 'unset': ['m']"},
    {"object.edit", writes, ", 'space': 'Book', 'id': '1-0', 'key': 'n', 'increment': 1"},
    {"object.rm", writes, ", 'space': 'Book', 'id': '1-0'"},
    {"object.purge", nobody, ", 'space': 'Book', 'id': '1-0'"},
    {"object.restore", writes, ", 'space': 'Book', 'id': '1-0'"},
    {"object.move", writes, ", 'space': 'Book', 'id': '1-0', 'parent': null"},
    {"object.apply", writes, ", 'space': 'Book', 'id': '1-0', 'operation': 1"},
    {"object.ls", reads, ", 'space': 'Book'"},
    {"text.open", writes, ", 'space': 'Book', 'id': '1-0'"},
    {"text.pull", reads, ", 'space': 'Book', 'id': '1-0'"},
    {"text.push", writes, ", 'space': 'Book', 'id': '1-0', 'session': 1"},
    {"text.watch", reads, ", 'space': 'Book', 'id': '1-0'"},
    {"history.list", reads, ", 'space': 'Book', 'id': '1-0'"},
    {"history.diff", reads, ", 'space': 'Book', 'id': '1-0', 'from': '1'"},
    {"history.restore", writes, ", 'space': 'Book', 'id': '1-0', 'at': '9'"},
    {"undo", writes, ", 'space': 'Book'"},
    {"redo", writes, ", 'space': 'Book'"},
    {"link.add", writes, ", 'space': 'Book', 'source': '1-0', 'target': '1-0'"},
    {"link.ls", reads, ", 'space': 'Book'"},
    {"link.rm", writes, ", 'space': 'Book', 'id': '1-0'"},
    {"batch", writes, ", 'space': 'Book', 'ops': []"},
    {"schema.add", shares, ", 'space': 'Book', 'type': 't', 'schema': 3"},
    {"schema.list", reads, ", 'space': 'Book'"},
    {"schema.rm", shares, ", 'space': 'Book', 'type': 't'"},
    {"schema.check", reads, ", 'space': 'Book'"},
    {"schema.migrate", writes, ", 'space': 'Book', 'type': 't'"},
    {"query", reads, ", 'space': 'Book'"},
    {"space.sql", reads, ", 'space': 'Book', 'sql': 'SELECT 1'"},
    {"watch", reads, ", 'space': 'Book'"},
    {"index.add", writes, ", 'space': 'Book', 'type': 'note', 'path': 'm'"},
    {"index.rm", writes, ", 'space': 'Book', 'type': 'note', 'path': 'm'"},
    {"index.ls", reads, ", 'space': 'Book'"},
    {"export", reads, ", 'space': 'Book'"},
    {"peer.list", nobody, ""},
    {"peer.connect", nobody, ", 'space': 'Book', 'address': 'mem:bob'"},
    {"signal.add", nobody, ", 'url': 'wss://signal.example'"},
    {"signal.rm", nobody, ", 'url': 'wss://signal.example'"},
    {"signal.list", nobody, ""},
    {"status", nobody, ""},
    {"inspect.feeds", nobody, ", 'space': 'Book'"},
    {"inspect.block", nobody, ", 'space': 'Book', 'feed': '0123', 'seq': 0"},
    {"inspect.credentials", nobody, ", 'space': 'Book'"},
    {"inspect.object", nobody, ", 'space': 'Book', 'id': '1-0'"},
    {"inspect.space", nobody, ", 'space': 'Book'"},
    {"inspect.holes", nobody, ", 'space': 'Book'"},
    {"inspect.purges", nobody, ", 'space': 'Book'"},
    {"vault.check", nobody, ""},
    {"vault.compact", nobody, ""},
    {"request.cancel", everybody, ""},
    {"app.ask", everybody, ", 'name': 'Todo', 'want': ['all:write']"},
    {"grant.watch", any, ""},
    {"app.list", nobody, ""},
    {"app.watch", nobody, ""},
    {"app.grant", nobody, ", 'origin': 'https://todo.example', 'scopes': ['all:share']"},
    {"app.refuse", nobody, ", 'origin': 'https://todo.example'"},
    {"app.revoke", nobody, ", 'origin': 'https://todo.example'"},
    {"no.such.command", nobody, ""},
};

enum { NEEDS = sizeof needs / sizeof needs[0] };

static void test_every_command_has_a_row(void **state) {
    (void)state;
    size_t commands = 0, rows = 0;
    for (const dx_command *command; (command = dx_command_at(commands)) != NULL; commands++) {
        size_t here = 0, there = 0;
        for (size_t i = 0; i < NEEDS; i++) {
            here += strcmp(needs[i].command, command->name) == 0;
        }
        for (const dx_need_row *row = dx_needs; row->command != NULL; row++) {
            there += strcmp(row->command, command->name) == 0;
        }
        if (here != 1 || there != 1) {
            fail_msg("%s: %d rows in this test, %d in grant.c", command->name, (int)here, (int)there);
        }
    }
    for (const dx_need_row *row = dx_needs; row->command != NULL; row++) {
        rows++;
    }
    assert_int_equal(rows, commands);
    assert_int_equal(NEEDS, commands + 1);
}

static void test_every_command_with_every_grant(void **state) {
    (void)state;
    vault *alice = begin();
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        if (grants[i].rights != NULL && grants[i].rights[0] != 0) {
            grant(alice, grants[i].rights);
        } else if (grants[i].rights != NULL) {
            revoke(alice);
        }
        for (size_t row = 0; row < NEEDS; row++) {
            char json[256];
            snprintf(json, sizeof json, "{'do': '%s'%s}", needs[row].command, needs[row].fields);
            bool denied = strcmp(vault_ask_by(alice, 2, json), denial) == 0;
            bool may = strchr(needs[row].with, grants[i].letter) != NULL;
            if (denied == may) {
                fail_msg("%s with '%c' was %s: %s", needs[row].command, grants[i].letter,
                         denied ? "denied" : "answered", alice->last);
            }
            vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 2});
            vault_connect(alice, 2, todo);
        }
    }
    street_deinit(&road);
}

/* --- Probing --------------------------------------------------------------------------------------------- */

/* Of what it was not granted an app cannot tell whether it is there. */
static void test_probing_learns_nothing(void **state) {
    (void)state;
    char id[80], prefix[8];
    vault *alice = begin();
    vault_ask(alice, "{'do': 'space.list'}");
    street_field(strstr(alice->told, "\"Diary\""), "space", id, sizeof id);
    snprintf(prefix, sizeof prefix, "%.4s", id);
    grant(alice, "'spaces': {'Book': 'write'}");
    const char *const names[] = {"Diary", "Nowhere", id, prefix, "", "ffff"};
    for (size_t row = 0; row < NEEDS; row++) {
        char *at = strstr(needs[row].fields, "'space': 'Book'");
        for (size_t i = 0; at != NULL && i < sizeof names / sizeof names[0]; i++) {
            char json[256];
            snprintf(json, sizeof json, "{'do': '%s', 'space': '%s'%s}", needs[row].command, names[i],
                     at + strlen("'space': 'Book'"));
            assert_denied(alice, 2, json);
        }
    }

    /* The space of that name it was granted, whatever others there are. */
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    assert_true(
        holds(vault_ask_by(alice, 2, "{'do': 'object.get', 'space': 'Book', 'id': '1-0'}"), "\"n\":1"));
    assert_true(holds(vault_ask(alice, "{'do': 'object.get', 'space': 'Book', 'id': '1-0'}"), "E_CONFLICT"));

    /* An object of another space is named like one that never was. */
    char there[80], json[256], first[512];
    vault_ask(alice, "{'do': 'object.ls', 'space': 'Diary'}");
    street_field(alice->told, "id", there, sizeof there);
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Book', 'id': '%s'}", there);
    snprintf(first, sizeof first, "%s", vault_ask_by(alice, 2, json));
    assert_true(holds(first, "E_NOT_FOUND"));
    char *digit = strrchr(json, '\'') - 1;
    *digit = *digit == '0' ? '1' : '0';
    const char *second = vault_ask_by(alice, 2, json);
    assert_int_equal(strlen(second), strlen(first));
    assert_true(holds(second, "E_NOT_FOUND"));

    /* Nothing else is listed, and what was denied is counted. */
    vault_ask_by(alice, 2, "{'do': 'space.list'}");
    assert_string_equal(alice->last, "{\"count\":1}");
    assert_false(holds(alice->told, "Diary"));
    assert_false(holds(alice->heard_by[2], "Diary\",\"links"));
    vault_ask(alice, "{'do': 'app.list'}");
    assert_false(holds(alice->told, "\"denied\":0"));
    assert_false(holds(vault_ask(alice, "{'do': 'status'}"), "\"apps_denied\":0"));
    street_deinit(&road);
}

/* --- Requests of others -------------------------------------------------------------------------------------- */

static void ask_as(vault *alice, uint64_t port, uint64_t request, const char *json) {
    alice->port = port;
    alice->last[0] = alice->told[0] = '\0';
    vault_ask_as(alice, request, json);
    street_run(&road);
    alice->port = 1;
}

/* The id of a request says nothing to whoever did not ask it. */
static void test_foreign_request_ids(void **state) {
    (void)state;
    enum { WRITTEN = 7001, WATCHED, SHARED };
    static const char add[] = "{'do': 'object.add', 'space': 'Book', 'type': 'page'}";
    char own[128];
    vault *alice = begin();
    vault_connect(alice, 3, notes);
    grant(alice, "'scopes': ['all:share', 'join']");
    ask_as(alice, 1, WRITTEN, add);
    snprintf(own, sizeof own, "%s", alice->last);
    assert_denied(alice, 3, add);
    ask_as(alice, 3, WRITTEN, add);
    assert_string_equal(alice->last, denial);
    ask_as(alice, 2, WRITTEN, add); /* another object: it is the app's own request */
    assert_true(holds(alice->last, "\"id\"") && strcmp(alice->last, own) != 0);
    ask_as(alice, 1, WRITTEN, add);
    assert_string_equal(alice->last, own);

    /* At work: neither hidden by the other's, nor ended by it. */
    ask_as(alice, 1, WATCHED, "{'do': 'watch', 'space': 'Book'}");
    ask_as(alice, 2, WATCHED, "{'do': 'object.ls', 'space': 'Book', 'type': 'none'}");
    assert_string_equal(alice->last, "{\"count\":0}");
    char missing[256];
    alice->port = 2;
    vault_refer(alice, "request.cancel", 424242, NULL);
    snprintf(missing, sizeof missing, "%s", alice->last);
    assert_true(holds(missing, "E_NOT_FOUND"));
    vault_refer(alice, "request.cancel", WATCHED, NULL);
    street_run(&road);
    assert_string_equal(alice->last, missing);
    alice->port = 1;
    alice->told[0] = 0;
    vault_ask_as(alice, 7100, add);
    assert_true(holds(alice->told, "\"change\":\"added\"")); /* the watch goes on */

    /* An invitation: the app gets one of its own, and no look at the other's PIN. */
    char pin[8], url[2100];
    ask_as(alice, 1, SHARED, "{'do': 'space.share', 'space': 'Diary'}");
    street_field(alice->told, "url", url, sizeof url);
    ask_as(alice, 2, SHARED, "{'do': 'space.share', 'space': 'Diary'}");
    street_field(alice->told, "pin", pin, sizeof pin);
    assert_false(holds(alice->told, url));

    /* A join and its PIN likewise. */
    char json[2300];
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s'}", url);
    ask_as(alice, 1, 7200, json);
    alice->port = 2;
    vault_refer(alice, "space.pin", 7200, "123456");
    assert_true(holds(alice->last, "E_NOT_FOUND"));
    alice->port = 1;
    street_deinit(&road);
}

/* --- Taking away ---------------------------------------------------------------------------------------------- */

static size_t count_lines(const char *text) {
    size_t count = 0;
    for (; *text != 0; text++) {
        count += *text == '\n';
    }
    return count;
}

static void test_revoked_at_once(void **state) {
    (void)state;
    enum { WRITTEN = 7001 };
    static const char add[] = "{'do': 'object.add', 'space': 'Book', 'type': 'page'}";
    vault *alice = begin();
    grant(alice, "'scopes': ['identity', 'create'], 'spaces': {'Book': 'write', 'Diary': 'read'}");
    ask_as(alice, 2, WRITTEN, add);
    assert_true(holds(alice->last, "\"id\""));
    vault_ask_by(alice, 2, "{'do': 'watch', 'space': 'Book'}");
    vault_ask_by(alice, 2, "{'do': 'watch', 'space': 'Diary'}");
    vault_ask_by(alice, 2, "{'do': 'space.watch'}");
    alice->heard_by[2][0] = 0;
    vault_ask(alice, "{'do': 'object.add', 'space': 'Diary'}");
    assert_true(holds(alice->heard_by[2], "\"added\""));

    /* Less than before: what it watched there ends, the rest goes on. */
    alice->heard_by[2][0] = 0;
    grant(alice, "'scopes': ['identity'], 'spaces': {'Book': 'write'}");
    assert_true(holds(alice->heard_by[2], denial));
    assert_true(holds(alice->heard_by[2], "\"change\":\"removed\"")); /* of space.watch */
    assert_int_equal(count_lines(alice->heard_by[2]), 2);
    alice->heard_by[2][0] = 0;
    vault_ask(alice, "{'do': 'object.add', 'space': 'Diary'}");
    assert_string_equal(alice->heard_by[2], "");
    vault_ask(alice, add);
    assert_true(holds(alice->heard_by[2], "\"added\""));

    /* Nothing at all: each request is told so once, and hears no more. */
    alice->heard_by[2][0] = 0;
    revoke(alice);
    assert_int_equal(count_lines(alice->heard_by[2]), 2);
    alice->heard_by[2][0] = 0;
    vault_ask(alice, add);
    vault_ask(alice, "{'do': 'space.create', 'name': 'More'}");
    assert_string_equal(alice->heard_by[2], "");
    assert_denied(alice, 2, "{'do': 'space.list'}");

    /* Its stored replies are no answer any more, until it is granted again. */
    ask_as(alice, 2, WRITTEN, add);
    assert_string_equal(alice->last, denial);
    grant(alice, "'spaces': {'Book': 'write'}");
    ask_as(alice, 2, WRITTEN, add);
    assert_true(holds(alice->last, "\"id\""));
    street_deinit(&road);
}

/* Rows that wait for a port that does not read are not told after the revocation. */
static void test_revoked_while_rows_wait(void **state) {
    (void)state;
    char json[70000];
    vault *alice = begin();
    grant(alice, "'spaces': {'Book': 'read'}");
    memset(json, 'x', sizeof json);
    for (int i = 0; i < 40; i++) {
        static const char begins[] = "{'do': 'object.add', 'space': 'Book', 'type': 'big', 'data': {'pad': '";
        memcpy(json, begins, sizeof begins - 1);
        memcpy(json + 60000, "'}}", 4);
        vault_ask(alice, json);
    }
    alice->takes = false;
    vault_ask_by(alice, 2, "{'do': 'query', 'space': 'Book', 'query': {'type': 'big'}}");
    size_t before = alice->notified;
    assert_in_range(before, 1, 39);
    alice->takes = true;
    alice->notified = 0;
    revoke(alice);
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = 2, .size = 8 << 20});
    street_run(&road);
    assert_int_equal(alice->notified, 0);
    street_deinit(&road);
}

/* What an app offered ends with its grant, after a restart too; a guest who comes is told. */
static void test_revoked_invitation(void **state) {
    (void)state;
    char url[2100], pin[8], json[2300];
    vault *alice = begin(), *bob = street_person(&road, "bob");
    grant(alice, "'spaces': {'Book': 'share'}");
    vault_ask_by(alice, 2, "{'do': 'space.share', 'space': 'Book'}");
    street_field(alice->told, "url", url, sizeof url);
    street_field(alice->told, "pin", pin, sizeof pin);
    vault_leave(alice);
    vault_open(alice);
    revoke(alice);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s', 'pin': '%s'}", url, pin);
    vault_begin(bob, json);
    street_pass(&road, 5000);
    assert_true(holds(bob->last, "E_WITHDRAWN"));
    street_deinit(&road);
}

/* --- Asking --------------------------------------------------------------------------------------------------- */

static const char asks[] = "{'do': 'app.ask', 'name': 'Todo', 'want': ['identity', 'create']}";

static void test_ask_and_grant(void **state) {
    (void)state;
    vault *alice = begin();
    vault_ask_by(alice, 2, asks);
    assert_string_equal(alice->last, "");
    vault_ask(alice, "{'do': 'app.list'}");
    assert_string_equal(alice->told,
                        "{\"rows\":[{\"asks\":[\"identity\",\"create\"],\"name\":\"Todo\",\"ports\":1,"
                        "\"denied\":0,\"origin\":\"https://todo.example\",\"scopes\":[],\"spaces\":{},"
                        "\"granted\":false}]}\n");
    alice->heard_by[2][0] = 0;
    grant(alice, "'scopes': ['identity', 'create']");
    assert_string_equal(alice->heard_by[2],
                        "{\"origin\":\"https://todo.example\",\"scopes\":[\"identity\",\"create\"]"
                        ",\"spaces\":{}}\n");
    vault_ask(alice, "{'do': 'app.list'}");
    assert_true(holds(alice->told, "\"name\":\"Todo\""));
    assert_true(holds(alice->told, "\"asks\":null"));

    /* Asked for what it has, it is told at once; for more, the person is asked. */
    assert_true(holds(vault_ask_by(alice, 2, asks), "\"scopes\":[\"identity\",\"create\"]"));
    vault_ask_by(alice, 2, "{'do': 'app.ask', 'want': ['all:read']}");
    assert_string_equal(alice->last, "");

    /* What it makes is its own, and nothing else is. */
    vault_ask_by(alice, 2, "{'do': 'space.create', 'name': 'Tasks'}");
    assert_true(holds(alice->last, "Tasks"));
    assert_true(holds(vault_ask_by(alice, 2, "{'do': 'object.add', 'space': 'Tasks'}"), "\"id\""));
    assert_denied(alice, 2, "{'do': 'object.add', 'space': 'Book'}");

    /* All of it survives a restart; a space that is forgotten is not granted when it comes back. */
    vault_leave(alice);
    vault_open(alice);
    vault_connect(alice, 2, todo);
    assert_true(holds(vault_ask_by(alice, 2, "{'do': 'object.add', 'space': 'Tasks'}"), "\"id\""));
    vault_ask(alice, "{'do': 'app.list'}");
    assert_true(holds(alice->told, "\"share\""));
    vault_ask(alice, "{'do': 'space.rm', 'space': 'Tasks'}");
    assert_denied(alice, 2, "{'do': 'object.add', 'space': 'Tasks'}");
    vault_ask(alice, "{'do': 'app.list'}");
    assert_true(holds(alice->told, "\"spaces\":{}"));
    vault_leave(alice);
    vault_open(alice);
    vault_ask(alice, "{'do': 'app.list'}");
    assert_true(holds(alice->told, "\"spaces\":{}"));
    street_deinit(&road);
}

static void test_refused(void **state) {
    (void)state;
    static const char refuse[] = "{'do': 'app.refuse', 'origin': 'https://todo.example'}";
    vault *alice = begin();
    vault_ask(alice, "{'do': 'app.watch'}");
    assert_true(holds(alice->told, "{\"state\":\"listed\"}"));
    alice->heard_by[1][0] = 0;
    vault_ask_by(alice, 2, asks);
    assert_true(holds(alice->heard_by[1], "\"change\":\"added\""));
    alice->heard_by[2][0] = 0;
    vault_ask(alice, refuse);
    assert_true(holds(alice->heard_by[2], "the person did not agree"));
    assert_true(holds(alice->heard_by[1],
                      "{\"rows\":[{\"change\":\"removed\",\"origin\":\"https://todo.example\"}]}"));

    /* Again at once: it waits a minute before anybody is bothered. */
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 2});
    vault_connect(alice, 2, todo);
    alice->heard_by[1][0] = 0;
    vault_ask_by(alice, 2, asks);
    street_pass(&road, DX_APP_REFUSED_MS - 1);
    assert_string_equal(alice->heard_by[1], "");
    street_pass(&road, 2);
    assert_true(holds(alice->heard_by[1], "\"change\":\"added\""));

    /* A question that is called off, or whose app goes, is none any more. */
    alice->heard_by[1][0] = 0;
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 2});
    street_run(&road);
    vault_ask(alice, "{'do': 'app.list'}");
    assert_string_equal(alice->last, "{\"count\":0}");
    street_deinit(&road);
}

/* Who asks and calls off in turn is shown a few times, and then waits, gone and come back or not; and can be told
 * no while it asks nothing. */
static void test_asking_and_calling_off(void **state) {
    (void)state;
    vault *alice = begin();
    vault_ask(alice, "{'do': 'app.watch'}");
    int shown = 0;
    for (int i = 0; i < 3 * DX_APP_ASKS_MAX; i++) {
        alice->heard_by[1][0] = 0;
        vault_ask_by(alice, 2, asks);
        shown += holds(alice->heard_by[1], "\"change\":\"added\"");
        vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 2});
        street_pass(&road, 100);
        vault_connect(alice, 2, todo);
    }
    assert_int_equal(shown, DX_APP_ASKS_MAX);
    alice->heard_by[1][0] = 0;
    vault_ask_by(alice, 2, asks);
    street_pass(&road, DX_APP_ASKS_MS - 3 * DX_APP_ASKS_MAX * 100 - 100);
    assert_string_equal(alice->heard_by[1], "");
    street_pass(&road, 200);
    assert_true(holds(alice->heard_by[1], "\"change\":\"added\""));

    /* What was looked at is gone; the person's no counts. */
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 2});
    street_run(&road);
    assert_true(
        holds(vault_ask(alice, "{'do': 'app.refuse', 'origin': 'https://todo.example'}"), "\"asks\":null"));
    vault_connect(alice, 2, todo);
    alice->heard_by[1][0] = 0;
    vault_ask_by(alice, 2, asks);
    street_pass(&road, DX_APP_REFUSED_MS - 100);
    assert_string_equal(alice->heard_by[1], "");
    street_pass(&road, 200);
    assert_true(holds(alice->heard_by[1], "\"change\":\"added\""));

    /* Who was answered begins anew. */
    grant(alice, "'scopes': ['identity']");
    for (int i = 0; i < DX_APP_ASKS_MAX; i++) {
        alice->heard_by[1][0] = 0;
        vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 2});
        vault_connect(alice, 2, todo);
        vault_ask_by(alice, 2, asks);
        assert_true(holds(alice->heard_by[1], "\"asks\":[\"identity\",\"create\"]"));
    }
    street_deinit(&road);
}

/* What an app calls itself stays within itself. */
static void test_names_of_apps(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool good;
    } rows[] = {{"Todo", true},
                {"\xd7\xa2\xd7\x91\xd7\xa8\xd7\x99\xd7\xaa", true},
                {"two\\nlines", false},
                {"\xe2\x80\xaegnp.odot", false},
                {"To\xe2\x80\x8b do", false},
                {"\xef\xbb\xbfTodo", false}};
    char json[256];
    vault *alice = begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(json, sizeof json, "{'do': 'app.ask', 'name': '%s'}", rows[i].name);
        vault_ask_by(alice, 2, json);
        assert_int_equal(!holds(alice->last, "must be one line"), rows[i].good);
        snprintf(json, sizeof json, "{'do': 'app.grant', 'origin': 'https://b.example', 'name': '%s'}",
                 rows[i].name);
        assert_int_equal(holds(vault_ask(alice, json), "\"granted\":true"), rows[i].good);
    }
    street_deinit(&road);
}

/* Every refusal of what the person types. */
static void test_wrong_words(void **state) {
    (void)state;
    static const struct {
        const char *json, *error;
    } rows[] = {
        {"{'do': 'app.grant'}", "\\\"origin\\\" is missing"},
        {"{'do': 'app.grant', 'origin': 'todo.example'}", "is not an origin"},
        {"{'do': 'app.grant', 'origin': 'https://a.b', 'scopes': ['root']}", "must be a list of"},
        {"{'do': 'app.grant', 'origin': 'https://a.b', 'scopes': 'create'}", "must be a list of"},
        {"{'do': 'app.grant', 'origin': 'https://a.b', 'name': 'a\\u0007b'}", "one line"},
        {"{'do': 'app.grant', 'origin': 'https://a.b', 'spaces': {'Nowhere': 'read'}}", "E_NOT_FOUND"},
        {"{'do': 'app.grant', 'origin': 'https://a.b', 'spaces': {'Book': 'own'}}", "read, write or share"},
        {"{'do': 'app.grant', 'origin': 'https://a.b', 'spaces': ['Book']}", "object of keys"},
        {"{'do': 'app.revoke', 'origin': 'https://a.b'}", "no such app"},
        {"{'do': 'app.refuse', 'origin': 'a.b'}", "is not an origin"},
        {"{'do': 'grant.watch'}", "own programs need no grant"},
        {"{'do': 'app.revoke', 'origin': 'https://todo.example'}", "this app has no grant"},
    };
    vault *alice = begin();
    vault_ask_by(alice, 2, asks);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!holds(vault_ask(alice, rows[i].json), rows[i].error)) {
            fail_msg("%s\nanswered %s", rows[i].json, alice->last);
        }
    }
    vault_ask(alice, "{'do': 'app.list'}");
    assert_string_equal(alice->last, "{\"count\":1}"); /* the question; no grant was made */
    street_deinit(&road);
}

static void test_limits(void **state) {
    (void)state;
    char json[128];
    vault *alice = begin();
    for (int i = 0; i <= DX_GRANTS_MAX; i++) {
        snprintf(json, sizeof json,
                 "{'do': 'app.grant', 'origin': 'https://app%d.example', 'scopes': ['identity']}", i);
        bool granted = holds(vault_ask(alice, json), "\"granted\":true");
        assert_int_equal(granted, i < DX_GRANTS_MAX);
    }
    assert_true(holds(alice->last, "E_LIMIT"));
    street_deinit(&road);
}

/* --- Ports and origins ------------------------------------------------------------------------------------------ */

static void test_origins(void **state) {
    (void)state;
    static const char *const good[] = {"https://todo.example",   "http://a:1",
                                       "http://127.0.0.1:65535", "http://[::1]:80",
                                       "https://[fe80::1]",      "chrome-extension://abcdef",
                                       "capacitor://localhost"};
    static const char *const bad[] = {"",
                                      "null",
                                      "https://",
                                      "https:///",
                                      "https://Todo.example",
                                      "https://todo.example/",
                                      "https://todo.example:",
                                      "https://todo.example:123456",
                                      "https://todo.example:80x",
                                      "https://todo example",
                                      "https://a@b",
                                      "https://[::1",
                                      "https://[]",
                                      "https://[::1]x",
                                      "1http://a",
                                      "://a",
                                      "https:/a",
                                      ("https://t\xc3\xb6"
                                       "do.example")};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(dx_origin_check(dx_bytes_text(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(dx_origin_check(dx_bytes_text(bad[i])));
    }
    char long_one[DX_ORIGIN_SIZE_MAX + 2];
    memset(long_one, 'a', sizeof long_one);
    memcpy(long_one, "https://", 8);
    assert_true(dx_origin_check(dx_bytes_of(long_one, DX_ORIGIN_SIZE_MAX)));
    assert_false(dx_origin_check(dx_bytes_of(long_one, DX_ORIGIN_SIZE_MAX + 1)));
}

/* What has no origin may not even ask; what never came up is nobody. */
static void test_ports_of_nobody(void **state) {
    (void)state;
    vault *alice = begin();
    vault_connect(alice, 3, "null");
    assert_denied(alice, 3, asks);
    assert_denied(alice, 3, "{'do': 'status'}");
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 3});
    assert_true(holds(vault_ask_by(alice, 3, "{'do': 'status'}"), "E_STATE"));
    assert_true(holds(vault_ask_by(alice, 3, asks), "E_STATE"));

    /* The same number for another: what the first asked ends. */
    grant(alice, "'spaces': {'Book': 'read'}");
    vault_ask_by(alice, 2, "{'do': 'watch', 'space': 'Book'}");
    vault_connect(alice, 2, notes);
    vault_ask(alice, "{'do': 'object.add', 'space': 'Book'}");
    assert_string_equal(alice->heard_by[2], "");
    assert_denied(alice, 2, "{'do': 'space.list'}");
    street_deinit(&road);
}

/* A batch that is undone and run again event by event gives nobody another's port in between. */
static void test_ports_of_an_undone_batch(void **state) {
    (void)state;
    static const char text[] = "{\"do\": \"space.list\"}";
    vault *alice = begin();
    grant(alice, "'spaces': {'Book': 'read'}");
    dx_buf command;
    dx_writer writer;
    dx_buf_init(&command, &alice->alloc.port, 256);
    dx_writer_init(&writer, &command);
    assert_int_equal(dx_json_parse(dx_bytes_text(text), &writer, NULL, 0), DX_OK);
    const dx_event events[] = {
        {.kind = DX_EVENT_COMMAND, .port = 2, .request = {1}, .body = dx_buf_view(&command)},
        {.kind = DX_EVENT_PORT_DOWN, .port = 2},
        {.kind = DX_EVENT_PORT_UP, .port = 2},
        {.kind = DX_EVENT_COMMAND, .port = 2, .request = {2}, .body = dx_buf_view(&command)}};
    alice->heard_by[2][0] = 0;
    uint64_t before = sim_disk_counters(alice->disk)->faults;
    sim_disk_plan(alice->disk,
                  &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE | 1u << SIM_DISK_SYNC, .at = 1});
    vault_ask_as(alice, 9000, "{'do': 'space.create', 'name': 'New'}"); /* makes the next steps write */
    sim_disk_heal(alice->disk);
    sim_disk_plan(alice->disk,
                  &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE | 1u << SIM_DISK_SYNC, .at = 1});
    dx_event batch[5];
    memcpy(batch, events, sizeof events);
    dx_buf write;
    dx_buf_init(&write, &alice->alloc.port, 256);
    dx_writer_init(&writer, &write);
    assert_int_equal(dx_json_parse(dx_bytes_text("{\"do\": \"space.create\"}"), &writer, NULL, 0), DX_OK);
    batch[4] = (dx_event){.kind = DX_EVENT_COMMAND, .port = 1, .request = {3}, .body = dx_buf_view(&write)};
    vault_step(alice, batch, 5);
    assert_true(sim_disk_counters(alice->disk)->faults > before);
    dx_buf_deinit(&command);
    dx_buf_deinit(&write);
    /* First as the app (one space), then as the person's own program (two or more). */
    assert_true(holds(alice->heard_by[2], "{\"count\":1}\n"));
    const char *own = strstr(alice->heard_by[2], "{\"count\":1}\n") + strlen("{\"count\":1}\n");
    assert_true(holds(own, "Diary"));
    assert_false(holds(own, "{\"count\":1}"));
    street_deinit(&road);
}

/* A disk that fails while a grant is made: it stands or it does not, and memory says what the disk says. */
static void test_grant_on_a_failing_disk(void **state) {
    (void)state;
    for (uint64_t at = 1;; at++) {
        vault *alice = begin();
        uint64_t before = sim_disk_counters(alice->disk)->faults;
        sim_disk_plan(alice->disk, &(sim_disk_fault){.calls = SIM_DISK_ALL_CALLS, .at = at});
        vault_ask(alice,
                  "{'do': 'app.grant', 'origin': 'https://todo.example', 'spaces': {'Book': 'write'}}");
        bool struck = sim_disk_counters(alice->disk)->faults != before;
        sim_disk_heal(alice->disk);
        if (alice->step_error != DX_OK) {
            vault_leave(alice);
            vault_open(alice);
            vault_connect(alice, 2, todo);
        }
        bool now = holds(vault_ask_by(alice, 2, "{'do': 'space.list'}"), "\"count\":1");
        vault_leave(alice);
        vault_open(alice);
        vault_connect(alice, 2, todo);
        assert_int_equal(holds(vault_ask_by(alice, 2, "{'do': 'space.list'}"), "\"count\":1"), now);
        assert_true(now || struck);
        street_deinit(&road);
        if (!struck) {
            assert_true(at > 2);
            break;
        }
    }
}

/* --- Watching ---------------------------------------------------------------------------------------------------- */

static void test_watching_spaces(void **state) {
    (void)state;
    vault *alice = begin(), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.watch'}");
    assert_int_equal(count_lines(alice->told), 2);
    assert_true(holds(alice->told, "\"role\":\"owner\""));
    assert_false(holds(alice->told, "\"level\""));
    alice->heard_by[1][0] = 0;
    street_join(alice, bob, "Book");
    assert_true(holds(alice->heard_by[1], "\"members\":2"));
    assert_true(holds(alice->heard_by[1], "\"change\":\"changed\""));
    alice->heard_by[1][0] = 0;
    vault_ask(alice, "{'do': 'object.add', 'space': 'Book'}"); /* is nothing of the list's */
    assert_int_equal(count_lines(alice->heard_by[1]), 1);

    alice->heard_by[1][0] = 0;
    vault_ask(
        bob,
        "{'do': 'halo.rename', 'name': 'Robert'}"); /* a member is called otherwise: ask again who is in it */
    assert_true(holds(alice->heard_by[1], "\"change\":\"changed\""));
    assert_int_equal(count_lines(alice->heard_by[1]), 1);
    alice->heard_by[1][0] = 0;
    vault_ask(bob, "{'do': 'space.rename', 'space': 'Book', 'name': 'Novel'}");
    assert_true(holds(alice->heard_by[1], "\"name\":\"Novel\""));
    vault_ask(alice, "{'do': 'space.rename', 'space': 'Novel', 'name': 'Book'}");

    /* An app sees what it is granted come and go. */
    grant(alice, "'spaces': {'Book': 'read'}");
    vault_ask_by(alice, 2, "{'do': 'space.watch'}");
    assert_true(holds(alice->heard_by[2], "\"level\":\"read\""));
    assert_false(holds(alice->heard_by[2], "Diary"));
    alice->heard_by[2][0] = 0;
    grant(alice, "'spaces': {'Book': 'write', 'Diary': 'read'}");
    assert_true(holds(alice->heard_by[2], "\"change\":\"changed\""));
    assert_true(holds(alice->heard_by[2], "\"change\":\"added\""));
    alice->heard_by[2][0] = 0;
    vault_ask(alice, "{'do': 'space.rm', 'space': 'Diary'}");
    assert_true(holds(alice->heard_by[2], "\"change\":\"removed\""));
    vault_refer(alice, "request.cancel", 1, NULL);
    street_deinit(&road);
}

/* An app hears of each change of what it may, and of no other. */
static void test_watching_the_grant(void **state) {
    (void)state;
    vault *alice = begin();
    grant(alice, "'scopes': ['create']");
    vault_ask_by(alice, 2, "{'do': 'grant.watch'}");
    assert_string_equal(alice->heard_by[2],
                        "{\"origin\":\"https://todo.example\",\"scopes\":[\"create\"],\"spaces\":{}}\n");
    alice->heard_by[2][0] = 0;
    vault_ask_by(alice, 2, "{'do': 'app.ask', 'want': ['all:share']}"); /* asking changes nothing yet */
    vault_connect(alice, 3, notes);
    vault_ask(alice, "{'do': 'app.grant', 'origin': 'https://notes.example:8443', 'scopes': ['identity']}");
    assert_string_equal(alice->heard_by[2], "");
    vault_ask(alice, "{'do': 'app.refuse', 'origin': 'https://todo.example'}");
    alice->heard_by[2][0] = 0;
    grant(alice, "'scopes': ['identity', 'create', 'join', 'all:read']");
    assert_string_equal(alice->heard_by[2],
                        "{\"origin\":\"https://todo.example\",\"scopes\":[\"identity\",\"create\","
                        "\"join\",\"all:read\"],\"spaces\":{}}\n");
    alice->heard_by[2][0] = 0;
    vault_ask_by(alice, 2, "{'do': 'space.create', 'name': 'Tasks'}");
    assert_true(holds(alice->heard_by[2], "\"share\"}"));
    alice->heard_by[2][0] = 0;
    vault_ask(alice, "{'do': 'space.rm', 'space': 'Tasks'}");
    assert_true(holds(alice->heard_by[2], "\"spaces\":{}"));
    alice->heard_by[2][0] = 0;
    revoke(alice);
    assert_true(holds(alice->heard_by[2], denial));
    street_deinit(&road);
}

static void test_watching_the_person(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_move_in(&road, "alice");
    uint64_t watch = vault_begin(alice, "{'do': 'halo.watch'}");
    street_run(&road);
    assert_string_equal(alice->told, "{\"name\":null,\"device\":null,\"identity\":null}\n");
    alice->heard_by[1][0] = 0;
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    assert_true(holds(alice->heard_by[1], "{\"name\":\"Alice\""));
    assert_int_equal(count_lines(alice->heard_by[1]), 2);
    alice->heard_by[1][0] = 0;
    vault_ask(alice, "{'do': 'halo.rename', 'name': 'Al'}");
    vault_ask(alice, "{'do': 'device.rename', 'name': 'laptop'}");
    assert_int_equal(count_lines(alice->heard_by[1]), 4);
    assert_true(holds(alice->heard_by[1], "{\"name\":\"Al\","));
    assert_true(holds(alice->heard_by[1], "\"device_name\":\"laptop\""));
    assert_true(holds(vault_ask(alice, "{'do': 'device.list'}"), "1"));
    assert_true(holds(alice->told, "\"name\":\"laptop\""));
    vault_refer(alice, "request.cancel", watch, NULL);
    street_run(&road);
    assert_true(holds(alice->heard_by[1], "E_CANCELLED"));
    street_deinit(&road);
}

/* What people and spaces are called is changed by no app on the way of editing objects. */
static void test_names_are_no_apps(void **state) {
    (void)state;
    static const char *const attempts[] = {
        "'object.set', 'space': 'Book', 'id': '0-1', 'set': {'name': 'Mallory'}",
        "'object.unset', 'space': 'Book', 'id': '0-0', 'unset': ['name']",
        "'object.rm', 'space': 'Book', 'id': '0-1'",
        "'object.restore', 'space': 'Book', 'id': '0-1'",
        "'object.move', 'space': 'Book', 'id': '0-1', 'parent': '1-0'",
        "'object.add', 'space': 'Book', 'type': 'dx.member', 'data': {'name': 'Mallory'}",
        "'link.add', 'space': 'Book', 'source': '1-0', 'target': '0-1', 'type': 'dx.of'",
        "'batch', 'space': 'Book', 'ops': [{'op': 'add'}, {'op': 'set', 'id': '0-1', 'set': {'name': 'M'}}]",
        "'batch', 'space': 'Book', 'ops': [{'op': 'add'}, {'op': 'add', 'type': 'dx.space'}]"};
    char json[256];
    vault *alice = begin();
    grant(alice, "'spaces': {'Book': 'share'}");
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        snprintf(json, sizeof json, "{'do': %s}", attempts[i]);
        assert_true(holds(vault_ask_by(alice, 2, json), "this app has no grant for that"));
        vault_ask(alice, "{'do': 'space.members', 'space': 'Book'}");
        assert_true(holds(alice->told, "\"name\":\"Alice\""));
    }
    alice->heard_by[2][0] =
        0; /* A link to a member is an app's like any other, and what it made itself in a batch. */
    vault_ask_by(alice, 2,
                 "{'do': 'link.add', 'space': 'Book', 'source': '1-0', 'target': '0-1', 'type': 'of'}");
    assert_false(holds(alice->heard_by[2], "error"));
    assert_true(holds(vault_ask_by(alice, 2,
                                   "{'do': 'batch', 'space': 'Book', 'ops': [{'op': 'add'}, {'op': 'set', "
                                   "'id': 0, 'set': {'a': 1}}]}"),
                      "\"ids\""));
    /* The space's name has a command of its own. */
    vault_ask(alice, "{'do': 'space.watch'}");
    alice->heard_by[1][0] = 0;
    assert_true(holds(vault_ask_by(alice, 2, "{'do': 'space.rename', 'space': 'Book', 'name': 'Novel'}"),
                      "\"name\":\"Novel\""));
    assert_true(holds(alice->heard_by[1], "\"name\":\"Novel\""));
    street_deinit(&road);
}

/* A space that comes by an app's join is the app's; one that was here before is not. */
static void test_joining_by_an_app(void **state) {
    (void)state;
    char url[2100], pin[8], json[2300];
    vault *alice = begin(), *bob = street_person(&road, "bob");
    vault_connect(bob, 2, todo);
    grant(bob, "'scopes': ['join']");
    vault_begin(alice, "{'do': 'space.share', 'space': 'Book', 'multi': true}");
    street_field(alice->told, "url", url, sizeof url);
    street_field(alice->told, "pin", pin, sizeof pin);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s', 'pin': '%s'}", url, pin);
    vault_ask_by(bob, 2, json);
    street_pass(&road, 5000);
    assert_true(holds(bob->heard_by[2], "\"ready\""));
    assert_true(holds(vault_ask_by(bob, 2, "{'do': 'object.add', 'space': 'Book'}"), "\"id\""));
    vault_connect(bob, 3, notes);
    vault_ask(bob, "{'do': 'app.grant', 'origin': 'https://notes.example:8443', 'scopes': ['join']}");
    vault_ask_by(bob, 3, json);
    street_pass(&road, 5000);
    assert_true(holds(bob->heard_by[3], "\"ready\""));
    assert_denied(bob, 3, "{'do': 'object.add', 'space': 'Book'}");

    /* Revoked while it waits for a PIN: the join ends. */
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s'}", url);
    vault_ask_by(bob, 3, json);
    street_pass(&road, 2000);
    bob->heard_by[3][0] = 0;
    vault_ask(bob, "{'do': 'app.revoke', 'origin': 'https://notes.example:8443'}");
    street_pass(&road, 2000);
    assert_true(holds(bob->heard_by[3], denial));
    assert_int_equal(count_lines(bob->heard_by[3]), 1);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_every_command_has_a_row), DX_TEST(test_every_command_with_every_grant),
             DX_TEST(test_probing_learns_nothing), DX_TEST(test_foreign_request_ids),
             DX_TEST(test_revoked_at_once), DX_TEST(test_revoked_while_rows_wait),
             DX_TEST(test_revoked_invitation), DX_TEST(test_ask_and_grant), DX_TEST(test_refused),
             DX_TEST(test_asking_and_calling_off), DX_TEST(test_names_of_apps),
             DX_TEST(test_watching_the_grant), DX_TEST(test_wrong_words), DX_TEST(test_limits),
             DX_TEST(test_origins), DX_TEST(test_ports_of_nobody), DX_TEST(test_ports_of_an_undone_batch),
             DX_TEST(test_grant_on_a_failing_disk), DX_TEST(test_watching_spaces),
             DX_TEST(test_watching_the_person), DX_TEST(test_names_are_no_apps),
             DX_TEST(test_joining_by_an_app))
