/* text/awareness.c: who is there.
 *
 * Layer: floor 1, text. A table of clients in ascending order. Who left stays in it with its clock, so that what was said before
 * does not bring it back; when the table is full, who left longest ago makes room. States are kept as JSON.stringify would
 * print them: the bytes that are sent on are those any other replica sends. An update is read whole before anything changes, and
 * all memory it needs is taken before: then it happens, and cannot fail. */
#include "text/lib0.h"

#include <dxos/text_protocol.h>

#include <string.h>

typedef struct entry {
    uint64_t client, clock;
    uint64_t heard_ms;
    uint8_t *state; /* JSON; NULL: it left */
    size_t size;
} entry;

struct dx_text_awareness {
    dx_alloc alloc;
    uint64_t client;
    entry *entries;
    size_t count, capacity;
    dx_text_awareness_change *changes;
    size_t change_count, change_capacity;
};

static const char no_state[] = "null";

/* --- The table ------------------------------------------------------------------------------- */

/* Where the client stands, or would. */
static size_t place_of(const dx_text_awareness *it, uint64_t client) {
    size_t low = 0, high = it->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool before = it->entries[middle].client < client;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low;
}

static entry *find(const dx_text_awareness *it, uint64_t client) {
    size_t at = place_of(it, client);
    return at < it->count && it->entries[at].client == client ? &it->entries[at] : NULL;
}

static void drop_state(dx_text_awareness *it, entry *of) {
    dx_alloc_free(&it->alloc, of->state, of->size);
    of->state = NULL;
    of->size = 0;
}

/* The entry of who left longest ago; the count: everybody is there. */
static size_t longest_gone(const dx_text_awareness *it) {
    size_t found = it->count;
    for (size_t i = 0; i < it->count; i++) {
        if (it->entries[i].state == NULL && it->entries[i].client != it->client &&
            (found == it->count || it->entries[i].heard_ms < it->entries[found].heard_ms)) {
            found = i;
        }
    }
    return found;
}

/* A new entry, for which there is room in memory. */
static entry *add(dx_text_awareness *it, uint64_t client) {
    if (it->count == DX_TEXT_PRESENT_MAX) {
        size_t gone = longest_gone(it);
        DX_ASSERT(gone < it->count);
        it->count--;
        memmove(it->entries + gone, it->entries + gone + 1, (it->count - gone) * sizeof *it->entries);
    }
    size_t at = place_of(it, client);
    memmove(it->entries + at + 1, it->entries + at, (it->count - at) * sizeof *it->entries);
    it->entries[at] = (entry){.client = client};
    it->count++;
    return &it->entries[at];
}

static size_t there_count(const dx_text_awareness *it) {
    size_t there = 0;
    for (size_t i = 0; i < it->count; i++) {
        there += it->entries[i].state != NULL;
    }
    return there;
}

/* A block of memory that holds so many elements, of which `used` are there. */
static int reserve(const dx_alloc *alloc, void **block, size_t *capacity, size_t used, size_t more,
                   size_t size) {
    if (more <= *capacity - used) {
        return DX_OK;
    }
    size_t wanted = *capacity < 4 ? 4 : *capacity;
    while (wanted - used < more) {
        wanted *= 2;
    }
    void *grown = dx_alloc_grow(alloc, *block, *capacity * size, wanted * size);
    if (grown == NULL) {
        return DX_E_NO_MEMORY;
    }
    *block = grown;
    *capacity = wanted;
    return DX_OK;
}

/* Room for so many clients more, and a change of each there is then. */
static int reserve_rows(dx_text_awareness *it, size_t rows) {
    void *entries = it->entries, *changes = it->changes;
    int error = reserve(&it->alloc, &entries, &it->capacity, it->count, rows, sizeof *it->entries);
    it->entries = entries;
    if (error == DX_OK) {
        error = reserve(&it->alloc, &changes, &it->change_capacity, 0, it->count + rows, sizeof *it->changes);
        it->changes = changes;
    }
    return error;
}

static void note(dx_text_awareness *it, uint64_t client, dx_text_presence what) {
    it->changes[it->change_count++] = (dx_text_awareness_change){client, what};
}

/* --- Life ------------------------------------------------------------------------------------ */

int dx_text_awareness_create(const dx_alloc *alloc, uint64_t client, dx_text_awareness **awareness) {
    if (client == 0 || client > DX_LIB0_UINT_MAX) {
        return DX_E_INVALID;
    }
    dx_text_awareness *it = dx_alloc_take_zeroed(alloc, sizeof *it);
    if (it == NULL) {
        return DX_E_NO_MEMORY;
    }
    it->alloc = *alloc;
    it->client = client;
    *awareness = it;
    return DX_OK;
}

void dx_text_awareness_destroy(dx_text_awareness *awareness) {
    if (awareness == NULL) {
        return;
    }
    dx_alloc alloc = awareness->alloc;
    for (size_t i = 0; i < awareness->count; i++) {
        drop_state(awareness, &awareness->entries[i]);
    }
    dx_alloc_free(&alloc, awareness->entries, awareness->capacity * sizeof *awareness->entries);
    dx_alloc_free(&alloc, awareness->changes, awareness->change_capacity * sizeof *awareness->changes);
    dx_alloc_free(&alloc, awareness, sizeof *awareness);
}

/* --- States ---------------------------------------------------------------------------------- */

/* JSON as JSON.stringify prints it, in a block of its own; "null" gives none. */
static int take_state(dx_text_awareness *it, dx_bytes json, uint8_t **state, size_t *size) {
    dx_buf any, printed;
    dx_buf_init(&any, &it->alloc, SIZE_MAX);
    dx_buf_init(&printed, &it->alloc, SIZE_MAX);
    int error = json.size > DX_TEXT_STATE_SIZE_MAX ? DX_E_LIMIT : dx_any_from_json(json, &any);
    if (error == DX_OK) {
        dx_any_to_json(dx_buf_view(&any), &printed);
        error = dx_buf_error(&printed);
    }
    *state = NULL;
    *size = 0;
    if (error == DX_OK && !dx_bytes_equal(dx_buf_view(&printed), dx_bytes_text(no_state))) {
        *state = dx_alloc_take(&it->alloc, printed.size);
        *size = printed.size;
        error = *state == NULL ? DX_E_NO_MEMORY : DX_OK;
        if (error == DX_OK) {
            memcpy(*state, printed.data, printed.size);
        }
    }
    dx_buf_deinit(&any);
    dx_buf_deinit(&printed);
    return error;
}

/* Puts a state that was taken in the place of the one before. */
static void put_state(dx_text_awareness *it, entry *of, uint8_t *state, size_t size) {
    bool was = of->state != NULL;
    bool same =
        was && state != NULL && dx_bytes_equal(dx_bytes_of(of->state, of->size), dx_bytes_of(state, size));
    drop_state(it, of);
    of->state = state;
    of->size = size;
    if (was || state != NULL) {
        note(it, of->client,
             state == NULL ? DX_TEXT_LEFT
             : same        ? DX_TEXT_RENEWED
             : was         ? DX_TEXT_CHANGED
                           : DX_TEXT_CAME);
    }
}

int dx_text_awareness_set(dx_text_awareness *awareness, const char *state, uint64_t now_ms) {
    uint8_t *taken;
    size_t size;
    int error = take_state(awareness, dx_bytes_text(state == NULL ? no_state : state), &taken, &size);
    error = error == DX_OK ? reserve_rows(awareness, 1) : error;
    entry *own = find(awareness, awareness->client);
    if (error == DX_OK && own == NULL && awareness->count == DX_TEXT_PRESENT_MAX &&
        longest_gone(awareness) == awareness->count) {
        error = DX_E_LIMIT;
    }
    if (error != DX_OK) {
        dx_alloc_free(&awareness->alloc, taken, taken == NULL ? 0 : size);
        return error;
    }
    awareness->change_count = 0;
    if (own == NULL) {
        own = add(awareness, awareness->client);
    } else {
        own->clock++;
    }
    own->heard_ms = now_ms;
    put_state(awareness, own, taken, size);
    return DX_OK;
}

dx_bytes dx_text_awareness_state(const dx_text_awareness *awareness, uint64_t client) {
    const entry *found = find(awareness, client);
    return found == NULL ? dx_bytes_of(NULL, 0) : dx_bytes_of(found->state, found->size);
}

void dx_text_awareness_clients(const dx_text_awareness *awareness, uint64_t *clients, size_t capacity,
                               size_t *count) {
    *count = 0;
    for (size_t i = 0; i < awareness->count; i++) {
        if (awareness->entries[i].state != NULL && (*count)++ < capacity) {
            clients[*count - 1] = awareness->entries[i].client;
        }
    }
}

const dx_text_awareness_change *dx_text_awareness_changes(const dx_text_awareness *awareness, size_t *count) {
    *count = awareness->change_count;
    return awareness->changes;
}

/* --- Updates --------------------------------------------------------------------------------- */

/* One client as an update says it. */
typedef struct said {
    uint64_t client, clock;
    uint8_t *state;
    size_t size;
} said;

typedef struct said_list {
    said *rows;
    size_t count, capacity;
} said_list;

static void drop_said(dx_text_awareness *it, said_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        dx_alloc_free(&it->alloc, list->rows[i].state, list->rows[i].size);
    }
    dx_alloc_free(&it->alloc, list->rows, list->capacity * sizeof *list->rows);
}

static int read_said(dx_text_awareness *it, dx_lib0_reader *reader, said_list *list) {
    said one = {.client = dx_lib0_read_uint(reader)};
    one.clock = dx_lib0_read_uint(reader);
    dx_bytes json = dx_lib0_read_string(reader, NULL);
    if (reader->error != DX_OK) {
        return reader->error;
    }
    void *rows = list->rows;
    int error = reserve(&it->alloc, &rows, &list->capacity, list->count, 1, sizeof *list->rows);
    list->rows = rows;
    error = error == DX_OK ? take_state(it, json, &one.state, &one.size) : error;
    if (error != DX_OK) {
        return error == DX_E_INVALID ? DX_E_MALFORMED : error;
    }
    list->rows[list->count++] = one;
    return DX_OK;
}

static int read_update(dx_text_awareness *it, dx_bytes update, said_list *list) {
    dx_lib0_reader reader = dx_lib0_reader_of(update);
    uint64_t left = dx_lib0_read_uint(&reader);
    int error = reader.error;
    for (; left > 0 && error == DX_OK; left--) {
        error = list->count == DX_TEXT_PRESENT_MAX ? DX_E_LIMIT : read_said(it, &reader, list);
    }
    return error;
}

/* A state of which nothing was known: with clock 0 it is not newer than nothing, as in y-protocols. */
static bool is_news(const entry *known, const said *one) {
    uint64_t clock = known == NULL ? 0 : known->clock;
    return one->clock > clock ||
           (one->clock == clock && one->state == NULL && known != NULL && known->state != NULL);
}

/* Whether all that is new finds a place; one is kept for this replica. */
static bool has_places(const dx_text_awareness *it, const said_list *list) {
    size_t fresh = 0;
    for (size_t i = 0; i < list->count; i++) {
        const entry *known = find(it, list->rows[i].client);
        fresh += is_news(known, &list->rows[i]) && (known == NULL || known->state == NULL);
    }
    return there_count(it) + fresh < DX_TEXT_PRESENT_MAX || fresh == 0;
}

static void take_said(dx_text_awareness *it, said *one, uint64_t now_ms) {
    entry *known = find(it, one->client);
    if (!is_news(known, one)) {
        return;
    }
    known = known == NULL ? add(it, one->client) : known;
    known->clock = one->clock;
    known->heard_ms = now_ms;
    if (one->client == it->client && one->state == NULL && known->state != NULL) {
        known->clock++; /* somebody says that we left */
        note(it, one->client, DX_TEXT_RENEWED);
        return;
    }
    put_state(it, known, one->state, one->size);
    one->state = NULL;
    one->size = 0;
}

int dx_text_awareness_apply(dx_text_awareness *awareness, dx_bytes update, uint64_t now_ms) {
    said_list list = {.count = 0};
    int error = read_update(awareness, update, &list);
    if (error == DX_OK && !has_places(awareness, &list)) {
        error = DX_E_LIMIT;
    }
    error = error == DX_OK ? reserve_rows(awareness, list.count) : error;
    if (error == DX_OK) {
        awareness->change_count = 0;
        for (size_t i = 0; i < list.count; i++) {
            take_said(awareness, &list.rows[i], now_ms);
        }
    }
    drop_said(awareness, &list);
    return error;
}

static void write_entry(const entry *of, dx_buf *update) {
    dx_lib0_write_uint(update, of->client);
    dx_lib0_write_uint(update, of->clock);
    dx_lib0_write_bytes(update,
                        of->state == NULL ? dx_bytes_text(no_state) : dx_bytes_of(of->state, of->size));
}

int dx_text_awareness_encode(const dx_text_awareness *awareness, const uint64_t *clients, size_t count,
                             dx_buf *update) {
    size_t before = update->size, known = 0;
    for (size_t i = 0; clients != NULL && i < count; i++) {
        known += find(awareness, clients[i]) != NULL;
    }
    dx_lib0_write_uint(update, clients == NULL ? there_count(awareness) : known);
    for (size_t i = 0; clients == NULL && i < awareness->count; i++) {
        if (awareness->entries[i].state != NULL) {
            write_entry(&awareness->entries[i], update);
        }
    }
    for (size_t i = 0; clients != NULL && i < count; i++) {
        const entry *of = find(awareness, clients[i]);
        if (of != NULL) {
            write_entry(of, update);
        }
    }
    int error = dx_buf_error(update);
    if (error != DX_OK) {
        update->size = before;
        update->error = DX_OK;
    }
    return error;
}

/* --- Time ------------------------------------------------------------------------------------ */

static uint64_t due(const dx_text_awareness *it, const entry *of) {
    return of->heard_ms + (of->client == it->client ? DX_TEXT_RENEW_MS : DX_TEXT_GONE_MS);
}

void dx_text_awareness_tick(dx_text_awareness *awareness, uint64_t now_ms) {
    awareness->change_count = 0;
    for (size_t i = 0; i < awareness->count; i++) {
        entry *of = &awareness->entries[i];
        if (of->state == NULL || now_ms < due(awareness, of)) {
            continue;
        }
        if (of->client == awareness->client) {
            of->clock++;
            of->heard_ms = now_ms;
            note(awareness, of->client, DX_TEXT_RENEWED);
        } else {
            drop_state(awareness, of);
            note(awareness, of->client, DX_TEXT_LEFT);
        }
    }
}

uint64_t dx_text_awareness_deadline(const dx_text_awareness *awareness) {
    uint64_t deadline = DX_NO_DEADLINE;
    for (size_t i = 0; i < awareness->count; i++) {
        const entry *of = &awareness->entries[i];
        if (of->state != NULL && due(awareness, of) < deadline) {
            deadline = due(awareness, of);
        }
    }
    return deadline;
}
