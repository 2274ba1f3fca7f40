/* host/client_calls.c: the calls of a client that ask and wait, and its subscriptions. See dxos/client.h.
 *
 * Layer: floor 3, host. Each call is one command of docs/spec/commands.md made from C values; how it travels is
 * client.c's. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { CANCEL_MS = 3000 /* for the vault to end a subscription */ };

/* --- Words ---------------------------------------------------------------------------------------------- */

void dx_client_set_timeout(dx_client *client, int64_t timeout_ms) {
    dx_client_calls_of(client)->timeout_ms = timeout_ms;
}

const char *dx_client_message(const dx_client *client) {
    return dx_client_words(client)->message;
}

const char *dx_client_remedy(const dx_client *client) {
    return dx_client_words(client)->remedy;
}

static int fail(dx_client *client, int error, const char *message) {
    dx_client_calls *calls = dx_client_calls_of(client);
    snprintf(calls->message, sizeof calls->message, "%s", message[0] != 0 ? message : dx_error_text(error));
    calls->remedy[0] = 0;
    return error;
}

static void take_text(dx_bytes item, char *out, size_t size) {
    dx_bytes text = dx_item_text(item);
    snprintf(out, size, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
}

/* The error a reply tells, DX_OK when it tells none. */
static int take_error(dx_client *client, dx_bytes reply) {
    dx_bytes error = dx_reply_error(reply);
    dx_client_calls *calls = dx_client_calls_of(client);
    if (error.size == 0) {
        return DX_OK;
    }
    int code = (int)dx_item_int(dx_item_get(error, "code"), DX_E_MALFORMED);
    take_text(dx_item_get(error, "message"), calls->message, sizeof calls->message);
    take_text(dx_item_get(error, "try"), calls->remedy, sizeof calls->remedy);
    return code < 0 ? code : DX_E_MALFORMED;
}

/* --- Answers --------------------------------------------------------------------------------------------- */

dx_bytes dx_reply_error(dx_bytes reply) {
    return dx_item_get(reply, "error");
}

void dx_rows_each(dx_bytes body, dx_on_row on_row, void *ctx) {
    dx_bytes rows = dx_item_get(body, "rows");
    if (rows.size == 0 || dx_item_kind(rows) != DX_KIND_ARRAY) {
        return;
    }
    dx_reader reader;
    dx_reader_init(&reader, rows);
    for (size_t left = dx_read_array(&reader); left > 0; left--) {
        on_row(ctx, dx_read_item(&reader));
    }
}

typedef struct dx_listener {
    dx_on_row on_row;
    void *ctx;
} dx_listener;

/* Rows one by one; what is no rows is one itself. */
static void tell(const dx_listener *listener, dx_bytes body) {
    if (dx_item_get(body, "rows").size > 0) {
        dx_rows_each(body, listener->on_row, listener->ctx);
    } else {
        listener->on_row(listener->ctx, body);
    }
}

static void on_notify(void *ctx, bool last, dx_bytes body) {
    (void)last;
    tell(ctx, body);
}

/* --- Asking ------------------------------------------------------------------------------------------------ */

/* Sends an encoded command and takes the words of what went wrong. */
static int ask_encoded(dx_client *client, dx_bytes command, const dx_listener *listener, dx_buf *reply) {
    dx_client_calls *calls = dx_client_calls_of(client);
    dx_listener copy = listener == NULL ? (dx_listener){0} : *listener;
    dx_buf answer;
    calls->message[0] = calls->remedy[0] = 0;
    calls->partial = false;
    dx_buf_init(&answer, dx_host_alloc(), DX_ANSWER_MAX + 1024);
    int error = dx_client_call(client, command, copy.on_row == NULL ? NULL : on_notify, &copy,
                               calls->timeout_ms, &answer);
    if (error != DX_OK) {
        error = fail(client, error, "");
    } else {
        error = take_error(client, dx_buf_view(&answer));
        calls->partial = dx_item_bool(dx_item_get(dx_buf_view(&answer), "partial"), false);
    }
    if (error == DX_OK && reply != NULL) {
        dx_buf_append(reply, answer.data, answer.size);
        error = dx_buf_error(reply) == DX_OK ? DX_OK : fail(client, dx_buf_error(reply), "");
    }
    dx_buf_deinit(&answer);
    return error;
}

static void begin(dx_map_builder *command, const char *name, const char *space) {
    dx_map_builder_init(command, dx_host_alloc(), DX_COMMAND_BODY_MAX);
    dx_write_text(dx_map_builder_key(command, "do"), name);
    if (space != NULL) {
        dx_write_text(dx_map_builder_key(command, "space"), space);
    }
}

/* The same about one space, or (NULL) all. */
static void begin_in(dx_map_builder *command, const char *name, const char *space) {
    begin(command, name, space);
    if (space == NULL) {
        dx_write_text(dx_map_builder_key(command, "spaces"), "all");
    }
}

static void put_text(dx_map_builder *command, const char *key, const char *text) {
    if (text != NULL) {
        dx_write_text(dx_map_builder_key(command, key), text);
    }
}

static void put_item(dx_map_builder *command, const char *key, dx_bytes item) {
    dx_write_item(dx_map_builder_key(command, key), item);
}

/* The command's bytes; frees the builder. */
static int encode(dx_client *client, dx_map_builder *command, dx_buf *out) {
    dx_writer writer;
    dx_buf_init(out, dx_host_alloc(), DX_COMMAND_BODY_MAX);
    dx_writer_init(&writer, out);
    dx_map_builder_finish(command, &writer);
    int error = dx_writer_finish(&writer);
    return error == DX_OK ? error : fail(client, error, error == DX_E_INVALID ? "a text is not UTF-8" : "");
}

static int ask(dx_client *client, dx_map_builder *command, const dx_listener *listener, dx_buf *reply) {
    dx_buf body;
    int error = encode(client, command, &body);
    error = error == DX_OK ? ask_encoded(client, dx_buf_view(&body), listener, reply) : error;
    dx_buf_deinit(&body);
    return error;
}

/* A text of the reply goes to out (size bytes), which may be NULL. */
static int ask_for(dx_client *client, dx_map_builder *command, const char *key, char *out, size_t size) {
    dx_buf reply;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    int error = ask(client, command, NULL, &reply);
    if (error == DX_OK && out != NULL) {
        take_text(dx_item_get(dx_buf_view(&reply), key), out, size);
    }
    dx_buf_deinit(&reply);
    return error;
}

/* The item a JSON text with its values makes; out is the caller's to deinit in any case. */
static int take_json(dx_client *client, const char *json, va_list values, dx_buf *out) {
    char message[96] = "", sentence[128];
    dx_writer writer;
    dx_buf_init(out, dx_host_alloc(), DX_COMMAND_BODY_MAX);
    dx_writer_init(&writer, out);
    int error = dx_json_format_list(&writer, message, sizeof message, json, values);
    if (error == DX_OK) {
        return error;
    }
    snprintf(sentence, sizeof sentence, "no JSON: %s", message);
    return fail(client, error, message[0] == 0 ? "" : sentence);
}

/* --- Calls ------------------------------------------------------------------------------------------------- */

int dx_client_create_identity(dx_client *client, const char *name) {
    dx_map_builder command;
    begin(&command, "halo.create", NULL);
    put_text(&command, "name", name);
    return ask(client, &command, NULL, NULL);
}

int dx_client_create_space(dx_client *client, const char *name, char *id) {
    dx_map_builder command;
    begin(&command, "space.create", NULL);
    put_text(&command, "name", name);
    return ask_for(client, &command, "space", id, DX_SPACE_TEXT_MAX);
}

int dx_client_add(dx_client *client, const char *space, const char *type, char *id, const char *json, ...) {
    dx_buf data;
    va_list values;
    va_start(values, json);
    int error = take_json(client, json, values, &data);
    va_end(values);
    if (error == DX_OK) {
        dx_map_builder command;
        begin(&command, "object.add", space);
        put_text(&command, "type", type);
        put_item(&command, "data", dx_buf_view(&data));
        error = ask_for(client, &command, "id", id, DX_REFERENCE_TEXT_MAX);
    }
    dx_buf_deinit(&data);
    return error;
}

int dx_client_link(dx_client *client, const char *space, const char *type, const char *source,
                   const char *target, char *id, const char *json, ...) {
    dx_buf data;
    va_list values;
    va_start(values, json);
    int error = take_json(client, json, values, &data);
    va_end(values);
    if (error == DX_OK) {
        dx_map_builder command;
        begin(&command, "link.add", space);
        put_text(&command, "type", type);
        put_text(&command, "source", source);
        put_text(&command, "target", target);
        put_item(&command, "data", dx_buf_view(&data));
        error = ask_for(client, &command, "id", id, DX_REFERENCE_TEXT_MAX);
    }
    dx_buf_deinit(&data);
    return error;
}

int dx_client_set(dx_client *client, const char *space, const char *id, const char *json, ...) {
    dx_buf set;
    va_list values;
    va_start(values, json);
    int error = take_json(client, json, values, &set);
    va_end(values);
    if (error == DX_OK) {
        dx_map_builder command;
        begin(&command, "object.set", space);
        put_text(&command, "id", id);
        put_item(&command, "set", dx_buf_view(&set));
        error = ask(client, &command, NULL, NULL);
    }
    dx_buf_deinit(&set);
    return error;
}

int dx_client_unset(dx_client *client, const char *space, const char *id, const char *path) {
    dx_map_builder command;
    begin(&command, "object.unset", space);
    put_text(&command, "id", id);
    dx_writer *list = dx_map_builder_key(&command, "unset");
    dx_write_array(list, 1);
    dx_write_text(list, path);
    return ask(client, &command, NULL, NULL);
}

static int ask_about(dx_client *client, const char *name, const char *space, const char *id, dx_buf *reply) {
    dx_map_builder command;
    begin(&command, name, space);
    put_text(&command, "id", id);
    return ask(client, &command, NULL, reply);
}

int dx_client_remove(dx_client *client, const char *space, const char *id) {
    return ask_about(client, "object.rm", space, id, NULL);
}

int dx_client_purge(dx_client *client, const char *space, const char *id) {
    return ask_about(client, "object.purge", space, id, NULL);
}

int dx_client_restore(dx_client *client, const char *space, const char *id) {
    return ask_about(client, "object.restore", space, id, NULL);
}

int dx_client_unlink(dx_client *client, const char *space, const char *id) {
    return ask_about(client, "link.rm", space, id, NULL);
}

int dx_client_get(dx_client *client, const char *space, const char *id, dx_buf *row) {
    return ask_about(client, "object.get", space, id, row);
}

int dx_client_fetch(dx_client *client, const char *space, const char *id, dx_buf *row) {
    dx_map_builder command;
    begin(&command, "object.get", space);
    put_text(&command, "id", id);
    dx_write_bool(dx_map_builder_key(&command, "fetch"), true);
    return ask(client, &command, NULL, row);
}

/* The members of a map of one's own are those of the command. */
static void put_members(dx_map_builder *command, dx_bytes map) {
    dx_reader reader;
    dx_reader_init(&reader, map);
    for (size_t pairs = dx_read_map(&reader); pairs > 0; pairs--) {
        char key[16];
        dx_bytes name = dx_read_text(&reader), value = dx_read_item(&reader);
        snprintf(key, sizeof key, "%.*s", (int)name.size, name.size == 0 ? "" : (const char *)name.data);
        dx_write_item(dx_map_builder_key(command, key), value);
    }
}

int dx_client_keep(dx_client *client, const char *space, const char *json, ...) {
    dx_buf scope;
    va_list values;
    va_start(values, json);
    int error = take_json(client, json, values, &scope);
    va_end(values);
    if (error == DX_OK && dx_item_kind(dx_buf_view(&scope)) != DX_KIND_MAP) {
        error = fail(client, DX_E_INVALID, "what is kept is said by a map");
    }
    if (error == DX_OK) {
        dx_map_builder command;
        begin(&command, "space.scope", space);
        put_members(&command, dx_buf_view(&scope));
        error = ask(client, &command, NULL, NULL);
    }
    dx_buf_deinit(&scope);
    return error;
}

int dx_client_kept(dx_client *client, const char *space, dx_buf *reply) {
    return ask_about(client, "space.scope", space, NULL, reply);
}

bool dx_client_is_partial(const dx_client *client) {
    return dx_client_words(client)->partial;
}

/* --- Time --- */

int dx_client_history(dx_client *client, const char *space, const char *id, size_t limit, dx_on_row on_row,
                      void *ctx) {
    const dx_listener listener = {.on_row = on_row, .ctx = ctx};
    dx_map_builder command;
    begin(&command, "history.list", space);
    put_text(&command, "id", id);
    if (limit > 0) {
        dx_write_uint(dx_map_builder_key(&command, "limit"), limit);
    }
    return ask(client, &command, &listener, NULL);
}

int dx_client_get_at(dx_client *client, const char *space, const char *id, const char *point, dx_buf *row) {
    dx_map_builder command;
    begin(&command, "object.get", space);
    put_text(&command, "id", id);
    put_text(&command, "at", point);
    return ask(client, &command, NULL, row);
}

int dx_client_restore_at(dx_client *client, const char *space, const char *id, const char *point) {
    dx_map_builder command;
    begin(&command, "history.restore", space);
    put_text(&command, "id", id);
    put_text(&command, "at", point);
    return ask(client, &command, NULL, NULL);
}

int dx_client_undo(dx_client *client, const char *space, dx_buf *reply) {
    return ask_about(client, "undo", space, NULL, reply);
}

int dx_client_redo(dx_client *client, const char *space, dx_buf *reply) {
    return ask_about(client, "redo", space, NULL, reply);
}

int dx_client_difference(dx_client *client, const char *space, const char *id, const char *from,
                         const char *to, dx_on_row on_row, void *ctx) {
    const dx_listener listener = {.on_row = on_row, .ctx = ctx};
    dx_map_builder command;
    begin(&command, "history.diff", space);
    put_text(&command, "id", id);
    put_text(&command, "from", from);
    put_text(&command, "to", to);
    return ask(client, &command, &listener, NULL);
}

/* point: NULL for now. */
static int query_json(dx_client *client, const char *space, const char *point, const dx_listener *listener,
                      const char *json, va_list values) {
    dx_buf query;
    int error = take_json(client, json, values, &query);
    if (error == DX_OK) {
        dx_map_builder command;
        begin_in(&command, "query", space);
        put_text(&command, "at", point);
        put_item(&command, "query", dx_buf_view(&query));
        error = ask(client, &command, listener, NULL);
    }
    dx_buf_deinit(&query);
    return error;
}

int dx_client_query(dx_client *client, const char *space, dx_on_row on_row, void *ctx, const char *json,
                    ...) {
    va_list values;
    va_start(values, json);
    int error = query_json(client, space, NULL, &(dx_listener){on_row, ctx}, json, values);
    va_end(values);
    return error;
}

int dx_client_query_at(dx_client *client, const char *space, const char *point, dx_on_row on_row, void *ctx,
                       const char *json, ...) {
    va_list values;
    va_start(values, json);
    int error = query_json(client, space, point, &(dx_listener){on_row, ctx}, json, values);
    va_end(values);
    return error;
}

/* The command about a question that was built, and about one space or all. */
static int begin_built(dx_client *client, dx_map_builder *command, const char *name, const char *space,
                       const dx_query_builder *query) {
    dx_buf item;
    dx_buf_init(&item, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_query_builder_write(query, &item);
    if (error == DX_OK) {
        begin_in(command, name, space);
        put_item(command, "query", dx_buf_view(&item));
    }
    dx_buf_deinit(&item);
    return error == DX_OK ? DX_OK : fail(client, error, "the question was not built well (dxos/query.h)");
}

int dx_client_query_built(dx_client *client, const char *space, dx_on_row on_row, void *ctx,
                          const dx_query_builder *query, dx_buf *reply) {
    dx_map_builder command;
    int error = begin_built(client, &command, "query", space, query);
    return error == DX_OK ? ask(client, &command, &(dx_listener){on_row, ctx}, reply) : error;
}

int dx_client_ask(dx_client *client, dx_on_row on_row, void *ctx, dx_buf *reply, const char *json, ...) {
    dx_buf command;
    va_list values;
    va_start(values, json);
    int error = take_json(client, json, values, &command);
    va_end(values);
    error = error == DX_OK ? ask_encoded(client, dx_buf_view(&command), &(dx_listener){on_row, ctx}, reply)
                           : error;
    dx_buf_deinit(&command);
    return error;
}

/* --- Texts -------------------------------------------------------------------------------------------------- */

static void put_bytes(dx_map_builder *command, const char *key, dx_bytes bytes) {
    dx_write_bytes(dx_map_builder_key(command, key), bytes);
}

static void put_words(dx_map_builder *request, const char *key, dx_bytes words) {
    dx_write_text_bytes(dx_map_builder_key(request, key), words);
}

static void put_place(dx_map_builder *request, const char *key, int64_t place) {
    dx_write_int(dx_map_builder_key(request, key), place);
}

/* The request becomes the operation of a command; frees its builder. */
static void put_operation(dx_map_builder *command, dx_map_builder *request) {
    dx_map_builder_finish(request, dx_map_builder_key(command, "operation"));
}

static void begin_request(dx_map_builder *request) {
    dx_map_builder_init(request, dx_host_alloc(), DX_COMMAND_BODY_MAX);
}

static int apply(dx_client *client, const char *space, const char *id, dx_map_builder *request) {
    dx_map_builder command;
    begin(&command, "object.apply", space);
    put_text(&command, "id", id);
    put_operation(&command, request);
    return ask(client, &command, NULL, NULL);
}

int dx_client_add_text(dx_client *client, const char *space, const char *type, dx_bytes words, char *id) {
    dx_map_builder command, request;
    begin(&command, "object.add", space);
    put_text(&command, "type", type);
    put_text(&command, "model", "dx/text/1");
    if (words.size != 0) {
        begin_request(&request);
        put_words(&request, "append", words);
        put_operation(&command, &request);
    }
    return ask_for(client, &command, "id", id, DX_REFERENCE_TEXT_MAX);
}

int dx_client_read_text(dx_client *client, const char *space, const char *id, dx_buf *words) {
    dx_buf row;
    dx_buf_init(&row, dx_host_alloc(), DX_ANSWER_MAX);
    int error = ask_about(client, "object.get", space, id, &row);
    dx_bytes answer = dx_buf_view(&row), model = dx_item_text(dx_item_get(answer, "model"));
    if (error == DX_OK && !dx_bytes_equal(model, dx_bytes_text("dx/text/1"))) {
        error = fail(client, DX_E_UNSUPPORTED, "that object is no text");
    }
    if (error == DX_OK && dx_item_get(answer, "omitted").size != 0) {
        error = fail(client, DX_E_LIMIT, "the text is too large to be shown at once");
    }
    if (error == DX_OK) {
        dx_bytes text = dx_item_text(dx_item_get(dx_item_get(answer, "data"), "text"));
        dx_buf_append(words, text.data, text.size);
        error = dx_buf_error(words) == DX_OK ? DX_OK : fail(client, dx_buf_error(words), "");
    }
    dx_buf_deinit(&row);
    return error;
}

int dx_client_insert_text(dx_client *client, const char *space, const char *id, int64_t at, dx_bytes words) {
    dx_map_builder request;
    begin_request(&request);
    put_words(&request, at < 0 ? "append" : "text", words);
    if (at >= 0) {
        put_place(&request, "insert", at);
    }
    return apply(client, space, id, &request);
}

int dx_client_delete_text(dx_client *client, const char *space, const char *id, int64_t at, int64_t count) {
    dx_map_builder request;
    begin_request(&request);
    put_place(&request, "delete", at);
    put_place(&request, "count", count);
    return apply(client, space, id, &request);
}

int dx_client_format_text(dx_client *client, const char *space, const char *id, int64_t at, int64_t count,
                          const char *json, ...) {
    dx_buf attributes;
    va_list values;
    va_start(values, json);
    int error = take_json(client, json, values, &attributes);
    va_end(values);
    if (error == DX_OK) {
        dx_map_builder request;
        begin_request(&request);
        put_place(&request, "format", at);
        put_place(&request, "count", count);
        put_item(&request, "attributes", dx_buf_view(&attributes));
        error = apply(client, space, id, &request);
    }
    dx_buf_deinit(&attributes);
    return error;
}

/* The "update" of an answer goes to update, and more of it to *author and *session; each may be NULL. */
static int ask_for_update(dx_client *client, dx_map_builder *command, uint64_t *author, uint64_t *session,
                          dx_buf *update) {
    dx_buf reply;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    int error = ask(client, command, NULL, &reply);
    dx_bytes answer = dx_buf_view(&reply);
    if (error == DX_OK && author != NULL) {
        *author = (uint64_t)dx_item_int(dx_item_get(answer, "client"), 0);
    }
    if (error == DX_OK && session != NULL) {
        *session = (uint64_t)dx_item_int(dx_item_get(answer, "session"), 0);
    }
    if (error == DX_OK && update != NULL) {
        dx_bytes all = dx_item_bytes(dx_item_get(answer, "update"));
        dx_buf_append(update, all.data, all.size);
        error = dx_buf_error(update) == DX_OK ? DX_OK : fail(client, dx_buf_error(update), "");
    }
    dx_buf_deinit(&reply);
    return error;
}

int dx_client_open_text(dx_client *client, const char *space, const char *id, uint64_t *author,
                        uint64_t *session, dx_buf *update) {
    dx_map_builder command;
    begin(&command, "text.open", space);
    put_text(&command, "id", id);
    return ask_for_update(client, &command, author, session, update);
}

int dx_client_pull_text(dx_client *client, const char *space, const char *id, dx_bytes state_vector,
                        dx_buf *update) {
    dx_map_builder command;
    begin(&command, "text.pull", space);
    put_text(&command, "id", id);
    put_bytes(&command, "clocks", state_vector);
    return ask_for_update(client, &command, NULL, NULL, update);
}

int dx_client_push_text(dx_client *client, const char *space, const char *id, uint64_t session,
                        dx_bytes update) {
    dx_map_builder command;
    begin(&command, "text.push", space);
    put_text(&command, "id", id);
    dx_write_uint(dx_map_builder_key(&command, "session"), session);
    put_bytes(&command, "update", update);
    return ask(client, &command, NULL, NULL);
}

/* --- Subscriptions ------------------------------------------------------------------------------------------ */

struct dx_subscribed {
    dx_subscribed *next;
    dx_client *client;
    dx_listener listener;
    uint8_t request[DX_REQUEST_SIZE];
    int error;  /* with which it began in vain */
    bool begun; /* the vault took it */
    bool ended, cancelled;
};

static void on_change(void *ctx, bool last, dx_bytes body) {
    dx_subscribed *watch = ctx;
    if (last) {
        watch->ended = true;
        watch->error = watch->begun ? DX_OK : take_error(watch->client, body);
    }
    if (!watch->cancelled && (!last || watch->begun)) {
        tell(&watch->listener, body);
    }
}

/* Those that ended are kept until nobody stands in their callback. */
static void sweep(dx_client_calls *calls, bool all) {
    for (dx_subscribed **at = &calls->watches; *at != NULL;) {
        dx_subscribed *watch = *at;
        if (!all && !watch->ended) {
            at = &watch->next;
            continue;
        }
        *at = watch->next;
        free(watch);
    }
}

void dx_client_calls_deinit(dx_client_calls *calls) {
    sweep(calls, true);
}

/* Answers of one client come in the order in which it asked: once this one is here, a subscription that was refused has
 * said so. */
static int wait_begun(dx_client *client, dx_subscribed *watch) {
    static const uint8_t status[] = {0xa1, 0x62, 'd', 'o', 0x6d, 'h', 'a', 'l', 'o', '.',
                                     'i',  'd',  'e', 'n', 't',  'i', 't', 'y'}; /* {"do": "halo.identity"} */
    dx_buf reply;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_client_call(client, dx_bytes_of(status, sizeof status), NULL, NULL,
                               dx_client_calls_of(client)->timeout_ms, &reply);
    dx_buf_deinit(&reply);
    if (error != DX_OK) {
        return fail(client, error, "");
    }
    watch->begun = !watch->ended;
    return watch->ended ? watch->error : DX_OK;
}

static int begin_watch(dx_client *client, dx_subscribed *watch, dx_map_builder *command) {
    dx_buf body;
    int error = encode(client, command, &body);
    if (error == DX_OK) {
        error = dx_client_send(client, dx_buf_view(&body), NULL, on_change, watch, watch->request);
        error = error == DX_OK ? DX_OK : fail(client, error, "");
    }
    dx_buf_deinit(&body);
    if (error != DX_OK) {
        watch->ended = true;
        return error;
    }
    error = wait_begun(client, watch);
    watch->cancelled = error != DX_OK; /* also when it is not known whether it began */
    return error;
}

/* A subscription of the client; NULL: no memory, which is said. */
static dx_subscribed *add_watch(dx_client *client, dx_on_row on_row, void *ctx) {
    dx_client_calls *calls = dx_client_calls_of(client);
    dx_subscribed *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        (void)fail(client, DX_E_NO_MEMORY, "");
        return NULL;
    }
    sweep(calls, false);
    calls->message[0] = calls->remedy[0] = 0;
    *watch = (dx_subscribed){.next = calls->watches, .client = client, .listener = {on_row, ctx}};
    calls->watches = watch;
    return watch;
}

static int name_watch(const dx_subscribed *watch, int error, uint8_t *request) {
    if (error == DX_OK && request != NULL) {
        memcpy(request, watch->request, DX_REQUEST_SIZE);
    }
    return error;
}

int dx_client_watch(dx_client *client, const char *space, dx_on_row on_row, void *ctx, uint8_t *request,
                    const char *json, ...) {
    dx_buf query;
    va_list values;
    va_start(values, json);
    int error = take_json(client, json, values, &query);
    va_end(values);
    dx_subscribed *watch = error == DX_OK ? add_watch(client, on_row, ctx) : NULL;
    if (watch == NULL) {
        dx_buf_deinit(&query);
        return error == DX_OK ? DX_E_NO_MEMORY : error;
    }
    dx_map_builder command;
    begin_in(&command, "watch", space);
    put_item(&command, "query", dx_buf_view(&query));
    error = begin_watch(client, watch, &command);
    dx_buf_deinit(&query);
    return name_watch(watch, error, request);
}

int dx_client_watch_text(dx_client *client, const char *space, const char *id, uint64_t session,
                         dx_bytes state_vector, dx_on_row on_row, void *ctx, uint8_t *request) {
    dx_subscribed *watch = add_watch(client, on_row, ctx);
    if (watch == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_map_builder command;
    begin(&command, "text.watch", space);
    put_text(&command, "id", id);
    put_bytes(&command, "clocks", state_vector);
    if (session != 0) {
        dx_write_uint(dx_map_builder_key(&command, "session"), session);
    }
    return name_watch(watch, begin_watch(client, watch, &command), request);
}

int dx_client_cancel(dx_client *client, const uint8_t *request) {
    dx_client_calls *calls = dx_client_calls_of(client);
    dx_subscribed *watch = calls->watches;
    while (watch != NULL && (watch->ended || memcmp(watch->request, request, DX_REQUEST_SIZE) != 0)) {
        watch = watch->next;
    }
    if (watch == NULL) {
        return fail(client, DX_E_NOT_FOUND, "there is no such subscription, or it ended before");
    }
    dx_map_builder command;
    watch->cancelled = true;
    begin(&command, "request.cancel", NULL);
    dx_write_bytes(dx_map_builder_key(&command, "of"), dx_bytes_of(request, DX_REQUEST_SIZE));
    int error = ask(client, &command, NULL, NULL);
    while (error == DX_OK && !watch->ended) {
        error = dx_client_wait(client, CANCEL_MS);
    }
    sweep(calls, false);
    return error;
}
