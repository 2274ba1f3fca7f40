/* text/update_merge.c: many updates as one, without a document.
 *
 * Layer: floor 1, text. The updates are walked side by side, the greatest client first, clocks ascending; a heap says whose struct
 * is next, so n updates cost n log n. What is there already is passed over or cut off, holes become skips. The order among equals
 * is Yjs's (who moved last goes first), since it decides where structs begin that two updates cut differently: the bytes are
 * those Yjs makes. Structs are written at once; but a GC, which is only a length, waits for what follows and may lengthen it. */
#include "text/update.h"

#include <string.h>

/* One update on its way. */
typedef struct source {
    dx_text_reader reader;
    dx_text_struct next; /* of reader; not a skip */
    uint64_t moved;      /* when it last did */
} source;

/* What one update gives to the merge. */
typedef struct plan {
    size_t sources; /* 1 with structs, or one for each section when these are out of order */
    bool ordered;
} plan;

typedef struct merge {
    const dx_alloc *alloc;
    dx_text_form form;
    plan *plans;
    source *sources;
    source **heap;
    size_t updates, capacity, count, left; /* plans; sources, all and open; in the heap */
    uint64_t moves;
    dx_text_rewrite out;
    dx_text_struct current; /* the last struct that was placed: id, length, ref */
    bool placed, waiting;   /* there is one; it is a GC that is not written yet */
    dx_buf
        apart; /* updates whose sections are out of order, section by section, each with its length before it */
} merge;

static uint64_t end_of(const dx_text_struct *one) {
    return one->id.clock + one->length;
}

/* --- Sources --------------------------------------------------------------------------------- */

static bool goes_before(const source *a, const source *b) {
    if (a->next.id.client != b->next.id.client) {
        return a->next.id.client > b->next.id.client;
    }
    return a->next.id.clock != b->next.id.clock ? a->next.id.clock < b->next.id.clock : a->moved > b->moved;
}

static void sift_down(merge *it, size_t root) {
    source **heap = it->heap;
    for (size_t child; (child = 2 * root + 1) < it->left; root = child) {
        if (child + 1 < it->left && goes_before(heap[child + 1], heap[child])) {
            child++;
        }
        if (!goes_before(heap[child], heap[root])) {
            return;
        }
        source *later = heap[root];
        heap[root] = heap[child];
        heap[child] = later;
    }
}

/* The source's next struct that is no skip; false: its end. */
static bool advance(source *from) {
    dx_text_section section;
    for (;;) {
        while (dx_text_reader_struct(&from->reader, &from->next)) {
            if (from->next.ref != DX_TEXT_SKIP) {
                return true;
            }
        }
        if (!dx_text_reader_section(&from->reader, &section)) {
            return false;
        }
    }
}

/* The first source has moved, to its end or not: the heap is one again. */
static void settle(merge *it, bool ended) {
    it->heap[0]->moved = ++it->moves;
    if (ended) {
        it->heap[0] = it->heap[--it->left];
    }
    sift_down(it, 0);
}

/* --- Structs --------------------------------------------------------------------------------- */

static void write_waiting(merge *it) {
    if (it->waiting) {
        dx_text_rewrite_struct(&it->out, &it->current, 0);
        it->waiting = false;
    }
}

/* Writes what waits, and puts the struct, without its first `offset` clocks, behind it. */
static void place(merge *it, const dx_text_struct *one, uint64_t offset) {
    write_waiting(it);
    it->waiting = one->ref == DX_TEXT_GC;
    it->placed = true;
    it->current.id = (dx_text_id){one->id.client, one->id.clock + offset};
    it->current.length = one->length - offset;
    it->current.ref = one->ref;
    if (!it->waiting) {
        dx_text_rewrite_struct(&it->out, one, offset);
    }
}

/* Clocks of the current client that nobody has, up to `clock`. */
static void leave_hole(merge *it, uint64_t clock) {
    dx_text_struct hole = {.ref = DX_TEXT_SKIP, .id = {it->current.id.client, end_of(&it->current)}};
    hole.length = clock - hole.id.clock;
    place(it, &hole, 0);
}

/* The next struct begins where the current one ends, or before. False: the current one grew by it. */
static bool follow(merge *it, const dx_text_struct *next) {
    uint64_t known = end_of(&it->current) - next->id.clock;
    if (it->current.ref == DX_TEXT_GC && next->ref == DX_TEXT_GC) {
        it->current.length += next->length - known;
        return false;
    }
    place(it, next, known);
    return true;
}

/* Moves the source past all that is placed already. Its state is told as Yjs's loop looks at it: whether to go on with it. */
static bool pass_placed(merge *it, source *from, uint64_t client, bool *ended) {
    bool passed = false;
    while (!*ended && end_of(&from->next) <= end_of(&it->current) &&
           from->next.id.client >= it->current.id.client) {
        *ended = !advance(from);
        passed = true;
    }
    return !*ended && from->next.id.client == client &&
           !(passed && from->next.id.clock > end_of(&it->current));
}

/* One round with the first source: places its next struct, and all of it that follows without a gap. */
static void take_round(merge *it) {
    source *from = it->heap[0];
    uint64_t client = from->next.id.client;
    bool ended = false, took = true;
    if (it->placed) {
        if (!pass_placed(it, from, client, &ended)) {
            settle(it, ended);
            return;
        }
        if (client != it->current.id.client) {
            place(it, &from->next, 0);
        } else if (end_of(&it->current) < from->next.id.clock) {
            leave_hole(it, from->next.id.clock);
            took = false;
        } else {
            took = follow(it, &from->next);
        }
    } else {
        place(it, &from->next, 0);
    }
    ended = took && !advance(from);
    while (!ended && from->next.id.client == client && from->next.id.clock == end_of(&it->current)) {
        place(it, &from->next, 0);
        ended = !advance(from);
    }
    settle(it, ended);
}

/* --- Before ---------------------------------------------------------------------------------- */

/* Reads an update to its end: its deletes, whether it is well formed, whether its sections are in order, how many have structs. */
static int look_over(merge *it, dx_bytes update, bool *ordered, size_t *sections) {
    dx_text_reader *reader = &it->out.reader;
    dx_text_section section;
    dx_text_struct one;
    uint64_t last = UINT64_MAX;
    *ordered = true;
    *sections = 0;
    dx_text_reader_open(reader, it->form, update);
    while (dx_text_reader_section(reader, &section)) {
        *ordered &= section.client < last;
        last = section.client;
        *sections += section.count > 0;
        while (dx_text_reader_struct(reader, &one)) {
        }
    }
    return dx_text_reader_deletes(reader, &it->out.deletes);
}

/* The sections of an update that has them out of order, each as an update of its own, to `apart`: its size before each. */
static int take_apart(merge *it, dx_bytes update) {
    dx_text_reader *reader = &it->out.reader;
    dx_text_section section;
    dx_text_struct one;
    int error = DX_OK;
    dx_text_reader_open(reader, it->form, update);
    while (error == DX_OK && dx_text_reader_section(reader, &section)) {
        dx_buf piece;
        dx_buf_init(&piece, it->alloc, SIZE_MAX);
        dx_text_rewrite_begin(&it->out, it->form, &piece);
        while (dx_text_reader_struct(reader, &one)) {
            dx_text_rewrite_struct(&it->out, &one, 0);
        }
        error = dx_text_writer_finish(&it->out.writer, NULL);
        if (error == DX_OK && section.count > 0) {
            dx_lib0_write_bytes(&it->apart, dx_buf_view(&piece));
        }
        dx_buf_deinit(&piece);
    }
    return error != DX_OK ? error : it->apart.error != DX_OK ? it->apart.error : reader->error;
}

/* Whether all updates are well formed, and what they will be. */
static int make_plans(merge *it, const dx_bytes *updates) {
    for (size_t i = 0; i < it->updates; i++) {
        plan *one = &it->plans[i];
        size_t sections;
        int error = look_over(it, updates[i], &one->ordered, &sections);
        if (error == DX_OK && !one->ordered) {
            error = take_apart(it, updates[i]);
        }
        if (error != DX_OK) {
            return error;
        }
        one->sources = one->ordered && sections > 0 ? 1 : sections;
        it->capacity += one->sources;
    }
    return it->capacity > SIZE_MAX / sizeof(source) ? DX_E_NO_MEMORY : DX_OK;
}

static void add_source(merge *it, dx_bytes update) {
    source *from = &it->sources[it->count++];
    dx_text_reader_init(&from->reader, it->alloc);
    dx_text_reader_open(&from->reader, it->form, update);
    if (advance(from)) {
        it->heap[it->left++] = from;
    }
}

/* Opens all updates; among equals the first goes first, as if it had moved last. */
static int open_sources(merge *it, const dx_bytes *updates) {
    it->sources = dx_alloc_take(it->alloc, it->capacity * sizeof *it->sources);
    it->heap = dx_alloc_take(it->alloc, it->capacity * sizeof(source *));
    if (it->capacity > 0 && (it->sources == NULL || it->heap == NULL)) {
        return DX_E_NO_MEMORY;
    }
    dx_lib0_reader apart = dx_lib0_reader_of(dx_buf_view(&it->apart));
    for (size_t i = 0; i < it->updates; i++) {
        for (size_t k = 0; k < it->plans[i].sources; k++) {
            add_source(it, it->plans[i].ordered ? updates[i] : dx_lib0_read_bytes(&apart));
        }
    }
    it->moves = it->left;
    for (size_t i = 0; i < it->left; i++) {
        it->heap[i]->moved = it->left - i;
    }
    for (size_t root = it->left / 2; root > 0; root--) {
        sift_down(it, root - 1);
    }
    return DX_OK;
}

/* --- All ------------------------------------------------------------------------------------- */

static int merge_all(merge *it, const dx_bytes *updates, dx_buf *merged) {
    it->plans = dx_alloc_take(it->alloc, it->updates * sizeof *it->plans);
    int error = it->updates > 0 && it->plans == NULL ? DX_E_NO_MEMORY : make_plans(it, updates);
    if (error == DX_OK && it->updates == 1) {
        dx_buf_append(merged, updates[0].data, updates[0].size);
        return dx_buf_error(merged);
    }
    error = error == DX_OK ? open_sources(it, updates) : error;
    if (error != DX_OK) {
        return error;
    }
    dx_text_rewrite_begin(&it->out, it->form, merged);
    while (it->left > 0) {
        take_round(it);
    }
    write_waiting(it);
    for (size_t i = 0; i < it->count && error == DX_OK; i++) {
        error = it->sources[i].reader.error;
    }
    int written = dx_text_writer_finish(&it->out.writer, &it->out.deletes);
    if (error != DX_OK && written == DX_OK) {
        merged->size = it->out.writer.begun;
    }
    return error != DX_OK ? error : written;
}

int dx_text_merge_updates(const dx_alloc *alloc, dx_text_form form, const dx_bytes *updates, size_t count,
                          dx_buf *merged) {
    merge it = {.alloc = alloc, .form = form, .updates = count};
    if (!dx_text_form_check(form) || count > SIZE_MAX / sizeof(plan)) {
        return DX_E_INVALID;
    }
    dx_text_rewrite_init(&it.out, alloc);
    dx_buf_init(&it.apart, alloc, SIZE_MAX);
    int error = merge_all(&it, updates, merged);
    for (size_t i = 0; i < it.count; i++) {
        dx_text_reader_deinit(&it.sources[i].reader);
    }
    dx_alloc_free(alloc, it.plans, count * sizeof *it.plans);
    dx_alloc_free(alloc, it.sources, it.capacity * sizeof *it.sources);
    dx_alloc_free(alloc, it.heap, it.capacity * sizeof(source *));
    dx_buf_deinit(&it.apart);
    dx_text_rewrite_deinit(&it.out);
    return error;
}
