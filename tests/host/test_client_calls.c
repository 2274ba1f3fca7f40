/* The calls of a client that ask and wait, its subscriptions, and how they fail, in this process and by an agent:
 * host/client_calls.c. Every function of dxos/client.h that a program needs is called here. */
#include <dxos/text.h>

#include "scene.h"

typedef struct heard {
    int rows;
    char last[512]; /* as JSON */
} heard;

static void hear(void *ctx, dx_bytes row) {
    heard *self = ctx;
    dx_buf json;
    dx_buf_init(&json, dx_host_alloc(), 1 << 20);
    assert_int_equal(dx_json_print(row, &json), DX_OK);
    snprintf(self->last, sizeof self->last, "%.*s", (int)json.size, (const char *)json.data);
    self->rows++;
    dx_buf_deinit(&json);
}

/* One scene for both: whoever fails in one way and not in the other is found. */
static void with_and_without_agent(void (*play)(dx_client *client, const char *vault)) {
    const char *vault = scene_path("v");
    scene_vault(vault); /* an identity, and the space "s" */
    dx_client *here = scene_open(vault, false, true);
    play(here, vault);
    dx_client_close(here);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *there = scene_open(vault, false, false);
    assert_true(dx_client_has_agent(there));
    play(there, vault);
    dx_client_close(there);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

static void assert_says(dx_client *client, const char *words, const char *remedy) {
    if (strstr(dx_client_message(client), words) == NULL ||
        strstr(dx_client_remedy(client), remedy) == NULL) {
        fail_msg("\"%s\", try \"%s\"", dx_client_message(client), dx_client_remedy(client));
    }
}

/* --- Objects, links, questions ------------------------------------------------------------------------- */

static void assert_row(dx_client *client, const char *space, const char *id, const char *part) {
    heard row = {0};
    dx_buf item;
    dx_buf_init(&item, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(dx_client_get(client, space, id, &item), DX_OK);
    hear(&row, dx_buf_view(&item));
    if (strstr(row.last, part) == NULL) {
        fail_msg("%s lacks %s", row.last, part);
    }
    dx_buf_deinit(&item);
}

static void play_writing(dx_client *client, const char *vault) {
    (void)vault;
    char space[DX_SPACE_TEXT_MAX], tea[DX_REFERENCE_TEXT_MAX], pot[DX_REFERENCE_TEXT_MAX],
        link[DX_REFERENCE_TEXT_MAX];
    heard found = {0};
    dx_buf reply;
    assert_int_equal(dx_client_create_identity(client, "Again"), DX_E_EXISTS);
    assert_says(client, "already has an identity", "dx halo identity");
    assert_int_equal(dx_client_create_space(client, "kitchen", space), DX_OK);
    assert_int_equal(strlen(space), DX_SPACE_TEXT_MAX - 1);
    assert_int_equal(
        dx_client_add(client, space, "task", tea, "{\"title\": %s, \"n\": %lld}", "\"tea\"", 1LL << 60),
        DX_OK);
    assert_string_equal(dx_client_message(client), "");
    assert_row(client, space, tea, "\"data\":{\"n\":1152921504606846976,\"title\":\"\\\"tea\\\"\"}");
    assert_int_equal(dx_client_add(client, space, NULL, pot, "{}"), DX_OK);
    assert_int_equal(dx_client_set(client, space, tea, "{\"in.pot\": {\"@ref\": %s}, \"n\": %g}", pot, 0.5),
                     DX_OK);
    assert_row(client, space, tea, "\"n\":0.5");
    assert_int_equal(dx_client_unset(client, space, tea, "in.pot"), DX_OK);
    assert_row(client, space, tea, "\"data\":{\"n\":0.5,\"title\"");
    assert_int_equal(dx_client_link(client, space, "in", tea, pot, link, "{\"since\": %d}", 1), DX_OK);
    assert_int_equal(dx_client_query(client, space, hear, &found,
                                     "{\"where\": {\"title\": %s}, \"follow\": [{\"out\": \"in\"}]}",
                                     "\"tea\""),
                     DX_OK);
    assert_int_equal(found.rows, 1);
    assert_non_null(strstr(found.last, pot));
    assert_int_equal(dx_client_unlink(client, space, link), DX_OK);
    assert_int_equal(dx_client_query(client, space, hear, &found, "{\"kind\": \"link\"}"), DX_OK);
    assert_int_equal(found.rows, 1);
    assert_int_equal(dx_client_remove(client, space, pot), DX_OK);
    assert_row(client, space, pot, "\"deleted\":true");
    assert_int_equal(dx_client_restore(client, space, pot), DX_OK);
    assert_row(client, space, pot, "\"deleted\":false");
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(
        dx_client_ask(client, NULL, NULL, &reply, "{\"do\": \"space.digest\", \"space\": %s}", space), DX_OK);
    assert_int_equal(dx_item_int(dx_item_get(dx_buf_view(&reply), "objects"), 0), 2);
    dx_buf_deinit(&reply);
    found.rows = 0;
    assert_int_equal(
        dx_client_ask(client, hear, &found, NULL, "{\"do\": \"object.ls\", \"space\": %s}", space), DX_OK);
    assert_int_equal(found.rows, 2);
    assert_int_equal(dx_client_ask(client, NULL, NULL, NULL, "{\"do\": \"space.rm\", \"space\": %s}", space),
                     DX_OK);
}

static void test_writing_and_asking(void **state) {
    (void)state;
    with_and_without_agent(play_writing);
}

/* --- A part of a space ---------------------------------------------------------------------------------- */

static void play_keeping(dx_client *client, const char *vault) {
    (void)vault;
    char photo[DX_REFERENCE_TEXT_MAX], note[DX_REFERENCE_TEXT_MAX], other[DX_REFERENCE_TEXT_MAX + 1] = "9";
    heard found = {0};
    dx_buf row;
    dx_buf_init(&row, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(dx_client_keep(client, "s", "{\"types\": [%s]}", "photo"), DX_OK);
    assert_true(dx_client_is_partial(client));
    assert_int_equal(dx_client_add(client, "s", "photo", photo, "{}"), DX_OK);
    assert_int_equal(dx_client_add(client, "s", "note", note, "{}"), DX_OK);
    assert_int_equal(dx_client_query(client, "s", hear, &found, "{\"type\": %s}", "note"), DX_OK);
    assert_true(dx_client_is_partial(client));
    assert_int_equal(dx_client_query(client, "s", hear, &found, "{\"type\": %s}", "photo"), DX_OK);
    assert_false(dx_client_is_partial(client));
    assert_int_equal(dx_client_get(client, "s", note, &row), DX_OK);
    assert_true(dx_client_is_partial(client));
    dx_buf_clear(&row);
    assert_int_equal(dx_client_fetch(client, "s", photo, &row), DX_OK); /* nobody is asked */
    assert_false(dx_client_is_partial(client));
    dx_client_set_timeout(client, 100);
    assert_int_equal(dx_client_fetch(client, "s", note, &row), DX_E_TIMEOUT); /* there is nobody */
    dx_client_set_timeout(client, -1);
    assert_int_equal(dx_client_keep(client, "s",
                                    "{\"query\": {\"type\": %s, \"where\": {\"year\": {\"ge\": %d}}}}",
                                    "note", 2020),
                     DX_OK);
    dx_buf_clear(&row);
    assert_int_equal(dx_client_kept(client, "s", &row), DX_OK);
    hear(&found, dx_buf_view(&row));
    assert_non_null(strstr(found.last, "\"ge\":2020"));
    assert_non_null(strstr(found.last, "\"partial\":true"));
    assert_int_equal(dx_client_kept(client, "nowhere", &row), DX_E_NOT_FOUND);
    assert_int_equal(dx_client_keep(client, "s", "[%d]", 1), DX_E_INVALID);
    assert_int_equal(dx_client_keep(client, "s", "{\"types\": [%s]}", "dx.space"), DX_E_INVALID);
    assert_says(client, "kept by everybody", "");
    assert_int_equal(dx_client_keep(client, "s", "{\"all\": true, \"since\": %d}", 5), DX_E_INVALID);
    assert_int_equal(dx_client_keep(client, "s", "{\"all\": true}"), DX_OK);
    assert_false(dx_client_is_partial(client));
    snprintf(other + 1, sizeof other - 1, "%s", note); /* 9…: a block that nobody wrote */
    assert_int_equal(dx_client_fetch(client, "s", other, &row), DX_E_NOT_FOUND);
    assert_int_equal(dx_client_query(client, "s", hear, &found, "{}"), DX_OK);
    assert_false(dx_client_is_partial(client));
    dx_buf_deinit(&row);
}

static void test_keeping_a_part(void **state) {
    (void)state;
    with_and_without_agent(play_keeping);
}

/* --- Failures --------------------------------------------------------------------------------------------- */

static void play_failing(dx_client *client, const char *vault) {
    (void)vault;
    char id[DX_REFERENCE_TEXT_MAX] = "";
    heard none = {0};
    dx_buf small;
    assert_int_equal(dx_client_add(client, "nowhere", "task", id, "{}"), DX_E_NOT_FOUND);
    assert_says(client, "there is no space \"nowhere\"", "dx space list");
    assert_int_equal(dx_client_add(client, "s", "task", id, "{\"a\": }"), DX_E_INVALID);
    assert_says(client, "no JSON: ", "");
    assert_int_equal(dx_client_add(client, "s", "task", id, "{\"a\": %s}", "\xff"), DX_E_INVALID);
    assert_says(client, "no UTF-8", "");
    assert_int_equal(dx_client_add(client, "s", "\xff", id, "{}"), DX_E_INVALID);
    assert_says(client, "a text is not UTF-8", "");
    assert_int_equal(dx_client_add(client, "s", "task", id, "[%d]", 1), DX_E_INVALID);
    assert_says(client, "\"data\" must be an object", "");
    assert_string_equal(id, "");
    assert_int_equal(dx_client_query(client, "s", hear, &none, "{\"nonsense\": 1}"), DX_E_INVALID);
    assert_int_equal(dx_client_watch(client, "nowhere", hear, &none, NULL, "{}"), DX_E_NOT_FOUND);
    assert_says(client, "there is no space", "dx space list");
    assert_int_equal(dx_client_watch(client, "s", hear, &none, NULL, "{\"limit\": 1}"), DX_E_INVALID);
    assert_int_equal(dx_client_watch(client, "s", hear, &none, NULL, "{"), DX_E_INVALID);
    assert_int_equal(dx_client_cancel(client, (const uint8_t[DX_REQUEST_SIZE]){0}), DX_E_NOT_FOUND);
    assert_int_equal(none.rows, 0);
    dx_buf_init(&small, dx_host_alloc(), 4);
    assert_int_equal(dx_client_ask(client, NULL, NULL, &small, "{\"do\": \"status\"}"), DX_E_LIMIT);
    dx_buf_deinit(&small);
    dx_client_set_timeout(client, 10); /* nobody is there to be in step with */
    assert_int_equal(dx_client_ask(client, NULL, NULL, NULL,
                                   "{\"do\": \"space.status\", \"space\": \"s\", \"wait_synced\": true}"),
                     DX_E_TIMEOUT);
    assert_says(client, "time", "");
    dx_client_set_timeout(client, -1);
    assert_int_equal(dx_client_ask(client, NULL, NULL, NULL, "{\"do\": \"status\"}"), DX_OK);
}

static void test_failures_say_what_and_what_to_do(void **state) {
    (void)state;
    with_and_without_agent(play_failing);
}

/* --- Subscriptions ------------------------------------------------------------------------------------------ */

static void wait_for_rows(dx_client *client, const heard *changes, int rows) {
    while (changes->rows < rows) {
        assert_int_equal(dx_client_wait(client, SCENE_WAIT_MS), DX_OK);
    }
}

static void play_watching(dx_client *client, const char *vault) {
    char space[DX_SPACE_TEXT_MAX], id[DX_REFERENCE_TEXT_MAX];
    uint8_t request[DX_REQUEST_SIZE];
    heard changes = {0}, others = {0};
    (void)vault;
    assert_int_equal(dx_client_create_space(client, "watched", space), DX_OK);
    assert_int_equal(dx_client_watch(client, space, hear, &changes, request, "{\"type\": %s}", "task"),
                     DX_OK);
    assert_int_equal(dx_client_watch(client, space, hear, &others, NULL, "{\"type\": \"other\"}"), DX_OK);
    assert_int_equal(dx_client_add(client, space, "task", id, "{\"n\": 1}"), DX_OK);
    wait_for_rows(client, &changes, 1);
    assert_non_null(strstr(changes.last, id));
    assert_int_equal(dx_client_set(client, space, id, "{\"n\": 2}"), DX_OK);
    wait_for_rows(client, &changes, 2);
    assert_non_null(strstr(changes.last, "\"change\":\"changed\""));
    assert_int_equal(dx_client_remove(client, space, id), DX_OK);
    wait_for_rows(client, &changes, 3);
    assert_non_null(strstr(changes.last, "\"change\":\"removed\""));
    assert_int_equal(dx_client_cancel(client, request), DX_OK);
    assert_int_equal(dx_client_cancel(client, request), DX_E_NOT_FOUND);
    assert_int_equal(dx_client_restore(client, space, id), DX_OK);
    assert_int_equal(dx_client_wait(client, 0), DX_E_TIMEOUT);
    assert_int_equal(changes.rows, 3);
    assert_int_equal(others.rows, 0);
    /* A space that goes ends what is heard of it, with a word. */
    assert_int_equal(dx_client_ask(client, NULL, NULL, NULL, "{\"do\": \"space.rm\", \"space\": %s}", space),
                     DX_OK);
    wait_for_rows(client, &others, 1);
    assert_non_null(strstr(others.last, "E_CANCELLED"));
}

static void test_subscriptions(void **state) {
    (void)state;
    with_and_without_agent(play_watching);
}

/* --- Texts --------------------------------------------------------------------------------------------------- */

/* A document of a program, and the updates that it is told. */
typedef struct written {
    dx_text_doc *doc;
    dx_text_type text;
    uint64_t session;
    int rows;
    char last[256]; /* of an error, as JSON */
} written;

static void take_update(void *ctx, dx_bytes row) {
    written *self = ctx;
    dx_bytes update = dx_item_bytes(dx_item_get(row, "update"));
    heard other = {0};
    self->rows++;
    if (update.data != NULL) {
        assert_int_equal(dx_text_apply(self->doc, DX_TEXT_V2, update), DX_OK);
    } else {
        hear(&other, row);
        snprintf(self->last, sizeof self->last, "%.255s", other.last);
    }
}

static void open_document(dx_client *client, const char *id, written *self) {
    dx_text_options options = {.unit = DX_TEXT_CODE_POINTS};
    dx_buf update;
    dx_buf_init(&update, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(dx_client_open_text(client, "s", id, &options.client, &self->session, &update), DX_OK);
    assert_int_equal(dx_text_create(dx_host_alloc(), &options, &self->doc), DX_OK);
    assert_int_equal(dx_text_root(self->doc, "text", DX_TEXT_KIND_TEXT, &self->text), DX_OK);
    assert_int_equal(dx_text_apply(self->doc, DX_TEXT_V2, dx_buf_view(&update)), DX_OK);
    dx_buf_deinit(&update);
}

/* What it writes, as an update. */
static void write_in(written *self, uint64_t at, const char *words, dx_buf *update) {
    dx_buf_init(update, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(dx_text_begin(self->doc), DX_OK);
    assert_int_equal(dx_text_insert(self->doc, self->text, at, dx_bytes_text(words), NULL), DX_OK);
    assert_int_equal(dx_text_commit(self->doc, DX_TEXT_V2, update), DX_OK);
}

static void assert_words(dx_client *client, const char *id, const char *words) {
    dx_buf read;
    dx_buf_init(&read, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(dx_client_read_text(client, "s", id, &read), DX_OK);
    dx_buf_append_byte(&read, 0);
    assert_string_equal((const char *)read.data, words);
    dx_buf_deinit(&read);
}

static void assert_document(const written *self, const char *words) {
    dx_buf read;
    dx_buf_init(&read, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(dx_text_read(self->doc, self->text, &read), DX_OK);
    dx_buf_append_byte(&read, 0);
    assert_string_equal((const char *)read.data, words);
    dx_buf_deinit(&read);
}

static void play_texts(dx_client *client, const char *vault) {
    (void)vault;
    char id[DX_REFERENCE_TEXT_MAX], empty[DX_REFERENCE_TEXT_MAX], note[DX_REFERENCE_TEXT_MAX];
    assert_int_equal(dx_client_add_text(client, "s", "page", dx_bytes_text("Roses want sun."), id), DX_OK);
    assert_int_equal(dx_client_add_text(client, "s", NULL, dx_bytes_of(NULL, 0), empty), DX_OK);
    assert_int_equal(dx_client_insert_text(client, "s", id, 5, dx_bytes_text(" 🌹")), DX_OK);
    assert_int_equal(dx_client_insert_text(client, "s", id, -1, dx_bytes_text(" So do bees.")), DX_OK);
    assert_int_equal(dx_client_delete_text(client, "s", id, 5, 2), DX_OK);
    assert_int_equal(dx_client_format_text(client, "s", id, 0, 5, "{\"bold\": true, \"color\": %s}", "red"),
                     DX_OK);
    assert_words(client, id, "Roses want sun. So do bees.");
    assert_words(client, empty, "");
    assert_row(client, "s", id, "{\"insert\":\"Roses\",\"attributes\":{\"bold\":true,\"color\":\"red\"}}");
    assert_row(client, "s", id, "\"type\":\"page\"");

    /* What cannot be. */
    dx_buf words;
    dx_buf_init(&words, dx_host_alloc(), 8);
    assert_int_equal(dx_client_read_text(client, "s", id, &words), DX_E_LIMIT);
    dx_buf_deinit(&words);
    dx_buf_init(&words, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(dx_client_add(client, "s", "note", note, "{}"), DX_OK);
    assert_int_equal(dx_client_read_text(client, "s", note, &words), DX_E_UNSUPPORTED);
    assert_says(client, "no text", "");
    assert_int_equal(dx_client_insert_text(client, "s", id, 900, dx_bytes_text("x")), DX_E_INVALID);
    assert_int_equal(dx_client_insert_text(client, "s", id, 0, dx_bytes_text("\xff")), DX_E_INVALID);
    assert_int_equal(dx_client_delete_text(client, "s", id, 900, 1), DX_E_INVALID);
    assert_int_equal(dx_client_format_text(client, "s", id, 0, 1, "{"), DX_E_INVALID);
    assert_int_equal(dx_client_open_text(client, "s", note, NULL, NULL, NULL), DX_E_UNSUPPORTED);
    assert_int_equal(dx_client_pull_text(client, "s", id, dx_bytes_text("\xff"), &words), DX_E_INVALID);
    assert_int_equal(dx_client_push_text(client, "s", id, 1, dx_bytes_text("none")), DX_E_INVALID);
    dx_buf_deinit(&words);
}

static void play_documents(dx_client *client, const char *vault) {
    (void)vault;
    char id[DX_REFERENCE_TEXT_MAX];
    uint8_t request[DX_REQUEST_SIZE];
    written first = {0}, second = {0};
    dx_buf update, clocks, rest;
    assert_int_equal(dx_client_add_text(client, "s", NULL, dx_bytes_text("tea"), id), DX_OK);
    open_document(client, id, &first);
    open_document(client, id, &second);
    assert_int_not_equal(first.session, second.session);
    dx_buf_init(&clocks, dx_host_alloc(), DX_ANSWER_MAX);
    dx_buf_init(&rest, dx_host_alloc(), DX_ANSWER_MAX);
    assert_int_equal(dx_text_state_vector(second.doc, &clocks), DX_OK);
    assert_int_equal(dx_client_watch_text(client, "s", id, second.session, dx_buf_view(&clocks), take_update,
                                          &second, request),
                     DX_OK);
    write_in(&first, 3, " with milk", &update);
    assert_int_equal(dx_client_push_text(client, "s", id, first.session, dx_buf_view(&update)), DX_OK);
    assert_int_equal(dx_client_push_text(client, "s", id, second.session, dx_buf_view(&update)),
                     DX_E_INVALID);
    dx_buf_deinit(&update);
    while (second.rows < 2) {
        assert_int_equal(dx_client_wait(client, SCENE_WAIT_MS), DX_OK);
    }
    assert_document(&second, "tea with milk");
    write_in(&second, 0, "strong ", &update);
    assert_int_equal(dx_client_push_text(client, "s", id, second.session, dx_buf_view(&update)), DX_OK);
    dx_buf_deinit(&update);
    dx_buf_clear(&clocks);
    assert_int_equal(dx_text_state_vector(first.doc, &clocks), DX_OK);
    assert_int_equal(dx_client_pull_text(client, "s", id, dx_buf_view(&clocks), &rest), DX_OK);
    assert_int_equal(dx_text_apply(first.doc, DX_TEXT_V2, dx_buf_view(&rest)), DX_OK);
    assert_document(&first, "strong tea with milk");
    assert_words(client, id, "strong tea with milk");
    assert_int_equal(second.rows, 2); /* of its own it is told nothing */
    assert_int_equal(dx_client_cancel(client, request), DX_OK);
    assert_int_equal(dx_client_insert_text(client, "s", id, -1, dx_bytes_text(".")), DX_OK);
    assert_int_equal(second.rows, 2);
    assert_int_equal(
        dx_client_watch_text(client, "s", id, 0, dx_bytes_text("\xff"), take_update, &second, NULL),
        DX_E_INVALID);
    dx_buf_deinit(&clocks);
    dx_buf_deinit(&rest);
    dx_text_destroy(first.doc);
    dx_text_destroy(second.doc);
}

static void test_texts(void **state) {
    (void)state;
    with_and_without_agent(play_texts);
}

static void test_documents_upon_texts(void **state) {
    (void)state;
    with_and_without_agent(play_documents);
}

/* --- What a callback may not ------------------------------------------------------------------------------- */

static void ask_inside(void *ctx, dx_bytes row) {
    int *errors = ctx;
    dx_buf reply;
    (void)row;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    extern dx_client *asked_inside;
    errors[0] = dx_client_ask(asked_inside, NULL, NULL, &reply, "{\"do\": \"status\"}");
    errors[1] = dx_client_wait(asked_inside, 0);
    dx_buf_deinit(&reply);
}

dx_client *asked_inside;

static void play_inside(dx_client *client, const char *vault) {
    int errors[2] = {0};
    (void)vault;
    asked_inside = client;
    assert_int_equal(dx_client_add(client, "s", "inside", NULL, "{}"), DX_OK);
    assert_int_equal(dx_client_query(client, "s", ask_inside, errors, "{\"type\": \"inside\"}"), DX_OK);
    assert_int_equal(errors[0], DX_E_STATE);
    assert_int_equal(errors[1], DX_E_STATE);
    assert_int_equal(dx_client_ask(client, NULL, NULL, NULL, "{\"do\": \"status\"}"), DX_OK);
}

static void test_a_callback_may_not_wait(void **state) {
    (void)state;
    with_and_without_agent(play_inside);
}

/* An agent that goes ends what waits for it, and closing needs no cancelling. */
static void test_the_agent_goes(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    heard changes = {0};
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *client = scene_open(vault, false, false);
    assert_int_equal(dx_client_watch(client, "s", hear, &changes, NULL, "{}"), DX_OK);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
    assert_int_equal(dx_client_add(client, "s", NULL, NULL, "{}"), DX_E_IO);
    assert_true(strlen(dx_client_message(client)) > 0);
    dx_client_close(client);
    dx_client_close(NULL);
}

DX_TEST_MAIN(SCENE_TEST(test_writing_and_asking), SCENE_TEST(test_keeping_a_part),
             SCENE_TEST(test_failures_say_what_and_what_to_do), SCENE_TEST(test_subscriptions),
             SCENE_TEST(test_texts), SCENE_TEST(test_documents_upon_texts),
             SCENE_TEST(test_a_callback_may_not_wait), SCENE_TEST(test_the_agent_goes))
