/* node/dispatch.c: from a command's name to its function, and the one place where an error's class decides
 * what happens.
 *
 * Layer: floor 1, node. Policy: caller, peer and data errors of a command are answered and the step goes on
 * (commands validate before they write, so nothing changed); host errors end the step, which is undone
 * (node.c). */
#include <stdarg.h>
#include <string.h>

#include "base/limits.h"
#include "codec/cbor.h"
#include "node/state.h"

static const dx_command *const tables[] = {
    dx_commands_halo,         dx_commands_space,         dx_commands_object,     dx_commands_query,
    dx_commands_subscription, dx_commands_node,          dx_commands_invitation, dx_commands_app,
    dx_commands_watch,        dx_commands_signal,        dx_commands_history,    dx_commands_index,
    dx_commands_schema,       dx_commands_inspect,       dx_commands_sql,        dx_commands_epoch,
    dx_commands_scope,        dx_commands_inspect_space, dx_commands_text,       dx_commands_text_watch,
    dx_commands_post};

const dx_command *dx_command_at(size_t index) {
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const dx_command *command = tables[i]; command->name != NULL; command++) {
            if (index-- == 0) {
                return command;
            }
        }
    }
    return NULL;
}

static const dx_command *find_command(dx_bytes name) {
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const dx_command *command = tables[i]; command->name != NULL; command++) {
            if (dx_bytes_equal(name, dx_bytes_text(command->name))) {
                return command;
            }
        }
    }
    return NULL;
}

/* What quotes a text may cut it inside a character; a path need not be text at all. An answer must be. */
static void mend_text(char *text) {
    for (size_t left = strlen(text); left > 0;) {
        size_t size = 1;
        while (size < left && size < 4 && !dx_utf8_check((const uint8_t *)text, size)) {
            size++;
        }
        if (!dx_utf8_check((const uint8_t *)text, size)) {
            *text = '?';
            size = 1;
        }
        text += size;
        left -= size;
    }
}

int dx_node_refuse(dx_node *node, int code, const char *remedy, const char *format, ...) {
    va_list args;
    va_start(args, format);
    sqlite3_vsnprintf(sizeof node->message, node->message, format, args);
    va_end(args);
    mend_text(node->message);
    sqlite3_snprintf(sizeof node->remedy, node->remedy, "%s", remedy == NULL ? "" : remedy);
    return code;
}

/* --- Ports ----------------------------------------------------------------------------------------------- */

dx_port *dx_node_port(dx_node *node, uint64_t number) {
    for (size_t i = 0; i < node->port_count; i++) {
        if (node->ports[i].number == number && !node->ports[i].gone) {
            return &node->ports[i];
        }
    }
    return NULL;
}

static int reserve_port(dx_node *node) {
    if (node->port_count == DX_PORTS_MAX) {
        return DX_E_LIMIT;
    }
    if (node->port_count < node->port_capacity) {
        return DX_OK;
    }
    size_t capacity = node->port_capacity == 0 ? 8 : node->port_capacity * 2;
    dx_port *ports = dx_alloc_grow(&node->config.alloc, node->ports, node->port_capacity * sizeof *ports,
                                   capacity * sizeof *ports);
    if (ports == NULL) {
        return DX_E_NO_MEMORY;
    }
    node->ports = ports;
    node->port_capacity = capacity;
    return DX_OK;
}

int dx_node_open_port(dx_node *node, uint64_t number, dx_bytes origin) {
    dx_app *app = NULL;
    int error = origin.size > 0 ? dx_app_take(node, origin, &app) : DX_OK;
    const dx_port *port = dx_node_port(node, number);
    if (error != DX_OK || (port != NULL && port->app == app)) {
        return error;
    }
    if (port != NULL) {
        dx_node_drop_port(node, number);
    }
    error = reserve_port(node);
    if (error != DX_OK) {
        return error;
    }
    node->ports[node->port_count++] = (dx_port){.number = number, .app = app, .fresh = true};
    if (app != NULL) {
        app->port_count++;
        app->version++;
    }
    return DX_OK;
}

static void remove_port(dx_node *node, size_t index) {
    dx_app *app = node->ports[index].app;
    node->ports[index] = node->ports[--node->port_count];
    if (app != NULL) {
        app->port_count--;
        app->version++;
    }
}

void dx_node_settle_ports(dx_node *node, bool committed) {
    for (size_t i = node->port_count; i-- > 0;) {
        dx_port *port = &node->ports[i];
        if (committed ? port->gone : port->fresh) {
            remove_port(node, i);
        } else {
            port->fresh = port->gone = false;
        }
    }
    dx_apps_tidy(node);
}

/* --- Requests -------------------------------------------------------------------------------------------- */

void dx_node_take_back(dx_node *node, size_t count) {
    for (size_t i = count; i < node->outbox.count; i++) {
        const dx_effect *effect = &node->outbox.effects[i];
        bool answers = effect->kind == DX_EFFECT_NOTIFY || effect->kind == DX_EFFECT_REPLY;
        dx_port *port = answers ? dx_node_port(node, effect->port) : NULL;
        if (port != NULL) {
            port->outstanding -=
                effect->body.size < port->outstanding ? effect->body.size : port->outstanding;
        }
    }
    dx_outbox_rewind(&node->outbox, count);
}

static void end_task(dx_node *node, dx_request *request) {
    if (request->drop != NULL) {
        request->drop(node, request);
    }
    dx_alloc_free(&node->config.alloc, request->task, request->task_size);
    request->drop = NULL;
    request->task = NULL;
}

static void free_request(dx_node *node, dx_request *request) {
    end_task(node, request);
    if (request->rows.alloc != NULL) {
        dx_buf_deinit(&request->rows);
    }
    dx_alloc_free(&node->config.alloc, request, sizeof *request);
}

bool dx_is_host_error(int error) {
    return error < 0 && dx_error_class_of(error) == DX_CLASS_HOST && error != DX_E_UNREACHABLE;
}

int dx_node_answer_again(dx_node *node, dx_request *request) {
    sqlite3_stmt *select = dx_store_query(node->store, "SELECT body FROM reply WHERE request = ?1");
    dx_bind_bytes(select, 1, dx_bytes_of(request->key, DX_REQUEST_SIZE));
    int error = DX_OK;
    if (dx_step(node->store, select)) {
        error = dx_request_reply_item(node, request, dx_column_bytes(select, 0));
        dx_step_reset(select);
    }
    int failed = dx_store_error(node->store);
    return error != DX_OK ? error : failed;
}

static bool is_port_busy(dx_node *node, uint64_t number) {
    const dx_port *port = dx_node_port(node, number);
    return port != NULL && port->requests >= DX_PORT_REQUESTS_MAX;
}

static dx_request **bucket_of(dx_node *node, const dx_request *request) {
    return &node->by_key[request->key[0] ^ request->key[1]];
}

static void keep(dx_node *node, dx_request *request) {
    dx_request **bucket = bucket_of(node, request);
    dx_port *port = dx_node_port(node, request->port);
    request->next = node->requests;
    node->requests = request;
    request->next_by_key = *bucket;
    *bucket = request;
    if (port != NULL) {
        port->requests++;
    }
}

/* It has left the list. */
static void let_go(dx_node *node, dx_request *request) {
    dx_request **at = bucket_of(node, request);
    dx_port *port = dx_node_port(node, request->port);
    while (*at != request) {
        at = &(*at)->next_by_key;
    }
    *at = request->next_by_key;
    if (port != NULL) {
        port->requests--;
    }
    free_request(node, request);
}

/* Those at work before those that wait for changes; each part as it was. */
static void regroup(dx_node *node) {
    dx_request *resting = NULL, **end = &resting, **at = &node->requests;
    while (*at != NULL) {
        dx_request *request = *at;
        if (request->idle && !request->answered && !request->fresh) {
            *at = request->next;
            *end = request;
            end = &request->next;
        } else {
            at = &request->next;
        }
    }
    *end = NULL;
    *at = node->resting = resting;
    node->regroup = false;
}

int dx_node_reply_full(dx_node *node, dx_request *request) {
    dx_node_refuse(node, DX_E_NO_SPACE, DX_FULL_REMEDY,
                   "the vault's disk is full; the vault is open for reading only");
    return dx_request_reply_error(node, request, DX_E_NO_SPACE);
}

static int run_command(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes name = dx_item_check(body) == DX_OK ? dx_item_text(dx_item_get(body, "do")) : (dx_bytes){0};
    if (name.data == NULL) {
        return dx_node_refuse(node, DX_E_INVALID, NULL,
                              "a command is a map with a text \"do\" that names it");
    }
    request->command = find_command(name);
    if (request->command == NULL) {
        return dx_node_refuse(node, DX_E_UNSUPPORTED, "dx help", "there is no command \"%.*s\"",
                              (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
    }
    if (is_port_busy(node, request->port) && !dx_bytes_equal(name, dx_bytes_text("request.cancel"))) {
        return dx_node_refuse(node, DX_E_LIMIT, "end some of them first",
                              "%d requests of this program are at work", DX_PORT_REQUESTS_MAX);
    }
    if (request->command->writes && dx_store_is_read_only(node->store)) {
        return dx_node_reply_full(node, request);
    }
    return request->command->run(node, request, body);
}

bool dx_node_is_writing(const dx_event *event) {
    bool asks = event->kind == DX_EVENT_COMMAND && dx_item_check(event->body) == DX_OK;
    dx_bytes name = asks ? dx_item_text(dx_item_get(event->body, "do")) : (dx_bytes){0};
    const dx_command *command = name.data != NULL ? find_command(name) : NULL;
    return command != NULL && command->writes;
}

/* Judged first, each time it is asked: a stored reply is no more for an app than what it tells of. */
static int begin_request(dx_node *node, dx_request *request, const dx_event *event) {
    node->message[0] = node->remedy[0] = 0;
    int error = dx_app_judge(node, request, event->body);
    if (error == DX_OK) {
        error = dx_node_answer_again(node, request);
        if (error != DX_OK || request->answered) {
            return error;
        }
        error = run_command(node, request, event->body);
    }
    return error < 0 && !dx_is_host_error(error) ? dx_request_reply_error(node, request, error) : error;
}

int dx_node_answer_event_again(dx_node *node, dx_request *request, const dx_event *event) {
    const dx_port *port = dx_node_port(node, event->port);
    if (port == NULL) {
        return DX_OK;
    }
    request->app = port->app;
    dx_request_key(request->app, event->request, request->key);
    int error = dx_app_judge(node, request, event->body);
    if (error == DX_OK) {
        return dx_node_answer_again(node, request);
    }
    return dx_is_host_error(error) ? error : dx_request_reply_error(node, request, error);
}

static int reply_closed(dx_node *node, const dx_event *event) {
    dx_request request = {.port = event->port};
    memcpy(request.id, event->request, DX_REQUEST_SIZE);
    dx_node_refuse(node, DX_E_STATE, NULL, "no port-up made this port");
    return dx_request_reply_error(node, &request, DX_E_STATE);
}

int dx_node_command(dx_node *node, const dx_event *event) {
    const dx_port *port = dx_node_port(node, event->port);
    if (port == NULL) {
        return reply_closed(node, event);
    }
    uint8_t key[DX_REQUEST_SIZE];
    dx_request_key(port->app, event->request, key);
    if (dx_request_find(node, key) != NULL) {
        return DX_OK; /* still at work: its answer will come */
    }
    dx_request *request = dx_alloc_take_zeroed(&node->config.alloc, sizeof *request);
    if (request == NULL) {
        return DX_E_NO_MEMORY;
    }
    request->port = event->port;
    request->app = port->app;
    request->fresh = true;
    memcpy(request->id, event->request, DX_REQUEST_SIZE);
    memcpy(request->key, key, DX_REQUEST_SIZE);
    int error = begin_request(node, request, event);
    if (error == DX_PENDING) {
        keep(node, request);
        return DX_OK;
    }
    DX_ASSERT(error != DX_OK || request->answered);
    free_request(node, request);
    return error;
}

static int resume_one(dx_node *node, dx_request *request, bool *again) {
    if (!dx_request_can_send(node, request) && !request->cancelled) {
        return DX_OK;
    }
    if (dx_node_said_enough(node) && !request->cancelled) {
        *again = true;
        return DX_OK;
    }
    node->message[0] = node->remedy[0] = 0;
    int error = request->resume(node, request, again);
    if (error == DX_PENDING) { /* before a watch may tell what became of what it found */
        return dx_request_flush(node, request);
    }
    if (error < 0 && !dx_is_host_error(error) && !request->answered) {
        error = dx_request_reply_error(node, request, error);
    }
    return error;
}

int dx_node_resume_requests(dx_node *node, bool *again, uint64_t *deadline_ms) {
    if (node->regroup) {
        regroup(node);
    }
    for (dx_request *request = node->requests; request != node->resting; request = request->next) {
        int error = request->answered ? DX_OK : resume_one(node, request, again);
        if (error != DX_OK) {
            return error;
        }
        bool goes_on = !request->answered && !request->idle && dx_request_can_send(node, request);
        if (goes_on && request->deadline_ms < *deadline_ms) {
            *deadline_ms = request->deadline_ms; /* a full port's comes when it took something */
        }
    }
    return DX_OK;
}

bool dx_node_is_asked(const dx_node *node) {
    const dx_request *request = node->requests;
    while (request != node->resting && request->answered) {
        request = request->next;
    }
    return request != node->resting;
}

int dx_node_deliver_changes(dx_node *node) {
    if (node->changes.count == 0 && !node->changes.overflow) {
        return DX_OK;
    }
    int error = dx_node_tell_texts(node); /* first: somebody is typing */
    error =
        error == DX_OK ? dx_subscriptions_take(node->subscriptions, &node->context, &node->changes) : error;
    dx_changes_clear(&node->changes);
    return error;
}

void dx_node_drop_port(dx_node *node, uint64_t port) {
    for (dx_request **at = &node->requests; *at != NULL;) {
        dx_request *request = *at;
        if (request->port != port) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        let_go(node, request);
    }
    regroup(node);
    for (size_t i = 0; i < node->port_count; i++) {
        if (node->ports[i].number == port && node->ports[i].fresh) {
            remove_port(node, i);
            return;
        }
    }
    if (dx_node_port(node, port) != NULL) {
        dx_node_port(node, port)->gone = true;
    }
}

void dx_node_drop_requests(dx_node *node, int error) {
    while (node->requests != NULL) {
        dx_request *request = node->requests;
        node->requests = request->next;
        request->answered = false; /* an answer of the undone step was not said */
        dx_node_explain_failure(node, error);
        /* The answer goes out if it can; the outbox remembers when it cannot. */
        if (!request->fresh && dx_request_reply_error(node, request, error) != DX_OK) {
            node->message[0] = 0;
        }
        let_go(node, request);
    }
    node->resting = NULL;
}

void dx_node_keep_requests(dx_node *node) {
    const dx_request *end =
        node->regroup ? NULL : node->resting; /* those that rest are neither answered nor new */
    for (dx_request **at = &node->requests; *at != end;) {
        dx_request *request = *at;
        if (request->answered) {
            *at = request->next;
            let_go(node, request);
        } else {
            request->fresh = false;
            at = &request->next;
        }
    }
    if (node->regroup) {
        regroup(node);
    }
}

int dx_node_cancel_readers(dx_node *node, int64_t space) {
    for (dx_request *request = node->requests; request != NULL; request = request->next) {
        if (request->reads != NULL ? !request->reads(request, space) : request->space != space) {
            continue;
        }
        int error;
        if (request->follows != NULL) {
            error = request->follows(node, request, space, NULL);
        } else {
            dx_node_refuse(node, DX_E_CANCELLED, NULL, "this vault forgets the space");
            error = dx_node_end_request(node, request, DX_E_CANCELLED); /* before the space goes */
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

int dx_node_tell_followers(dx_node *node, dx_space *came) {
    for (dx_request *request = node->requests; request != NULL; request = request->next) {
        int error = request->follows == NULL || request->answered
                        ? DX_OK
                        : request->follows(node, request, came->local, came);
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

/* Whether it may read all that it reads now. */
static bool may_read(const dx_node *node, const dx_request *request) {
    for (size_t i = 0; request->reads != NULL && i < node->space_count; i++) {
        const dx_space *space = node->spaces[i];
        if (dx_app_level(request->app, space->id) < DX_LEVEL_READ && request->reads(request, space->local)) {
            return false;
        }
    }
    return true;
}

int dx_node_end_request(dx_node *node, dx_request *request, int error) {
    int failed = request->answered ? DX_OK : dx_request_reply_error(node, request, error);
    node->regroup = true; /* it is answered: it waits no more */
    if (failed == DX_OK) {
        end_task(node, request);
    }
    return failed;
}

int dx_node_recheck_app(dx_node *node, dx_app *app, bool all) {
    for (dx_request *request = node->requests; request != NULL; request = request->next) {
        bool may =
            dx_app_may(app, request->need, dx_node_space(node, request->judged)) && may_read(node, request);
        if (request->app != app || (may && !all)) {
            continue;
        }
        int error = dx_node_end_request(node, request, dx_app_deny(node));
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}
