/* text/sequence.c: the plain sequence: linked items, one sorted array of ids, one run of bytes for all characters.
 *
 * Whatever is asked is looked for from the beginning; nothing is kept that could be counted. Each item's characters lie side by side;
 * a join brings two runs together by turning what lies between them, which takes no memory. */
#include "text/sequence.h"

#include "text/room.h"
#include "text/wtf8.h"

enum { CHUNK = 64, REPLACEMENT_SIZE = 3, PAIR_SIZE = 4, CUT_GROWTH = 2 * REPLACEMENT_SIZE - PAIR_SIZE };

static const uint8_t REPLACEMENT[REPLACEMENT_SIZE] = {0xef, 0xbf, 0xbd};

typedef struct side {
    dx_text_ref next, prev;
    size_t at, size; /* characters */
} side;

typedef struct list_row {
    dx_text_ref first, last;
    uint32_t owner;
} list_row;

struct dx_text_sequence {
    const dx_alloc *alloc;
    dx_text_item **chunks; /* records, which never move */
    size_t chunk_count, chunk_capacity;
    side *sides; /* by ref */
    size_t side_capacity;
    size_t count, free_count; /* refs ever taken, with 0; and free ones, linked by sides[].next */
    dx_text_ref free;
    list_row *lists; /* the first is none */
    size_t list_count, list_capacity;
    dx_text_ref *ids; /* all items by client, then clock */
    size_t id_count, id_capacity;
    uint8_t *text;
    size_t text_size, text_capacity;
};

int dx_text_sequence_create(const dx_alloc *alloc, dx_text_sequence **sequence) {
    dx_text_sequence *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    self->alloc = alloc;
    self->count = 1;
    self->list_count = 1;
    *sequence = self;
    return DX_OK;
}

void dx_text_sequence_destroy(dx_text_sequence *self) {
    if (self == NULL) {
        return;
    }
    const dx_alloc *alloc = self->alloc;
    for (size_t i = 0; i < self->chunk_count; i++) {
        dx_alloc_free(alloc, self->chunks[i], CHUNK * sizeof **self->chunks);
    }
    dx_alloc_free(alloc, self->chunks, self->chunk_capacity * sizeof *self->chunks);
    dx_alloc_free(alloc, self->sides, self->side_capacity * sizeof *self->sides);
    dx_alloc_free(alloc, self->lists, self->list_capacity * sizeof *self->lists);
    dx_alloc_free(alloc, self->ids, self->id_capacity * sizeof *self->ids);
    dx_alloc_free(alloc, self->text, self->text_capacity);
    dx_alloc_free(alloc, self, sizeof *self);
}

size_t dx_text_sequence_memory(const dx_text_sequence *self) {
    return sizeof *self + self->chunk_count * CHUNK * sizeof **self->chunks +
           self->chunk_capacity * sizeof *self->chunks + self->side_capacity * sizeof *self->sides +
           self->list_capacity * sizeof *self->lists + self->id_capacity * sizeof *self->ids +
           self->text_capacity;
}

int dx_text_sequence_reserve(dx_text_sequence *self, size_t items, size_t lists, size_t text_bytes) {
    size_t fresh = items > self->free_count ? items - self->free_count : 0;
    if (fresh > INT32_MAX - self->count || lists > INT32_MAX - self->list_count ||
        text_bytes > SIZE_MAX / 4 - self->text_size - CUT_GROWTH * items) {
        return DX_E_LIMIT;
    }
    size_t refs = self->count + fresh, chunks = (refs + CHUNK - 1) / CHUNK;
    if (!dx_text_make_room(self->alloc, &self->sides, &self->side_capacity, refs, sizeof *self->sides) ||
        !dx_text_make_room(self->alloc, &self->ids, &self->id_capacity, self->id_count + items,
                           sizeof *self->ids) ||
        !dx_text_make_room(self->alloc, &self->lists, &self->list_capacity, self->list_count + lists,
                           sizeof *self->lists) ||
        !dx_text_make_room(self->alloc, &self->chunks, &self->chunk_capacity, chunks, sizeof *self->chunks) ||
        !dx_text_make_room(self->alloc, &self->text, &self->text_capacity,
                           self->text_size + text_bytes + CUT_GROWTH * items, 1)) {
        return DX_E_NO_MEMORY;
    }
    while (self->chunk_count < chunks) {
        dx_text_item *chunk = dx_alloc_take_zeroed(self->alloc, CHUNK * sizeof *chunk);
        if (chunk == NULL) {
            return DX_E_NO_MEMORY;
        }
        self->chunks[self->chunk_count++] = chunk;
    }
    return DX_OK;
}

int dx_text_ids_reserve(dx_text_sequence *self, size_t clients) {
    (void)self;
    (void)clients;
    return DX_OK;
}

void dx_text_sequence_trim(dx_text_sequence *self) {
    (void)self;
}

/* --- Records --- */

dx_text_item *dx_text_item_at(const dx_text_sequence *self, dx_text_ref ref) {
    return &self->chunks[ref / CHUNK][ref % CHUNK];
}

dx_text_ref dx_text_item_take(dx_text_sequence *self) {
    dx_text_ref ref = self->free;
    if (ref != 0) {
        self->free = self->sides[ref].next;
        self->free_count--;
    } else {
        DX_ASSERT(self->count < self->side_capacity && self->count < self->chunk_count * CHUNK);
        ref = (dx_text_ref)self->count++;
    }
    self->sides[ref] = (side){.next = 0};
    memset(dx_text_item_at(self, ref), 0, sizeof(dx_text_item));
    return ref;
}

void dx_text_item_free(dx_text_sequence *self, dx_text_ref ref) {
    self->sides[ref] = (side){.next = self->free};
    self->free = ref;
    self->free_count++;
}

/* --- Characters --- */

/* Opens (grow) or closes a gap at a place of all characters. */
static void open_gap(dx_text_sequence *self, size_t at, size_t size) {
    DX_ASSERT(self->text_size + size <= self->text_capacity);
    if (size == 0) {
        return;
    }
    memmove(self->text + at + size, self->text + at, self->text_size - at);
    self->text_size += size;
    for (size_t ref = 1; ref < self->count; ref++) {
        side *other = &self->sides[ref];
        if (other->size != 0 && other->at >= at) {
            other->at += size;
        }
    }
}

static void close_gap(dx_text_sequence *self, size_t at, size_t size) {
    if (size == 0) {
        return;
    }
    memmove(self->text + at, self->text + at + size, self->text_size - at - size);
    self->text_size -= size;
    for (size_t ref = 1; ref < self->count; ref++) {
        side *other = &self->sides[ref];
        if (other->size != 0 && other->at > at) {
            other->at -= size;
        }
    }
}

static void drop_text(dx_text_sequence *self, dx_text_ref ref) {
    side *own = &self->sides[ref];
    size_t at = own->at, size = own->size;
    own->size = 0;
    own->at = 0;
    close_gap(self, at, size);
}

static void add_text(dx_text_sequence *self, dx_text_ref ref, dx_bytes text) {
    side *own = &self->sides[ref];
    if (text.size == 0) {
        return;
    }
    size_t at = own->size == 0 ? self->text_size : own->at + own->size;
    open_gap(self, at, text.size);
    memcpy(self->text + at, text.data, text.size);
    if (own->size == 0) {
        own->at = at;
    }
    own->size += text.size;
}

static void reverse(uint8_t *from, uint8_t *to) {
    while (from < to && from < --to) {
        uint8_t byte = *from;
        *from++ = *to;
        *to = byte;
    }
}

/* Brings the right one's characters behind the left one's: what lies between changes places with the part that is nearer. */
static void bring_together(dx_text_sequence *self, dx_text_ref left, dx_text_ref right) {
    side *a = &self->sides[left], *b = &self->sides[right];
    if (a->size == 0 || b->size == 0 || a->at + a->size == b->at) {
        return;
    }
    /* [begin, middle) and [middle, end) are turned; one of them is the right one's run. */
    bool behind = b->at > a->at;
    size_t begin = behind ? a->at + a->size : b->at;
    size_t middle = behind ? b->at : b->at + b->size;
    size_t end = behind ? b->at + b->size : a->at + a->size;
    reverse(self->text + begin, self->text + middle);
    reverse(self->text + middle, self->text + end);
    reverse(self->text + begin, self->text + end);
    for (size_t ref = 1; ref < self->count; ref++) {
        side *other = &self->sides[ref];
        if (other->size != 0 && other->at >= begin && other->at < end) {
            other->at = other->at < middle ? other->at + (end - middle) : other->at - (middle - begin);
        }
    }
}

dx_bytes dx_text_item_run(const dx_text_sequence *self, dx_text_ref ref, size_t at) {
    const side *own = &self->sides[ref];
    return at < own->size ? dx_bytes_of(self->text + own->at + at, own->size - at) : dx_bytes_of(NULL, 0);
}

size_t dx_text_item_bytes(const dx_text_sequence *self, dx_text_ref ref) {
    return self->sides[ref].size;
}

/* --- Order --- */

dx_text_list dx_text_list_take(dx_text_sequence *self, uint32_t owner) {
    DX_ASSERT(self->list_count < self->list_capacity);
    self->lists[self->list_count] = (list_row){.owner = owner};
    return (dx_text_list)self->list_count++;
}

uint32_t dx_text_list_owner(const dx_text_sequence *self, dx_text_list list) {
    return self->lists[list].owner;
}

uint64_t dx_text_list_live(const dx_text_sequence *self, dx_text_list list) {
    return dx_text_list_length(self, list, DX_TEXT_UTF16);
}

dx_text_ref dx_text_list_first(const dx_text_sequence *self, dx_text_list list) {
    return self->lists[list].first;
}

dx_text_ref dx_text_list_last(const dx_text_sequence *self, dx_text_list list) {
    return self->lists[list].last;
}

dx_text_list dx_text_item_list(const dx_text_sequence *self, dx_text_ref ref) {
    return dx_text_item_at(self, ref)->place;
}

dx_text_ref dx_text_item_next(const dx_text_sequence *self, dx_text_ref ref) {
    return self->sides[ref].next;
}

dx_text_ref dx_text_item_prev(const dx_text_sequence *self, dx_text_ref ref) {
    return self->sides[ref].prev;
}

bool dx_text_item_before(const dx_text_sequence *self, dx_text_ref a, dx_text_ref b) {
    while (a != b && (a = self->sides[a].next) != 0) {
        if (a == b) {
            return true;
        }
    }
    return false;
}

static void link(dx_text_sequence *self, dx_text_list list, dx_text_ref left, dx_text_ref ref) {
    list_row *row = &self->lists[list];
    dx_text_ref right = left != 0 ? self->sides[left].next : row->first;
    self->sides[ref].prev = left;
    self->sides[ref].next = right;
    *(left != 0 ? &self->sides[left].next : &row->first) = ref;
    *(right != 0 ? &self->sides[right].prev : &row->last) = ref;
    dx_text_item_at(self, ref)->place = list;
}

static void unlink_item(dx_text_sequence *self, dx_text_ref ref) {
    side *own = &self->sides[ref];
    list_row *row = &self->lists[dx_text_item_at(self, ref)->place];
    *(own->prev != 0 ? &self->sides[own->prev].next : &row->first) = own->next;
    *(own->next != 0 ? &self->sides[own->next].prev : &row->last) = own->prev;
    own->next = 0;
    own->prev = 0;
    dx_text_item_at(self, ref)->place = 0;
}

void dx_text_item_insert(dx_text_sequence *self, dx_text_list list, dx_text_ref left, dx_text_ref ref,
                         dx_bytes text) {
    link(self, list, left, ref);
    add_text(self, ref, text);
}

void dx_text_item_remove(dx_text_sequence *self, dx_text_ref ref) {
    drop_text(self, ref);
    unlink_item(self, ref);
}

void dx_text_item_extend(dx_text_sequence *self, dx_text_ref ref, uint32_t length, dx_bytes text) {
    add_text(self, ref, text);
    dx_text_item_at(self, ref)->length += length;
}

/* --- By id --- */

/* How many stand before that id. */
static size_t id_position(const dx_text_sequence *self, uint32_t client, uint64_t clock) {
    size_t low = 0, high = self->id_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dx_text_item *item = dx_text_item_at(self, self->ids[middle]);
        if (item->client < client || (item->client == client && item->clock < clock)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static dx_text_ref id_at(const dx_text_sequence *self, size_t at, uint32_t client) {
    return at < self->id_count && dx_text_item_at(self, self->ids[at])->client == client ? self->ids[at] : 0;
}

void dx_text_ids_append(dx_text_sequence *self, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(self, ref);
    size_t at = id_position(self, item->client, item->clock);
    DX_ASSERT(self->id_count < self->id_capacity);
    memmove(self->ids + at + 1, self->ids + at, (self->id_count - at) * sizeof *self->ids);
    self->ids[at] = ref;
    self->id_count++;
}

dx_text_ref dx_text_ids_find(const dx_text_sequence *self, uint32_t client, uint32_t clock) {
    size_t at = id_position(self, client, (uint64_t)clock + 1);
    dx_text_ref ref = at == 0 ? 0 : id_at(self, at - 1, client);
    if (ref == 0) {
        return 0;
    }
    const dx_text_item *item = dx_text_item_at(self, ref);
    return clock - item->clock < item->length ? ref : 0;
}

dx_text_ref dx_text_ids_next(const dx_text_sequence *self, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(self, ref);
    return id_at(self, id_position(self, item->client, item->clock) + 1, item->client);
}

dx_text_ref dx_text_ids_prev(const dx_text_sequence *self, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(self, ref);
    size_t at = id_position(self, item->client, item->clock);
    return at == 0 ? 0 : id_at(self, at - 1, item->client);
}

dx_text_ref dx_text_ids_first(const dx_text_sequence *self, uint32_t client) {
    return id_at(self, id_position(self, client, 0), client);
}

uint32_t dx_text_ids_state(const dx_text_sequence *self, uint32_t client) {
    size_t end = id_position(self, client, UINT64_MAX);
    dx_text_ref last = end == 0 ? 0 : id_at(self, end - 1, client);
    if (last == 0) {
        return 0;
    }
    const dx_text_item *item = dx_text_item_at(self, last);
    return item->clock + item->length;
}

/* --- Splitting and joining --- */

void dx_text_item_split(dx_text_sequence *self, dx_text_ref ref, uint32_t at, dx_text_ref right) {
    dx_text_item *left = dx_text_item_at(self, ref), *made = dx_text_item_at(self, right);
    *made = *left;
    made->clock += at;
    made->length -= at;
    left->length = at;
    link(self, left->place, ref, right);
    dx_text_ids_append(self, right);
    side *own = &self->sides[ref];
    if (own->size == 0) {
        return;
    }
    bool inside;
    size_t cut = dx_wtf8_offset(dx_bytes_of(self->text + own->at, own->size), at, &inside);
    if (inside) {
        size_t pair = own->at + cut;
        open_gap(self, pair + PAIR_SIZE, CUT_GROWTH);
        memcpy(self->text + pair, REPLACEMENT, REPLACEMENT_SIZE);
        memcpy(self->text + pair + REPLACEMENT_SIZE, REPLACEMENT, REPLACEMENT_SIZE);
        own->size += CUT_GROWTH;
        cut += REPLACEMENT_SIZE;
    }
    self->sides[right].at = own->at + cut;
    self->sides[right].size = own->size - cut;
    own->size = cut;
}

static bool is_half(const uint8_t *bytes, uint8_t from) {
    return bytes[0] == 0xed && bytes[1] >= from && bytes[1] < from + 0x10;
}

/* Makes one character of a half that ends the left run and one that begins the right one. */
static void join_halves(dx_text_sequence *self, dx_text_ref left, dx_text_ref right) {
    side *a = &self->sides[left], *b = &self->sides[right];
    if (a->size < REPLACEMENT_SIZE || b->size < REPLACEMENT_SIZE) {
        return;
    }
    uint8_t *high = self->text + a->at + a->size - REPLACEMENT_SIZE, *low = high + REPLACEMENT_SIZE;
    if (!is_half(high, 0xa0) || !is_half(low, 0xb0)) {
        return;
    }
    uint32_t code = 0x10000 + ((uint32_t)(high[1] & 0x0f) << 16 | (uint32_t)(high[2] & 0x3f) << 10) +
                    ((uint32_t)(low[1] & 0x0f) << 6 | (uint32_t)(low[2] & 0x3f));
    high[0] = (uint8_t)(0xf0 | code >> 18);
    high[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    high[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    high[3] = (uint8_t)(0x80 | (code & 0x3f));
    a->size += 1;
    b->size -= REPLACEMENT_SIZE;
    b->at += REPLACEMENT_SIZE;
    close_gap(self, a->at + a->size, CUT_GROWTH);
}

bool dx_text_item_join(dx_text_sequence *self, dx_text_ref ref) {
    dx_text_ref right = dx_text_ids_next(self, ref);
    dx_text_item *item = dx_text_item_at(self, ref), *other = dx_text_item_at(self, right);
    size_t at = id_position(self, other->client, other->clock);
    memmove(self->ids + at, self->ids + at + 1, (self->id_count - at - 1) * sizeof *self->ids);
    self->id_count--;
    item->length += other->length;
    bring_together(self, ref, right);
    side *own = &self->sides[ref], *gone = &self->sides[right];
    if (own->size != 0 && gone->size != 0) {
        join_halves(self, ref, right);
    } else if (gone->size != 0) {
        own->at = gone->at;
    }
    own->size += gone->size;
    gone->size = 0;
    if (other->place != 0) {
        unlink_item(self, right);
    }
    dx_text_item_free(self, right);
    return true;
}

void dx_text_item_set_deleted(dx_text_sequence *self, dx_text_ref ref, bool deleted) {
    dx_text_item *item = dx_text_item_at(self, ref);
    item->flags = (uint8_t)(deleted ? item->flags | DX_ITEM_DELETED : item->flags & ~DX_ITEM_DELETED);
}

void dx_text_item_collect(dx_text_sequence *self, dx_text_ref ref) {
    drop_text(self, ref);
    dx_text_item_at(self, ref)->ref = DX_TEXT_DELETED;
    dx_text_item_at(self, ref)->payload = 0;
}

/* --- Positions --- */

static bool is_continuation(uint8_t byte) {
    return (byte & 0xc0) == 0x80;
}

/* Units of the code point at `at`, and the bytes it takes. */
static uint32_t units_at(const uint8_t *at, dx_text_unit unit, size_t *size) {
    *size = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
    return unit == DX_TEXT_UTF8 ? (uint32_t)*size : unit == DX_TEXT_UTF16 && *size == PAIR_SIZE ? 2 : 1;
}

static uint64_t item_units(const dx_text_sequence *self, dx_text_ref ref, dx_text_unit unit) {
    const dx_text_item *item = dx_text_item_at(self, ref);
    const side *own = &self->sides[ref];
    if (!dx_text_item_live(item)) {
        return 0;
    }
    if (item->ref != DX_TEXT_STRING || unit == DX_TEXT_UTF16) {
        return item->length;
    }
    uint64_t units = 0;
    for (size_t i = 0; i < own->size; i++) {
        units += unit == DX_TEXT_UTF8 || !is_continuation(self->text[own->at + i]);
    }
    return units;
}

uint64_t dx_text_list_length(const dx_text_sequence *self, dx_text_list list, dx_text_unit unit) {
    uint64_t units = 0;
    for (dx_text_ref ref = self->lists[list].first; ref != 0; ref = self->sides[ref].next) {
        units += item_units(self, ref, unit);
    }
    return units;
}

uint64_t dx_text_item_index(const dx_text_sequence *self, dx_text_ref ref, dx_text_unit unit) {
    uint64_t units = 0;
    while ((ref = self->sides[ref].prev) != 0) {
        units += item_units(self, ref, unit);
    }
    return units;
}

void dx_text_list_find(const dx_text_sequence *self, dx_text_list list, uint64_t index, dx_text_unit unit,
                       dx_text_ref *ref, uint32_t *offset, bool *inside) {
    *inside = false;
    *offset = 0;
    for (*ref = self->lists[list].first; *ref != 0; *ref = self->sides[*ref].next) {
        uint64_t units = item_units(self, *ref, unit);
        if (index < units) {
            break;
        }
        index -= units;
    }
    if (*ref == 0 || dx_text_item_at(self, *ref)->ref != DX_TEXT_STRING) {
        *offset = (uint32_t)index;
        return;
    }
    const uint8_t *at = self->text + self->sides[*ref].at;
    while (index != 0) {
        size_t size;
        uint32_t units = units_at(at, unit, &size);
        if (units > index) {
            *inside = true;
            return;
        }
        index -= units;
        *offset += units_at(at, DX_TEXT_UTF16, &size);
        at += size;
    }
}
