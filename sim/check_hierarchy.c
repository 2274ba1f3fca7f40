/* sim/check_hierarchy.c: which object stands under which, by the rules read word for word (docs/spec/entities.md,
 * "Hierarchy").
 *
 * Layer: simulator, checkers. Every object begins at its latest move. Then, as long as somebody stands below himself, the
 * latest move on that circle is dropped and its object stands by the one before. Nothing is remembered from one circle
 * to the next. */
#include <string.h>

#include "check_state.h"

enum { AT_THE_TOP = -1, NO_MOVE = -2, AS_MADE = -1 };

/* Where each object stands: by which of its moves (AS_MADE: its creation, NO_MOVE: all have yielded), and under which
 * entity of the space. */
typedef struct tree {
    const check_space *space;
    int *by, *under;
} tree;

void check_hierarchy_move(check_space *space, check_entity *entity, const check_move *move) {
    if (entity->move_count == entity->move_capacity) {
        size_t capacity = entity->move_capacity == 0 ? 4 : 2 * entity->move_capacity;
        check_move *moves = check_take(space, capacity * sizeof *moves);
        if (entity->move_count > 0) {
            memcpy(moves, entity->moves, entity->move_count * sizeof *moves);
        }
        entity->moves = moves;
        entity->move_capacity = capacity;
    }
    entity->moves[entity->move_count++] = *move;
}

static const check_stamp *stamp_of(const check_entity *entity, int by) {
    return by == AS_MADE ? &entity->created : &entity->moves[by].stamp;
}

/* Puts an entity at the latest of its moves that is older than this stamp (NULL: the latest of all). */
static void stand(tree *self, size_t number, const check_stamp *before) {
    const check_entity *entity = &self->space->entities[number];
    int best = NO_MOVE;
    for (int i = AS_MADE; i < (int)entity->move_count; i++) {
        const check_stamp *stamp = stamp_of(entity, i);
        if ((before == NULL || check_stamp_order(stamp, before) < 0) &&
            (best == NO_MOVE || check_stamp_order(stamp, stamp_of(entity, best)) > 0)) {
            best = i;
        }
    }
    const check_place *parent =
        best == AS_MADE ? &entity->parent : &entity->moves[best == NO_MOVE ? 0 : best].parent;
    const check_entity *found =
        best == NO_MOVE || parent->feed == CHECK_NOWHERE ? NULL : check_find(self->space, parent);
    self->by[number] = best;
    self->under[number] = found == NULL ? AT_THE_TOP : (int)(found - self->space->entities);
}

/* Entities ascend by id, so of two moves of one block that of the later entity is the later one. */
static bool is_later(const tree *self, int a, int b) {
    const check_entity *entities = self->space->entities;
    int order = check_stamp_order(stamp_of(&entities[a], self->by[a]), stamp_of(&entities[b], self->by[b]));
    return order > 0 || (order == 0 && a > b);
}

/* Whose move came last on the circle that the entity is on; AT_THE_TOP: it is on none. */
static int last_on_circle(const tree *self, int from) {
    int at = self->under[from], last = from;
    for (size_t steps = 0; at != AT_THE_TOP && at != from; steps++) {
        if (steps == self->space->entity_count) {
            return AT_THE_TOP; /* its way up leads into somebody else's circle */
        }
        last = is_later(self, at, last) ? at : last;
        at = self->under[at];
    }
    return at == AT_THE_TOP ? AT_THE_TOP : last;
}

void check_hierarchy_work_out(check_space *space) {
    tree self = {.space = space,
                 .by = check_take(space, (space->entity_count + 1) * sizeof *self.by),
                 .under = check_take(space, (space->entity_count + 1) * sizeof *self.under)};
    for (size_t i = 0; i < space->entity_count; i++) {
        stand(&self, i, NULL);
    }
    for (size_t i = 0; i < space->entity_count;) {
        int last = last_on_circle(&self, (int)i);
        if (last == AT_THE_TOP) {
            i++;
            continue;
        }
        const check_stamp yielded = *stamp_of(&space->entities[last], self.by[last]);
        stand(&self, (size_t)last, &yielded);
        space->world->counts[SIM_CIRCLES]++;
        i = 0;
    }
    for (size_t i = 0; i < space->entity_count; i++) {
        check_entity *entity = &space->entities[i];
        if (self.by[i] == NO_MOVE) {
            entity->parent = (check_place){.feed = CHECK_NOWHERE};
        } else if (self.by[i] != AS_MADE) {
            entity->parent = entity->moves[self.by[i]].parent;
        }
    }
}
