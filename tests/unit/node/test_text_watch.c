/* tests/unit/node/test_text_watch.c: documents of apps are told what others write as it comes (node/commands_text_watch.c): each
 * operation once and as it was made, from what a document has on; and who reads too slowly, or what waits, costs nobody a word. */
#include <dxos/text.h>

#include "street.h"

enum { WATCHES = 1, WRITES = 2, /* ports */ LARGE = 900 * 1024, MUCH = 40000 };

static street road;
static vault *alice, *bob;
static char page[64];

static void begin(bool with_bob) {
    street_init(&road);
    alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    vault_connect(alice, WRITES, "");
    if (with_bob) {
        bob = street_person(&road, "bob");
        street_join(alice, bob, "Garden");
    }
    street_field(vault_ask(alice,
                           "{'do': 'object.add', 'space': 'Garden', 'type': 'page', 'model': 'dx/text/1', "
                           "'operation': {'append': 'tea'}}"),
                 "id", page, sizeof page);
    street_pass(&road, 60000);
}

/* --- A document upon the text ------------------------------------------------------------------------------ */

typedef struct document {
    uint64_t session;
    dx_text_doc *doc;
    dx_text_type text;
    dx_text_form form;
} document;

static dx_buf buffer(void) {
    dx_buf buf;
    dx_buf_init(&buf, &alice->alloc.port, 2 << 20);
    return buf;
}

static uint64_t number(const char *answer, const char *key) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"%s\":", key);
    const char *found = strstr(answer, wanted);
    assert_non_null(found);
    return strtoull(found + strlen(wanted), NULL, 10);
}

/* Empty, of the client that the vault gave it. */
static void document_make(document *self, uint64_t client, dx_text_form form) {
    const dx_text_options options = {.client = client, .unit = DX_TEXT_CODE_POINTS};
    *self = (document){.form = form};
    assert_int_equal(dx_text_create(&alice->alloc.port, &options, &self->doc), DX_OK);
    assert_int_equal(dx_text_root(self->doc, "text", DX_TEXT_KIND_TEXT, &self->text), DX_OK);
}

static void document_open(document *self) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'text.open', 'space': 'Garden', 'id': '%s'}", page);
    const char *answer = vault_ask_by(alice, WRITES, json);
    document_make(self, number(answer, "client"), DX_TEXT_V2);
    self->session = number(answer, "session");
}

/* Takes in every update among what its port heard, which is forgotten; how many. */
static size_t document_take(document *self) {
    static const char *const mark = "{\"update\":{\"@bytes\":\"";
    char *heard = alice->heard_by[WATCHES];
    size_t count = 0;
    for (const char *at = heard; (at = strstr(at, mark)) != NULL; count++) {
        dx_buf update = buffer();
        at += strlen(mark);
        assert_int_equal(dx_base64url_decode(dx_bytes_of(at, strcspn(at, "\"")), &update), DX_OK);
        assert_int_equal(dx_text_apply(self->doc, self->form, dx_buf_view(&update)), DX_OK);
        dx_buf_deinit(&update);
    }
    heard[0] = 0;
    return count;
}

static void assert_reads(document *self, const char *text) {
    dx_buf read = buffer();
    assert_int_equal(dx_text_read(self->doc, self->text, &read), DX_OK);
    dx_buf_append_byte(&read, 0);
    assert_string_equal((const char *)read.data, text);
    assert_false(dx_text_pending(self->doc));
    dx_buf_deinit(&read);
}

static uint64_t watch(const document *self, bool has_session) {
    char json[4096], session[64] = "";
    dx_buf clocks = buffer(), encoded = buffer();
    assert_int_equal(dx_text_state_vector(self->doc, &clocks), DX_OK);
    dx_base64url_encode(dx_buf_view(&clocks), &encoded);
    if (has_session) {
        snprintf(session, sizeof session, ", 'session': %llu", (unsigned long long)self->session);
    }
    snprintf(
        json, sizeof json,
        "{'do': 'text.watch', 'space': 'Garden', 'id': '%s', 'form': %d, 'clocks': {'@bytes': '%.*s'}%s}",
        page, (int)self->form, (int)encoded.size, (const char *)encoded.data, session);
    uint64_t request = vault_begin(alice, json);
    street_run(&road);
    assert_string_equal(alice->last, "");
    dx_buf_deinit(&clocks);
    dx_buf_deinit(&encoded);
    return request;
}

static void push(uint64_t session, dx_bytes update) {
    static char json[8192];
    dx_buf encoded = buffer();
    dx_base64url_encode(update, &encoded);
    snprintf(
        json, sizeof json,
        "{'do': 'text.push', 'space': 'Garden', 'id': '%s', 'session': %llu, 'update': {'@bytes': '%.*s'}}",
        page, (unsigned long long)session, (int)encoded.size, (const char *)encoded.data);
    dx_buf_deinit(&encoded);
    assert_null(strstr(vault_ask_by(alice, WRITES, json), "error"));
}

static void document_type(document *self, uint64_t at, const char *words) {
    dx_buf update = buffer();
    assert_int_equal(dx_text_begin(self->doc), DX_OK);
    assert_int_equal(dx_text_insert(self->doc, self->text, at, dx_bytes_text(words), NULL), DX_OK);
    assert_int_equal(dx_text_commit(self->doc, DX_TEXT_V2, &update), DX_OK);
    push(self->session, dx_buf_view(&update));
    dx_buf_deinit(&update);
}

static const char *apply(vault *self, const char *operation) {
    char json[1024];
    snprintf(json, sizeof json, "{'do': 'object.apply', 'space': 'Garden', 'id': '%s', 'operation': %s}",
             page, operation);
    return self == alice ? vault_ask_by(alice, WRITES, json) : vault_ask(self, json);
}

/* --- What is told ------------------------------------------------------------------------------------------- */

static void test_told_as_it_comes(void **state) {
    (void)state;
    document mine, other;
    begin(true);
    document_open(&mine);
    document_open(&other);
    watch(&mine, true);
    assert_int_equal(document_take(&mine), 1); /* all of it */
    assert_reads(&mine, "tea");
    /* A command here, a member elsewhere, another document of this vault: each once. */
    apply(alice, "{'append': '!'}");
    assert_int_equal(document_take(&mine), 1);
    assert_reads(&mine, "tea!");
    apply(bob, "{'delete': 0, 'count': 1}");
    street_pass(&road, 1000);
    assert_int_equal(document_take(&mine), 1);
    assert_reads(&mine, "ea!");
    document_type(&other, 0, "ch");
    assert_int_equal(document_take(&mine), 1);
    /* What the document wrote itself it has; and others stand upon that. */
    document_type(&mine, 0, ">");
    assert_int_equal(document_take(&mine), 0);
    apply(bob, "{'insert': 0, 'text': 'a '}");
    street_pass(&road, 1000);
    assert_int_equal(document_take(&mine), 1);
    /* Not every change of the object is one of its words; what was missed by that is nothing. */
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.rm', 'space': 'Garden', 'id': '%s'}", page);
    vault_ask_by(alice, WRITES, json);
    document_take(&mine);
    dx_buf read = buffer();
    assert_int_equal(dx_text_read(mine.doc, mine.text, &read), DX_OK);
    dx_buf_append_byte(&read, 0);
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s'}", page);
    const char *got = vault_ask_by(alice, WRITES, json);
    assert_non_null(strstr(got, (const char *)read.data));
    assert_non_null(strstr((const char *)read.data, "ea!"));
    dx_buf_deinit(&read);
    dx_text_destroy(mine.doc);
    dx_text_destroy(other.doc);
    street_deinit(&road);
}

/* A watch that comes back begins where its document stands, and old programs' form is told as well. */
static void test_from_what_it_has(void **state) {
    (void)state;
    document mine, old;
    begin(false);
    document_open(&mine);
    document_make(&old, 7, DX_TEXT_V1);
    uint64_t request = watch(&mine, true);
    document_take(&mine);
    vault_refer(alice, "request.cancel", request, NULL);
    street_run(&road);
    apply(alice, "{'append': ' and'}");
    apply(alice, "{'append': ' cake'}");
    assert_int_equal(document_take(&mine), 0);
    request = watch(&mine, true);
    assert_int_equal(document_take(&mine), 1);
    assert_reads(&mine, "tea and cake");
    vault_refer(alice, "request.cancel", request, NULL);
    street_run(&road);
    watch(&old, false);
    apply(alice, "{'insert': 0, 'text': 'Some '}");
    assert_int_equal(document_take(&old), 2);
    assert_reads(&old, "Some tea and cake");
    dx_text_destroy(mine.doc);
    dx_text_destroy(old.doc);
    street_deinit(&road);
}

/* Nothing is kept for a port that takes nothing: once it does, it is told all of it as one update. */
static void test_slow(void **state) {
    (void)state;
    document mine;
    char *large = malloc(LARGE), json[256], id[64];
    begin(false);
    document_make(&mine, 7, DX_TEXT_V2);
    watch(&mine, false);
    document_take(&mine);
    /* Answers of 900 KiB, which it does not take. */
    memset(large, 'x', LARGE);
    dx_buf command = buffer();
    dx_writer writer;
    street_field(vault_ask_by(alice, WRITES, "{'do': 'object.add', 'space': 'Garden', 'data': {}}"), "id", id,
                 sizeof id);
    dx_writer_init(&writer, &command);
    dx_write_map(&writer, 4);
    dx_write_text(&writer, "do");
    dx_write_text(&writer, "object.set");
    dx_write_text(&writer, "id");
    dx_write_text(&writer, id);
    dx_write_text(&writer, "set");
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "large");
    dx_write_text_bytes(&writer, dx_bytes_of(large, LARGE));
    dx_write_text(&writer, "space");
    dx_write_text(&writer, "Garden");
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    vault_event(
        alice,
        (dx_event){.kind = DX_EVENT_COMMAND, .port = WRITES, .body = dx_buf_view(&command), .request = {9}});
    street_run(&road);
    assert_null(strstr(alice->last, "error"));
    alice->takes = false;
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s'}", id);
    vault_ask(alice, json);
    vault_ask(alice, json);
    for (size_t i = 0; i < 20; i++) {
        apply(alice, "{'append': '.'}");
    }
    assert_int_equal(document_take(&mine), 0);
    alice->takes = true;
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = WATCHES, .size = 2 * LARGE + 1024});
    street_run(&road);
    assert_int_equal(document_take(&mine), 1);
    assert_reads(&mine, "tea....................");
    apply(alice, "{'append': '!'}");
    assert_int_equal(document_take(&mine), 1);
    assert_reads(&mine, "tea....................!");
    dx_buf_deinit(&command);
    free(large);
    dx_text_destroy(mine.doc);
    street_deinit(&road);
}

/* More in one step than is kept for watchers: the rest is told as one update. */
static void test_much_at_once(void **state) {
    (void)state;
    static char commands[2][MUCH + 512];
    document mine;
    char expected[3 + 2 * MUCH + 1] = "tea";
    begin(false);
    document_make(&mine, 7, DX_TEXT_V2);
    watch(&mine, false);
    document_take(&mine);
    memset(expected + 3, 'w', 2 * MUCH);
    expected[3 + 2 * MUCH] = 0;
    for (size_t i = 0; i < 2; i++) {
        snprintf(commands[i], sizeof commands[i],
                 "{'do': 'object.apply', 'space': 'Garden', 'id': '%s', 'operation': {'append': '%.*s'}}",
                 page, MUCH, expected + 3);
    }
    alice->port = WRITES;
    vault_ask_both(alice, commands[0], commands[1]);
    alice->port = 1;
    assert_int_equal(document_take(&mine), 2);
    assert_reads(&mine, expected);
    dx_text_destroy(mine.doc);
    street_deinit(&road);
}

/* An operation that names what is not here shows nowhere; when what it waits for comes, both do. */
static void test_what_waits(void **state) {
    (void)state;
    document mine, first, second;
    begin(false);
    dx_buf update = buffer();
    document_open(&first);
    document_open(&second);
    document_make(&mine, 7, DX_TEXT_V2);
    watch(&mine, false);
    document_take(&mine);
    assert_int_equal(dx_text_begin(first.doc), DX_OK);
    assert_int_equal(dx_text_insert(first.doc, first.text, 0, dx_bytes_text("on the "), NULL), DX_OK);
    assert_int_equal(dx_text_commit(first.doc, DX_TEXT_V2, &update), DX_OK);
    assert_int_equal(dx_text_apply(second.doc, DX_TEXT_V2, dx_buf_view(&update)), DX_OK);
    document_type(&second, 7, "table: ");
    assert_int_equal(document_take(&mine), 1); /* that nothing more shows */
    assert_reads(&mine, "tea");
    apply(alice, "{'append': '!'}");
    assert_int_equal(document_take(&mine), 1);
    assert_reads(&mine, "tea!");
    push(first.session, dx_buf_view(&update));
    assert_int_equal(document_take(&mine), 1);
    dx_buf read = buffer();
    assert_int_equal(dx_text_read(mine.doc, mine.text, &read), DX_OK);
    dx_buf_append_byte(&read, 0);
    assert_non_null(strstr((const char *)read.data, "on the table: "));
    assert_int_equal(strlen((const char *)read.data), strlen("on the table: tea!"));
    /* Nothing waits any more: one by one again. */
    apply(alice, "{'append': '?'}");
    assert_int_equal(document_take(&mine), 1);
    dx_buf_deinit(&read);
    dx_buf_deinit(&update);
    dx_text_destroy(first.doc);
    dx_text_destroy(second.doc);
    dx_text_destroy(mine.doc);
    street_deinit(&road);
}

static void test_refused(void **state) {
    (void)state;
    char note[64], json[256];
    static const char *const bad[] = {
        "{'do': 'text.watch', 'space': 'Garden', 'id': '%s', 'form': 3}",
        "{'do': 'text.watch', 'space': 'Garden', 'id': '%s', 'clocks': {'@bytes': '_w'}}",
        "{'do': 'text.watch', 'space': 'Garden', 'id': '%s', 'clocks': 'x'}",
        "{'do': 'text.watch', 'space': 'Nowhere', 'id': '%s'}",
    };
    begin(false);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(json, sizeof json, bad[i], page);
        assert_non_null(strstr(vault_ask(alice, json), "\"error\""));
    }
    street_field(vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'data': {'a': 1}}"), "id", note,
                 sizeof note);
    snprintf(json, sizeof json, "{'do': 'text.watch', 'space': 'Garden', 'id': '%s'}", note);
    assert_non_null(strstr(vault_ask(alice, json), "that object is no text"));
    street_deinit(&road);
}

/* The text goes for good, and its space with it: who watches is told so, and no more. */
static void test_it_goes(void **state) {
    (void)state;
    document mine;
    char json[256];
    begin(false);
    document_make(&mine, 7, DX_TEXT_V2);
    watch(&mine, false);
    snprintf(json, sizeof json, "{'do': 'object.purge', 'space': 'Garden', 'id': '%s'}", page);
    vault_ask_by(alice, WRITES, json);
    street_pass(&road, 1000);
    assert_non_null(strstr(alice->heard_by[WATCHES], "\"error\""));
    street_field(vault_ask(alice,
                           "{'do': 'object.add', 'space': 'Garden', 'type': 'page', 'model': 'dx/text/1', "
                           "'operation': {'append': 'tea'}}"),
                 "id", page, sizeof page);
    watch(&mine, false);
    alice->heard_by[WATCHES][0] = 0;
    vault_ask_by(alice, WRITES, "{'do': 'space.rm', 'space': 'Garden'}");
    assert_non_null(strstr(alice->heard_by[WATCHES], "E_CANCELLED"));
    dx_text_destroy(mine.doc);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_told_as_it_comes), DX_TEST(test_from_what_it_has), DX_TEST(test_slow),
             DX_TEST(test_much_at_once), DX_TEST(test_what_waits), DX_TEST(test_refused),
             DX_TEST(test_it_goes))
