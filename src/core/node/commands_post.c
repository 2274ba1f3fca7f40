/* node/commands_post.c: space.post and space.listen: messages between programs of members that are there now, which nobody
 * keeps: who has a text open and where the cursor stands, say.
 *
 * Layer: floor 1, node. docs/spec/commands.md; sync/post.c carries them. A port that does not read misses them. */
#include <string.h>

#include "node/state.h"
#include "sync/message.h"

typedef struct dx_listening {
    struct dx_listening *next;
    dx_request *request;
    size_t channel_size;
    char channel[DX_SYNC_CHANNEL_SIZE_MAX];
} dx_listening;

static int take_channel(dx_node *node, dx_bytes body, dx_bytes *channel) {
    int error = dx_take_text(node, body, "channel", DX_SYNC_CHANNEL_SIZE_MAX, channel);
    return error == DX_OK && channel->size == 0
               ? dx_node_refuse(node, DX_E_INVALID, NULL, "a channel has a name")
               : error;
}

/* --- Hearing -------------------------------------------------------------------------------------------- */

static int tell(dx_node *node, dx_request *request, const dx_post *post) {
    dx_map_builder map;
    dx_map_builder_init(&map, &node->config.alloc, DX_ROW_SIZE_MAX);
    dx_write_hex(dx_map_builder_key(&map, "identity"), post->identity, DX_KEY_SIZE);
    dx_write_hex(dx_map_builder_key(&map, "device"), post->device, DX_KEY_SIZE);
    dx_write_bytes(dx_map_builder_key(&map, "message"), post->message);
    dx_writer writer = dx_request_row(node, request);
    dx_map_builder_finish(&map, &writer);
    dx_request_rest(node, request, false); /* told at the end of this step */
    return dx_request_row_end(node, request, &writer);
}

/* port: of who says it, who knows; 0: it came from a member. */
static int tell_all(dx_node *node, const dx_space *space, const dx_post *post, uint64_t port) {
    int error = DX_OK;
    for (dx_listening *one = node->listening; error == DX_OK && one != NULL; one = one->next) {
        const dx_request *request = one->request;
        bool hears = request->space == space->local && !request->answered && !request->cancelled &&
                     (port == 0 || request->port != port) && dx_request_can_send(node, request) &&
                     dx_bytes_equal(dx_bytes_of(one->channel, one->channel_size), post->channel);
        error = hears ? tell(node, one->request, post) : DX_OK;
    }
    return error;
}

static int on_post(void *ctx, dx_space *space, const dx_post *post) {
    return tell_all(ctx, space, post, 0);
}

void dx_node_hear_posts(dx_node *node) {
    dx_replication_hear_posts(node->replication, (dx_post_handler){.ctx = node, .on_post = on_post});
}

static void drop_listening(dx_node *node, dx_request *request) {
    dx_listening **place = &node->listening;
    while (*place != request->task) {
        place = &(*place)->next;
    }
    *place = (*place)->next;
}

static int tell_posts(dx_node *node, dx_request *request, bool *again) {
    (void)again;
    int error = request->cancelled ? DX_E_CANCELLED : dx_request_flush(node, request);
    if (error != DX_OK) {
        return error;
    }
    dx_request_rest(node, request, true);
    return DX_PENDING;
}

static int space_listen(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space = NULL;
    dx_bytes channel = {0};
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? take_channel(node, body, &channel) : error;
    if (error != DX_OK) {
        return error;
    }
    dx_listening *self = dx_request_continue(node, request, sizeof *self, tell_posts, drop_listening);
    if (self == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    request->space = space->local;
    self->request = request;
    self->channel_size = channel.size;
    memcpy(self->channel, channel.data, channel.size);
    self->next = node->listening;
    node->listening = self;
    return DX_PENDING;
}

/* --- Saying --------------------------------------------------------------------------------------------- */

static int space_post(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space = NULL;
    dx_map_builder map;
    dx_bytes item = dx_item_get(body, "message");
    dx_post post = {
        .identity = node->identity.identity, .device = node->identity.device, .message = dx_item_bytes(item)};
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? take_channel(node, body, &post.channel) : error;
    if (error == DX_OK && (item.size == 0 || dx_item_kind(item) != DX_KIND_BYTES)) {
        error = dx_node_refuse(node, DX_E_INVALID, NULL, "\"message\" must be bytes");
    }
    if (error == DX_OK && post.message.size > DX_SYNC_POST_SIZE_MAX) {
        error =
            dx_node_refuse(node, DX_E_LIMIT, NULL, "a message has at most %d bytes", DX_SYNC_POST_SIZE_MAX);
    }
    error =
        error == DX_OK ? dx_replication_post(node->replication, space, post.channel, post.message) : error;
    error = error == DX_OK ? tell_all(node, space, &post, request->port) : error;
    if (error != DX_OK) {
        return error;
    }
    dx_answer_init(node, &map);
    return dx_request_reply(node, request, &map);
}

const dx_command dx_commands_post[] = {
    {"space.post", false, space_post},
    {"space.listen", false, space_listen},
    {NULL, false, NULL},
};
