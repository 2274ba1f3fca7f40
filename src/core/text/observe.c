/* text/observe.c: see observe.h. */
#include "text/observe.h"

#include "text/delta_write.h"
#include "text/pen.h"
#include "text/room.h"
#include "text/type_json.h"
#include "text/units.h"

#include <dxos/text_history.h>
#include <string.h>

struct dx_text_observer {
    struct dx_text_observer *next;
    dx_text_observe_fn *tell;
    void *ctx;
};

/* What is known of the transaction while it is told. */
struct dx_text_news {
    const dx_text_doc *doc;
    dx_text_ref *refs; /* items of living types that were made or deleted, by type, list, order */
    size_t count, capacity;
    dx_text_type *types;
    size_t type_count, type_capacity;
};

/* --- What the transaction did to an item ------------------------------------------------------- */

/* How many of its first clocks were here before. */
static uint32_t old_part(const dx_text_doc *doc, const dx_text_item *item) {
    const dx_text_client *client = &doc->clients.rows[item->client];
    if (!client->touched || item->clock + item->length <= client->before) {
        return item->length;
    }
    return item->clock >= client->before ? 0 : client->before - item->clock;
}

/* Whether the transaction deleted it; its spans are in order. */
static bool is_deleted_now(const dx_text_doc *doc, const dx_text_item *item) {
    const dx_text_transaction *transaction = &doc->transaction;
    if ((item->flags & DX_ITEM_DELETED) == 0) {
        return false;
    }
    size_t low = 0, high = transaction->deleted_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dx_text_span *span = &transaction->deleted[middle];
        if (span->client < item->client || (span->client == item->client && span->clock <= item->clock)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const dx_text_span *span = low != 0 ? &transaction->deleted[low - 1] : NULL;
    return span != NULL && span->client == item->client && item->clock - span->clock < span->length;
}

/* --- Which items, which types ----------------------------------------------------------------- */

/* A type that is new itself comes with its parent's change; one that is deleted went with it. */
static bool is_reported(const dx_text_doc *doc, dx_text_type type) {
    const dx_text_type_row *row = &doc->types.rows[type];
    if (row->item == 0) {
        return !row->gone;
    }
    const dx_text_item *item = dx_text_item_at(doc->sequence, row->item);
    return (item->flags & DX_ITEM_DELETED) == 0 && old_part(doc, item) != 0;
}

static int add_ref(struct dx_text_news *news, dx_text_ref ref) {
    if (dx_text_item_list(news->doc->sequence, ref) == 0 ||
        !is_reported(news->doc, dx_text_doc_parent(news->doc, ref))) {
        return DX_OK;
    }
    if (!dx_text_make_room(&news->doc->alloc, &news->refs, &news->capacity, news->count + 1,
                           sizeof *news->refs)) {
        return DX_E_NO_MEMORY;
    }
    news->refs[news->count++] = ref;
    return DX_OK;
}

static int find_refs(struct dx_text_news *news) {
    const dx_text_doc *doc = news->doc;
    const dx_text_transaction *transaction = &doc->transaction;
    int error = DX_OK;
    for (size_t i = 0; i < transaction->touched_count; i++) {
        uint32_t client = transaction->touched[i];
        dx_text_ref ref = dx_text_ids_find(doc->sequence, client, doc->clients.rows[client].before);
        for (; error == DX_OK && ref != 0; ref = dx_text_ids_next(doc->sequence, ref)) {
            error = add_ref(news, ref);
        }
    }
    for (size_t i = 0; i < transaction->deleted_count; i++) {
        const dx_text_span *span = &transaction->deleted[i];
        uint64_t end = (uint64_t)span->clock + span->length;
        dx_text_ref ref = dx_text_ids_find(doc->sequence, span->client, span->clock);
        for (; error == DX_OK && ref != 0; ref = dx_text_ids_next(doc->sequence, ref)) {
            const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
            if (item->clock >= end) {
                break;
            }
            if (old_part(doc, item) == item->length) {
                error = add_ref(news, ref);
            }
        }
    }
    return error;
}

static bool stands_behind(const dx_text_doc *doc, dx_text_ref a, dx_text_ref b) {
    dx_text_type type_a = dx_text_doc_parent(doc, a), type_b = dx_text_doc_parent(doc, b);
    dx_text_list list_a = dx_text_item_list(doc->sequence, a), list_b = dx_text_item_list(doc->sequence, b);
    if (type_a != type_b || list_a != list_b) {
        return type_a != type_b ? type_a > type_b : list_a > list_b;
    }
    return dx_text_item_before(doc->sequence, b, a);
}

static void sift(struct dx_text_news *news, size_t at, size_t count) {
    dx_text_ref *refs = news->refs;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && stands_behind(news->doc, refs[child + 1], refs[child])) {
            child++;
        }
        if (!stands_behind(news->doc, refs[child], refs[at])) {
            return;
        }
        dx_text_ref swap = refs[at];
        refs[at] = refs[child];
        refs[child] = swap;
    }
}

static void sort(struct dx_text_news *news) {
    size_t sorted = 1;
    while (sorted < news->count && !stands_behind(news->doc, news->refs[sorted - 1], news->refs[sorted])) {
        sorted++;
    }
    if (sorted >= news->count) {
        return;
    }
    for (size_t i = news->count / 2; i-- > 0;) {
        sift(news, i, news->count);
    }
    for (size_t left = news->count; left > 1; left--) {
        dx_text_ref swap = news->refs[0];
        news->refs[0] = news->refs[left - 1];
        news->refs[left - 1] = swap;
        sift(news, 0, left - 1);
    }
}

static int find_types(struct dx_text_news *news) {
    for (size_t i = 0; i < news->count; i++) {
        dx_text_type type = dx_text_doc_parent(news->doc, news->refs[i]);
        if (news->type_count != 0 && news->types[news->type_count - 1] == type) {
            continue;
        }
        if (!dx_text_make_room(&news->doc->alloc, &news->types, &news->type_capacity, news->type_count + 1,
                               sizeof *news->types)) {
            return DX_E_NO_MEMORY;
        }
        news->types[news->type_count++] = type;
    }
    return DX_OK;
}

/* The items of a type that are in its list (keys: in its chains): those from `begin` on. */
static size_t refs_of(const struct dx_text_news *news, dx_text_type type, bool keys, size_t *begin) {
    const dx_text_doc *doc = news->doc;
    size_t count = 0;
    for (size_t i = 0; i < news->count; i++) {
        uint32_t owner = dx_text_list_owner(doc->sequence, dx_text_item_list(doc->sequence, news->refs[i]));
        if (dx_text_owner_type(&doc->types, owner) == type && dx_text_owner_is_chain(owner) == keys) {
            *begin = count == 0 ? i : *begin;
            count++;
        }
    }
    return count;
}

/* --- Deltas ----------------------------------------------------------------------------------- */

/* An item that counts, at the place the delta has come to. */
static void write_item(dx_text_delta_writer *out, dx_text_ref ref, dx_text_unit unit,
                       const dx_text_attributes *now, const dx_text_attributes *change) {
    const dx_text_doc *doc = out->doc;
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    uint32_t old = old_part(doc, item);
    if (!dx_text_item_counts(item)) {
        return;
    }
    if ((item->flags & DX_ITEM_DELETED) == 0) {
        dx_text_delta_retain(out, dx_text_item_units(doc, ref, 0, old, unit), change);
        dx_text_delta_insert(out, ref, old, item->length, now, NULL);
    } else if (is_deleted_now(doc, item)) {
        dx_text_delta_delete(out, dx_text_item_units(doc, ref, 0, old, unit));
    }
}

/* Without formatting what lies between two items that changed is a number. */
static void write_plain(dx_text_delta_writer *out, const dx_text_ref *refs, size_t count, dx_text_unit unit) {
    const dx_text_doc *doc = out->doc;
    uint64_t passed = 0;
    for (size_t i = 0; i < count; i++) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, refs[i]);
        uint64_t index = dx_text_item_index(doc->sequence, refs[i], unit);
        dx_text_delta_retain(out, index - passed, NULL);
        write_item(out, refs[i], unit, NULL, NULL);
        passed =
            index + (dx_text_item_live(item) ? dx_text_item_units(doc, refs[i], 0, item->length, unit) : 0);
    }
}

typedef struct walk {
    dx_text_attributes before, now,
        change; /* in force at a place before and after the transaction; what leads over */
} walk;

static void take(const dx_text_doc *doc, dx_text_attributes *attributes, dx_text_attribute row) {
    if (dx_text_value_is_null(&doc->names, row.value)) {
        dx_text_attributes_remove(attributes, row.key);
    } else {
        dx_text_attributes_set(attributes, row);
    }
}

static int take_marker(const dx_text_doc *doc, dx_text_ref ref, walk *self) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    dx_text_attribute row = dx_text_attribute_of(doc, ref);
    bool live = (item->flags & DX_ITEM_DELETED) == 0;
    int error = dx_text_attributes_reserve(&self->before, 1);
    error = error != DX_OK ? error : dx_text_attributes_reserve(&self->now, 1);
    error = error != DX_OK
                ? error
                : dx_text_attributes_reserve(&self->change, self->before.count + self->now.count + 2);
    if (error != DX_OK) {
        return error;
    }
    if (old_part(doc, item) != 0 && (live || is_deleted_now(doc, item))) {
        take(doc, &self->before, row);
    }
    if (live) {
        take(doc, &self->now, row);
    }
    self->change.count = 0;
    for (size_t i = 0; i < self->now.count; i++) {
        const dx_text_attribute *old = dx_text_attributes_find(&self->before, self->now.rows[i].key);
        if (old == NULL || old->value != self->now.rows[i].value) {
            dx_text_attributes_set(&self->change, self->now.rows[i]);
        }
    }
    for (size_t i = 0; i < self->before.count; i++) {
        if (dx_text_attributes_find(&self->now, self->before.rows[i].key) == NULL) {
            dx_text_attributes_set(&self->change, (dx_text_attribute){.key = self->before.rows[i].key});
        }
    }
    return DX_OK;
}

/* From the first item that changed until all are passed and the formatting is what it was. */
static int write_formatted(dx_text_delta_writer *out, const dx_text_ref *refs, size_t count,
                           dx_text_unit unit) {
    const dx_text_doc *doc = out->doc;
    walk self;
    size_t passed = 0;
    dx_text_attributes_init(&self.before, &doc->alloc);
    dx_text_attributes_init(&self.now, &doc->alloc);
    dx_text_attributes_init(&self.change, &doc->alloc);
    int error =
        dx_text_attributes_before(doc, dx_text_item_list(doc->sequence, refs[0]), refs[0], &self.before);
    error = error != DX_OK ? error : dx_text_attributes_copy(&self.now, &self.before);
    dx_text_delta_retain(out, dx_text_item_index(doc->sequence, refs[0], unit), NULL);
    for (dx_text_ref ref = refs[0]; error == DX_OK && ref != 0 && (passed < count || self.change.count != 0);
         ref = dx_text_item_next(doc->sequence, ref)) {
        passed += passed < count && refs[passed] == ref;
        if (dx_text_item_at(doc->sequence, ref)->ref == DX_TEXT_FORMAT) {
            error = take_marker(doc, ref, &self);
        } else {
            write_item(out, ref, unit, &self.now, &self.change);
        }
    }
    dx_text_attributes_deinit(&self.before);
    dx_text_attributes_deinit(&self.now);
    dx_text_attributes_deinit(&self.change);
    return error;
}

int dx_text_event_delta(const dx_text_event *event, dx_text_type type, dx_buf *json) {
    if (event == NULL || json == NULL || type == 0 || type >= event->news->doc->types.count) {
        return DX_E_INVALID;
    }
    const struct dx_text_news *news = event->news;
    const dx_text_doc *doc = news->doc;
    size_t begin = 0, count = refs_of(news, type, false, &begin);
    dx_text_delta_writer out;
    int error = DX_OK;
    dx_text_delta_begin(&out, doc, json);
    if (count != 0 && doc->types.rows[type].formatted) {
        error = write_formatted(&out, news->refs + begin, count, dx_text_unit_of(doc, type));
    } else if (count != 0) {
        write_plain(&out, news->refs + begin, count, dx_text_unit_of(doc, type));
    }
    out.error = out.error != DX_OK ? out.error : error;
    return dx_text_delta_finish(&out);
}

/* --- Keys ------------------------------------------------------------------------------------- */

static void append_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static int print_value(const dx_text_doc *doc, const char *name, dx_text_ref ref, dx_buf *json) {
    dx_bytes value = dx_text_last_value(doc, ref);
    append_text(json, name);
    if (value.size == 0) {
        return dx_text_item_json(doc, ref, 0, true, json);
    }
    dx_any_to_json(value, json);
    return DX_OK;
}

/* What stood under the key before, 0: nothing; and what stands there now. */
static int print_key(const dx_text_doc *doc, uint32_t chain, bool *begun, dx_buf *json) {
    const dx_text_chain_row *row = &doc->types.chains[chain];
    dx_text_ref now = dx_text_list_last(doc->sequence, row->list), old = now;
    while (old != 0 && old_part(doc, dx_text_item_at(doc->sequence, old)) == 0) {
        old = dx_text_item_prev(doc->sequence, old);
    }
    const dx_text_item *item = old != 0 ? dx_text_item_at(doc->sequence, old) : NULL;
    if (item != NULL && !is_deleted_now(doc, item)) {
        if (old == now) {
            return DX_OK; /* what others set came too late, or nothing stood there and stands there now */
        }
        old = 0; /* stood there no more */
    }
    now = now != 0 && (dx_text_item_at(doc->sequence, now)->flags & DX_ITEM_DELETED) == 0 ? now : 0;
    if (now == 0 && old == 0) {
        return DX_OK;
    }
    dx_buf key;
    dx_buf_init(&key, &doc->alloc, SIZE_MAX / 2);
    dx_buf_append_byte(&key, DX_ANY_STRING);
    dx_text_append_key(dx_text_names_at(&doc->names, row->key), &key);
    int error = dx_buf_error(&key);
    append_text(json, *begun ? "," : "");
    *begun = true;
    if (error == DX_OK) {
        dx_any_to_json(dx_buf_view(&key), json);
    }
    append_text(json, now == 0   ? ":{\"action\":\"delete\""
                      : old == 0 ? ":{\"action\":\"add\""
                                 : ":{\"action\":\"update\"");
    if (error == DX_OK && now != 0) {
        error = print_value(doc, ",\"value\":", now, json);
    }
    if (error == DX_OK && old != 0) {
        error = print_value(doc, ",\"oldValue\":", old, json);
    }
    append_text(json, "}");
    dx_buf_deinit(&key);
    return error;
}

int dx_text_event_keys(const dx_text_event *event, dx_text_type type, dx_buf *json) {
    if (event == NULL || json == NULL || type == 0 || type >= event->news->doc->types.count) {
        return DX_E_INVALID;
    }
    const struct dx_text_news *news = event->news;
    const dx_text_doc *doc = news->doc;
    size_t begin = 0, count = refs_of(news, type, true, &begin), begun = json->size;
    dx_text_list last = 0;
    bool any = false;
    int error = DX_OK;
    append_text(json, "{");
    for (size_t i = begin; error == DX_OK && i < begin + count; i++) {
        dx_text_list list = dx_text_item_list(doc->sequence, news->refs[i]);
        if (list != last) {
            error = print_key(doc, dx_text_owner_chain(dx_text_list_owner(doc->sequence, list)), &any, json);
        }
        last = list;
    }
    append_text(json, "}");
    error = error != DX_OK ? error : dx_buf_error(json);
    if (error != DX_OK && json->size > begun) {
        json->size = begun;
    }
    return error;
}

/* --- Observers -------------------------------------------------------------------------------- */

void dx_text_observers_tell(dx_text_doc *doc) {
    const dx_text_transaction *transaction = &doc->transaction;
    if (doc->observers == NULL || (transaction->touched_count == 0 && transaction->deleted_count == 0)) {
        return;
    }
    struct dx_text_news news = {.doc = doc};
    int error = find_refs(&news);
    if (error == DX_OK) {
        sort(&news);
        error = find_types(&news);
    }
    if (error != DX_OK) {
        error = dx_text_doc_error(doc, error);
        news.count = 0;
        news.type_count = 0;
    }
    dx_text_event event = {.doc = doc,
                           .origin = doc->origin,
                           .local = !transaction->applied,
                           .undoes = transaction->undoes,
                           .error = error,
                           .types = news.types,
                           .type_count = news.type_count,
                           .news = &news};
    for (struct dx_text_observer *at = doc->observers, *next; at != NULL; at = next) {
        next = at->next;
        at->tell(at->ctx, &event);
    }
    dx_alloc_free(&doc->alloc, news.refs, news.capacity * sizeof *news.refs);
    dx_alloc_free(&doc->alloc, news.types, news.type_capacity * sizeof *news.types);
}

int dx_text_observe(dx_text_doc *doc, dx_text_observe_fn *tell, void *ctx) {
    if (doc == NULL || tell == NULL) {
        return DX_E_INVALID;
    }
    if (doc->transaction.open) {
        return DX_E_STATE;
    }
    struct dx_text_observer *self = dx_alloc_take_zeroed(&doc->alloc, sizeof *self);
    if (self == NULL) {
        return dx_text_doc_error(doc, DX_E_NO_MEMORY);
    }
    *self = (struct dx_text_observer){.tell = tell, .ctx = ctx};
    struct dx_text_observer **link = &doc->observers;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = self;
    return DX_OK;
}

int dx_text_unobserve(dx_text_doc *doc, dx_text_observe_fn *tell, void *ctx) {
    if (doc == NULL) {
        return DX_E_INVALID;
    }
    if (doc->transaction.open) {
        return DX_E_STATE;
    }
    for (struct dx_text_observer **link = &doc->observers; *link != NULL; link = &(*link)->next) {
        struct dx_text_observer *self = *link;
        if (self->tell == tell && self->ctx == ctx) {
            *link = self->next;
            dx_alloc_free(&doc->alloc, self, sizeof *self);
            return DX_OK;
        }
    }
    return DX_E_NOT_FOUND;
}

void dx_text_observers_deinit(dx_text_doc *doc) {
    while (doc->observers != NULL) {
        struct dx_text_observer *self = doc->observers;
        doc->observers = self->next;
        dx_alloc_free(&doc->alloc, self, sizeof *self);
    }
}
