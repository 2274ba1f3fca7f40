/* echo/own_block.c: own blocks are written, and name what went on in other feeds.
 *
 * Layer: floor 1, echo. Contract in pipeline.h. */
#include "echo/pipeline.h"

#include <string.h>

#include "echo/floor.h"
#include "echo/space_state.h"
#include "echo/trace.h"

typedef struct named_feeds {
    dx_dependency *items;
    size_t count;
} named_feeds;

/* How much of a feed an own block may build on. */
static uint64_t in_force(const dx_feed *feed) {
    uint64_t usable = dx_feed_usable(feed);
    return feed->applied < usable ? feed->applied : usable;
}

/* Whether the feed went on since the own feed last named it, or another branch of it was put in force. */
static int has_news(dx_context *context, dx_space *space, const dx_feed *own, const dx_feed *feed,
                    bool *is_news) {
    uint64_t seen = dx_timeframe_get(&own->timeframe, feed->local);
    *is_news = in_force(feed) > seen;
    if (*is_news || !feed->frozen || seen <= dx_feed_parting(feed) ||
        in_force(feed) <= dx_feed_parting(feed)) {
        return DX_OK;
    }
    bool saw;
    int error = dx_floor_saw(context, space, feed, own, own->length, &saw);
    *is_news = !saw;
    return error;
}

/* The feeds of a class that went on since the own feed's previous block, ascending prefix. */
static int gather_named(dx_context *context, dx_space *space, const dx_feed *own, dx_feed_class named_class,
                        named_feeds *out) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        bool is_news = false;
        if (feed == own || feed->identity.feed_class != named_class) {
            continue;
        }
        int failed = has_news(context, space, own, feed, &is_news);
        if (failed != DX_OK) {
            return failed;
        }
        if (!is_news) {
            continue;
        }
        dx_dependency named = {.length = in_force(feed)};
        uint8_t root[DX_HASH_SIZE];
        int error = dx_feed_root(feed, context->store, named.length, root);
        if (error != DX_OK) {
            return error;
        }
        memcpy(named.feed, feed->id, sizeof named.feed);
        memcpy(named.root, root, sizeof named.root);
        size_t at = out->count++;
        for (; at > 0 && memcmp(out->items[at - 1].feed, named.feed, sizeof named.feed) > 0; at--) {
            out->items[at] = out->items[at - 1];
        }
        out->items[at] = named;
    }
    return DX_OK;
}

static int append_block(dx_context *context, dx_space *space, dx_feed *feed, uint64_t flags, dx_bytes items,
                        size_t count, const named_feeds *auth, const named_feeds *dependencies) {
    bool control = feed->identity.feed_class == DX_FEED_CONTROL;
    dx_buf header, block;
    dx_buf_init(&header, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&block, context->alloc, DX_BLOCK_SIZE_MAX);
    int error = dx_block_header_encode(feed->identity.feed_class, flags, control ? 0 : space->key_epoch,
                                       context->wall_ms, auth->items, auth->count, dependencies->items,
                                       dependencies->count, &header);
    if (error == DX_OK) {
        error = dx_block_encode(dx_buf_view(&header), items, count, &block);
    }
    if (error == DX_OK) {
        error = dx_feed_append(feed, context->store, dx_buf_view(&block));
    }
    dx_buf_deinit(&header);
    dx_buf_deinit(&block);
    if (error == DX_OK) {
        dx_echo_trace(context, "wrote block %llu of %s feed %lld: %llu sections, names %llu feeds",
                      (unsigned long long)feed->length - 1, control ? "control" : "data",
                      (long long)feed->local, (unsigned long long)count,
                      (unsigned long long)(auth->count + dependencies->count));
    }
    return error;
}

int dx_pipeline_append(dx_context *context, dx_space *space, int64_t local, uint64_t flags, dx_bytes items,
                       size_t count, bool declares) {
    dx_feed *feed = dx_space_feed(space, local);
    DX_ASSERT(feed != NULL && feed->own);
    size_t size = space->feed_count * sizeof(dx_dependency);
    named_feeds auth = {NULL, 0}, dependencies = {NULL, 0};
    auth.items = dx_alloc_take(context->alloc, size);
    dependencies.items = dx_alloc_take(context->alloc, size);
    int error = auth.items == NULL || dependencies.items == NULL ? DX_E_NO_MEMORY : DX_OK;
    if (error == DX_OK && declares) {
        error = gather_named(context, space, feed, DX_FEED_CONTROL, &auth);
    }
    if (error == DX_OK && declares && feed->identity.feed_class == DX_FEED_DATA) {
        error = gather_named(context, space, feed, DX_FEED_DATA, &dependencies);
    }
    if (error == DX_OK) {
        error = append_block(context, space, feed, flags, items, count, &auth, &dependencies);
    }
    dx_alloc_free(context->alloc, auth.items, size);
    dx_alloc_free(context->alloc, dependencies.items, size);
    return error;
}

int dx_pipeline_next_stamp(dx_context *context, dx_space *space, int64_t local, dx_stamp *out) {
    const dx_feed *own = dx_space_feed(space, local);
    DX_ASSERT(own != NULL && own->own && own->identity.feed_class == DX_FEED_DATA);
    *out = (dx_stamp){.counter = own->length + 1};
    memcpy(out->feed, own->id, sizeof out->feed);
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        uint64_t seen = dx_timeframe_get(&own->timeframe, feed->local);
        bool is_news = false;
        if (feed == own || feed->identity.feed_class != DX_FEED_DATA) {
            continue;
        }
        int error = has_news(context, space, own, feed, &is_news);
        if (error != DX_OK) {
            return error;
        }
        out->counter += is_news && in_force(feed) > seen ? in_force(feed) : seen;
    }
    return DX_OK;
}
