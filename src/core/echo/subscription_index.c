/* echo/subscription_index.c: which subscriptions a change may concern.
 *
 * Layer: floor 1, echo. Each subscription lies in one bucket, by the narrowest thing that never changes of what it asks
 * for (query.h, anchors): an id, an end, a type, or nothing. One that also asks for a value at a path lies by that value,
 * once it has learnt what matches: what has the value now finds it there; what had it before finds it among the entity's
 * holds. Buckets may bring others, too: the filter judges. */
#include <string.h>

#include "echo/subscription_state.h"

enum { BUCKETS_FIRST = 64, HOLDS_FIRST = 64 };

/* --- Buckets ------------------------------------------------------------------------------------------ */

static dx_subscription **bucket_of(const dx_subscriptions *set, uint64_t hash) {
    return &set->buckets[(hash ^ hash >> 32) & (set->bucket_count - 1)];
}

static int grow_buckets(dx_subscriptions *set) {
    size_t count = set->bucket_count == 0 ? BUCKETS_FIRST : 2 * set->bucket_count;
    dx_subscription **buckets = dx_alloc_take_zeroed(set->alloc, count * sizeof(dx_subscription *));
    if (buckets == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_alloc_free(set->alloc, set->buckets, set->bucket_count * sizeof(dx_subscription *));
    set->buckets = buckets;
    set->bucket_count = count;
    for (dx_subscription *each = set->all; each != NULL; each = each->next) {
        if (each->placed) {
            dx_subscription **bucket = bucket_of(set, each->hash);
            each->next_in_bucket = *bucket;
            *bucket = each;
        }
    }
    return DX_OK;
}

static int enter_bucket(dx_subscription *self, uint64_t hash) {
    dx_subscriptions *set = self->set;
    int error = set->count >= set->bucket_count ? grow_buckets(set) : DX_OK;
    if (error != DX_OK) {
        return error;
    }
    dx_subscription **bucket = bucket_of(set, hash);
    self->hash = hash;
    self->next_in_bucket = *bucket;
    *bucket = self;
    self->placed = true;
    return DX_OK;
}

/* --- Holds -------------------------------------------------------------------------------------------- */

static int take_hold(dx_subscriptions *set, uint32_t *out) {
    if (set->free_hold != 0) {
        *out = set->free_hold;
        set->free_hold = set->holds[*out - 1].next;
        return DX_OK;
    }
    if (set->hold_count == DX_SUBSCRIPTION_HOLDS_MAX) {
        return DX_E_LIMIT;
    }
    if (set->hold_count == set->hold_capacity) {
        size_t capacity = set->hold_capacity == 0 ? HOLDS_FIRST : 2 * set->hold_capacity;
        dx_hold *holds = dx_alloc_grow(set->alloc, set->holds, set->hold_capacity * sizeof *holds,
                                       capacity * sizeof *holds);
        if (holds == NULL) {
            return DX_E_NO_MEMORY;
        }
        set->holds = holds;
        set->hold_capacity = capacity;
    }
    *out = (uint32_t)++set->hold_count;
    return DX_OK;
}

static void free_hold(dx_subscriptions *set, uint32_t number) {
    set->holds[number - 1] = (dx_hold){.next = set->free_hold};
    set->free_hold = number;
}

/* A further one stands behind the first, whose number the table has. */
static int add_hold(dx_subscription *self, int64_t key) {
    dx_subscriptions *set = self->set;
    const dx_key_slot *slot = dx_key_table_find(&set->holders, key);
    uint32_t number, first = slot == NULL ? 0 : slot->value;
    int error = take_hold(set, &number);
    if (error == DX_OK && first == 0) {
        error = dx_key_table_add(&set->holders, key, number);
        if (error != DX_OK) {
            free_hold(set, number);
        }
    }
    if (error == DX_OK) {
        set->holds[number - 1] = (dx_hold){.by = self, .next = first == 0 ? 0 : set->holds[first - 1].next};
        if (first != 0) {
            set->holds[first - 1].next = number;
        }
    }
    return error;
}

static void drop_first_hold(dx_subscriptions *set, int64_t key, uint32_t first) {
    uint32_t second = set->holds[first - 1].next;
    if (second == 0) {
        dx_key_table_remove(&set->holders, key);
        free_hold(set, first);
    } else {
        set->holds[first - 1] = set->holds[second - 1];
        free_hold(set, second);
    }
}

void dx_subscription_release(dx_subscription *self, int64_t key) {
    dx_subscriptions *set = self->set;
    const dx_key_slot *slot = self->path == 0 ? NULL : dx_key_table_find(&set->holders, key);
    if (slot == NULL) {
        return;
    }
    if (set->holds[slot->value - 1].by == self) {
        drop_first_hold(set, key, slot->value);
        return;
    }
    for (uint32_t *at = &set->holds[slot->value - 1].next; *at != 0; at = &set->holds[*at - 1].next) {
        uint32_t number = *at;
        if (set->holds[number - 1].by == self) {
            *at = set->holds[number - 1].next;
            free_hold(set, number);
            return;
        }
    }
}

int dx_subscription_hold(dx_subscription *self, int64_t key) {
    int error = self->path == 0 ? DX_OK : add_hold(self, key);
    if (error == DX_E_LIMIT) {
        dx_subscription_unplace(self); /* it is found by its type from now on */
        self->crowded = true;
        error = dx_subscription_place(self);
    }
    return error;
}

/* --- Places ------------------------------------------------------------------------------------------- */

static void release_all(dx_subscription *self) {
    for (size_t i = 0; i < self->known.capacity; i++) {
        if (self->known.slots[i].key != 0) {
            dx_subscription_release(self, self->known.slots[i].key);
        }
    }
}

static void leave_path(dx_subscription *self) {
    if (self->path == 0) {
        return;
    }
    dx_value_path *path = &self->set->paths[self->path - 1];
    size_t number = self->path;
    release_all(self);
    self->path = 0;
    path->uses--;
    if (path->user == self) {
        path->user = path->uses > 0 ? self->set->all : NULL;
        while (path->user != NULL && path->user->path != number) {
            path->user = path->user->next;
        }
    }
}

void dx_subscription_unplace(dx_subscription *self) {
    if (!self->placed) {
        return;
    }
    dx_subscription **at = bucket_of(self->set, self->hash);
    while (*at != self) {
        at = &(*at)->next_in_bucket;
    }
    *at = self->next_in_bucket;
    self->placed = false;
    leave_path(self);
}

/* The place of a path among those of its anchor; 0: all are taken, or it is too long. */
static size_t take_path(dx_subscription *self, uint64_t anchor, dx_bytes path) {
    dx_subscriptions *set = self->set;
    size_t found = 0;
    for (size_t i = 0; i < DX_SUBSCRIPTION_PATHS_MAX; i++) {
        const dx_value_path *one = &set->paths[i];
        if (one->uses > 0 && one->anchor == anchor &&
            dx_bytes_equal(dx_bytes_of(one->path, one->path_size), path)) {
            found = i + 1;
            break;
        }
        found = one->uses == 0 && found == 0 ? i + 1 : found;
    }
    if (found != 0 && path.size <= sizeof set->paths[0].path) {
        dx_value_path *one = &set->paths[found - 1];
        one->user = one->uses == 0 ? self : one->user;
        one->anchor = anchor;
        one->path_size = path.size;
        memcpy(one->path, path.data, path.size);
        one->uses++;
        return found;
    }
    return 0;
}

static int hold_all(dx_subscription *self) {
    int error = DX_OK;
    for (size_t i = 0; i < self->known.capacity && error == DX_OK; i++) {
        if (self->known.slots[i].key != 0) {
            error = add_hold(self, self->known.slots[i].key);
        }
    }
    return error;
}

int dx_subscription_place(dx_subscription *self) {
    dx_query_anchor anchor;
    dx_subscription_unplace(self);
    dx_query_anchor_of(self->query, &anchor);
    uint64_t hash = dx_anchor_hash(self->space->local, anchor.kind, anchor.key, anchor.type);
    if (!self->certain || self->crowded || anchor.path.data == NULL) {
        return enter_bucket(self, hash);
    }
    self->path = take_path(self, hash, anchor.path);
    int error = self->path == 0 ? DX_E_LIMIT : hold_all(self);
    if (error == DX_OK) {
        return enter_bucket(self, dx_anchor_value_hash(hash, anchor.path, anchor.form));
    }
    leave_path(self);
    return error == DX_E_LIMIT ? enter_bucket(self, hash) : error;
}

/* --- Finding ------------------------------------------------------------------------------------------- */

static void visit_bucket(const dx_subscriptions *set, uint64_t hash, const dx_candidates *candidates) {
    for (dx_subscription *each = *bucket_of(set, hash); each != NULL; each = each->next_in_bucket) {
        if (each->hash == hash) {
            candidates->visit(candidates->ctx, each);
        }
    }
}

static void visit_holders(const dx_subscriptions *set, int64_t key, const dx_candidates *candidates) {
    const dx_key_slot *slot = dx_key_table_find(&set->holders, key);
    for (uint32_t number = slot == NULL ? 0 : slot->value; number != 0;
         number = set->holds[number - 1].next) {
        candidates->visit(candidates->ctx, set->holds[number - 1].by);
    }
}

static int visit_value(const dx_subscriptions *set, const dx_value_path *one,
                       const dx_candidates *candidates) {
    uint64_t hash;
    bool there;
    int error = DX_OK;
    const dx_entity *entity = candidates->entity(candidates->ctx, &error);
    if (error == DX_OK && entity != NULL) {
        error = dx_query_value_hash(one->user->query, entity, dx_bytes_of(one->path, one->path_size),
                                    one->anchor, &there, &hash);
        if (error == DX_OK && there) {
            visit_bucket(set, hash, candidates);
        }
    }
    return error;
}

int dx_subscriptions_find(dx_subscriptions *set, const dx_change *change, dx_bytes type,
                          const dx_candidates *candidates) {
    const dx_bytes none = dx_bytes_of(NULL, 0);
    if (set->bucket_count == 0) {
        return DX_OK;
    }
    uint64_t by_type = dx_anchor_hash(change->space, DX_ANCHOR_TYPE, 0, type);
    uint64_t by_none = dx_anchor_hash(change->space, DX_ANCHOR_NONE, 0, none);
    visit_bucket(set, by_type, candidates);
    visit_bucket(set, by_none, candidates);
    visit_bucket(set, dx_anchor_hash(change->space, DX_ANCHOR_ID, change->key, none), candidates);
    if (change->source != 0) {
        visit_bucket(set, dx_anchor_hash(change->space, DX_ANCHOR_SOURCE, change->source, none), candidates);
        visit_bucket(set, dx_anchor_hash(change->space, DX_ANCHOR_TARGET, change->target, none), candidates);
    }
    visit_holders(set, change->key, candidates);
    int error = DX_OK;
    for (size_t i = 0; i < DX_SUBSCRIPTION_PATHS_MAX && error == DX_OK; i++) {
        const dx_value_path *one = &set->paths[i];
        if (one->uses > 0 && (one->anchor == by_type || one->anchor == by_none)) {
            error = visit_value(set, one, candidates);
        }
    }
    return error;
}

void dx_subscriptions_free_index(dx_subscriptions *set) {
    dx_alloc_free(set->alloc, set->buckets, set->bucket_count * sizeof(dx_subscription *));
    dx_alloc_free(set->alloc, set->holds, set->hold_capacity * sizeof *set->holds);
    if (set->has_tables) {
        dx_key_table_deinit(&set->holders);
    }
}
