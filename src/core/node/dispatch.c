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

static const dx_command *find_command(dx_bytes name) {
    static const dx_command *const tables[] = {dx_commands_halo,      dx_commands_space, dx_commands_object,
                                               dx_commands_query,     dx_commands_node,  dx_commands_signal,
                                               dx_commands_invitation};
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

dx_port *dx_node_port(dx_node *node, uint64_t number) {
    for (size_t i = 0; i < node->port_count; i++) {
        if (node->ports[i].number == number) {
            return &node->ports[i];
        }
    }
    return NULL;
}

int dx_node_open_port(dx_node *node, uint64_t number) {
    if (dx_node_port(node, number) != NULL) {
        return DX_OK;
    }
    if (node->port_count == DX_PORTS_MAX) {
        return DX_E_LIMIT;
    }
    if (node->port_count == node->port_capacity) {
        size_t capacity = node->port_capacity == 0 ? 8 : node->port_capacity * 2;
        dx_port *ports = dx_alloc_grow(&node->config.alloc, node->ports, node->port_capacity * sizeof *ports,
                                       capacity * sizeof *ports);
        if (ports == NULL) {
            return DX_E_NO_MEMORY;
        }
        node->ports = ports;
        node->port_capacity = capacity;
    }
    node->ports[node->port_count++] = (dx_port){.number = number};
    return DX_OK;
}

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
    dx_bind_bytes(select, 1, dx_bytes_of(request->id, DX_REQUEST_SIZE));
    int error = DX_OK;
    if (dx_step(node->store, select)) {
        error = dx_request_reply_item(node, request, dx_column_bytes(select, 0));
        dx_step_reset(select);
    }
    int failed = dx_store_error(node->store);
    return error != DX_OK ? error : failed;
}

static bool is_port_busy(const dx_node *node, uint64_t port) {
    size_t count = 0;
    for (const dx_request *request = node->requests; request != NULL; request = request->next) {
        count += request->port == port;
    }
    return count >= DX_PORT_REQUESTS_MAX;
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

/* Answers at once, or leaves the request to go on. */
static int begin_request(dx_node *node, dx_request *request, const dx_event *event) {
    int error = dx_node_answer_again(node, request);
    if (error != DX_OK || request->answered) {
        return error;
    }
    node->message[0] = node->remedy[0] = 0;
    error = run_command(node, request, event->body);
    return error < 0 && !dx_is_host_error(error) ? dx_request_reply_error(node, request, error) : error;
}

int dx_node_command(dx_node *node, const dx_event *event) {
    if (dx_request_find(node, dx_bytes_of(event->request, DX_REQUEST_SIZE)) != NULL) {
        return DX_OK; /* still at work: its answer will come */
    }
    int error = dx_node_open_port(node, event->port);
    if (error == DX_E_NO_MEMORY) {
        return error; /* a port beyond the limit is answered, and never waited for */
    }
    dx_request *request = dx_alloc_take_zeroed(&node->config.alloc, sizeof *request);
    if (request == NULL) {
        return DX_E_NO_MEMORY;
    }
    request->port = event->port;
    request->fresh = true;
    memcpy(request->id, event->request, DX_REQUEST_SIZE);
    error = begin_request(node, request, event);
    if (error == DX_PENDING) {
        request->next = node->requests;
        node->requests = request;
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
    if (error == DX_PENDING) {
        return DX_OK;
    }
    if (error < 0 && !dx_is_host_error(error) && !request->answered) {
        error = dx_request_reply_error(node, request, error);
    }
    return error;
}

int dx_node_resume_requests(dx_node *node, bool *again, uint64_t *deadline_ms) {
    for (dx_request *request = node->requests; request != NULL; request = request->next) {
        int error = request->answered ? DX_OK : resume_one(node, request, again);
        if (error != DX_OK) {
            return error;
        }
        bool goes_on = !request->answered && dx_request_can_send(node, request);
        if (goes_on && request->deadline_ms < *deadline_ms) {
            *deadline_ms = request->deadline_ms; /* a full port's comes when it took something */
        }
    }
    return DX_OK;
}

int dx_node_deliver_changes(dx_node *node) {
    if (node->changes.count == 0 && !node->changes.overflow) {
        return DX_OK;
    }
    for (dx_request *request = node->requests; request != NULL; request = request->next) {
        int error =
            request->on_changes != NULL && !request->answered ? request->on_changes(node, request) : DX_OK;
        if (dx_is_host_error(error)) {
            return error;
        }
    }
    return DX_OK;
}

void dx_node_drop_port(dx_node *node, uint64_t port) {
    for (dx_request **at = &node->requests; *at != NULL;) {
        dx_request *request = *at;
        if (request->port != port) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        free_request(node, request);
    }
    for (size_t i = 0; i < node->port_count; i++) {
        if (node->ports[i].number == port) {
            node->ports[i] = node->ports[--node->port_count];
            return;
        }
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
        free_request(node, request);
    }
}

void dx_node_keep_requests(dx_node *node) {
    for (dx_request **at = &node->requests; *at != NULL;) {
        dx_request *request = *at;
        if (request->answered) {
            *at = request->next;
            free_request(node, request);
        } else {
            request->fresh = false;
            at = &request->next;
        }
    }
}

int dx_node_cancel_readers(dx_node *node, int64_t space) {
    for (dx_request *request = node->requests; request != NULL; request = request->next) {
        if (request->space != space) {
            continue;
        }
        dx_node_refuse(node, DX_E_CANCELLED, NULL, "this vault forgets the space");
        int error = request->answered ? DX_OK : dx_request_reply_error(node, request, DX_E_CANCELLED);
        if (error != DX_OK) {
            return error;
        }
        end_task(node, request); /* before the space goes */
    }
    return DX_OK;
}
