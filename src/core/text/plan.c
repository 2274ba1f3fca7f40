/* text/plan.c: see plan.h.
 *
 * A round plans one update: its structs, by client, are queues. The first struct of the queue of the greatest client is looked at; what
 * it waits for is looked for at the head of another queue, and so on, on a stack. Nothing found: all on the stack are held. */
#include "text/plan.h"

#include "base/arena.h"
#include "base/limits.h"
#include "text/integrate.h"
#include "text/pool.h"
#include "text/room.h"

typedef struct section {
    uint64_t client, clock;
    size_t first, count; /* of planned structs */
} section;

/* One client's structs in this round. */
typedef struct queue {
    uint64_t client, state; /* state: its next clock, as far as planned */
    size_t section, end;    /* of sections: the one at hand, and behind the last */
    size_t at;              /* struct of the section at hand */
    bool waits, held;       /* on the stack; not to be placed now */
} queue;

struct dx_text_plan {
    const dx_alloc *alloc;
    dx_arena arena;       /* contents that do not lie in the update */
    dx_text_slab structs; /* of dx_text_planned; the handle is the place + 1 */
    size_t struct_count;
    section *sections; /* of the round */
    size_t section_count, section_capacity;
    queue *queues; /* of the round, the greatest client first */
    size_t queue_count, queue_capacity;
    size_t *stack;
    size_t stack_capacity;
    dx_text_step *steps;
    size_t step_count, step_capacity;
    uint64_t *fresh; /* clients */
    size_t fresh_capacity;
    dx_text_clocks states[2]; /* after all rounds so far; and one to make the next from */
    dx_id_set missing;        /* of the round: clocks that are waited for */
    dx_id_set said;           /* deletes of the update */
    dx_id_set deletes, early; /* those that can be done, and not yet */
    dx_buf rest;              /* the round's, as an update */
    dx_buf waiting;           /* what will be pending */
    dx_text_clocks waiting_missing;
    size_t kept; /* of the pending updates, so many stay before it */
    bool changes_pending, changes_early;
    dx_text_need need;
};

static dx_text_planned *planned_at(const dx_text_plan *plan, size_t at) {
    return dx_text_slab_at(&plan->structs, (uint32_t)at + 1);
}

static void init(dx_text_plan *plan, const dx_alloc *alloc) {
    *plan = (dx_text_plan){.alloc = alloc};
    dx_arena_init(&plan->arena, alloc, SIZE_MAX);
    dx_text_slab_init(&plan->structs, alloc, sizeof(dx_text_planned));
    dx_text_clocks_init(&plan->states[0], alloc);
    dx_text_clocks_init(&plan->states[1], alloc);
    dx_id_set_init(&plan->missing, alloc);
    dx_id_set_init(&plan->said, alloc);
    dx_id_set_init(&plan->deletes, alloc);
    dx_id_set_init(&plan->early, alloc);
    dx_buf_init(&plan->rest, alloc, SIZE_MAX);
    dx_buf_init(&plan->waiting, alloc, SIZE_MAX);
    dx_text_clocks_init(&plan->waiting_missing, alloc);
}

int dx_text_plan_create(const dx_alloc *alloc, dx_text_plan **plan) {
    dx_text_plan *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    init(self, alloc);
    *plan = self;
    return DX_OK;
}

static void release(dx_text_plan *plan) {
    const dx_alloc *alloc = plan->alloc;
    dx_arena_deinit(&plan->arena);
    dx_text_slab_deinit(&plan->structs);
    dx_alloc_free(alloc, plan->sections, plan->section_capacity * sizeof *plan->sections);
    dx_alloc_free(alloc, plan->queues, plan->queue_capacity * sizeof *plan->queues);
    dx_alloc_free(alloc, plan->stack, plan->stack_capacity * sizeof *plan->stack);
    dx_alloc_free(alloc, plan->steps, plan->step_capacity * sizeof *plan->steps);
    dx_alloc_free(alloc, plan->fresh, plan->fresh_capacity * sizeof *plan->fresh);
    dx_text_clocks_deinit(&plan->states[0]);
    dx_text_clocks_deinit(&plan->states[1]);
    dx_id_set_deinit(&plan->missing);
    dx_id_set_deinit(&plan->said);
    dx_id_set_deinit(&plan->deletes);
    dx_id_set_deinit(&plan->early);
    dx_buf_deinit(&plan->rest);
    dx_buf_deinit(&plan->waiting);
    dx_text_clocks_deinit(&plan->waiting_missing);
}

void dx_text_plan_destroy(dx_text_plan *plan) {
    if (plan != NULL) {
        const dx_alloc *alloc = plan->alloc;
        release(plan);
        dx_alloc_free(alloc, plan, sizeof *plan);
    }
}

void dx_text_plan_clear(dx_text_plan *plan) {
    if (plan->structs.chunk_count * DX_TEXT_SLAB_CHUNK > DX_TEXT_PLAN_KEPT ||
        plan->said.capacity > DX_TEXT_PLAN_KEPT || plan->rest.capacity > DX_TEXT_PLAN_KEPT ||
        plan->waiting.capacity > DX_TEXT_PLAN_KEPT) {
        const dx_alloc *alloc = plan->alloc;
        release(plan);
        init(plan, alloc);
        return;
    }
    dx_arena_reset(&plan->arena);
    dx_text_slab_clear(&plan->structs);
    plan->struct_count = 0;
    plan->section_count = 0;
    plan->queue_count = 0;
    plan->step_count = 0;
    dx_text_clocks_clear(&plan->states[0]);
    dx_text_clocks_clear(&plan->states[1]);
    dx_id_set_clear(&plan->missing);
    dx_id_set_clear(&plan->said);
    dx_id_set_clear(&plan->deletes);
    dx_id_set_clear(&plan->early);
    dx_buf_clear(&plan->rest);
    dx_buf_clear(&plan->waiting);
    dx_text_clocks_clear(&plan->waiting_missing);
    plan->changes_pending = false;
    plan->changes_early = false;
    plan->need = (dx_text_need){.clocks = 0};
}

const dx_text_need *dx_text_plan_need(const dx_text_plan *plan) {
    return &plan->need;
}

size_t dx_text_plan_steps(const dx_text_plan *plan) {
    return plan->step_count;
}

const dx_text_planned *dx_text_plan_step(const dx_text_plan *plan, size_t at, uint32_t *offset) {
    *offset = plan->steps[at].offset;
    return planned_at(plan, plan->steps[at].planned);
}

const dx_id_set *dx_text_plan_deletes(const dx_text_plan *plan) {
    return &plan->deletes;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* No struct may name what its own client says only later. */
static bool names_later(const dx_text_struct *what, dx_text_id id) {
    return id.client == what->id.client && id.clock >= what->id.clock;
}

static int check(const dx_text_struct *what) {
    if (what->id.clock > UINT32_MAX || what->length > UINT32_MAX - what->id.clock) {
        return DX_E_LIMIT;
    }
    if ((what->has_origin && names_later(what, what->origin)) ||
        (what->has_right && names_later(what, what->right)) ||
        (what->parent == DX_TEXT_PARENT_ID && names_later(what, what->parent_id))) {
        return DX_E_MALFORMED;
    }
    return DX_OK;
}

static int keep(dx_text_plan *plan, dx_bytes update, dx_bytes *view) {
    uintptr_t at = (uintptr_t)view->data, begin = (uintptr_t)update.data;
    if (view->size != 0 && (at < begin || at >= begin + update.size)) {
        *view = dx_arena_copy(&plan->arena, *view);
        return view->data != NULL ? DX_OK : DX_E_NO_MEMORY;
    }
    return DX_OK;
}

static int add_struct(dx_text_plan *plan, dx_text_doc *doc, dx_bytes update, const dx_text_struct *what) {
    int error = check(what);
    if (error != DX_OK) {
        return error;
    }
    error = dx_text_slab_reserve(&plan->structs, 1);
    if (error != DX_OK) {
        return error;
    }
    dx_text_planned *planned = dx_text_slab_at(&plan->structs, dx_text_slab_take(&plan->structs));
    *planned = (dx_text_planned){.what = *what};
    if (what->parent == DX_TEXT_PARENT_ROOT) {
        error = dx_text_names_add(&doc->names, DX_TEXT_SCOPE_ROOT, what->parent_name, &planned->root);
    }
    if (error == DX_OK && what->ref == DX_TEXT_FORMAT) {
        error = dx_text_doc_marker(doc, what->key, what->content, &planned->name);
    } else if (error == DX_OK && ((what->ref == DX_TEXT_TYPE && (what->type_ref == DX_TEXT_KIND_XML_ELEMENT ||
                                                                 what->type_ref == DX_TEXT_KIND_XML_HOOK)) ||
                                  what->ref == DX_TEXT_DOC)) {
        error =
            dx_text_names_add(&doc->names, what->ref == DX_TEXT_DOC ? DX_TEXT_SCOPE_GUID : DX_TEXT_SCOPE_KEY,
                              what->key, &planned->name);
    }
    if (error == DX_OK) {
        error = keep(plan, update, &planned->what.content);
    }
    if (error == DX_OK) {
        error = keep(plan, update, &planned->what.parent_name);
    }
    if (error == DX_OK) {
        error = keep(plan, update, &planned->what.sub);
    }
    if (error == DX_OK) {
        error = keep(plan, update, &planned->what.key);
    }
    if (error == DX_OK) {
        plan->struct_count++;
    }
    return error;
}

/* Everything of an update, its deletes to `said`. */
static int read_update(dx_text_plan *plan, dx_text_doc *doc, dx_text_form form, dx_bytes update) {
    dx_text_reader *reader = &doc->reader;
    dx_text_section header;
    int error = DX_OK;
    plan->section_count = 0;
    dx_text_reader_open(reader, form, update);
    while (error == DX_OK && dx_text_reader_section(reader, &header)) {
        if (!dx_text_make_room(plan->alloc, &plan->sections, &plan->section_capacity, plan->section_count + 1,
                               sizeof *plan->sections)) {
            error = DX_E_NO_MEMORY;
            break;
        }
        size_t first = plan->struct_count;
        dx_text_struct what;
        while (error == DX_OK && dx_text_reader_struct(reader, &what)) {
            error = add_struct(plan, doc, update, &what);
        }
        if (plan->struct_count != first) {
            plan->sections[plan->section_count++] = (section){.client = header.client,
                                                              .clock = header.clock,
                                                              .first = first,
                                                              .count = plan->struct_count - first};
        }
    }
    dx_id_range range;
    while (error == DX_OK && dx_text_reader_delete(reader, &range)) {
        error = dx_id_set_add(&plan->said, range.client, range.clock, range.length);
    }
    return error != DX_OK ? error : dx_text_reader_finish(reader);
}

/* --- Queues ----------------------------------------------------------------------------------- */

static bool stands_behind(const section *a, const section *b) {
    return a->client != b->client ? a->client < b->client : a->clock > b->clock;
}

static void sift(section *sections, size_t at, size_t count) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && stands_behind(&sections[child + 1], &sections[child])) {
            child++;
        }
        if (!stands_behind(&sections[child], &sections[at])) {
            return;
        }
        section swap = sections[at];
        sections[at] = sections[child];
        sections[child] = swap;
    }
}

/* The greatest client first, then the first clock; as Yjs writes them already. */
static void sort_sections(section *sections, size_t count) {
    size_t sorted = 1;
    while (sorted < count && !stands_behind(&sections[sorted - 1], &sections[sorted])) {
        sorted++;
    }
    if (sorted >= count) {
        return;
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift(sections, i, count);
    }
    for (size_t left = count; left > 1; left--) {
        section swap = sections[0];
        sections[0] = sections[left - 1];
        sections[left - 1] = swap;
        sift(sections, 0, left - 1);
    }
}

static uint64_t state_here(dx_text_doc *doc, uint64_t client) {
    uint32_t index = dx_text_clients_find(&doc->clients, client);
    return index == DX_TEXT_NO_CLIENT ? 0 : dx_text_ids_state(doc->sequence, index);
}

/* After the rounds before this one. */
static uint64_t state_before(const dx_text_plan *plan, dx_text_doc *doc, uint64_t client) {
    uint64_t planned = plan->states[0].count == 0 ? 0 : dx_text_clocks_get(&plan->states[0], client);
    return planned != 0 ? planned : state_here(doc, client);
}

static queue *find_queue(const dx_text_plan *plan, uint64_t client) {
    size_t low = 0, high = plan->queue_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->queues[middle].client > client) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < plan->queue_count && plan->queues[low].client == client ? &plan->queues[low] : NULL;
}

static uint64_t state_of(const dx_text_plan *plan, dx_text_doc *doc, uint64_t client) {
    const queue *own = find_queue(plan, client);
    return own != NULL ? own->state : state_before(plan, doc, client);
}

static int make_queues(dx_text_plan *plan, dx_text_doc *doc) {
    sort_sections(plan->sections, plan->section_count);
    plan->queue_count = 0;
    if (!dx_text_make_room(plan->alloc, &plan->queues, &plan->queue_capacity, plan->section_count,
                           sizeof *plan->queues) ||
        !dx_text_make_room(plan->alloc, &plan->stack, &plan->stack_capacity, plan->section_count,
                           sizeof *plan->stack)) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < plan->section_count; i++) {
        const section *from = &plan->sections[i];
        queue *last = plan->queue_count == 0 ? NULL : &plan->queues[plan->queue_count - 1];
        if (last != NULL && last->client == from->client) {
            last->end = i + 1;
            continue;
        }
        plan->queues[plan->queue_count++] = (queue){.client = from->client,
                                                    .state = state_before(plan, doc, from->client),
                                                    .section = i,
                                                    .end = i + 1};
    }
    return DX_OK;
}

/* The queue's next struct; false: it is through. */
static bool head(const dx_text_plan *plan, queue *from, size_t *planned) {
    while (from->section != from->end && from->at == plan->sections[from->section].count) {
        from->section++;
        from->at = 0;
    }
    if (from->section == from->end) {
        return false;
    }
    *planned = plan->sections[from->section].first + from->at;
    return true;
}

/* --- Order ------------------------------------------------------------------------------------ */

/* Which client is waited for, in the order Yjs looks. */
static bool waits_for(const dx_text_plan *plan, dx_text_doc *doc, const dx_text_struct *what,
                      uint64_t *client) {
    const dx_text_id *named[3];
    size_t count = 0;
    if (what->has_origin) {
        named[count++] = &what->origin;
    }
    if (what->has_right) {
        named[count++] = &what->right;
    }
    if (what->parent == DX_TEXT_PARENT_ID) {
        named[count++] = &what->parent_id;
    }
    for (size_t i = 0; i < count; i++) {
        *client = named[i]->client;
        if (*client != what->id.client && named[i]->clock >= state_of(plan, doc, *client)) {
            return true;
        }
    }
    return false;
}

static int add_step(dx_text_plan *plan, size_t planned, uint64_t offset) {
    if (!dx_text_make_room(plan->alloc, &plan->steps, &plan->step_capacity, plan->step_count + 1,
                           sizeof *plan->steps)) {
        return DX_E_NO_MEMORY;
    }
    plan->steps[plan->step_count++] =
        (dx_text_step){.planned = (uint32_t)planned, .offset = (uint32_t)offset};
    return DX_OK;
}

/* All on the stack wait, the last for a clock of that client, each other one for what is above it. Yjs notes the last alone, and so
 * may never try again when just what another one waits for has come. */
static int hold(dx_text_plan *plan, size_t depth, uint64_t client, uint64_t clock) {
    int error = dx_id_set_add(&plan->missing, client, clock, 1);
    for (size_t i = 0; i < depth; i++) {
        queue *from = &plan->queues[plan->stack[i]];
        from->held = true;
        from->waits = false;
        if (error == DX_OK && i != 0) {
            error = dx_id_set_add(&plan->missing, from->client, from->state, 1);
        }
    }
    return error;
}

/* Looks at the head of the queue on top of the stack once. */
static int look(dx_text_plan *plan, dx_text_doc *doc, size_t *depth) {
    queue *from = &plan->queues[plan->stack[*depth - 1]];
    size_t planned;
    if (!head(plan, from, &planned)) {
        *depth -= 1;
        return DX_OK;
    }
    const dx_text_struct *what = &planned_at(plan, planned)->what;
    if (what->ref != DX_TEXT_SKIP) {
        uint64_t client = what->id.client, clock = what->id.clock - 1;
        bool early = what->id.clock > from->state;
        if (early || waits_for(plan, doc, what, &client)) {
            queue *other = early ? NULL : find_queue(plan, client);
            size_t ignored;
            if (other != NULL && !other->held && !other->waits && head(plan, other, &ignored)) {
                other->waits = true;
                plan->stack[(*depth)++] = (size_t)(other - plan->queues);
                return DX_OK;
            }
            size_t held = *depth;
            *depth = 0;
            return hold(plan, held, client, early ? clock : state_of(plan, doc, client));
        }
        if (what->id.clock + what->length > from->state) {
            int error = add_step(plan, planned, from->state - what->id.clock);
            if (error != DX_OK) {
                return error;
            }
            from->state = what->id.clock + what->length;
        }
    }
    from->at++;
    from->waits = false;
    *depth -= 1;
    return DX_OK;
}

static int order(dx_text_plan *plan, dx_text_doc *doc) {
    int error = make_queues(plan, doc);
    dx_id_set_clear(&plan->missing);
    for (size_t i = 0; i < plan->queue_count; i++) {
        size_t planned;
        while (error == DX_OK && !plan->queues[i].held && head(plan, &plan->queues[i], &planned)) {
            size_t depth = 1;
            plan->stack[0] = i;
            plan->queues[i].waits = true;
            while (error == DX_OK && depth != 0) {
                error = look(plan, doc, &depth);
            }
        }
    }
    return error;
}

/* The states after this round, for the next. */
static int note_states(dx_text_plan *plan) {
    dx_text_clocks *before = &plan->states[0], *after = &plan->states[1];
    size_t at = 0;
    int error = DX_OK;
    dx_text_clocks_clear(after);
    for (size_t i = 0; i < plan->queue_count; i++) {
        const queue *from = &plan->queues[i];
        for (; error == DX_OK && at < before->count && before->entries[at].client >= from->client; at++) {
            if (before->entries[at].client > from->client) {
                error = dx_text_clocks_set(after, before->entries[at].client, before->entries[at].clock);
            }
        }
        if (error == DX_OK) {
            error = dx_text_clocks_set(after, from->client, from->state);
        }
    }
    for (; error == DX_OK && at < before->count; at++) {
        error = dx_text_clocks_set(after, before->entries[at].client, before->entries[at].clock);
    }
    dx_text_clocks swap = *before;
    *before = *after;
    *after = swap;
    return error;
}

/* --- What waits ------------------------------------------------------------------------------- */

/* What is held of this round, as an update; nothing: empty. */
static int write_rest(dx_text_plan *plan, dx_text_doc *doc) {
    bool any = false;
    dx_buf_clear(&plan->rest);
    for (size_t i = 0; i < plan->queue_count; i++) {
        queue *from = &plan->queues[i];
        size_t planned;
        if (!from->held || !head(plan, from, &planned)) {
            continue;
        }
        if (!any) {
            dx_text_writer_begin(&doc->writer, DX_TEXT_V2, &plan->rest);
            any = true;
        }
        dx_text_writer_section(&doc->writer, from->client, planned_at(plan, planned)->what.id.clock);
        for (; head(plan, from, &planned); from->at++) {
            dx_text_writer_struct(&doc->writer, &planned_at(plan, planned)->what, 0);
        }
    }
    return any ? dx_text_writer_finish(&doc->writer, NULL) : DX_OK;
}

/* The lowest clock missing per client, of both. */
static int join_missing(dx_text_plan *plan, const dx_text_clocks *before, dx_text_clocks *out) {
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && before != NULL && i < before->count; i++) {
        error = dx_id_set_add(&plan->missing, before->entries[i].client, before->entries[i].clock, 1);
    }
    dx_id_set_settle(&plan->missing);
    dx_text_clocks_clear(out);
    for (size_t i = 0; error == DX_OK && i < plan->missing.count; i++) {
        const dx_id_range *range = &plan->missing.ranges[i];
        if (i == 0 || plan->missing.ranges[i - 1].client != range->client) {
            error = dx_text_clocks_set(out, range->client, range->clock);
        }
    }
    return error;
}

/* Whether something came of what is waited for. */
static bool is_worth_it(const dx_text_plan *plan, dx_text_doc *doc, const dx_text_clocks *missing) {
    for (size_t i = 0; i < missing->count; i++) {
        if (missing->entries[i].clock < state_before(plan, doc, missing->entries[i].client)) {
            return true;
        }
    }
    return false;
}

/* What was held of the update joins what was pending; tried again as long as something comes of it. */
static int plan_pending(dx_text_plan *plan, dx_text_doc *doc) {
    dx_text_pending_part *pending = &doc->pending;
    bool retry = pending->count != 0 && is_worth_it(plan, doc, &pending->missing);
    int error = DX_OK;
    if (plan->rest.size != 0 || retry) {
        plan->changes_pending = true;
        plan->kept = retry ? 0 : dx_text_pending_kept(pending, plan->rest.size);
        error = dx_text_pending_join(pending, plan->kept, dx_buf_view(&plan->rest), &plan->waiting);
    }
    if (error == DX_OK && plan->rest.size != 0) {
        error = join_missing(plan, pending->count != 0 ? &pending->missing : NULL, &plan->waiting_missing);
    }
    while (error == DX_OK && retry) {
        dx_bytes again = dx_arena_copy(&plan->arena, dx_buf_view(&plan->waiting));
        size_t steps = plan->step_count;
        error = again.data != NULL ? read_update(plan, doc, DX_TEXT_V2, again) : DX_E_NO_MEMORY;
        if (error == DX_OK) {
            error = order(plan, doc);
        }
        if (error == DX_OK) {
            error = note_states(plan);
        }
        if (error == DX_OK) {
            error = write_rest(plan, doc);
        }
        if (error != DX_OK) {
            return error;
        }
        dx_buf_clear(&plan->waiting);
        dx_buf_append(&plan->waiting, plan->rest.data, plan->rest.size);
        error = dx_buf_error(&plan->waiting);
        if (error == DX_OK) {
            error = join_missing(plan, NULL, &plan->waiting_missing);
        }
        retry = plan->step_count != steps && plan->waiting.size != 0 &&
                is_worth_it(plan, doc, &plan->waiting_missing);
    }
    return error;
}

/* --- Deletes ---------------------------------------------------------------------------------- */

static int place_deletes(dx_text_plan *plan, dx_text_doc *doc, const dx_id_set *set) {
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < set->count; i++) {
        const dx_id_range *range = &set->ranges[i];
        uint64_t state = state_before(plan, doc, range->client);
        uint64_t known = range->clock >= state                  ? 0
                         : state - range->clock < range->length ? state - range->clock
                                                                : range->length;
        if (known != 0) {
            error = dx_id_set_add(&plan->deletes, range->client, range->clock, known);
        }
        if (error == DX_OK && known != range->length) {
            error = dx_id_set_add(&plan->early, range->client, range->clock + known, range->length - known);
        }
    }
    return error;
}

static int plan_deletes(dx_text_plan *plan, dx_text_doc *doc) {
    int error = place_deletes(plan, doc, &plan->said);
    if (error == DX_OK) {
        error = place_deletes(plan, doc, &doc->pending.deletes);
    }
    dx_id_set_settle(&plan->deletes);
    dx_id_set_settle(&plan->early);
    plan->changes_early = plan->early.count != 0 || doc->pending.deletes.count != 0;
    return error;
}

/* --- What it takes ---------------------------------------------------------------------------- */

static void need_struct(const dx_text_plan *plan, dx_text_doc *doc, size_t at, bool nested, bool chains,
                        dx_text_need *need) {
    dx_text_planned *planned = planned_at(plan, plan->steps[at].planned);
    dx_text_struct *what = &planned->what;
    need->items++;
    if (what->ref == DX_TEXT_GC) {
        return;
    }
    /* Typing: the origin ends what was placed just before. */
    const dx_text_struct *before = at == 0 ? NULL : &planned_at(plan, plan->steps[at - 1].planned)->what;
    bool follows = before != NULL && what->has_origin && before->id.client == what->origin.client &&
                   before->id.clock + before->length - 1 == what->origin.clock;
    /* One that names no parent stands where its origin does, whatever its bit says. */
    bool known;
    dx_text_list list = dx_text_integrate_list(doc, planned, plan->steps[at].offset, &known);
    if (list != 0) {
        what->has_sub = dx_text_owner_is_chain(dx_text_list_owner(doc->sequence, list));
    } else if (!known && what->parent == DX_TEXT_PARENT_COPIED) {
        what->has_sub = follows ? before->has_sub : chains;
    }
    need->splits += (size_t)(what->has_origin && !follows) + (size_t)what->has_right;
    need->deletes += (size_t)nested + (size_t)(what->ref == DX_TEXT_DELETED) + 2 * (size_t)what->has_sub;
    if (nested && what->has_sub) {
        dx_text_ref last = list != 0 ? dx_text_list_last(doc->sequence, list) : 0;
        need->nested = true;
        if (last != 0) {
            dx_text_need_delete(doc, last, need);
        }
    }
    if (what->parent == DX_TEXT_PARENT_ROOT && dx_text_names_value(&doc->names, planned->root) == 0) {
        need->types++;
    }
    if (what->parent != DX_TEXT_PARENT_COPIED && what->has_sub) {
        need->chains++;
        need->names++;
        need->name_bytes += what->sub.size;
    }
    switch (what->ref) {
    case DX_TEXT_STRING:
        need->text_bytes += what->content.size;
        break;
    case DX_TEXT_TYPE:
        need->types++;
        break;
    case DX_TEXT_DELETED:
    case DX_TEXT_FORMAT:
        break;
    default:
        need->values++;
        need->value_bytes += what->content.size;
    }
}

static void need_deletes(const dx_text_plan *plan, dx_text_doc *doc, bool nested, dx_text_need *need) {
    bool of_new = false;
    for (size_t i = 0; i < plan->deletes.count; i++) {
        const dx_id_range *range = &plan->deletes.ranges[i];
        uint32_t client = dx_text_clients_find(&doc->clients, range->client);
        uint64_t end = range->clock + range->length, state = state_here(doc, range->client);
        need->splits += 2;
        of_new |= end > state;
        dx_text_ref ref =
            range->clock < state ? dx_text_ids_find(doc->sequence, client, (uint32_t)range->clock) : 0;
        for (; ref != 0 && dx_text_item_at(doc->sequence, ref)->clock < end;
             ref = dx_text_ids_next(doc->sequence, ref)) {
            const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
            if ((item->flags & DX_ITEM_DELETED) == 0) {
                dx_text_need_delete(doc, ref, need);
            }
        }
    }
    if (of_new) {
        need->deletes += plan->step_count;
        need->nested |= nested;
    }
    need->deletes += need->splits; /* what a split leaves is an item more */
}

static int add_clients(dx_text_plan *plan, dx_text_doc *doc) {
    size_t count = 0;
    for (size_t i = 0; i < plan->states[0].count; i++) {
        const dx_text_clock *state = &plan->states[0].entries[i];
        count += state->clock != 0 && dx_text_clients_find(&doc->clients, state->client) == DX_TEXT_NO_CLIENT;
    }
    if (count == 0) {
        return DX_OK;
    }
    if (!dx_text_make_room(plan->alloc, &plan->fresh, &plan->fresh_capacity, count, sizeof *plan->fresh)) {
        return DX_E_NO_MEMORY;
    }
    count = 0;
    for (size_t i = 0; i < plan->states[0].count; i++) {
        const dx_text_clock *state = &plan->states[0].entries[i];
        if (state->clock != 0 && dx_text_clients_find(&doc->clients, state->client) == DX_TEXT_NO_CLIENT) {
            plan->fresh[count++] = state->client;
        }
    }
    return dx_text_doc_add_clients(doc, plan->fresh, count);
}

static void find_need(dx_text_plan *plan, dx_text_doc *doc) {
    bool nested = doc->types.count - 1 > doc->types.root_count;
    for (size_t i = 0; i < plan->struct_count && !nested; i++) {
        nested = planned_at(plan, i)->what.ref == DX_TEXT_TYPE;
    }
    bool chains = doc->types.chain_count > 1;
    for (size_t i = 0; i < plan->struct_count && !chains; i++) {
        const dx_text_struct *what = &planned_at(plan, i)->what;
        chains = what->has_sub && what->parent != DX_TEXT_PARENT_COPIED;
    }
    plan->need = (dx_text_need){.clocks = 0};
    for (size_t i = 0; i < plan->step_count; i++) {
        need_struct(plan, doc, i, nested, chains, &plan->need);
    }
    need_deletes(plan, doc, nested, &plan->need);
}

int dx_text_plan_read(dx_text_plan *plan, dx_text_doc *doc, dx_text_form form, dx_bytes update) {
    return read_update(plan, doc, form, update);
}

const dx_text_struct *dx_text_plan_alone(const dx_text_plan *plan) {
    return plan->struct_count == 1 && plan->said.count == 0 ? &planned_at(plan, 0)->what : NULL;
}

int dx_text_plan_make(dx_text_plan *plan, dx_text_doc *doc) {
    int error = order(plan, doc);
    if (error == DX_OK) {
        error = note_states(plan);
    }
    if (error == DX_OK) {
        error = write_rest(plan, doc);
    }
    if (error == DX_OK) {
        error = plan_pending(plan, doc);
    }
    if (error == DX_OK) {
        error = plan_deletes(plan, doc);
    }
    if (error == DX_OK) {
        error = add_clients(plan, doc);
    }
    if (error == DX_OK) {
        find_need(plan, doc);
    }
    return error;
}

void dx_text_plan_take_pending(dx_text_plan *plan, dx_text_doc *doc) {
    dx_text_pending_part *pending = &doc->pending;
    if (plan->changes_pending) {
        dx_text_clocks missing = pending->missing;
        dx_text_pending_take(pending, plan->kept, &plan->waiting);
        pending->missing = plan->waiting_missing;
        plan->waiting_missing = missing;
    }
    if (plan->changes_early) {
        dx_id_set deletes = pending->deletes;
        pending->deletes = plan->early;
        plan->early = deletes;
    }
}
