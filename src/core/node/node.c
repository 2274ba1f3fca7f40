/* node/node.c: the step: events in, one transaction, effects out after the commit.
 *
 * Layer: floor 1, node. Order inside a step: events → pipelines → requests → subscriptions → heads signed →
 * replication → commit. A step that fails on the host's side (disk, memory) is a crash in small: rolled back,
 * all volatile state and links dropped, reloaded, and the batch run again one event per transaction; the
 * event that fails alone gets its error. A commit whose outcome is unknown reopens the store first; the
 * stored replies then decide whether a repeated request did happen. */
#include <string.h>

#include "base/limits.h"
#include "base/trace.h"
#include "echo/entity_row.h"
#include "echo/index.h"
#include "echo/space_scope.h"
#include "node/epochs.h"
#include "node/invite.h"
#include "node/state.h"

static const char *name_event(dx_event_kind kind) {
    static const char *const names[] = {
#define DX_EVENT_ROW(symbol, name) name,
        DX_EVENT_MAP(DX_EVENT_ROW)
#undef DX_EVENT_ROW
    };
    return kind < DX_EVENT_KIND_COUNT ? names[kind] : "unknown";
}

static int explain(char *message, size_t size, int error, const char *what) {
    const char *text = dx_error_text(error);
    bool said = strncmp(what, text, strlen(text)) == 0; /* the store's words may begin with it */
    if (message != NULL && size > 0) {
        sqlite3_snprintf((int)size, message, "%s%s%s", said ? "" : text, said || what[0] == 0 ? "" : ": ",
                         what);
    }
    return error;
}

/* --- Volatile state: what a reload makes anew -------------------------------------------------- */

static void port_open(void *ctx, uint64_t link, dx_bytes address) {
    dx_outbox_link_open(&((dx_node *)ctx)->outbox, link, address);
}

static void port_send(void *ctx, uint64_t link, dx_bytes bytes) {
    dx_outbox_link_send(&((dx_node *)ctx)->outbox, link, bytes);
}

static void port_close(void *ctx, uint64_t link, int reason) {
    dx_outbox_link_close(&((dx_node *)ctx)->outbox, link, reason);
}

static void port_signal(void *ctx, uint64_t link, dx_bytes body) {
    dx_outbox_add(&((dx_node *)ctx)->outbox,
                  &(dx_effect){.kind = DX_EFFECT_SIGNAL_SEND, .link = link, .body = body});
}

dx_space *dx_node_space(dx_node *node, int64_t local) {
    for (size_t i = 0; i < node->space_count; i++) {
        if (node->spaces[i]->local == local) {
            return node->spaces[i];
        }
    }
    return NULL;
}

int dx_node_add_space(dx_node *node, dx_space *space) {
    if (node->space_count == node->space_capacity) {
        size_t capacity = node->space_capacity == 0 ? 8 : node->space_capacity * 2;
        dx_space **spaces = dx_alloc_grow(&node->config.alloc, node->spaces,
                                          node->space_capacity * sizeof *spaces, capacity * sizeof *spaces);
        if (spaces == NULL) {
            dx_space_destroy(&node->context, space);
            return DX_E_NO_MEMORY;
        }
        node->spaces = spaces;
        node->space_capacity = capacity;
    }
    node->spaces[node->space_count++] = space;
    int error = dx_replication_add_space(node->replication, space);
    return error == DX_OK ? dx_node_tell_followers(node, space) : error;
}

void dx_node_remove_space(dx_node *node, dx_space *space) {
    for (size_t i = 0; i < node->space_count; i++) {
        if (node->spaces[i] == space) {
            dx_node_drop_epochs(node, space->local);
            dx_replication_remove_space(node->replication, space);
            memmove(&node->spaces[i], &node->spaces[i + 1],
                    (node->space_count - i - 1) * sizeof node->spaces[0]);
            node->space_count--;
            dx_space_destroy(&node->context, space);
            return;
        }
    }
}

static int load_space(void *ctx, int64_t local) {
    dx_node *node = ctx;
    dx_space *space = NULL;
    int error = dx_space_load(&node->context, local, &space);
    return error != DX_OK ? error : dx_node_add_space(node, space);
}

static int tell_listening(dx_node *node) {
    const char *addresses[DX_NODE_ADDRESSES_MAX];
    for (size_t i = 0; i < node->address_count; i++) {
        addresses[i] = node->addresses[i];
    }
    return dx_replication_set_listening(node->replication, addresses, node->address_count);
}

/* Inside a transaction. */
static int load(dx_node *node) {
    int error = dx_identity_load(node->store, &node->config.alloc, &node->identity);
    node->sweeping = true; /* until a look says otherwise */
    dx_swarm_port port = {.ctx = node,
                          .next_link = &node->next_link,
                          .open = port_open,
                          .send = port_send,
                          .close = port_close,
                          .signal = port_signal,
                          .counts = &node->counts.links};
    if (error == DX_OK) {
        error = dx_swarm_create(&node->config.alloc, &node->config.random, &node->config.tracer, &port,
                                &node->swarm);
    }
    if (error == DX_OK) {
        dx_swarm_hold(node->swarm, node->hold_ms);
        if (node->identity.present) {
            dx_swarm_set_device(node->swarm, node->identity.device_key.expanded); /* begins with the seed */
        }
        error = dx_node_load_services(node);
    }
    if (error == DX_OK) {
        error = dx_replication_create(&node->context, node->swarm, &node->replication);
    }
    if (error == DX_OK) {
        dx_node_hear_posts(node);
        error = tell_listening(node);
    }
    if (error == DX_OK) {
        error = dx_space_each(&node->context, load_space, node);
    }
    if (error == DX_OK) {
        error = dx_grants_load(node);
    }
    if (error == DX_OK) {
        error = dx_node_load_telling(node);
    }
    return error == DX_OK ? dx_invite_load(node) : error;
}

static void unload(dx_node *node, int reason) {
    if (node->swarm != NULL) {
        dx_swarm_drop_links(node->swarm, reason); /* first: an invitation that goes would say goodbye */
    }
    dx_subscriptions_destroy(node->subscriptions); /* its requests are gone */
    node->subscriptions = NULL;
    dx_invite_unload(node);
    dx_grants_unload(node);
    dx_replication_destroy(node->replication);
    dx_swarm_destroy(node->swarm);
    node->replication = NULL;
    node->swarm = NULL;
    dx_node_drop_epochs(node, 0);
    while (node->space_count > 0) {
        dx_space_destroy(&node->context, node->spaces[--node->space_count]);
    }
    dx_identity_deinit(&node->identity);
    memset(&node->identity, 0, sizeof node->identity);
}

/* --- Opening and closing ------------------------------------------------------------------------ */

static int open_store(dx_node *node, bool create, bool is_full) {
    dx_store_config config = {.alloc = &node->config.alloc,
                              .random = &node->config.random,
                              .tracer = &node->config.tracer,
                              .vfs = node->config.vfs,
                              .path = node->path,
                              .has_expected_token = node->config.has_token,
                              .same_file = node->config.same_file,
                              .create = create,
                              .read_when_full = true,
                              .is_full = is_full,
                              .message = node->message,
                              .message_size = sizeof node->message};
    memcpy(config.page_key, node->config.vault_key, sizeof config.page_key);
    memcpy(config.expected_token, node->config.token, sizeof config.expected_token);
    int error = dx_store_open(&config, &node->store);
    dx_wipe(config.page_key, sizeof config.page_key);
    node->context.store = node->store;
    return error;
}

/* A restored or cloned vault never goes on writing its old feeds: another copy of it may have. */
static int guard_own_feeds(dx_node *node) {
#if defined(DX_PLANT) && DX_PLANT == 6
    if (node->space_count > 0) {
        return DX_OK;
    }
#endif
    for (size_t i = 0; node->is_clone && !node->is_guarded && i < node->space_count; i++) {
        int error = dx_space_renew_feeds(&node->context, node->spaces[i]);
        if (dx_is_host_error(error)) {
            return error;
        }
        if (error != DX_OK) { /* no place for new feeds: what is there can be read all the same */
            dx_trace(&node->config.tracer, "node",
                     "space %lld can only be read, own feeds were not renewed: %s",
                     (long long)node->spaces[i]->local, dx_error_name(error));
        }
    }
    return DX_OK;
}

static int prepare_own_feeds(dx_node *node) {
    int error = guard_own_feeds(node);
    for (size_t i = 0; error == DX_OK && i < node->space_count; i++) {
        error = dx_space_sign_heads(&node->context, node->spaces[i]);
    }
    return error;
}

static int end_loading(dx_node *node, int error) {
    if (error != DX_OK) {
        dx_store_rollback(node->store);
        return error;
    }
    error = dx_store_commit(node->store);
    node->is_guarded = node->is_guarded || (error == DX_OK && !dx_store_is_read_only(node->store));
    return error;
}

static int load_all(dx_node *node) {
    int error = dx_store_begin(node->store);
    if (error != DX_OK) {
        return error;
    }
    error = load(node);
    /* What has no identity wrote no feed that a copy of it could write too: a vault whose making was cut
     * short before its token was mirrored is no copy. */
    node->is_clone =
        node->is_clone || (dx_store_is_clone(node->store) && !node->is_guarded && node->identity.present);
    if (error == DX_OK) {
        error = dx_subscriptions_create(&node->config.alloc, &node->config.random, &node->subscriptions);
    }
    if (error == DX_OK) {
        error = dx_subscriptions_load(node->subscriptions, &node->context, node->is_clone);
    }
    if (error == DX_OK && !dx_store_is_read_only(node->store)) {
        error = prepare_own_feeds(node);
    }
    return end_loading(node, error);
}

int dx_node_open(const dx_node_config *config, dx_node **out, char *message, size_t message_size) {
    *out = NULL;
    dx_node *node = dx_alloc_take_zeroed(&config->alloc, sizeof *node);
    if (node == NULL) {
        return explain(message, message_size, DX_E_NO_MEMORY, "");
    }
    size_t which;
    const char *unfit = dx_model_registry_refuse(&config->models, &which);
    node->config = *config;
    node->next_link = 1;
    size_t path_size = strlen(config->path) + 1;
    node->path = dx_alloc_take(&node->config.alloc, path_size);
    dx_outbox_init(&node->outbox, &node->config.alloc);
    dx_changes_init(&node->changes, &node->config.alloc);
    dx_node_hear_texts(node);
    node->context = (dx_context){.alloc = &node->config.alloc,
                                 .random = &node->config.random,
                                 .tracer = &node->config.tracer,
                                 .identity = &node->identity,
                                 .changes = &node->changes,
                                 .models = &node->config.models,
                                 .rows_max = config->rows_max};
    int error = node->path == NULL ? DX_E_NO_MEMORY : unfit != NULL ? DX_E_INVALID : DX_OK;
    if (node->path != NULL) {
        memcpy(node->path, config->path, path_size);
    }
    if (error == DX_OK) {
        error = open_store(node, config->create, false);
    } else if (error == DX_E_INVALID) {
        sqlite3_snprintf(sizeof node->message, node->message, "model %d cannot be used: %s", (int)which,
                         unfit);
    }
    if (error == DX_OK) {
        error = load_all(node);
    }
    if (error != DX_OK) {
        explain(message, message_size, error,
                node->store != NULL ? dx_store_message(node->store) : node->message);
        dx_node_close(node);
        return error;
    }
    *out = node;
    return DX_OK;
}

/* So that the next opening has nothing to do again; what fails here, it does. */
static void write_last_rows(dx_node *node) {
    bool can = node->store != NULL && !dx_store_poisoned(node->store) &&
               !dx_store_is_read_only(node->store) && dx_store_begin(node->store) == DX_OK;
    int error = can ? DX_OK : DX_E_STATE;
    for (size_t i = 0; i < node->space_count && error == DX_OK; i++) {
        error = dx_entity_rows_write(&node->context, node->spaces[i]);
    }
    if (error == DX_OK) {
        error = dx_store_commit(node->store);
    } else if (can) {
        dx_store_rollback(node->store);
    }
    if (error != DX_OK) {
        dx_trace(&node->config.tracer, "node", "rows were not written at the end: %s", dx_error_name(error));
    }
}

void dx_node_close(dx_node *node) {
    if (node == NULL) {
        return;
    }
    write_last_rows(node);
    dx_node_drop_requests(node, DX_E_CANCELLED);
    unload(node, DX_E_CANCELLED);
    dx_apps_free(node);
    if (node->store != NULL) {
        dx_store_close(node->store);
    }
    dx_alloc alloc = node->config.alloc;
    dx_outbox_deinit(&node->outbox);
    dx_changes_deinit(&node->changes);
    dx_alloc_free(&alloc, node->spaces, node->space_capacity * sizeof node->spaces[0]);
    dx_alloc_free(&alloc, node->ports, node->port_capacity * sizeof node->ports[0]);
    if (node->path != NULL) {
        dx_alloc_free(&alloc, node->path, strlen(node->path) + 1);
    }
    dx_wipe(node, sizeof *node);
    dx_alloc_free(&alloc, node, sizeof *node);
}

const uint8_t *dx_node_token(const dx_node *node) {
    return dx_store_token(node->store);
}

bool dx_node_is_read_only(const dx_node *node) {
    return dx_store_is_read_only(node->store);
}

/* --- One event ----------------------------------------------------------------------------------- */

static bool knows_address(const dx_node *node, dx_bytes address) {
    for (size_t i = 0; i < node->address_count; i++) {
        if (dx_bytes_equal(dx_bytes_text(node->addresses[i]), address)) {
            return true;
        }
    }
    return false;
}

/* May be told twice: a batch that was undone is run again. */
static int set_listening(dx_node *node, dx_bytes address) {
    if (address.size == 0) {
        node->address_count = 0;
    } else if (address.size < DX_ADDRESS_SIZE_MAX && node->address_count < DX_NODE_ADDRESSES_MAX &&
               dx_address_check(address) && !knows_address(node, address)) {
        memcpy(node->addresses[node->address_count], address.data, address.size);
        node->addresses[node->address_count++][address.size] = 0;
    }
    return tell_listening(node);
}

static void port_took(dx_node *node, const dx_event *event) {
    dx_port *port = dx_node_port(node, event->port);
    if (port != NULL) {
#if defined(DX_PLANT) && DX_PLANT == 22
        if (event->size > DX_ROWS_SIZE) {
            return;
        }
#endif
        port->outstanding -= event->size < port->outstanding ? (size_t)event->size : port->outstanding;
    }
}

static int open_port(dx_node *node, const dx_event *event) {
    int error = dx_node_open_port(node, event->port, event->body);
    return error == DX_E_LIMIT ? DX_OK : error; /* what it asks is refused: it was not opened */
}

static int take_event(dx_node *node, const dx_event *event) {
    uint64_t now_ms = node->context.now_ms;
    switch (event->kind) {
    case DX_EVENT_COMMAND:
        return dx_node_command(node, event);
    case DX_EVENT_PORT_UP:
        return open_port(node, event);
    case DX_EVENT_PORT_DOWN:
        dx_node_drop_port(node, event->port);
        return DX_OK;
    case DX_EVENT_PORT_WRITABLE:
        return DX_OK; /* counted in run_batch, once */
    case DX_EVENT_LINK_UP:
        if (dx_store_is_read_only(node->store)) { /* what a peer brings could not be kept */
            dx_outbox_link_close(&node->outbox, event->link, DX_E_NO_SPACE);
            dx_swarm_link_down(node->swarm, event->link, DX_E_NO_SPACE, dx_bytes_of(NULL, 0), now_ms);
            return DX_OK;
        }
        return dx_swarm_link_up(node->swarm, event->link, event->body, now_ms);
    case DX_EVENT_LINK_DATA:
        return dx_swarm_link_data(node->swarm, event->link, event->body, now_ms);
    case DX_EVENT_LINK_WRITABLE:
        return dx_swarm_link_writable(node->swarm, event->link, (size_t)event->size, now_ms);
    case DX_EVENT_LINK_DOWN:
        dx_swarm_link_down(node->swarm, event->link, event->reason, event->body, now_ms);
        return DX_OK;
    case DX_EVENT_LISTENING:
        return set_listening(node, event->body);
    case DX_EVENT_SIGNAL:
        return dx_swarm_signal(node->swarm, event->link, event->body, now_ms);
    case DX_EVENT_CLOCK:
    case DX_EVENT_STORAGE_LOW: /* the store reports a full disk by itself */
    case DX_EVENT_KIND_COUNT:
        return DX_OK;
    }
    return DX_OK;
}

/* --- The step -------------------------------------------------------------------------------------- */

static int run_pipelines(dx_node *node, bool *again) {
    for (size_t i = 0; i < node->space_count; i++) {
        bool more = false;
        int error = dx_pipeline_run(&node->context, node->spaces[i], DX_STEP_BLOCKS_MAX, &more);
        if (error != DX_OK) {
            return error;
        }
        *again = *again || more;
        error = dx_space_scope_run(&node->context, node->spaces[i], DX_SCOPE_RESET_BLOCKS, &more);
        if (error != DX_OK) {
            return error;
        }
        *again = *again || more;
    }
    return DX_OK;
}

/* Rows that follow their blocks do so when there is time, at the latest after a while; and they are logged before an opening
 * after a crash would have much to do, however many spaces they are of. */
static int write_rows(dx_node *node, uint64_t *deadline_ms) {
    uint64_t now_ms = node->context.now_ms;
    bool waits = false;
    size_t changes = 0, held = 0;
    for (size_t i = 0; i < node->space_count; i++) {
        waits = waits || dx_entity_rows_wait(node->spaces[i]);
        changes += dx_entity_rows_changes(node->spaces[i]);
        held += dx_entity_rows_held(node->spaces[i]);
    }
    node->rows_ms = !waits ? 0 : node->rows_ms == 0 ? now_ms + DX_UNWRITTEN_MS : node->rows_ms;
    bool many = changes >= DX_UNWRITTEN_CHANGES_MAX;
    bool late = waits && (now_ms >= node->rows_ms || held >= DX_UNWRITTEN_ROWS_MAX);
    int error = DX_OK;
    for (size_t i = 0; i < node->space_count && (late || many) && error == DX_OK; i++) {
        error = late ? dx_entity_rows_write(&node->context, node->spaces[i])
                     : dx_entity_rows_log(&node->context, node->spaces[i]);
    }
    node->rows_ms = late ? 0 : node->rows_ms;
    *deadline_ms = waits && !late && node->rows_ms < *deadline_ms ? node->rows_ms : *deadline_ms;
    return error;
}

/* Rows of forgotten spaces go a few at a time. */
static int sweep(dx_node *node, bool *again) {
    if (!node->sweeping) {
        return DX_OK;
    }
    int error = dx_space_sweep(&node->context, DX_STEP_ENTITIES_MAX, &node->sweeping);
    *again = *again || node->sweeping;
    return error;
}

/* Indexes are built a few rows at a time. */
static int build_indexes(dx_node *node, bool *again) {
    int error = DX_OK;
    for (size_t i = 0; i < node->space_count && error == DX_OK; i++) {
        bool more = false;
        error = dx_indexes_build(&node->context, node->spaces[i], DX_STEP_ENTITIES_MAX, &more);
        *again = *again || more;
    }
    return error;
}

/* On a full disk nothing goes on but what reads. */
static int settle_reading(dx_node *node, uint64_t *deadline_ms) {
    bool again = false;
    int error = dx_node_resume_requests(node, &again, deadline_ms);
    *deadline_ms = again ? node->context.now_ms : *deadline_ms;
    return error == DX_OK ? dx_outbox_error(&node->outbox) : error;
}

static int settle(dx_node *node, uint64_t *deadline_ms) {
    if (dx_store_is_read_only(node->store)) {
        return settle_reading(node, deadline_ms);
    }
    bool again = false;
    int error = run_pipelines(node, &again);
    if (error == DX_OK) {
        error = sweep(node, &again);
    }
    if (error == DX_OK) {
        error = dx_node_tell_name(node, &again);
    }
    if (error == DX_OK) {
        error = dx_node_run_epochs(node, &again, deadline_ms);
    }
    if (error == DX_OK) {
        error = dx_node_resume_requests(node, &again, deadline_ms);
    }
    if (error == DX_OK) {
        error = build_indexes(node, &again);
    }
    if (error == DX_OK) {
        error = dx_invite_settle(node, deadline_ms);
    }
    if (error == DX_OK) {
        error = dx_node_deliver_changes(node);
        again = again || dx_node_has_texts_to_tell(node);
    }
    if (error == DX_OK) {
        error = write_rows(node, deadline_ms);
    }
    for (size_t i = 0; error == DX_OK && i < node->space_count; i++) {
        error = dx_space_sign_heads(&node->context, node->spaces[i]);
    }
    uint64_t deadline = DX_NO_DEADLINE;
    if (error == DX_OK) {
        error = dx_replication_settle(node->replication, &deadline);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_swarm_set_wall(node->swarm, node->context.wall_ms);
    error = dx_swarm_tick(node->swarm, node->context.now_ms, &deadline);
    if (error != DX_OK) {
        return error;
    }
    deadline = again ? node->context.now_ms : deadline;
    *deadline_ms = deadline < *deadline_ms ? deadline : *deadline_ms;
    return dx_outbox_error(&node->outbox);
}

/* events[0] is the first-th of the host's batch. */
static int run_batch(dx_node *node, const dx_event *events, size_t count, size_t first,
                     uint64_t *deadline_ms) {
    int error = dx_store_begin(node->store);
    if (error != DX_OK) {
        return error;
    }
    dx_changes_clear(&node->changes);
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        if (events[i].time_ms > node->context.now_ms) {
            node->context.now_ms = events[i].time_ms;
        }
        node->context.wall_ms = events[i].wall_ms;
        if (events[i].kind == DX_EVENT_PORT_WRITABLE && first + i >= node->events_noted) {
            node->events_noted = first + i + 1;
            port_took(node, &events[i]);
        }
        error = take_event(node, &events[i]);
    }
    if (error == DX_OK) {
        error = settle(node, deadline_ms);
    }
    if (error != DX_OK) {
        dx_store_rollback(node->store);
    } else {
        error = dx_store_commit(node->store);
    }
    dx_node_settle_ports(node, error == DX_OK);
    if (error == DX_OK) {
        dx_node_keep_requests(node);
    }
    if (error == DX_OK && !dx_store_is_read_only(node->store)) { /* there, invitations stand still */
        dx_invite_committed(node, deadline_ms);
    }
    return error;
}

static bool is_told_by_store(int error) {
    return error == DX_E_STORE || error == DX_E_NO_SPACE || error == DX_E_CORRUPT;
}

/* What undid the step, before the store that knows it is opened anew. */
static void note_failure(dx_node *node, int error) {
    sqlite3_snprintf(sizeof node->failure, node->failure, "%s",
                     is_told_by_store(error) ? dx_store_message(node->store) : "");
}

void dx_node_explain_failure(dx_node *node, int error) {
    const char *remedy = error == DX_E_NO_SPACE  ? DX_FULL_REMEDY
                         : error == DX_E_CORRUPT ? DX_DAMAGE_REMEDY
                                                 : "dx doctor";
    if (is_told_by_store(error)) {
        dx_node_refuse(node, error, remedy, "%s",
                       node->failure[0] != 0 ? node->failure : dx_error_text(error));
    } else {
        node->message[0] = node->remedy[0] = 0;
    }
}

/* After an undone step: nothing in memory may be trusted, and the store may have to be opened again. reads: for reading
 * only, as on a full disk. */
static int reload(dx_node *node, int reason, bool reads) {
    note_failure(node, reason);
    dx_node_drop_requests(node, reason);
    if (dx_outbox_error(&node->outbox) != DX_OK) {
        return dx_outbox_error(&node->outbox); /* an answer is owed that cannot be said: the node ends */
    }
    unload(node, reason);
    if (dx_store_poisoned(node->store) || reads) {
        if (!dx_store_is_read_only(node->store)) {
            memcpy(node->config.token, dx_store_token(node->store), DX_VAULT_TOKEN_SIZE);
            node->config.has_token = node->config.same_file = true;
        }
        dx_store_close(node->store);
        node->store = NULL;
        int error = open_store(node, false, reads);
        if (error != DX_OK) {
            return error;
        }
    }
    return load_all(node);
}

/* A commit may fail and have happened: then the store, opened anew, has the reply, and by that opening's own
 * commit it is durable. */
static int answer_if_happened(dx_node *node, dx_request *request, const dx_event *event) {
    if (dx_store_is_read_only(node->store)) {
        return DX_OK; /* nothing was committed behind it */
    }
    int error = dx_store_begin(node->store);
    if (error == DX_OK) {
        error = dx_node_answer_event_again(node, request, event);
        dx_store_rollback(node->store);
    }
    return error;
}

static int fail_event(dx_node *node, const dx_event *event, int error) {
    dx_request request = {.port = event->port};
    memcpy(request.id, event->request, DX_REQUEST_SIZE);
    if (event->kind == DX_EVENT_COMMAND) {
        int happened = answer_if_happened(node, &request, event);
        if (happened != DX_OK || request.answered) {
            return happened;
        }
    }
    node->counts.events_failed++;
    dx_trace(&node->config.tracer, "node", "%s event undone: %s", name_event(event->kind),
             dx_error_name(error));
    if (event->kind != DX_EVENT_COMMAND) {
        return DX_OK; /* links were closed by the reload */
    }
    dx_node_explain_failure(node, error);
    return dx_request_reply_error(node, &request, error);
}

/* A second, doubling to a minute while steps go on to fail; two minutes without a failure are a pause. */
static void hold_dialling(dx_node *node) {
    uint64_t now_ms = node->context.now_ms, wait_ms = DX_STEP_RETRY_MS;
    node->undone_row = now_ms - node->undone_ms < 2 * DX_DIAL_LAST_MS ? node->undone_row : 0;
    for (unsigned i = 0; i < node->undone_row && wait_ms < DX_DIAL_LAST_MS; i++) {
        wait_ms *= 2;
    }
    node->undone_row++;
    node->undone_ms = now_ms;
    node->hold_ms = now_ms + (wait_ms < DX_DIAL_LAST_MS ? wait_ms : DX_DIAL_LAST_MS);
}

/* Also undone effects of the failed batch are forgotten: nothing of it was true. */
static int run_singly(dx_node *node, const dx_event *events, size_t count, int reason,
                      uint64_t *deadline_ms) {
    node->counts.undone++;
    dx_trace(&node->config.tracer, "node", "step undone, %llu events one by one: %s",
             (unsigned long long)count, dx_error_name(reason));
#if !defined(DX_PLANT) || DX_PLANT != 8
    dx_node_take_back(node, 0);
#endif
    hold_dialling(node);
    int error = reload(node, reason, false);
    bool failed = false;
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        size_t spoken = node->outbox.count;
        int failure = run_batch(node, &events[i], 1, i, deadline_ms);
        bool reads = failure == DX_E_NO_SPACE && !dx_store_is_read_only(node->store) &&
                     !dx_node_is_writing(&events[i]);
        if (reads) { /* rows that follow found no room, and none is needed to read them */
            dx_node_take_back(node, spoken);
            error = reload(node, failure, true);
            node->renew_ms = node->hold_ms; /* there may be room for a token and none for them */
            node->reads_ms = node->context.now_ms + DX_DIAL_LAST_MS;
            failure = error == DX_OK ? run_batch(node, &events[i], 1, i, deadline_ms) : DX_OK;
        }
        if (failure == DX_OK) {
            continue;
        }
        failed = true;
        dx_node_take_back(node, spoken);
        error = reload(node, failure, false);
        if (error == DX_OK) {
            error = fail_event(node, &events[i], failure);
        }
    }
    *deadline_ms = node->context.now_ms + (failed ? DX_STEP_RETRY_MS : 0);
    return error;
}

/* While the disk is full: looks now and then whether there is room again. It ends a step, so that the host
 * mirrors the new token before anything is written. */
static int renew(dx_node *node, uint64_t *deadline_ms) {
    uint64_t now_ms = node->context.now_ms;
    if (now_ms < node->reads_ms && dx_node_is_asked(node)) { /* what is being read is read to its end */
        node->renew_ms = now_ms + DX_STEP_RETRY_MS;
    }
    if (now_ms < node->renew_ms) {
        *deadline_ms = node->renew_ms < *deadline_ms ? node->renew_ms : *deadline_ms;
        return DX_OK;
    }
    node->renew_ms = now_ms + DX_STEP_RETRY_MS;
    int error = dx_store_renew(node->store);
    if (error == DX_OK) {
        error = dx_store_begin(node->store);
        error = error == DX_OK ? end_loading(node, prepare_own_feeds(node)) : error;
        dx_trace(&node->config.tracer, "node", "the disk has room again: %s", dx_error_name(error));
        *deadline_ms = now_ms;
    } else {
        *deadline_ms = node->renew_ms < *deadline_ms ? node->renew_ms : *deadline_ms;
    }
    bool still =
        error == DX_E_NO_SPACE && dx_store_is_read_only(node->store) && !dx_store_poisoned(node->store);
    return still || error == DX_OK ? DX_OK : reload(node, error, false);
}

/* Nobody asked for anything, and nobody is told anything. */
static bool is_quiet(const dx_node *node, const dx_event *events, size_t count) {
    bool quiet = node->outbox.count == 0;
    for (size_t i = 0; quiet && i < count; i++) {
        dx_event_kind kind = events[i].kind;
        quiet = kind == DX_EVENT_CLOCK || kind == DX_EVENT_PORT_WRITABLE || kind == DX_EVENT_LINK_WRITABLE;
    }
    return quiet;
}

/* What the next commits would wait for is done while nobody waits: in a step of its own, after the answers
 * and blocks of this one have left. */
static void keep_up(dx_node *node, bool quiet, uint64_t *deadline_ms) {
    uint64_t now_ms = node->context.now_ms;
    if (dx_store_log_frames(node->store) != node->log_frames) {
        node->log_frames = dx_store_log_frames(node->store);
        node->written_ms = now_ms;
    }
    uint64_t idle_ms = node->written_ms + DX_STORE_IDLE_MS;
    bool idle = now_ms >= idle_ms;
    if (quiet || dx_store_compaction_of(node->store)->asked) {
        dx_store_upkeep(node->store, idle);
        node->log_frames = dx_store_log_frames(node->store);
    }
    if (dx_store_has_upkeep(node->store, idle)) {
        *deadline_ms = now_ms;
    } else if (dx_store_has_upkeep(node->store, true) && idle_ms < *deadline_ms) {
        *deadline_ms = idle_ms;
    }
}

int dx_node_step(dx_node *node, const dx_event *events, size_t count, dx_effects *effects) {
    uint64_t deadline_ms = DX_NO_DEADLINE;
    dx_outbox_clear(&node->outbox);
    node->events_noted = 0;
    node->counts.steps++;
    *effects = (dx_effects){.deadline_ms = DX_NO_DEADLINE};
    int error = run_batch(node, events, count, 0, &deadline_ms);
    if (error != DX_OK) {
        error = run_singly(node, events, count, error, &deadline_ms);
    }
    if (error == DX_OK && dx_store_is_read_only(node->store)) {
        error = renew(node, &deadline_ms);
    }
    if (error != DX_OK) {
        dx_outbox_clear(&node->outbox);
        return error;
    }
    keep_up(node, is_quiet(node, events, count), &deadline_ms);
    *effects =
        (dx_effects){.items = node->outbox.effects, .count = node->outbox.count, .deadline_ms = deadline_ms};
    return DX_OK;
}
