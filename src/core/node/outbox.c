/* node/outbox.c: see outbox.h. */
#include "node/outbox.h"

#include <string.h>

#include "base/limits.h"
#include "crypto/keys.h"

void dx_outbox_init(dx_outbox *outbox, const dx_alloc *alloc) {
    memset(outbox, 0, sizeof *outbox);
    outbox->alloc = alloc;
    dx_arena_init(&outbox->arena, alloc, DX_OUTBOX_SIZE_MAX);
}

/* The bodies lie in this outbox's arena, so it may write there. */
static void wipe_answers(dx_outbox *outbox, size_t from) {
    for (size_t i = from; i < outbox->count; i++) {
        const dx_effect *effect = &outbox->effects[i];
        outbox->size -= effect->body.size;
        if ((effect->kind == DX_EFFECT_NOTIFY || effect->kind == DX_EFFECT_REPLY) && effect->body.size > 0) {
            dx_wipe((uint8_t *)(uintptr_t)effect->body.data, effect->body.size);
        }
    }
    outbox->count = from;
    outbox->error = DX_OK;
}

void dx_outbox_deinit(dx_outbox *outbox) {
    wipe_answers(outbox, 0);
    dx_arena_deinit(&outbox->arena);
    dx_alloc_free(outbox->alloc, outbox->effects, outbox->capacity * sizeof *outbox->effects);
    memset(outbox, 0, sizeof *outbox);
}

void dx_outbox_clear(dx_outbox *outbox) {
    wipe_answers(outbox, 0);
    dx_arena_reset(&outbox->arena);
}

void dx_outbox_rewind(dx_outbox *outbox, size_t count) {
    DX_ASSERT(count <= outbox->count);
    wipe_answers(outbox, count);
}

static bool grow(dx_outbox *outbox) {
    size_t capacity = outbox->capacity == 0 ? 16 : outbox->capacity * 2;
    dx_effect *effects = dx_alloc_grow(outbox->alloc, outbox->effects, outbox->capacity * sizeof *effects,
                                       capacity * sizeof *effects);
    if (effects == NULL) {
        return false;
    }
    outbox->effects = effects;
    outbox->capacity = capacity;
    return true;
}

void dx_outbox_add(dx_outbox *outbox, const dx_effect *effect) {
    if (outbox->error != DX_OK) {
        return;
    }
    if (outbox->count == outbox->capacity && !grow(outbox)) {
        outbox->error = DX_E_NO_MEMORY;
        return;
    }
    dx_effect *kept = &outbox->effects[outbox->count];
    *kept = *effect;
    kept->body = dx_arena_copy(&outbox->arena, effect->body);
    if (kept->body.data == NULL) {
        outbox->error = DX_E_NO_MEMORY;
        return;
    }
    outbox->count++;
    outbox->size += effect->body.size;
}

void dx_outbox_link_open(dx_outbox *outbox, uint64_t link, dx_bytes address) {
    dx_outbox_add(outbox, &(dx_effect){.kind = DX_EFFECT_LINK_OPEN, .link = link, .body = address});
}

void dx_outbox_link_send(dx_outbox *outbox, uint64_t link, dx_bytes bytes) {
    dx_outbox_add(outbox, &(dx_effect){.kind = DX_EFFECT_LINK_SEND, .link = link, .body = bytes});
}

void dx_outbox_link_close(dx_outbox *outbox, uint64_t link, int reason) {
    dx_outbox_add(outbox, &(dx_effect){.kind = DX_EFFECT_LINK_CLOSE, .link = link, .reason = reason});
}

void dx_outbox_answer(dx_outbox *outbox, bool last, uint64_t port,
                      const uint8_t request[static DX_REQUEST_SIZE], dx_bytes body) {
    dx_effect effect = {.kind = last ? DX_EFFECT_REPLY : DX_EFFECT_NOTIFY, .port = port, .body = body};
    memcpy(effect.request, request, DX_REQUEST_SIZE);
    dx_outbox_add(outbox, &effect);
}

int dx_outbox_error(const dx_outbox *outbox) {
    return outbox->error;
}
