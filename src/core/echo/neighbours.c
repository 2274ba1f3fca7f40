/* echo/neighbours.c: what questions learnt of links. Contract in neighbours.h.
 *
 * Layer: floor 1, echo. Objects are numbered as they come by; everything about them stands in arrays by number. Lists of
 * one end stand in their place itself; longer ones in a pool, in blocks of a power of two, so that one more end usually
 * finds room; a block that is left goes to a chain of its size. */
#include "echo/neighbours.h"

#include <string.h>

#include "base/limits.h"
#include "echo/key_set.h"
#include "echo/query.h"

enum {
    CAPACITY_FIRST = 256,
    BLOCK_SIZES = 27, /* powers of two: more ends than the memory has bytes */
    NOBODY = 0        /* in the table of numbers; numbers stand there raised by one */
};

#define NO_BLOCK UINT32_MAX

typedef struct list {
    uint32_t at;    /* where its block begins; of one end the end itself */
    uint32_t count; /* raised by one; 0: not known */
} list;

typedef struct set {
    dx_neighbour_set of;
    list *lists; /* by number */
    uint32_t capacity;
    uint64_t changes;
} set;

struct dx_neighbours {
    const dx_alloc *alloc;
    dx_neighbour_memory *memory, own;
    struct dx_neighbours *next; /* that shares the memory */
    size_t size;
    uint64_t age, seed;
    int64_t *keys;  /* by number */
    int32_t *types; /* in the block of the keys */
    uint32_t count, capacity;
    uint32_t *numbers; /* open addressing by key */
    size_t number_capacity;
    set sets[DX_NEIGHBOUR_SETS_MAX];
    int set_count;
    uint32_t *pool;
    size_t pool_size, pool_capacity;
    uint32_t chains[BLOCK_SIZES]; /* blocks to be used again, each with the next in its first place */
};

/* --- Memory -------------------------------------------------------------------------------------- */

static size_t size_max(const dx_neighbours *self) {
    return self->memory->size_max != 0 ? self->memory->size_max : (size_t)DX_NEIGHBOURS_SIZE_MAX;
}

/* Zeros; NULL: there is no room. An array that grows is there twice for a moment, and counts so. */
static void *take(dx_neighbours *self, size_t size) {
    if (self->memory->size + size > size_max(self)) {
        return NULL;
    }
    void *block = dx_alloc_take_zeroed(self->alloc, size);
    if (block != NULL) {
        self->size += size;
        self->memory->size += size;
    }
    return block;
}

static void give_back(dx_neighbours *self, void *array, size_t size) {
    dx_alloc_free(self->alloc, array, size);
    self->size -= size;
    self->memory->size -= size;
}

/* Keys and types of all objects are one block: either both grow or none does. */
static size_t nodes_size(uint32_t capacity) {
    return capacity * (sizeof(int64_t) + sizeof(int32_t));
}

static void forget(dx_neighbours *self) {
    for (int i = 0; i < self->set_count; i++) {
        give_back(self, self->sets[i].lists, self->sets[i].capacity * sizeof(list));
        self->sets[i] = (set){.lists = NULL};
    }
    give_back(self, self->keys, nodes_size(self->capacity));
    give_back(self, self->numbers, self->number_capacity * sizeof *self->numbers);
    give_back(self, self->pool, self->pool_capacity * sizeof *self->pool);
    self->keys = NULL;
    self->types = NULL;
    self->numbers = self->pool = NULL;
    self->count = self->capacity = 0;
    self->number_capacity = self->pool_size = self->pool_capacity = 0;
    self->set_count = 0;
    self->age++;
    for (size_t i = 0; i < BLOCK_SIZES; i++) {
        self->chains[i] = NO_BLOCK;
    }
}

void dx_neighbours_forget(dx_neighbours *self) {
    self->memory->forgotten++;
    for (dx_neighbours *each = self->memory->first; each != NULL; each = each->next) {
        forget(each);
    }
}

size_t dx_neighbours_size(const dx_neighbours *self) {
    return self->size;
}

uint64_t dx_neighbours_age(const dx_neighbours *self) {
    return self->age;
}

dx_neighbours *dx_neighbours_create(const dx_context *context) {
    dx_neighbours *self = dx_alloc_take_zeroed(context->alloc, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->alloc = context->alloc;
    self->memory = context->neighbour_memory != NULL ? context->neighbour_memory : &self->own;
    self->next = self->memory->first;
    self->memory->first = self;
    context->random->fill(context->random->ctx, (uint8_t *)&self->seed, sizeof self->seed);
    forget(self);
    return self;
}

void dx_neighbours_destroy(dx_neighbours *self) {
    if (self == NULL) {
        return;
    }
    forget(self);
    dx_neighbours **at = &self->memory->first;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    dx_alloc_free(self->alloc, self, sizeof *self);
}

/* --- Numbers ------------------------------------------------------------------------------------- */

static size_t home_of(const dx_neighbours *self, int64_t key) {
    uint64_t z = ((uint64_t)key ^ self->seed) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 31)) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(z ^ (z >> 29)) & (self->number_capacity - 1);
}

/* The place of a key in the table, or the one where it would be. */
static uint32_t *place_of(const dx_neighbours *self, int64_t key) {
    size_t at = home_of(self, key);
    while (self->numbers[at] != NOBODY && self->keys[self->numbers[at] - 1] != key) {
        at = (at + 1) & (self->number_capacity - 1);
    }
    return &self->numbers[at];
}

static bool find_number(const dx_neighbours *self, int64_t key, uint32_t *number) {
    uint32_t found = self->number_capacity == 0 ? NOBODY : *place_of(self, key);
    *number = found - 1;
    return found != NOBODY;
}

/* Twice the table, and every number in its place. */
static bool enlarge_table(dx_neighbours *self) {
    size_t capacity = self->number_capacity == 0 ? 2 * CAPACITY_FIRST : 2 * self->number_capacity;
    uint32_t *larger = take(self, capacity * sizeof *larger);
    if (larger == NULL) {
        return false;
    }
    give_back(self, self->numbers, self->number_capacity * sizeof *self->numbers);
    self->numbers = larger;
    self->number_capacity = capacity;
    for (uint32_t i = 0; i < self->count; i++) {
        *place_of(self, self->keys[i]) = i + 1;
    }
    return true;
}

static bool enlarge_nodes(dx_neighbours *self) {
    uint32_t capacity = self->capacity == 0 ? CAPACITY_FIRST : 2 * self->capacity;
    int64_t *keys = take(self, nodes_size(capacity));
    if (keys == NULL) {
        return false;
    }
    int32_t *types = (int32_t *)(void *)(keys + capacity);
    if (self->count != 0) {
        memcpy(keys, self->keys, self->count * sizeof *keys);
        memcpy(types, self->types, self->count * sizeof *types);
    }
    give_back(self, self->keys, nodes_size(self->capacity));
    self->keys = keys;
    self->types = types;
    self->capacity = capacity;
    return true;
}

/* The number of a key, a new one when it has none. False: there is no room. */
static bool number_of(dx_neighbours *self, int64_t key, uint32_t *number) {
    if (find_number(self, key, number)) {
        return true;
    }
    if ((self->count == self->capacity && !enlarge_nodes(self)) ||
        (4 * ((size_t)self->count + 1) > 3 * self->number_capacity && !enlarge_table(self))) {
        return false;
    }
    *number = self->count++;
    self->keys[*number] = key;
    self->types[*number] = DX_NEIGHBOUR_UNKNOWN;
    *place_of(self, key) = *number + 1;
    return true;
}

int64_t dx_neighbours_key(const dx_neighbours *self, uint32_t end) {
    return self->keys[end];
}

int64_t dx_neighbours_type(const dx_neighbours *self, uint32_t end) {
    return self->types[end];
}

void dx_neighbours_note(dx_neighbours *self, int64_t key, int64_t type) {
    uint32_t number;
    if (find_number(self, key, &number)) {
        self->types[number] = type > INT32_MAX ? DX_NEIGHBOUR_UNKNOWN : (int32_t)type;
    }
}

/* --- Blocks of ends ------------------------------------------------------------------------------ */

static unsigned size_of_block(size_t count) {
    unsigned power = 0;
    while ((size_t)1 << power < count) {
        power++;
    }
    return power;
}

static void leave_block(dx_neighbours *self, uint32_t at, size_t count) {
    unsigned power = size_of_block(count);
    self->pool[at] = self->chains[power];
    self->chains[power] = at;
}

/* A block for so many ends; NO_BLOCK: there is no room. */
static uint32_t take_block(dx_neighbours *self, size_t count) {
    unsigned power = size_of_block(count);
    if (power >= BLOCK_SIZES) {
        return NO_BLOCK;
    }
    uint32_t at = self->chains[power];
    if (at != NO_BLOCK) {
        self->chains[power] = self->pool[at];
        return at;
    }
    size_t size = self->pool_size + ((size_t)1 << power), capacity = self->pool_capacity;
    while (capacity < size) {
        capacity = capacity == 0 ? CAPACITY_FIRST : 2 * capacity;
    }
    if (capacity > self->pool_capacity) {
        uint32_t *pool = take(self, capacity * sizeof *pool);
        if (pool == NULL) {
            return NO_BLOCK;
        }
        if (self->pool_size != 0) {
            memcpy(pool, self->pool, self->pool_size * sizeof *pool);
        }
        give_back(self, self->pool, self->pool_capacity * sizeof *pool);
        self->pool = pool;
        self->pool_capacity = capacity;
    }
    at = (uint32_t)self->pool_size;
    self->pool_size = size;
    return at;
}

/* --- Sets and lists ------------------------------------------------------------------------------ */

static int find_set(const dx_neighbours *self, const dx_neighbour_set *of) {
    for (int i = 0; i < self->set_count; i++) {
        if (self->sets[i].of.link_type == of->link_type && self->sets[i].of.incoming == of->incoming) {
            return i;
        }
    }
    return -1;
}

int dx_neighbours_set(dx_neighbours *self, const dx_neighbour_set *of) {
    int found = find_set(self, of);
    if (found < 0 && self->set_count < DX_NEIGHBOUR_SETS_MAX) {
        found = self->set_count++;
        self->sets[found] = (set){.of = *of};
    }
    return found;
}

uint64_t dx_neighbours_changes(const dx_neighbours *self, int which) {
    return self->sets[which].changes;
}

static list *list_of(const set *in, uint32_t number) {
    return number < in->capacity && in->lists[number].count != 0 ? &in->lists[number] : NULL;
}

bool dx_neighbours_find(const dx_neighbours *self, int which, int64_t key, dx_neighbour_list *out) {
    uint32_t number;
    const list *found = find_number(self, key, &number) ? list_of(&self->sets[which], number) : NULL;
    if (found == NULL) {
        return false;
    }
    out->count = found->count - 1;
    out->ends = out->count > 1 ? self->pool + found->at : &found->at;
    return true;
}

/* It is not known any more. */
static void drop_list(dx_neighbours *self, list *from) {
    if (from->count > 2) {
        leave_block(self, from->at, from->count - 1);
    }
    *from = (list){0, 0};
}

/* Room in a set for the list of a number. */
static bool reserve_list(dx_neighbours *self, set *in, uint32_t number) {
    if (number < in->capacity) {
        return true;
    }
    list *lists = take(self, self->capacity * sizeof *lists);
    if (lists == NULL) {
        return false;
    }
    if (in->capacity != 0) {
        memcpy(lists, in->lists, in->capacity * sizeof *lists);
    }
    give_back(self, in->lists, in->capacity * sizeof *lists);
    in->lists = lists;
    in->capacity = self->capacity;
    return true;
}

/* Ends are numbered behind the object: what is walked along together stands together. */
bool dx_neighbours_put(dx_neighbours *self, int which, int64_t key, const dx_buf *ends) {
    set *in = &self->sets[which];
    size_t count = dx_key_list_count(ends);
    uint32_t number, end = 0, at = 0;
    if (count >= UINT32_MAX || !number_of(self, key, &number) || !reserve_list(self, in, number)) {
        return false;
    }
    drop_list(self, &in->lists[number]);
    at = count > 1 ? take_block(self, count) : 0;
    for (size_t i = 0; i < count && at != NO_BLOCK; i++) {
        if (!number_of(self, dx_key_list_at(ends, i), &end)) {
            if (count > 1) {
                leave_block(self, at, count);
            }
            return false;
        }
        if (count > 1) {
            self->pool[at + i] = end;
        }
    }
    if (at == NO_BLOCK) {
        return false;
    }
    in->lists[number] = (list){count == 1 ? end : at, (uint32_t)count + 1};
    return true;
}

/* --- Changes ------------------------------------------------------------------------------------- */

/* One end more. False: there is no room, and the list is as it was. */
static bool add_end(dx_neighbours *self, list *to, uint32_t end) {
    size_t count = to->count - 1;
    uint32_t at = to->at;
    if (count == 0) {
        *to = (list){end, 2};
        return true;
    }
    if ((count & (count - 1)) == 0) { /* its block is full, or it has none yet */
        at = take_block(self, count + 1);
        if (at == NO_BLOCK) {
            return false;
        }
        if (count == 1) {
            self->pool[at] = to->at;
        } else {
            memcpy(self->pool + at, self->pool + to->at, count * sizeof *self->pool);
            leave_block(self, to->at, count);
        }
    }
    self->pool[at + count] = end;
    *to = (list){at, to->count + 1};
    return true;
}

/* One end less; blocks shrink by halves. False: it is not there, or there is no room. */
static bool remove_end(dx_neighbours *self, list *from, uint32_t end) {
    size_t count = from->count - 1, i = 0;
    uint32_t at = from->at;
    if (count <= 1) {
        bool is = count == 1 && from->at == end;
        *from = is ? (list){0, 1} : *from;
        return is;
    }
    while (i < count && self->pool[at + i] != end) {
        i++;
    }
    if (i == count) {
        return false;
    }
    self->pool[at + i] = self->pool[at + count - 1];
    if (count == 2) {
        *from = (list){self->pool[at], 2};
        leave_block(self, at, count);
        return true;
    }
    if (((count - 1) & (count - 2)) == 0) {
        uint32_t smaller = take_block(self, count - 1);
        if (smaller == NO_BLOCK) {
            return false;
        }
        memcpy(self->pool + smaller, self->pool + at, (count - 1) * sizeof *self->pool);
        leave_block(self, at, count);
        at = smaller;
    }
    *from = (list){at, from->count - 1};
    return true;
}

/* A link of the set comes or goes. */
static void change_link(dx_neighbours *self, set *in, const dx_entity_row *row, bool comes) {
    int64_t from = in->of.incoming ? row->target : row->source;
    int64_t to = in->of.incoming ? row->source : row->target;
    uint32_t number, end;
    in->changes++;
    list *changed = find_number(self, from, &number) ? list_of(in, number) : NULL;
    if (changed == NULL) {
        return;
    }
    bool done = comes ? number_of(self, to, &end) && add_end(self, changed, end)
                      : find_number(self, to, &end) && remove_end(self, changed, end);
    if (!done) {
        drop_list(self, changed);
    }
}

static int take_link(dx_context *context, dx_space *space, const dx_entity_row *row, bool comes) {
    dx_neighbours *self = space->neighbours;
    for (int i = 0; i < self->set_count; i++) {
        set *each = &self->sets[i];
        bool concerned = each->of.link_type == row->type;
        if (each->of.link_type == 0) {
            dx_type *type;
            int error = dx_type_read(context, space, row->type, &type);
            if (error != DX_OK) {
                return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
            }
            concerned = !dx_type_is_hidden(dx_bytes_of(type->name, type->size));
        }
        if (concerned) {
            change_link(self, each, row, comes);
        }
    }
    return DX_OK;
}

int dx_neighbours_take(dx_context *context, dx_space *space, const dx_entity_row *before,
                       const dx_entity_row *after) {
    const dx_entity_row *row = after != NULL ? after : before;
    bool was = before != NULL && !before->deleted, is = after != NULL && !after->deleted;
    if (was == is || space->neighbours->set_count == 0) {
        return DX_OK;
    }
    if (row->kind == DX_ENTITY_LINK) {
        return take_link(context, space, row, is);
    }
    dx_neighbours_note(space->neighbours, row->key, is ? row->type : DX_NEIGHBOUR_GONE);
    return DX_OK;
}
