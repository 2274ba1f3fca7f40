/* tests/stories/story_text.c: two people write in one paragraph, together and apart, by commands and as documents of an
 * app (node/commands_text.c).
 *
 * Asserted: what each reads, that both digests are equal after every exchange, and that nobody writes in another's name. */
#include <dxos/text.h>

#include "street.h"

static street road;

static const char *ask(vault *self, const char *id, const char *operation) {
    char json[1024];
    snprintf(json, sizeof json, "{'do': 'object.apply', 'space': 'Garden', 'id': '%s', 'operation': %s}", id,
             operation);
    return vault_ask(self, json);
}

static void assert_reads(vault *self, const char *id, const char *text) {
    char json[128], wanted[512];
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s'}", id);
    snprintf(wanted, sizeof wanted, "\"data\":{\"text\":\"%s\"", text);
    const char *told = vault_ask(self, json);
    if (strstr(told, wanted) == NULL) {
        fail_msg("%s reads %s, not %s", self->name, told, text);
    }
}

static void make_text(vault *self, const char *words, char *id, size_t size) {
    char json[512];
    snprintf(json, sizeof json,
             "{'do': 'object.add', 'space': 'Garden', 'type': 'page', 'model': 'dx/text/1', 'operation': "
             "{'append': "
             "'%s'}}",
             words);
    street_field(vault_ask(self, json), "id", id, size);
}

static void test_two_write_in_one_paragraph(void **state) {
    (void)state;
    char page[64];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join(alice, bob, "Garden");
    make_text(alice, "Roses want sun.", page, sizeof page);
    street_pass(&road, 60000);
    assert_reads(bob, page, "Roses want sun.");

    /* Nobody hears of the other for a while. */
    street_break(&road);
    ask(alice, page, "{'insert': 5, 'text': ' and lilies'}");
    ask(alice, page, "{'append': ' So do bees.'}");
    ask(bob, page, "{'delete': 11, 'count': 3}");
    ask(bob, page, "{'insert': 11, 'text': 'light'}");
    assert_reads(alice, page, "Roses and lilies want sun. So do bees.");
    assert_reads(bob, page, "Roses want light.");
    street_pass(&road, 120000);
    assert_reads(alice, page, "Roses and lilies want light. So do bees.");
    assert_reads(bob, page, "Roses and lilies want light. So do bees.");
    street_agree(&road, "Garden");

    /* What Bob had in his editor when Alice went on. */
    ask(alice, page, "{'edit': 'Roses and lilies want light. So do bees, and we.'}");
    street_pass(&road, 60000);
    ask(bob, page,
        "{'was': 'Roses and lilies want light. So do bees.', 'edit': 'All roses and lilies want light. So do "
        "bees.'}");
    street_pass(&road, 60000);
    assert_reads(alice, page, "All roses and lilies want light. So do bees, and we.");
    street_agree(&road, "Garden");

    /* By its words it is found. */
    vault_ask(bob, "{'do': 'index.add', 'space': 'Garden', 'type': 'page', 'text': true}");
    street_pass(&road, 1000);
    assert_non_null(strstr(
        vault_ask(
            bob,
            "{'do': 'query', 'space': 'Garden', 'query': {'type': 'page', 'text': 'lilies', 'count': true}}"),
        "\"count\":1"));
    assert_non_null(strstr(ask(bob, page, "{'insert': 900, 'text': 'x'}"), "E_INVALID"));
    street_agree(&road, "Garden");
    street_deinit(&road);
}

/* The bytes of "key":{"@bytes":"…"} of an answer. */
static void take_bytes(const char *answer, const char *key, dx_buf *out) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"%s\":{\"@bytes\":\"", key);
    const char *begin = strstr(answer, wanted);
    assert_non_null(begin);
    begin += strlen(wanted);
    assert_int_equal(dx_base64url_decode(dx_bytes_of(begin, strcspn(begin, "\"")), out), DX_OK);
}

static uint64_t take_number(const char *answer, const char *key) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"%s\":", key);
    const char *begin = strstr(answer, wanted);
    assert_non_null(begin);
    return strtoull(begin + strlen(wanted), NULL, 10);
}

/* A document of an app upon a text of the vault. */
typedef struct document {
    vault *at;
    const char *id;
    uint64_t session;
    dx_text_doc *doc;
    dx_text_type text;
} document;

static void document_open(document *self, vault *at, const char *id) {
    char json[256];
    dx_buf update;
    *self = (document){.at = at, .id = id};
    snprintf(json, sizeof json, "{'do': 'text.open', 'space': 'Garden', 'id': '%s'}", id);
    const char *answer = vault_ask(at, json);
    dx_buf_init(&update, &at->alloc.port, 1 << 16);
    take_bytes(answer, "update", &update);
    self->session = take_number(answer, "session");
    const dx_text_options options = {.client = take_number(answer, "client"), .unit = DX_TEXT_CODE_POINTS};
    assert_int_equal(dx_text_create(&at->alloc.port, &options, &self->doc), DX_OK);
    assert_int_equal(dx_text_apply(self->doc, DX_TEXT_V2, dx_buf_view(&update)), DX_OK);
    assert_int_equal(dx_text_root(self->doc, "text", DX_TEXT_KIND_TEXT, &self->text), DX_OK);
    dx_buf_deinit(&update);
}

static const char *push(document *self, dx_bytes update) {
    static char json[8192];
    dx_buf encoded;
    dx_buf_init(&encoded, &self->at->alloc.port, 1 << 16);
    dx_base64url_encode(update, &encoded);
    snprintf(
        json, sizeof json,
        "{'do': 'text.push', 'space': 'Garden', 'id': '%s', 'session': %llu, 'update': {'@bytes': '%.*s'}}",
        self->id, (unsigned long long)self->session, (int)encoded.size, (const char *)encoded.data);
    dx_buf_deinit(&encoded);
    return vault_ask(self->at, json);
}

static void document_type(document *self, uint64_t at, const char *words) {
    dx_buf update;
    dx_buf_init(&update, &self->at->alloc.port, 1 << 16);
    assert_int_equal(dx_text_begin(self->doc), DX_OK);
    assert_int_equal(dx_text_insert(self->doc, self->text, at, dx_bytes_text(words), NULL), DX_OK);
    assert_int_equal(dx_text_commit(self->doc, DX_TEXT_V2, &update), DX_OK);
    assert_null(strstr(push(self, dx_buf_view(&update)), "error"));
    assert_null(strstr(push(self, dx_buf_view(&update)), "error")); /* sent again */
    dx_buf_deinit(&update);
}

static void document_pull(document *self) {
    char json[1024];
    dx_buf clocks, encoded, update;
    const dx_alloc *alloc = &self->at->alloc.port;
    dx_buf_init(&clocks, alloc, 1 << 16);
    dx_buf_init(&encoded, alloc, 1 << 16);
    dx_buf_init(&update, alloc, 1 << 16);
    assert_int_equal(dx_text_state_vector(self->doc, &clocks), DX_OK);
    dx_base64url_encode(dx_buf_view(&clocks), &encoded);
    snprintf(json, sizeof json,
             "{'do': 'text.pull', 'space': 'Garden', 'id': '%s', 'clocks': {'@bytes': '%.*s'}}", self->id,
             (int)encoded.size, (const char *)encoded.data);
    take_bytes(vault_ask(self->at, json), "update", &update);
    assert_int_equal(dx_text_apply(self->doc, DX_TEXT_V2, dx_buf_view(&update)), DX_OK);
    dx_buf_deinit(&clocks);
    dx_buf_deinit(&encoded);
    dx_buf_deinit(&update);
}

static void assert_document(document *self, const char *text) {
    dx_buf read;
    dx_buf_init(&read, &self->at->alloc.port, 1 << 16);
    assert_int_equal(dx_text_read(self->doc, self->text, &read), DX_OK);
    dx_buf_append_byte(&read, 0);
    assert_string_equal((const char *)read.data, text);
    dx_buf_deinit(&read);
}

static void test_documents_of_apps(void **state) {
    (void)state;
    char page[64];
    document first, second, other;
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join(alice, bob, "Garden");
    make_text(alice, "tea", page, sizeof page);
    street_pass(&road, 60000);
    document_open(&first, alice, page);
    document_open(&second, alice, page);
    document_open(&other, bob, page);
    assert_true(first.session != second.session);
    document_type(&first, 3, " with milk");
    document_type(&second, 0, "strong ");
    document_type(&other, 0, "very ");
    ask(bob, page, "{'append': '!'}");
    street_pass(&road, 60000);
    document_pull(&first);
    document_pull(&second);
    document_pull(&other);
    char json[256];
    dx_buf read;
    dx_buf_init(&read, &alice->alloc.port, 1 << 16);
    assert_int_equal(dx_text_read(first.doc, first.text, &read), DX_OK);
    dx_buf_append_byte(&read, 0);
    assert_true(strstr((const char *)read.data, "tea") != NULL &&
                strstr((const char *)read.data, " with milk") != NULL);
    assert_document(&second, (const char *)read.data);
    assert_document(&other, (const char *)read.data);
    assert_reads(alice, page, (const char *)read.data);
    assert_reads(bob, page, (const char *)read.data);
    street_agree(&road, "Garden");

    /* In one's own session, and of this text, alone. */
    dx_buf update;
    dx_buf_init(&update, &alice->alloc.port, 1 << 16);
    assert_int_equal(dx_text_encode(other.doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), &update), DX_OK);
    assert_non_null(strstr(push(&first, dx_buf_view(&update)), "E_INVALID"));
    assert_non_null(strstr(push(&first, dx_bytes_text("no update")), "E_INVALID"));
    snprintf(json, sizeof json,
             "{'do': 'text.pull', 'space': 'Garden', 'id': '%s', 'clocks': {'@bytes': '_w'}}", page);
    assert_non_null(strstr(vault_ask(alice, json), "E_INVALID"));
    char note[64];
    street_field(vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'data': {'a': 1}}"), "id", note,
                 sizeof note);
    snprintf(json, sizeof json, "{'do': 'text.open', 'space': 'Garden', 'id': '%s'}", note);
    assert_non_null(strstr(vault_ask(alice, json), "that object is no text"));
    street_agree(&road, "Garden");
    dx_buf_deinit(&update);
    dx_buf_deinit(&read);
    dx_text_destroy(first.doc);
    dx_text_destroy(second.doc);
    dx_text_destroy(other.doc);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_two_write_in_one_paragraph), DX_TEST(test_documents_of_apps))
