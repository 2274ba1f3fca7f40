/* echo/history.h: an entity as it was, what changed it, and its way back.
 *
 * Layer: floor 1, echo. docs/spec/history.md. The blocks of a space stand in one order, that of their stamps, which
 * every replica knows alike and which never puts an effect before its cause. A *point* of that order is a stamp; the
 * state at a point is made of the blocks in effect whose stamps are not later, by the code that made the rows
 * (touch.h). So two replicas that hold the same blocks show the same past.
 *
 * Nothing here is written but by dx_history_bring_back and dx_history_invert, which are ordinary mutations: the past
 * is never changed. Work is proportional to the changes of the entity, not to the space. */
#ifndef DX_ECHO_HISTORY_H
#define DX_ECHO_HISTORY_H

#include "echo/mutation.h"
#include "echo/section.h"

enum { DX_POINT_TEXT_MAX = 20 + 1 + 2 * DX_FEED_PREFIX_SIZE + 1 };

/* COUNTER-FEED, decimal and 32 hex digits, with its terminator. */
void dx_point_print(const dx_stamp *point, char out[static DX_POINT_TEXT_MAX]);
/* The same; FEED may be the beginning of one, or left out with its dash: the last point it can mean. DX_E_INVALID. */
DX_MUST_USE int dx_point_parse(dx_bytes text, dx_stamp *out);
/* The point just before this one: without the block that stands at it. */
dx_stamp dx_point_before(const dx_stamp *point);
/* The point just after it: what is before that one includes the block at this. */
dx_stamp dx_point_after(const dx_stamp *point);

/* One change of an entity: what a section of a block says about it. Views die with the callback's return. */
typedef struct dx_version {
    dx_stamp stamp;
    const dx_feed *feed;
    uint64_t seq;
    uint64_t wall_ms; /* the writer's clock: for people */
    int64_t parent;   /* when the section moves it: where to, 0: to the top, or nowhere that is known here */
    dx_section section;
} dx_version;

/* Calls back for the entity's changes that are in effect, the newest first, at most `limit`, those before `before`
 * (NULL: all); *more when there are others. What the model refused is among them: it stands in its block. A
 * callback's error ends the walk and is returned; it may call nothing of this room. */
DX_MUST_USE int dx_history_versions(dx_context *context, dx_space *space, int64_t key, const dx_stamp *before,
                                    size_t limit, int (*on_version)(void *ctx, const dx_version *version),
                                    void *ctx, bool *more);
/* Whether it was made below the base this vault builds on (epoch.h): of what changed it there nothing is told. */
bool dx_history_is_cut(dx_space *space, int64_t key);
/* The stamp of the entity's latest change that is in effect and not later than the point. DX_E_NOT_FOUND: there is none. */
DX_MUST_USE int dx_history_latest(dx_context *context, dx_space *space, int64_t key, const dx_stamp *point,
                                  dx_stamp *out);
/* The entity as it was at a point; what it holds lives in `state` until that is changed. DX_E_NOT_FOUND: it was not
 * made by then; DX_E_GONE: history here begins later. */
DX_MUST_USE int dx_history_entity(dx_context *context, dx_space *space, int64_t key, const dx_stamp *point,
                                  dx_buf *state, dx_entity *out);

/* Whether and as what it shows is made what it was at a point, where it differs now. DX_E_NOT_FOUND as above;
 * DX_E_UNSUPPORTED: it is of a model that this program cannot write; else those of a transaction. */
DX_MUST_USE int dx_history_bring_back(dx_transaction *transaction, dx_context *context, dx_space *space,
                                      int64_t key, const dx_stamp *point);
/* An author's transaction: its blocks stand from `first` to `last`, all of one feed, and what he wrote is what stands in his
 * feeds, that one among them (DX_FEED_PREFIX_SIZE bytes each). */
typedef struct dx_authorship {
    dx_stamp first, last;
    dx_bytes feeds;
} dx_authorship;

/* Takes back what this device's transaction did to the entity, as far as it stands: what others wrote stays, and what they
 * wrote over it since sets *kept. Errors as above, but for DX_E_UNSUPPORTED: what a model cannot take back is kept. */
DX_MUST_USE int dx_history_invert(dx_transaction *transaction, dx_context *context, dx_space *space,
                                  int64_t key, const dx_authorship *own, bool *kept);

#endif
