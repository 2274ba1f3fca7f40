/* tests/interop/text/history_requests.h: the requests of text-driver beyond editing and exchange: undo, events, places, versions, who is there. */
#ifndef DX_TESTS_TEXT_HISTORY_REQUESTS_H
#define DX_TESTS_TEXT_HISTORY_REQUESTS_H

#include "request.h"

int do_undo_manager(call *self);
int do_undo(call *self);
int do_redo(call *self);
int do_observe(call *self);
int do_event(call *self);
int do_position(call *self);
int do_position_find(call *self);
int do_delta_at(call *self);
int do_version(call *self);
int do_awareness_set(call *self);
int do_awareness_apply(call *self);
int do_awareness_encode(call *self);
int do_awareness(call *self);

#endif
