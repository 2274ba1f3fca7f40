/* echo/withdraw.h: what was applied of a forked feed and has no effect any more is taken back, entity by
 * entity.
 *
 * Layer: floor 1, echo, private to this room. Table touch tells, for each entity, the blocks that changed it;
 * so exactly the entities that a withdrawn block made or changed are made again, from the blocks in effect,
 * in the order of their stamps. The result is what a replica has that never applied it: the state is a
 * function of the set of blocks in effect. Bounded: so many blocks a call, each call leaves the rows those of
 * [0, kept), so a crash between two is nothing. */
#ifndef DX_ECHO_WITHDRAW_H
#define DX_ECHO_WITHDRAW_H

#include "echo/pipeline.h"

/* Takes back the feed's blocks at and beyond `keep`, the last first, at most *budget of them. While some are
 * left, feed->kept > keep. Nothing below where the feed begins is taken back. Afterwards the feed is walked again up to feed->kept for its version vector
 * (pipeline.c). A control feed's credentials stay. */
DX_MUST_USE int dx_withdraw_blocks(dx_context *context, dx_space *space, dx_feed *feed, uint64_t keep,
                                   size_t *budget);
/* A block beyond the cut was applied after all: entities it made that others changed meanwhile are made again;
 * and those of all blocks beyond the cut, if somebody names the feed up to just this block. */
DX_MUST_USE int dx_withdraw_rescue(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq);
/* Makes one entity again from its creation, if that is in effect, and the blocks in effect that changed it. Uses the
 * space's scratch. */
DX_MUST_USE int dx_withdraw_make_again(dx_context *context, dx_space *space, int64_t key);
/* The same of all of these (echo/key_set.h), which it sorts. Among rows at rest, and they are at rest afterwards: a crash brings them back
 * to where the feeds' rows say, and nothing would say that these are to be made again. */
DX_MUST_USE int dx_withdraw_make_all_again(dx_context *context, dx_space *space, dx_buf *keys);
/* Makes again what others changed of the feed's entities in blocks [begin, end): other changes may count now. */
DX_MUST_USE int dx_withdraw_look_again(dx_context *context, dx_space *space, const dx_feed *feed,
                                       uint64_t begin, uint64_t end);
/* The same for one whose creation, with this counter, came late: it may not stand here yet. */
DX_MUST_USE int dx_withdraw_make(dx_context *context, dx_space *space, int64_t key, uint64_t created);

#endif
