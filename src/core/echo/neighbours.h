/* echo/neighbours.h: where links lead, as questions learnt it, kept in memory for the next question.
 *
 * Layer: floor 1, echo, private to this room. A cache over table `entity` and nothing else: of an object, for one type of
 * links (or all that are not hidden) and one direction, the other ends of its links that are not deleted; and of every
 * end its type, or that it is not to be seen. Objects have numbers here, so that an end takes four bytes. Filled by
 * questions with what they read anyway (query_links.c), kept up to date by dx_neighbours_take, which every row that
 * changes comes by (entity_row.h): what is in here is what the tables say. Nothing depends on it but time.
 *
 * Memory: all that the spaces of a vault keep is at most DX_NEIGHBOURS_SIZE_MAX (base/limits.h). Who would go beyond it,
 * or is refused memory, forgets everything, of all spaces, and begins again; a question does that once.
 *
 * Ownership: a space's neighbours live and die with it, so a rollback takes them along. Views die with the next put,
 * take or forget. */
#ifndef DX_ECHO_NEIGHBOURS_H
#define DX_ECHO_NEIGHBOURS_H

#include "echo/entity_row.h"

enum {
    DX_NEIGHBOUR_SETS_MAX = 16, /* types of links, times directions, remembered of one space at once */
    DX_NEIGHBOUR_GONE = -1,     /* deleted, or no object */
    DX_NEIGHBOUR_UNKNOWN = 0
};

/* What several spaces share; zeros to begin with. */
typedef struct dx_neighbour_memory {
    size_t size;     /* bytes taken now */
    size_t size_max; /* 0: DX_NEIGHBOURS_SIZE_MAX */
    struct dx_neighbours *first;
    uint64_t forgotten; /* how often everything was */
} dx_neighbour_memory;

typedef struct dx_neighbours dx_neighbours;

/* Which links of an object are meant. */
typedef struct dx_neighbour_set {
    int64_t link_type; /* row of table type, 0: any that is not hidden */
    bool incoming;
} dx_neighbour_set;

/* Ends of one object, one for each link: numbers, in no order. */
typedef struct dx_neighbour_list {
    const uint32_t *ends;
    size_t count;
} dx_neighbour_list;

dx_neighbours *dx_neighbours_create(const dx_context *context); /* NULL: no memory */
void dx_neighbours_destroy(dx_neighbours *self);

/* The place of a set, made when there is none; -1: all places are taken by others, or no memory. Valid as long as
 * dx_neighbours_age says the same. */
int dx_neighbours_set(dx_neighbours *self, const dx_neighbour_set *set);
/* Changes whenever everything was forgotten. */
uint64_t dx_neighbours_age(const dx_neighbours *self);
/* Changes whenever a link of the set does. */
uint64_t dx_neighbours_changes(const dx_neighbours *self, int set);

/* False: not known. */
bool dx_neighbours_find(const dx_neighbours *self, int set, int64_t key, dx_neighbour_list *out);
int64_t dx_neighbours_key(const dx_neighbours *self, uint32_t end);
/* The row of table type of the object, or DX_NEIGHBOUR_GONE or _UNKNOWN. */
int64_t dx_neighbours_type(const dx_neighbours *self, uint32_t end);

/* All ends of the object, learnt. False: there is no room. */
bool dx_neighbours_put(dx_neighbours *self, int set, int64_t key, const dx_buf *ends);
/* What was learnt of an object; nothing is noted of one that has no number. */
void dx_neighbours_note(dx_neighbours *self, int64_t key, int64_t type);
/* Everything of all spaces that share the memory. */
void dx_neighbours_forget(dx_neighbours *self);
/* Bytes that this space's take. */
size_t dx_neighbours_size(const dx_neighbours *self);

/* One row changes (entity_row.h). Never fails: what finds no room is not known any more. */
DX_MUST_USE int dx_neighbours_take(dx_context *context, dx_space *space, const dx_entity_row *before,
                                   const dx_entity_row *after);

#endif
