/* node/dropping.c: see dropping.h.
 *
 * Layer: floor 1, node. */
#include "node/dropping.h"

#include <string.h>

#include "base/limits.h"
#include "base/trace.h"
#include "halo/control_purge.h"

/* Devices that may write, but this one; and of these, how many said that the epoch is right. */
static void count_witnesses(const dx_node *node, const dx_space *space, const dx_epoch *epoch, size_t *others,
                            size_t *acks) {
    uint8_t device[DX_KEY_SIZE], identity[DX_KEY_SIZE];
    *others = *acks = 0;
    for (size_t i = 0; i < dx_control_device_count(space->control); i++) {
        dx_control_device_at(space->control, i, device, identity);
        bool writes = dx_control_role(space->control, identity) >= DX_ROLE_EDITOR;
        bool self = node->identity.present && memcmp(device, node->identity.device, DX_KEY_SIZE) == 0;
        *others += writes && !self;
    }
    bool issuer = node->identity.present && memcmp(epoch->signer, node->identity.device, DX_KEY_SIZE) != 0;
    *acks += issuer; /* who made it has it */
    for (size_t i = 0; dx_control_ack(space->control, epoch->id, i, identity, device); i++) {
        *acks += memcmp(device, epoch->signer, DX_KEY_SIZE) != 0 &&
                 !(node->identity.present && memcmp(device, node->identity.device, DX_KEY_SIZE) == 0);
    }
}

static uint64_t retention_ms(const dx_node *node) {
    return node->config.retention_ms != 0 ? node->config.retention_ms : DX_EPOCH_RETENTION_MS;
}

/* What is still missing, NULL: nothing; *wait_ms: how long the window still lasts.
 *
 * All devices that may write are asked for, as it must not happen that two parts of a space, apart from each other, each agree
 * upon an epoch of their own and drop what the other one has not: neither could ever take over the other's state. */
static const char *judge_dropping(const dx_node *node, dx_space *space, const dx_dropping *how,
                                  const dx_epoch *epoch, dx_epoch_verdict verdict, uint64_t since_ms,
                                  uint64_t *wait_ms) {
    size_t others, acks, copies = how->copies != 0 ? (size_t)how->copies : node->config.epoch_copies;
    *wait_ms = 0;
    if (dx_node_builds_on(space, epoch)) {
        return "nothing lies below the current epoch any more";
    }
    if (dx_control_epoch_is_stale(space->control, epoch)) {
        return "something below the current epoch was purged: an admin's device makes the next one";
    }
#if defined(DX_PLANT) && DX_PLANT == 72
    verdict = DX_EPOCH_RIGHT;
#endif
    if (verdict != DX_EPOCH_RIGHT) {
        return verdict == DX_EPOCH_MISMATCH
                   ? "the current epoch is not the state at its cut (E_EPOCH_MISMATCH)"
                   : "the current epoch was not checked here yet";
    }
    count_witnesses(node, space, epoch, &others, &acks);
    if (others == 0 && !how->by_hand) {
        return "no other device has this space";
    }
    copies = copies == 0 || copies > others ? others : copies;
#if defined(DX_PLANT) && DX_PLANT == 70
    copies = copies > 0 ? 1 : 0;
#endif
    if (acks < copies) {
        return acks == 0 ? "no other device has said that the current epoch is right"
                         : "not all devices that may write have said that the current epoch is right";
    }
    if (!how->by_hand && node->config.retention_ms == 0) {
        return "nothing goes by itself in this vault";
    }
    uint64_t wall_ms = node->context.wall_ms, end_ms = since_ms + retention_ms(node);
#if defined(DX_PLANT) && DX_PLANT == 71
    end_ms = since_ms;
#endif
    if (!how->now && wall_ms < end_ms) {
        *wait_ms = end_ms - wall_ms;
        return "the retention window is not over";
    }
    return NULL;
}

int dx_node_try_dropping(dx_node *node, dx_space *space, const dx_dropping *how, const char **why,
                         uint64_t *wait_ms) {
    dx_epoch epoch;
    dx_epoch_verdict verdict;
    uint64_t since_ms, wall_ms = node->context.wall_ms;
    dx_cut cut;
    *wait_ms = 0;
    *why = "no epoch is confirmed";
    if (!dx_control_current_epoch(space->control, &epoch)) {
        return DX_OK;
    }
    int error = dx_node_epoch_verdict(node, space, epoch.id, &verdict, &since_ms);
    if (error == DX_OK && (since_ms == 0 || since_ms > wall_ms)) {
        since_ms = wall_ms == 0 ? 1 : wall_ms; /* seen confirmed now, or a clock that was set back */
        error = dx_node_save_verdict(node, space, epoch.id, verdict, since_ms);
    }
    *why = error == DX_OK ? judge_dropping(node, space, how, &epoch, verdict, since_ms, wait_ms) : NULL;
    if (error != DX_OK || *why != NULL) {
        return error;
    }
    dx_cut_init(&cut, node->context.alloc);
    error = dx_cut_decode(epoch.cut_item, &cut);
    error = error != DX_OK ? error : dx_compact_begin(&node->context, space, epoch.number, &cut);
    dx_cut_deinit(&cut);
    *why = error == DX_OK ? NULL : "something else is under way";
    if (error == DX_OK) {
        dx_trace(node->context.tracer, "node", "space %lld: epoch %llu: history below it goes",
                 (long long)space->local, (unsigned long long)epoch.number);
    }
    return error == DX_E_STATE || error == DX_E_UNSUPPORTED ? DX_OK : error;
}

int dx_node_why_history(dx_node *node, dx_space *space, const char **why, uint64_t *wait_ms) {
    const dx_dropping how = {.by_hand = false};
    dx_epoch epoch;
    dx_epoch_verdict verdict;
    uint64_t since_ms;
    *why = NULL;
    *wait_ms = 0;
    if (!dx_control_current_epoch(space->control, &epoch) || dx_node_builds_on(space, &epoch)) {
        return DX_OK;
    }
    int error = dx_node_epoch_verdict(node, space, epoch.id, &verdict, &since_ms);
    since_ms = since_ms == 0 ? node->context.wall_ms : since_ms;
    *why = error == DX_OK ? judge_dropping(node, space, &how, &epoch, verdict, since_ms, wait_ms) : NULL;
    return error;
}

int dx_node_forget_older_states(dx_node *node, dx_space *space) {
    int error = DX_OK;
    dx_epoch epoch, current;
    dx_epoch_verdict verdict;
    uint64_t since_ms;
    if (!dx_control_current_epoch(space->control, &current)) {
        return DX_OK;
    }
    error = dx_node_epoch_verdict(node, space, current.id, &verdict, &since_ms);
    if (error != DX_OK || (verdict != DX_EPOCH_RIGHT && verdict != DX_EPOCH_LOADED)) {
        return error; /* one that is wrong takes the place of none */
    }
    for (size_t i = 0; error == DX_OK && dx_control_epoch_at(space->control, i, &epoch) &&
                       memcmp(epoch.id, current.id, sizeof epoch.id) != 0;
         i++) {
        bool other = memcmp(epoch.root, current.root, sizeof epoch.root) != 0;
#if defined(DX_PLANT) && DX_PLANT == 73
        other = true;
#endif
        if (other) { /* two may have made the same one */
            error = dx_snapshot_forget(&node->context, space, epoch.root);
        }
    }
    return error;
}

int dx_node_compact(dx_node *node, dx_space *space, bool now, uint64_t copies) {
    const dx_dropping how = {.by_hand = true, .now = now, .copies = copies};
    const char *why = NULL;
    uint64_t wait_ms;
    dx_epoch_status status;
    dx_epoch_status_of(space, &status);
    if (status.stage == DX_EPOCH_PREPARING || status.stage == DX_EPOCH_SWEEPING) {
        node->hold_ms =
            0; /* if it failed, who asks need not wait for the next try: he hears how this one ends */
        return DX_OK;
    }
    int error = dx_node_try_dropping(node, space, &how, &why, &wait_ms);
    if (error != DX_OK || why == NULL) {
        return error;
    }
    return dx_node_refuse(node, DX_E_STATE,
                          wait_ms != 0 ? "dx space compact SPACE --now" : "dx space epochs SPACE", "%s", why);
}
