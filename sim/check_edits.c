/* sim/check_edits.c: counts, sets and arrays of the reference.
 *
 * Layer: simulator, checkers. See check_edits.h. Everything is looked for among everything. */
#include "check_edits.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT = 1, MEMBER = 2, ITEM = 4, MOVE = 6, LEVELS_MAX = 24, ITEM_ID_SIZE = CHECK_BASE_SIZE + 4 };

void check_base_init(check_base *base, uint64_t counter, const uint8_t *feed) {
    base->is_there = true;
    for (int i = 7; i >= 0; i--, counter >>= 8) {
        base->id[i] = (uint8_t)counter;
    }
    memcpy(base->id + 8, feed, 8);
}

static int key_order(dx_bytes a, dx_bytes b) {
    return a.size != b.size ? (a.size < b.size ? -1 : 1) : memcmp(a.data, b.data, a.size);
}

/* --- Counters --------------------------------------------------------------------------------------------- */

__extension__ typedef __int128 wide;

static bool show_count(const check_base *base, const check_edit *edits, size_t count, dx_writer *out) {
    wide sum = dx_item_int(base->value, 0);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        dx_bytes upon = dx_bytes_of(base->id, base->is_there ? sizeof base->id : 0);
        if (edits[i].kind == COUNT && dx_bytes_equal(edits[i].key, upon) &&
            dx_item_kind(edits[i].payload) == DX_KIND_INT) {
            sum += dx_item_int(edits[i].payload, 0);
            any = true;
        }
    }
    if (any) {
        dx_write_int(out, sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum);
    }
    return any;
}

/* --- Arrays ----------------------------------------------------------------------------------------------- */

typedef struct place {
    uint8_t base_id[ITEM_ID_SIZE];
    dx_bytes id, parent, value; /* parent of size 0: the beginning */
    bool right, of_base, walked;
    size_t item_at; /* the place in which the item made here stands */
} place;

typedef struct array {
    place *places;
    size_t count;
    size_t *order;
    size_t walked;
} array;

static place *find_place(const array *self, dx_bytes id) {
    for (size_t i = 0; i < self->count; i++) {
        if (dx_bytes_equal(self->places[i].id, id)) {
            return &self->places[i];
        }
    }
    return NULL;
}

static void add_base(array *self, const check_base *base) {
    dx_reader reader;
    dx_reader_init(&reader, base->value);
    size_t items = base->value.size == 0 ? 0 : dx_read_array(&reader);
    for (size_t i = 0; i < items; i++) {
        place *made = &self->places[self->count++];
        memset(made, 0, sizeof *made);
        memcpy(made->base_id, base->id, CHECK_BASE_SIZE);
        made->base_id[CHECK_BASE_SIZE + 2] = (uint8_t)(i >> 8);
        made->base_id[CHECK_BASE_SIZE + 3] = (uint8_t)i;
        made->id = dx_bytes_of(made->base_id, ITEM_ID_SIZE);
        made->parent = i == 0 ? dx_bytes_of(NULL, 0) : made[-1].id;
        made->value = dx_read_item(&reader);
        made->right = made->of_base = true;
    }
}

static void add_item(array *self, const check_edit *edit) {
    dx_bytes fields[3];
    dx_reader reader;
    place *known = find_place(self, edit->key);
    if (dx_item_kind(edit->payload) != DX_KIND_ARRAY) {
        return;
    }
    dx_reader_init(&reader, edit->payload);
    size_t count = dx_read_array(&reader);
    for (size_t i = 0; i < count && i < 3; i++) {
        fields[i] = dx_read_item(&reader);
    }
    if (count < 2) {
        if (known != NULL && known->of_base) {
            known->value = count == 1 ? fields[0] : dx_bytes_of(NULL, 0);
        }
        return;
    }
    dx_kind kind = dx_item_kind(fields[0]);
    int64_t side = dx_item_int(fields[1], -1);
    if (count > 3 || known != NULL || edit->key.size == 0 ||
        (kind != DX_KIND_NULL && kind != DX_KIND_BYTES) || side < 0 || side > 1) {
        return;
    }
    self->places[self->count++] =
        (place){.id = edit->key,
                .parent = kind == DX_KIND_BYTES ? dx_item_bytes(fields[0]) : dx_bytes_of(NULL, 0),
                .right = side == 1,
                .value = count == 3 ? fields[2] : dx_bytes_of(NULL, 0)};
}

/* Whose neighbour is not there stands to the right of the beginning. */
static void settle(array *self) {
    for (size_t i = 0; i < self->count; i++) {
        place *here = &self->places[i];
        if (here->parent.size == 0 || find_place(self, here->parent) == NULL) {
            here->parent = dx_bytes_of(NULL, 0);
            here->right = true;
        }
    }
}

static void walk(array *self, dx_bytes parent, bool right);

static void walk_place(array *self, size_t at) {
    walk(self, self->places[at].id, false);
    self->places[at].walked = true;
    self->order[self->walked++] = at;
    walk(self, self->places[at].id, true);
}

static void walk(array *self, dx_bytes parent, bool right) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->places[i].right == right && dx_bytes_equal(self->places[i].parent, parent)) {
            walk_place(self, i);
        }
    }
}

static void move(array *self, const check_edit *edits, size_t count) {
    for (size_t i = 0; i < self->count; i++) {
        self->places[i].item_at = self->places[i].walked ? i : SIZE_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        if (edits[i].kind != MOVE || dx_item_kind(edits[i].payload) != DX_KIND_BYTES) {
            continue;
        }
        place *item = find_place(self, edits[i].key), *to = find_place(self, dx_item_bytes(edits[i].payload));
        if (item != NULL && to != NULL && to->walked) {
            item->item_at = (size_t)(to - self->places);
        }
    }
}

static bool nests_within(dx_bytes item, size_t levels) {
    dx_kind kind = dx_item_kind(item);
    if (kind != DX_KIND_ARRAY && kind != DX_KIND_MAP) {
        return true;
    }
    dx_reader reader;
    dx_reader_init(&reader, item);
    bool well = levels > 0;
    size_t count = kind == DX_KIND_MAP ? dx_read_map(&reader) : dx_read_array(&reader);
    while (well && count-- > 0) {
        well = kind != DX_KIND_MAP || dx_reader_peek(&reader) == DX_KIND_TEXT;
        if (kind == DX_KIND_MAP) {
            (void)dx_read_item(&reader);
        }
        well = well && nests_within(dx_read_item(&reader), levels - 1);
    }
    return well;
}

static const check_edit *find_member(const check_edit *edits, size_t count, dx_bytes value) {
    for (size_t i = 0; i < count; i++) {
        if (edits[i].kind == MEMBER && dx_bytes_equal(edits[i].key, value)) {
            return &edits[i];
        }
    }
    return NULL;
}

static bool has(const dx_bytes *values, size_t count, dx_bytes value) {
    for (size_t i = 0; i < count; i++) {
        if (dx_bytes_equal(values[i], value)) {
            return true;
        }
    }
    return false;
}

/* The items in order, without members taken out, and then the members put in. */
static size_t gather(const array *self, const check_edit *edits, size_t count, size_t parts,
                     dx_bytes *values) {
    size_t found = 0;
    for (size_t i = 0; i < self->walked; i++) {
        for (size_t k = 0; k < self->count; k++) {
            const place *item = &self->places[k];
            if (item->value.size == 0 || item->item_at != self->order[i]) {
                continue;
            }
            const check_edit *member = find_member(edits, count, item->value);
            if (member == NULL || member->payload.size > 0) {
                values[found++] = item->value;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (edits[i].kind == MEMBER && dx_item_bool(edits[i].payload, false) &&
            dx_item_check(edits[i].key) == DX_OK && nests_within(edits[i].key, LEVELS_MAX - parts - 1) &&
            !has(values, found, edits[i].key)) {
            values[found++] = edits[i].key;
        }
    }
    return found;
}

static int compare_edits(const void *a, const void *b) {
    return key_order(((const check_edit *)a)->key, ((const check_edit *)b)->key);
}

static void show_array(const check_base *base, const check_edit *given, size_t count, size_t parts,
                       dx_writer *out) {
    check_edit *edits = calloc(count + 1, sizeof *edits);
    array self = {.places = calloc(base->value.size + count + 1, sizeof *self.places),
                  .order = calloc(base->value.size + count + 1, sizeof *self.order)};
    dx_bytes *values = calloc(base->value.size + count + 1, sizeof *values);
    DX_ASSERT(edits != NULL && self.places != NULL && self.order != NULL && values != NULL);
    memcpy(edits, given, count * sizeof *edits);
    qsort(edits, count, sizeof *edits, compare_edits);
    add_base(&self, base);
    for (size_t i = 0; i < count; i++) {
        if (edits[i].kind == ITEM) {
            add_item(&self, &edits[i]);
        }
    }
    settle(&self);
    walk(&self, dx_bytes_of(NULL, 0), true);
    move(&self, edits, count);
    size_t found = gather(&self, edits, count, parts, values);
    dx_write_array(out, found);
    for (size_t i = 0; i < found; i++) {
        dx_write_item(out, values[i]);
    }
    free(values);
    free(self.order);
    free(self.places);
    free(edits);
}

bool check_edits_show(const check_base *base, const check_edit *edits, size_t count, size_t parts,
                      dx_writer *out) {
    dx_kind kind = base->value.size == 0 ? DX_KIND_NONE : dx_item_kind(base->value);
    bool shows_array = false;
    for (size_t i = 0; i < count; i++) {
        shows_array = shows_array || edits[i].kind == ITEM || edits[i].kind == MEMBER;
    }
    if (shows_array && parts < LEVELS_MAX && (kind == DX_KIND_ARRAY || kind == DX_KIND_NONE)) {
        show_array(base, edits, count, parts, out);
        return true;
    }
    return (kind == DX_KIND_INT || kind == DX_KIND_NONE) && show_count(base, edits, count, out);
}
