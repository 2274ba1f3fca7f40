/* text/skeleton.c: see skeleton.h.
 *
 * What is coded, in this order: the clients; of each item by id its kind, whether it is deleted, whether it goes on where the one before
 * it ended (a *sequel*; else it is a *head*), and its length; of each list whose it is, how many stand in it, and which comes next:
 * mostly the sequel of the last one that still lacks it, else a head, as far from the last one's as it is. Then the origins of heads: how
 * many of those that could be known stand between it and the item on its left. From right to left the right origins alike; a sequel's is
 * mostly that of the item before. */
#include "text/skeleton.h"

#include <string.h>

enum {
    SYMBOL_BITS = 5, /* of a kind: the content's number, twice, and one if it is deleted */
    SYMBOLS = 1 << SYMBOL_BITS,
    REF_MAX = DX_TEXT_DOC,
    STEPS_MAX = 15, /* so many are counted to an origin; else its id is said */
    ID_BITS = 53,
    SEQUEL = DX_ITEM_MARK,
    INHERITS = DX_ITEM_CONFLICTING, /* its right origin is that of the item before */
    NONE = -1
};

typedef struct id_model {
    dx_range_bit is;
    dx_range_number client, clock;
} id_model;

typedef struct coding_model {
    dx_range_number counts, clients, firsts, owners, depths;
    dx_range_bit kinds[SYMBOLS][SYMBOLS], other[SYMBOLS];
    dx_range_bit sequel[SYMBOLS][4];
    dx_range_number lengths[3][2];
    dx_range_bit goes_on[8], top;
    dx_range_bit same_client, forward[2];
    dx_range_number jumps[2][2];
    dx_range_number steps[2][2];
    dx_range_bit inherits;
    id_model ids[2];
} coding_model;

typedef struct coding {
    dx_text_skeleton *self;
    dx_range_coder *coder;
    coding_model *model;
    uint32_t *heads;      /* items that are, one client's behind the other's */
    uint32_t *number;     /* of an item: where in `heads` the one is that it goes back to */
    uint32_t *open;       /* items placed whose sequel is not, the last one on top */
    uint32_t *beside;     /* by place: the next one on that side that is not newer of the same client */
    uint32_t *last;       /* of a client: where in `heads` the one placed last is */
    uint32_t *head_first; /* of a client, in `heads`; one more than clients */
    size_t open_count;
} coding;

/* --- Memory ----------------------------------------------------------------------------------- */

enum { SCRATCH = 4 }; /* arrays of a number for each item */

void dx_text_skeleton_init(dx_text_skeleton *skeleton, const dx_alloc *alloc) {
    *skeleton = (dx_text_skeleton){.alloc = alloc};
}

void dx_text_skeleton_deinit(dx_text_skeleton *skeleton) {
    const dx_alloc *alloc = skeleton->alloc;
    dx_alloc_free(alloc, skeleton->clients, skeleton->client_room * sizeof *skeleton->clients);
    dx_alloc_free(alloc, skeleton->items, skeleton->item_room * sizeof *skeleton->items);
    dx_alloc_free(alloc, skeleton->lists, skeleton->list_room * sizeof *skeleton->lists);
    dx_alloc_free(alloc, skeleton->order, skeleton->item_room * sizeof *skeleton->order);
    dx_text_skeleton_init(skeleton, alloc);
}

/* An array that was not there; *room says how much there is, once it is. */
static bool take(const dx_alloc *alloc, void *array, size_t count, size_t size) {
    void *taken = count > SIZE_MAX / 2 / size ? NULL : dx_alloc_take_zeroed(alloc, count * size);
    memcpy(array, &taken, sizeof taken);
    return taken != NULL || count == 0;
}

static bool prepare_items(dx_text_skeleton *self, size_t items) {
    if (!take(self->alloc, &self->items, items, sizeof *self->items)) {
        return false;
    }
    if (!take(self->alloc, &self->order, items, sizeof *self->order)) {
        dx_alloc_free(self->alloc, self->items, items * sizeof *self->items);
        self->items = NULL;
        return false;
    }
    self->item_room = items;
    return true;
}

static bool prepare_clients(dx_text_skeleton *self, size_t clients) {
    bool taken = take(self->alloc, &self->clients, clients, sizeof *self->clients);
    self->client_room = taken ? clients : 0;
    return taken;
}

static bool prepare_lists(dx_text_skeleton *self, size_t lists) {
    bool taken = take(self->alloc, &self->lists, lists, sizeof *self->lists);
    self->list_room = taken ? lists : 0;
    return taken;
}

int dx_text_skeleton_prepare(dx_text_skeleton *skeleton, size_t clients, size_t items, size_t lists) {
    return prepare_clients(skeleton, clients) && prepare_items(skeleton, items) &&
                   prepare_lists(skeleton, lists)
               ? DX_OK
               : DX_E_NO_MEMORY;
}

/* --- Items by id ------------------------------------------------------------------------------ */

static bool reads(const coding *it) {
    return it->coder->out == NULL;
}

static uint32_t code_number(coding *it, dx_range_number *model, uint32_t value) {
    return dx_range_code_number(it->coder, model, value);
}

static bool code_bit(coding *it, dx_range_bit *model, bool bit) {
    return dx_range_code(it->coder, model, bit) != 0;
}

static unsigned symbol_of(const dx_text_item *item) {
    return (unsigned)item->ref << 1 | ((item->flags & DX_ITEM_DELETED) != 0 ? 1 : 0);
}

/* Kinds that can be of more than one clock, by how long they are. */
static int length_class(uint8_t ref) {
    switch (ref) {
    case DX_TEXT_STRING:
        return 0;
    case DX_TEXT_DELETED:
        return 1;
    case DX_TEXT_GC:
    case DX_TEXT_JSON:
    case DX_TEXT_ANY:
        return 2;
    default:
        return NONE;
    }
}

/* The item before of the same client, NULL: none. */
static const dx_text_item *item_before(const dx_text_skeleton *self, size_t at) {
    return at != 0 && self->items[at - 1].client == self->items[at].client ? &self->items[at - 1] : NULL;
}

/* Mostly that of two items before: what is alive and what is not take turns. */
static unsigned code_symbol(coding *it, const unsigned before[static 2], unsigned symbol) {
    bool other = code_bit(it, &it->model->other[before[0]], symbol != before[1]);
    return other ? dx_range_code_symbol(it->coder, it->model->kinds[before[0]], SYMBOL_BITS, symbol)
                 : before[1];
}

static int code_item(coding *it, uint32_t client, size_t at, unsigned symbols[static 2]) {
    dx_text_skeleton *self = it->self;
    dx_text_item *item = &self->items[at];
    item->client = client;
    const dx_text_item *before = item_before(self, at);
    unsigned symbol = code_symbol(it, symbols, symbol_of(item));
    bool sequel = false;
    if (before != NULL && before->ref != DX_TEXT_GC && symbol >> 1 != DX_TEXT_GC) {
        unsigned context = (symbol == symbols[0] ? 1u : 0u) | ((before->flags & SEQUEL) != 0 ? 2u : 0u);
        sequel = code_bit(it, &it->model->sequel[symbol][context], (item->flags & SEQUEL) != 0);
    }
    symbols[1] = symbols[0];
    symbols[0] = symbol;
    int class = length_class((uint8_t)(symbol >> 1));
    uint32_t length = 1;
    if (class != NONE) {
        length = code_number(it, &it->model->lengths[class][sequel], item->length - 1) + 1;
    }
    if (!reads(it)) {
        return DX_OK;
    }
    uint64_t clock = before == NULL ? 0 : (uint64_t)before->clock + before->length;
    if (symbol >> 1 > REF_MAX || length == 0 || clock + length > UINT32_MAX) {
        return DX_E_MALFORMED;
    }
    item->ref = (uint8_t)(symbol >> 1);
    item->flags = (uint8_t)((symbol & 1 ? DX_ITEM_DELETED : 0) | (sequel ? SEQUEL : 0));
    item->clock = (uint32_t)clock;
    item->length = length;
    return DX_OK;
}

static int code_clients(coding *it, size_t most) {
    dx_text_skeleton *self = it->self;
    uint64_t above = UINT64_C(1) << ID_BITS;
    size_t items = 0;
    for (uint32_t i = 0; i < self->client_count; i++) {
        dx_text_skeleton_client *client = &self->clients[i];
        client->id = dx_range_code_plain(it->coder, ID_BITS, client->id);
        client->count = code_number(it, &it->model->counts, client->count - 1) + 1;
        client->first = (uint32_t)items;
        if (client->id >= above || client->id == 0 || client->count == 0 || client->count > most - items) {
            return DX_E_MALFORMED;
        }
        above = client->id;
        items += client->count;
    }
    if (reads(it) && !prepare_items(self, items)) {
        return DX_E_NO_MEMORY;
    }
    self->item_count = items;
    return DX_OK;
}

static int code_items(coding *it) {
    int error = DX_OK;
    unsigned symbols[2] = {0, 0}; /* of the item before, and the one before that */
    for (uint32_t i = 0; i < it->self->client_count && error == DX_OK; i++) {
        const dx_text_skeleton_client *client = &it->self->clients[i];
        for (uint32_t at = client->first; at - client->first < client->count && error == DX_OK; at++) {
            error = it->coder->over ? DX_E_MALFORMED : code_item(it, i, at, symbols);
        }
    }
    return error;
}

/* Whose sequels stand behind them, where it writes. */
static void find_sequels(coding *it) {
    dx_text_skeleton *self = it->self;
    for (size_t i = 0; i < self->order_count; i++) {
        it->number[self->order[i]] = (uint32_t)i;
    }
    for (size_t i = 0; i < self->item_count; i++) {
        dx_text_item *item = &self->items[i];
        const dx_text_item *before = item_before(self, i);
        item->flags &= (uint8_t) ~(SEQUEL | INHERITS);
        if (before != NULL && before->place != 0 && before->place == item->place &&
            it->number[i - 1] < it->number[i] && (item->flags & DX_ITEM_ORIGIN) != 0 &&
            item->origin_client == item->client && item->origin_clock == item->clock - 1) {
            item->flags |= SEQUEL;
            bool has = (item->flags & DX_ITEM_RIGHT) != 0, had = (before->flags & DX_ITEM_RIGHT) != 0;
            bool same = has == had && (!has || (item->right_client == before->right_client &&
                                                item->right_clock == before->right_clock));
            item->flags |= same ? INHERITS : 0;
        }
    }
}

static void number_heads(coding *it) {
    const dx_text_skeleton *self = it->self;
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->client_count; i++) {
        const dx_text_skeleton_client *client = &self->clients[i];
        it->head_first[i] = it->last[i] = count;
        for (uint32_t at = client->first; at - client->first < client->count; at++) {
            const dx_text_item *item = &self->items[at];
            if (item->ref != DX_TEXT_GC && (item->flags & SEQUEL) == 0) {
                it->heads[count++] = at;
            }
            it->number[at] = count != 0 ? count - 1 : 0;
        }
    }
    it->head_first[self->client_count] = count;
}

/* --- Order ------------------------------------------------------------------------------------ */

static bool has_sequel(const dx_text_skeleton *self, uint32_t at) {
    return at + 1 < self->item_count && (self->items[at + 1].flags & SEQUEL) != 0;
}

/* Which of the open items' sequels comes next, counted from the top; wanted: NONE where a head does. */
static int64_t find_open(const coding *it, uint32_t next) {
    if ((it->self->items[next].flags & SEQUEL) == 0) {
        return NONE;
    }
    size_t at = it->open_count;
    while (it->open[at - 1] + 1 != next) {
        at--;
    }
    return (int64_t)(it->open_count - at);
}

static int code_head(coding *it, uint32_t before, uint32_t *next) {
    dx_text_skeleton *self = it->self;
    uint32_t client = self->items[*next].client,
             known = before == UINT32_MAX ? 0 : self->items[before].client;
    if (self->client_count > 1 &&
        code_bit(it, &it->model->same_client, client != known)) { /* zero: the same */
        client = code_number(it, &it->model->clients, client);
    } else if (reads(it)) {
        client = known;
    }
    if (client >= self->client_count) {
        return DX_E_MALFORMED;
    }
    bool same = before != UINT32_MAX && client == known;
    uint32_t from = same ? it->number[before] : it->last[client], to = it->number[*next];
    bool back = code_bit(it, &it->model->forward[same], to < from);
    uint32_t jump = code_number(it, &it->model->jumps[same][back], back ? from - to - 1 : to - from);
    if (reads(it)) {
        int64_t at = (int64_t)from + (back ? -(int64_t)jump - 1 : (int64_t)jump);
        if (at < it->head_first[client] || at >= it->head_first[client + 1]) {
            return DX_E_MALFORMED;
        }
        to = (uint32_t)at;
        *next = it->heads[to];
    }
    it->last[client] = to;
    return DX_OK;
}

static int code_next(coding *it, uint32_t before, uint32_t *next) {
    int64_t depth = reads(it) ? 0 : find_open(it, *next);
    int error = DX_OK;
    bool goes_on = it->open_count != 0;
    if (goes_on) {
        uint32_t top = it->open[it->open_count - 1];
        const dx_text_item *item = &it->self->items[top];
        unsigned context = (top == before ? 1u : 0u) | ((item->flags & DX_ITEM_DELETED) != 0 ? 2u : 0u) |
                           (symbol_of(item) == symbol_of(item + 1) ? 4u : 0u);
        goes_on = code_bit(it, &it->model->goes_on[context], depth != NONE);
    }
    if (goes_on) {
        bool deeper = code_bit(it, &it->model->top, depth > 0);
        uint32_t down = deeper ? code_number(it, &it->model->depths, (uint32_t)depth - 1) + 1 : 0;
        if (down >= it->open_count) {
            return DX_E_MALFORMED;
        }
        size_t at = it->open_count - 1 - down;
        *next = it->open[at] + 1;
        memmove(it->open + at, it->open + at + 1, down * sizeof *it->open);
        it->open_count--;
    } else {
        error = code_head(it, before, next);
    }
    if (error == DX_OK && reads(it) && it->self->items[*next].place != 0) {
        error = DX_E_MALFORMED;
    }
    if (error == DX_OK && has_sequel(it->self, *next)) {
        it->open[it->open_count++] = *next;
    }
    return error;
}

static int code_list(coding *it, uint32_t number) {
    dx_text_skeleton *self = it->self;
    dx_text_skeleton_list *list = &self->lists[number];
    list->owner = code_number(it, &it->model->owners, list->owner);
    list->count = code_number(it, &it->model->counts, list->count - 1) + 1;
    size_t left = self->item_count - self->order_count;
    if (list->owner > self->item_count || list->count == 0 || list->count > left ||
        (list->owner != 0 && self->items[list->owner - 1].ref != DX_TEXT_TYPE)) {
        return DX_E_MALFORMED;
    }
    list->first = (uint32_t)self->order_count;
    it->open_count = 0;
    uint32_t before = UINT32_MAX;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t *next = &self->order[list->first + i];
        int error = it->coder->over ? DX_E_MALFORMED : code_next(it, before, next);
        if (error != DX_OK) {
            return error;
        }
        before = *next;
        self->items[before].place = number + 1;
    }
    self->order_count += list->count;
    return it->open_count == 0 ? DX_OK : DX_E_MALFORMED;
}

static int code_lists(coding *it) {
    dx_text_skeleton *self = it->self;
    int error = DX_OK;
    self->order_count = 0;
    for (uint32_t i = 0; i < self->list_count && error == DX_OK; i++) {
        error = code_list(it, i);
    }
    for (size_t i = 0; i < self->item_count && error == DX_OK && reads(it); i++) {
        error = (self->items[i].place == 0) == (self->items[i].ref == DX_TEXT_GC) ? DX_OK : DX_E_MALFORMED;
    }
    return error;
}

/* --- Origins ---------------------------------------------------------------------------------- */

/* One side of a list: places are counted from it, so that both sides are gone through alike. */
typedef struct side {
    const dx_text_skeleton_list *list;
    bool right;
} side;

static dx_text_item *item_at(const coding *it, const side *of, uint32_t place) {
    const dx_text_skeleton_list *list = of->list;
    return &it->self->items[it->self->order[list->first + (of->right ? list->count - 1 - place : place)]];
}

/* From `place` - 1 towards the side's beginning: the next that `item` may have known, counted from 1; 0: none. */
static uint32_t find_known(const coding *it, const side *of, const dx_text_item *item, uint32_t place) {
    while (place != 0) {
        const dx_text_item *other = item_at(it, of, place - 1);
        if (other->client != item->client || other->clock < item->clock) {
            break;
        }
        place = it->beside[place - 1];
    }
    return place;
}

/* The id at its near end. */
static void near_end(const side *of, const dx_text_item *item, uint32_t *client, uint32_t *clock) {
    *client = item->client;
    *clock = of->right ? item->clock : item->clock + (item->length - 1);
}

static int code_id(coding *it, const side *of, bool *has, uint32_t *client, uint32_t *clock) {
    id_model *ids = &it->model->ids[of->right];
    *has = code_bit(it, &ids->is, *has);
    if (*has) {
        *client = code_number(it, &ids->client, *client);
        *clock = code_number(it, &ids->clock, *clock);
        if (*client >= it->self->client_count || *clock == UINT32_MAX) {
            return DX_E_MALFORMED;
        }
    }
    return DX_OK;
}

/* The origin on that side of the item at a place. */
static int code_origin(coding *it, const side *of, uint32_t place) {
    dx_text_item *item = item_at(it, of, place);
    uint8_t flag = of->right ? DX_ITEM_RIGHT : DX_ITEM_ORIGIN;
    bool has = (item->flags & flag) != 0;
    uint32_t client = of->right ? item->right_client : item->origin_client,
             clock = of->right ? item->right_clock : item->origin_clock, known = it->beside[place], steps = 0;
    uint32_t other_client = 0, other_clock = 0;
    if (!reads(it)) {
        for (;; steps++) {
            if (known != 0) {
                near_end(of, item_at(it, of, known - 1), &other_client, &other_clock);
            }
            bool found = known == 0 ? !has : has && other_client == client && other_clock == clock;
            if (found || steps == STEPS_MAX) {
                break;
            }
            if (known == 0) {
                steps = STEPS_MAX;
                break;
            }
            known = find_known(it, of, item, known - 1);
        }
    }
    bool many = it->self->client_count > 1;
    steps = code_number(it, &it->model->steps[of->right][many], steps);
    if (steps >= STEPS_MAX) {
        int error = steps == STEPS_MAX ? code_id(it, of, &has, &client, &clock) : DX_E_MALFORMED;
        if (error != DX_OK) {
            return error;
        }
    } else if (reads(it)) {
        for (uint32_t i = 0; i < steps && known != 0; i++) {
            known = find_known(it, of, item, known - 1);
        }
        has = known != 0;
        if (has) {
            near_end(of, item_at(it, of, known - 1), &client, &clock);
        }
    }
    if (reads(it) && has) {
        item->flags |= flag;
        *(of->right ? &item->right_client : &item->origin_client) = client;
        *(of->right ? &item->right_clock : &item->origin_clock) = clock;
    }
    return DX_OK;
}

static int code_side(coding *it, const side *of) {
    for (uint32_t place = 0; place < of->list->count; place++) {
        dx_text_item *item = item_at(it, of, place);
        bool given = (item->flags & SEQUEL) != 0;
        it->beside[place] = find_known(it, of, item, place);
        if (given && of->right) {
            given = code_bit(it, &it->model->inherits, (item->flags & INHERITS) == 0) == 0;
            item->flags |= given ? INHERITS : 0;
        }
        int error = given ? DX_OK : it->coder->over ? DX_E_MALFORMED : code_origin(it, of, place);
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

static int code_origins(coding *it) {
    int error = DX_OK;
    for (size_t i = 0; i < it->self->list_count && error == DX_OK; i++) {
        side left = {.list = &it->self->lists[i]}, right = {.list = &it->self->lists[i], .right = true};
        error = code_side(it, &left);
        error = error == DX_OK ? code_side(it, &right) : error;
    }
    return error;
}

/* What sequels have of the items before them. */
static void complete_sequels(dx_text_skeleton *self) {
    for (size_t i = 1; i < self->item_count; i++) {
        dx_text_item *item = &self->items[i];
        const dx_text_item *before = item - 1;
        if ((item->flags & SEQUEL) != 0) {
            item->flags |= DX_ITEM_ORIGIN;
            item->origin_client = item->client;
            item->origin_clock = item->clock - 1;
        }
        if ((item->flags & INHERITS) != 0) {
            item->flags |= before->flags & DX_ITEM_RIGHT;
            item->right_client = before->right_client;
            item->right_clock = before->right_clock;
        }
    }
}

/* --- All of it -------------------------------------------------------------------------------- */

static int code_counts(coding *it, size_t most) {
    dx_text_skeleton *self = it->self;
    size_t clients = code_number(it, &it->model->counts, (uint32_t)self->client_count),
           lists = code_number(it, &it->model->counts, (uint32_t)self->list_count);
    if (!reads(it)) {
        return DX_OK;
    }
    if (clients > most || lists > most) {
        return DX_E_MALFORMED;
    }
    self->client_count = clients;
    self->list_count = lists;
    return prepare_clients(self, clients) && prepare_lists(self, lists) ? DX_OK : DX_E_NO_MEMORY;
}

static int code_with(coding *it, size_t items, uint32_t *scratch) {
    it->heads = scratch;
    it->number = scratch + items;
    it->open = scratch + 2 * items;
    it->beside = scratch + 3 * items;
    it->head_first = scratch + SCRATCH * items;
    it->last = it->head_first + it->self->client_count + 1;
    if (!reads(it)) {
        find_sequels(it);
    }
    int error = code_items(it);
    if (error == DX_OK) {
        number_heads(it);
        error = code_lists(it);
    }
    error = error == DX_OK ? code_origins(it) : error;
    if (error == DX_OK && reads(it)) {
        complete_sequels(it->self);
    }
    return error == DX_OK && it->coder->over ? DX_E_MALFORMED : error;
}

int dx_text_skeleton_code(dx_text_skeleton *skeleton, dx_range_coder *coder, size_t most) {
    coding it = {.self = skeleton, .coder = coder};
    it.model = dx_alloc_take(skeleton->alloc, sizeof *it.model);
    if (it.model == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_range_model_init(it.model, sizeof *it.model);
    int error = code_counts(&it, most);
    error = error == DX_OK ? code_clients(&it, most) : error;
    if (error == DX_OK) {
        size_t numbers = SCRATCH * skeleton->item_count + 2 * skeleton->client_count + 1;
        uint32_t *scratch = NULL;
        error = take(skeleton->alloc, &scratch, numbers, sizeof *scratch)
                    ? code_with(&it, skeleton->item_count, scratch)
                    : DX_E_NO_MEMORY;
        dx_alloc_free(skeleton->alloc, scratch, scratch == NULL ? 0 : numbers * sizeof *scratch);
    }
    dx_alloc_free(skeleton->alloc, it.model, sizeof *it.model);
    return error;
}
