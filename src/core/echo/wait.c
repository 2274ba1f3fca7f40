/* echo/wait.c: what blocks wait for. See wait.h.
 *
 * Layer: floor 1, echo. */
#include "echo/wait.h"

#include <string.h>

#include "echo/floor.h"
#include "echo/space_state.h"

/* --- Dependencies ---------------------------------------------------------------------------- */

/* What a block names of a forked feed beyond the cut: in force, hidden for good (then nothing is waited for),
 * or to be judged when its branch is here. */
static int check_branch(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                        const dx_feed *named, const dx_dependency *dependency, dx_wait *reason) {
    dx_named_standing standing;
    int error = dx_floor_judge(context, space, named, feed, seq, dependency, &standing);
    if (error == DX_OK && standing == DX_NAMED_UNKNOWN) {
        *reason = (dx_wait){.kind = DX_WAIT_BRANCH, .feed = named->local, .number = dependency->length};
    } else if (error == DX_OK && standing == DX_NAMED_IN_FORCE && dependency->length > named->applied) {
        *reason = (dx_wait){.kind = DX_WAIT_BLOCK, .feed = named->local, .number = dependency->length - 1};
    }
    return error;
}

static int check_dependency(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                            dx_feed_class named_class, const dx_dependency *dependency, dx_wait *reason) {
    const dx_feed *named = dx_space_feed_by_prefix(space, dependency->feed);
    if (named == NULL) {
        reason->kind = DX_WAIT_FEED;
        return DX_OK;
    }
    reason->feed = named->local;
    if (named == feed || named->identity.feed_class != named_class) {
        reason->kind = DX_WAIT_NEVER;
        return DX_OK;
    }
    if (dependency->length <= named->begins) {
        return DX_OK; /* below the base, where no root can be compared any more */
    }
#if defined(DX_PLANT) && DX_PLANT == 51
    bool agreed = false;
#else
    bool agreed = named_class == DX_FEED_DATA && dependency->length <= named->agreed;
#endif
    if (dependency->length > named->cut && !agreed) {
        return check_branch(context, space, feed, seq, named, dependency, reason);
    }
#if defined(DX_PLANT) && DX_PLANT == 4
    if (dependency->length > named->length || dependency->length > named->applied + 1) {
#else
    if (dependency->length > named->applied) {
#endif
        reason->kind = DX_WAIT_BLOCK;
        reason->number = dependency->length - 1;
        return DX_OK;
    }
    if (agreed) { /* who loaded the state there cannot look at roots, and everybody must decide alike */
        return DX_OK;
    }
    uint8_t root[DX_HASH_SIZE];
    int error = dx_feed_root(named, context->store, dependency->length, root);
    if (error == DX_OK && memcmp(root, dependency->root, sizeof dependency->root) != 0) {
        reason->kind = DX_WAIT_ROOT;
        reason->number = dependency->length;
    }
    return error;
}

static int check_dependencies(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                              dx_feed_class named_class, dx_bytes entries, size_t count, dx_wait *reason) {
    dx_reader cursor;
    dx_reader_init(&cursor, entries);
    for (size_t i = 0; i < count && reason->kind == DX_WAIT_NOT; i++) {
        dx_dependency dependency;
        int error = dx_block_dependency(&cursor, &dependency);
        if (error == DX_OK) {
            error = check_dependency(context, space, feed, seq, named_class, &dependency, reason);
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

static int check_key(dx_context *context, dx_space *space, uint64_t epoch, dx_wait *reason) {
    uint8_t key[DX_KEY_SIZE];
    int error = dx_space_key(context, space, epoch, key);
    dx_wipe(key, sizeof key);
    if (error == DX_E_NOT_FOUND) {
        *reason = (dx_wait){.kind = DX_WAIT_KEY, .number = epoch};
        return DX_OK;
    }
    return error;
}

/* Whether a block may be applied as far as it depends on others. */
static int check_block(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                       const dx_block *block, dx_wait *reason) {
    const dx_block_header *header = &block->header;
    int error = check_dependencies(context, space, feed, seq, DX_FEED_CONTROL, header->auth,
                                   header->auth_count, reason);
    if (error == DX_OK && reason->kind == DX_WAIT_NOT) {
        error = check_dependencies(context, space, feed, seq, DX_FEED_DATA, header->dependencies,
                                   header->dependency_count, reason);
    }
    if (error != DX_OK || reason->kind != DX_WAIT_NOT) {
        return error;
    }
    if (feed->identity.feed_class == DX_FEED_CONTROL) {
        /* The first block brings the admission; nothing after it counts before that is in effect. What the
         * control state had no room for is not looked at again in vain: a block of forgeries costs much. */
        if (seq != 0 && dx_control_find_feed(space->control, feed->id) == NULL) {
            reason->kind = DX_WAIT_ADMISSION;
        } else if (dx_control_is_full(space->control, feed->local)) {
            reason->kind = DX_WAIT_CREDENTIALS;
        }
        return DX_OK;
    }
    if (dx_control_authorize(space->control, feed->id) != DX_OK) {
        reason->kind = DX_WAIT_ADMISSION;
        return DX_OK;
    }
    return check_key(context, space, header->key_epoch, reason);
}

int dx_wait_check(dx_context *context, dx_space *space, const dx_feed *feed, dx_block *block, uint64_t *end,
                  bool *holes, dx_wait *reason) {
    uint64_t usable = dx_feed_usable(feed);
    *holes = false;
    *reason = (dx_wait){.kind = DX_WAIT_NOT};
    for (uint64_t seq = feed->applied; seq < usable; seq++) {
        int error = dx_pipeline_block(context, space, feed, seq, block);
        if (error == DX_OK) {
            error = check_block(context, space, feed, seq, block, reason);
        }
        if (error != DX_OK || (reason->kind != DX_WAIT_NOT && reason->kind != DX_WAIT_NEVER)) {
            return error;
        }
        *end = seq + 1;
        *holes = *holes || block->hole_count != 0;
        bool goes_on = (block->header.flags & DX_BLOCK_CONTINUES) != 0 && reason->kind == DX_WAIT_NOT;
        if (!goes_on || *end - feed->applied == DX_TRANSACTION_BLOCKS_MAX) {
            return DX_OK;
        }
    }
    reason->kind = DX_WAIT_END;
    return DX_OK;
}

/* --- Telling why ----------------------------------------------------------------------------- */

static void describe(const dx_feed *feed, const dx_wait *reason, char *out, size_t size) {
    int room = size > INT32_MAX ? INT32_MAX : (int)size;
    sqlite3_int64 local = feed->local, named = reason->feed;
    sqlite3_uint64 number = reason->number;
    switch (reason->kind) {
    case DX_WAIT_NOT:
    case DX_WAIT_NEVER:
        sqlite3_snprintf(room, out, "feed %lld goes on with the next step", local);
        break;
    case DX_WAIT_END:
        sqlite3_snprintf(room, out, "feed %lld waits for the rest of a transaction", local);
        break;
    case DX_WAIT_FEED:
        sqlite3_snprintf(room, out, "feed %lld waits for a feed that is not known here yet", local);
        break;
    case DX_WAIT_BLOCK:
        sqlite3_snprintf(room, out, "feed %lld waits for block %llu of feed %lld", local, number, named);
        break;
    case DX_WAIT_ROOT:
        sqlite3_snprintf(
            room, out,
            "feed %lld names another content of feed %lld at length %llu: one of them was written "
            "twice at the same place",
            local, named, number);
        break;
    case DX_WAIT_BRANCH:
        sqlite3_snprintf(
            room, out,
            "feed %lld waits for the branch of feed %lld that it names at length %llu: that feed "
            "was written twice",
            local, named, number);
        break;
    case DX_WAIT_ADMISSION:
        sqlite3_snprintf(room, out, "feed %lld waits for its admission", local);
        break;
    case DX_WAIT_KEY:
        sqlite3_snprintf(room, out, "feed %lld waits for the key of epoch %llu", local, number);
        break;
    case DX_WAIT_CREDENTIALS:
        sqlite3_snprintf(room, out, "feed %lld waits: too many credentials have no premises yet", local);
    }
}

bool dx_pipeline_waiting(dx_context *context, dx_space *space, char *out, size_t size) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        dx_block block;
        uint64_t end;
        dx_wait reason;
        bool holes;
        if (feed->applied >= dx_feed_usable(feed) ||
            dx_wait_check(context, space, feed, &block, &end, &holes, &reason) != DX_OK) {
            continue;
        }
        if (reason.kind == DX_WAIT_NOT && feed->identity.feed_class == DX_FEED_CONTROL) {
            reason.kind = DX_WAIT_CREDENTIALS;
        }
        describe(feed, &reason, out, size);
        return true;
    }
    return false;
}
