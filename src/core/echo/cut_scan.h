/* echo/cut_scan.h: every entity of a space as it is at a cut, in the order of ids.
 *
 * Layer: floor 1, echo, private to this room. First what each feed had declared where the cut is, then the entities that
 * were made below it, ascending by feed id, seq, index. An entity that nothing beyond the cut is about is its row; another
 * one is made again (remake.h). In pieces: between two of them anything may be written or applied, and nothing is pinned;
 * only what lies below the cut must stay in effect, and the base below the cut.
 *
 * Ownership: a scan belongs to its space and is destroyed before it. */
#ifndef DX_ECHO_CUT_SCAN_H
#define DX_ECHO_CUT_SCAN_H

#include "echo/cut.h"
#include "echo/entity_row.h"

typedef struct dx_cut_feed {
    int64_t local;
    uint64_t length;     /* below the cut */
    int64_t rows;        /* of the branch that is in force */
    dx_timeframe vector; /* data feeds other than itself, once it is walked */
    uint64_t walked;
    bool is_walked;
} dx_cut_feed;

typedef struct dx_cut_entity {
    const dx_entity_row *row; /* at the cut; its parent is the latest move's there */
    bool listed;              /* its state is the list of its operations */
    bool changed; /* it is another row than the table's: something beyond the cut is about it, or listed */
} dx_cut_entity;

typedef struct dx_cut_scan {
    dx_context *context;
    dx_space *space;
    dx_cut cut;
    dx_cut_feed *feeds; /* ascending by id */
    size_t count;
    bool walked; /* all of them */
    size_t at;   /* the feed whose entities are under way */
    int64_t key; /* the last one given out, 0: none of this feed */
    bool ended;
    bool outside;   /* something beyond the cut is applied */
    uint64_t taken; /* space->taken when it began */
    int64_t page_first,
        page_last; /* entities of which `touched` has those that something beyond the cut is about */
    dx_buf touched;
    dx_buf state;
} dx_cut_scan;

/* key 0: from the beginning; another: from behind that entity on, whatever feeds had declared. DX_E_STATE: the cut does
 * not stand WITHIN; DX_E_INVALID: it goes through a transaction, or is not closed below (once it is walked). */
DX_MUST_USE int dx_cut_scan_create(dx_context *context, dx_space *space, const dx_cut *cut,
                                   dx_cut_scan **out);
void dx_cut_scan_destroy(dx_cut_scan *scan); /* NULL is nothing */
/* Goes on with what feeds had declared, until scan->walked. */
DX_MUST_USE int dx_cut_scan_walk(dx_cut_scan *scan, size_t *budget);
/* Goes on behind this entity, or at it; the vectors need not be walked. */
DX_MUST_USE int dx_cut_scan_seek(dx_cut_scan *scan, int64_t key, bool behind);
/* Gives out entities until the budget is used up, the callback wants no more, or scan->ended. The callback may read, and
 * write to tables of its own; *enough ends the run. DX_E_STATE as in the head. */
DX_MUST_USE int dx_cut_scan_run(dx_cut_scan *scan, size_t *budget,
                                int (*on_entity)(void *ctx, const dx_cut_entity *entity, bool *enough),
                                void *ctx);
/* The number of a feed among the scan's; count: it is none of them. */
size_t dx_cut_scan_feed(const dx_cut_scan *scan, const dx_feed *feed);

#endif
