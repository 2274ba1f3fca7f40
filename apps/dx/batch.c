/* dx/batch.c: see batch.h. */
#include "batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { COMMAND_SIZE = DX_BATCH_SIZE + (4 << 20) };

typedef struct dx_queued_op {
    dx_batch_op op; /* type, data and model: offsets below */
    size_t type_at, data_at, model_at;
} dx_queued_op;

struct dx_batch {
    dx_batches *owner;
    bool in_flight, answered,
        is_again; /* is_again: it was sent by an earlier run, and not answered to that */
    dx_journal_range range;
    dx_queued_op ops[DX_BATCH_OPS];
    size_t count;
    dx_buf bytes; /* types and data of the ops */
    dx_buf reply;
    int error; /* of memory, while the reply was taken */
};

/* --- Journal ---------------------------------------------------------------------------------------------
 */

#define MARK_PRIME UINT64_C(0x100000001b3) /* FNV's, of 64 bits */

static uint64_t mix(uint64_t mark, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        mark = (mark ^ bytes[i]) * MARK_PRIME;
    }
    return mark;
}

/* A number for an op, so that a file that is another one is seen. */
static uint64_t mark_op(uint64_t mark, const dx_batch_op *op) {
    const uint32_t words[] = {(uint32_t)op->kind, op->removed, op->number, op->source, op->target};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        mark = (mark ^ words[i]) * MARK_PRIME;
    }
    mark = mix(mark, op->type.data, op->type.size);
    mark = mix(mark, op->model.data, op->model.size);
    return mix(mark, op->data.data, op->data.size);
}

static int fail_journal(dx_batches *batches, int error) {
    return batches->code = dx_fail(batches->run, error, "make room on its disk",
                                   "the journal beside the vault cannot be written");
}

static int fail_changed(dx_batches *batches) {
    return batches->code =
               dx_fail(batches->run, DX_E_CONFLICT, "--anew, to begin again",
                       "the import that was begun before is of another file, or the space is another now");
}

/* What is to be sent is said before. */
static int note_asked(dx_batches *batches, dx_journal_range *range, bool is_again) {
    if (!is_again && getrandom(range->request, sizeof range->request, 0) != (ssize_t)sizeof range->request) {
        return fail_journal(batches, DX_E_IO);
    }
    int error = batches->journal == NULL || is_again ? DX_OK : dx_journal_asked(batches->journal, range);
    return error == DX_OK ? DX_EXIT_OK : fail_journal(batches, error);
}

/* The ids of what ops made, all zero for those that make nothing. */
static int note_answered(dx_batches *batches, const dx_batch_op *const *ops, const dx_journal_range *range) {
    uint8_t *ids = calloc(range->count, DX_BATCH_ID_SIZE);
    int error = ids == NULL ? DX_E_NO_MEMORY : DX_OK;
    for (size_t i = 0; error == DX_OK && i < range->count; i++) {
        bool makes = ops[i]->kind == DX_BATCH_ADD ||
                     (ops[i]->kind == DX_BATCH_LINK && ops[i]->number != DX_BATCH_NONE);
        if (makes) {
            memcpy(ids + i * DX_BATCH_ID_SIZE, batches->ids[ops[i]->number], DX_BATCH_ID_SIZE);
        }
    }
    error = error == DX_OK ? dx_journal_answered(batches->journal, range, ids) : error;
    free(ids);
    return error == DX_OK ? DX_EXIT_OK : fail_journal(batches, error);
}

/* --- Encoding ----------------------------------------------------------------------------------------------
 */

/* Names a thing: by its id, or by its op in this very batch. */
static void write_subject(const dx_batch *batch, uint32_t number, dx_writer *out) {
    const dx_batches *owner = batch->owner;
    if (dx_batches_knows(owner, number)) {
        dx_write_bytes(out, dx_bytes_of(owner->ids[number], DX_BATCH_ID_SIZE));
        return;
    }
    for (size_t i = 0, index = 0; i < batch->count; i++) {
        const dx_batch_op *op = &batch->ops[i].op;
        if (op->kind == DX_BATCH_ADD && op->number == number) {
            dx_write_uint(out, index);
            return;
        }
        index += 1 + op->removed;
    }
    dx_write_null(out); /* refused when sent alone: what it belongs to was refused before */
}

static void write_op(const dx_batch *batch, const dx_queued_op *queued, dx_writer *out) {
    static const char *const names[] = {"add", "link", "rm", "set", "apply"};
    const dx_batch_op *op = &queued->op;
    bool link = op->kind == DX_BATCH_LINK,
         has_parent = op->kind == DX_BATCH_ADD && op->source != DX_BATCH_NONE;
    if (op->kind == DX_BATCH_REMOVE || op->kind == DX_BATCH_SET || op->kind == DX_BATCH_APPLY) {
        dx_write_map(out, op->kind == DX_BATCH_REMOVE ? 2 : 3);
        dx_write_text(out, "id");
        write_subject(batch, op->number, out);
        dx_write_text(out, "op");
        dx_write_text(out, names[op->kind]);
        if (op->kind != DX_BATCH_REMOVE) {
            dx_write_text(out, op->kind == DX_BATCH_SET ? "set" : "operation");
            dx_write_item(out, dx_bytes_of(batch->bytes.data + queued->data_at, op->data.size));
        }
        return;
    }
    /* Keys in canonical order: shorter first, then by their letters. */
    bool has_model = op->model.size > 0;
    dx_write_map(out, 1u + (op->data.size > 0) + (op->type.size > 0) + has_model + (link ? 2 : has_parent));
    dx_write_text(out, "op");
    dx_write_text(out, names[op->kind]);
    if (op->data.size > 0 && !has_model) {
        dx_write_text(out, "data");
        dx_write_item(out, dx_bytes_of(batch->bytes.data + queued->data_at, op->data.size));
    }
    if (op->type.size > 0) {
        dx_write_text(out, "type");
        dx_write_item(out, dx_bytes_of(batch->bytes.data + queued->type_at, op->type.size));
    }
    if (has_model) {
        dx_write_text(out, "model");
        dx_write_item(out, dx_bytes_of(batch->bytes.data + queued->model_at, op->model.size));
    }
    if (has_parent) {
        dx_write_text(out, "parent");
        write_subject(batch, op->source, out);
    }
    if (op->data.size > 0 && has_model) {
        dx_write_text(out, op->provenance ? "provenance" : "operation");
        dx_write_item(out, dx_bytes_of(batch->bytes.data + queued->data_at, op->data.size));
    }
    if (link) {
        dx_write_text(out, "source");
        write_subject(batch, op->source, out);
        dx_write_text(out, "target");
        write_subject(batch, op->target, out);
    }
}

/* {"do": "batch", "ops": [...], "space": ...} of the ops from `first`, `count` of them. */
static int encode(const dx_batch *batch, size_t first, size_t count, dx_buf *out) {
    dx_writer writer;
    size_t ops = count, index = 0;
    for (size_t i = first; i < first + count; i++) {
        ops += batch->ops[i].op.removed;
    }
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 3);
    dx_write_text(&writer, "do");
    dx_write_text(&writer, "batch");
    dx_write_text(&writer, "ops");
    dx_write_array(&writer, ops);
    for (size_t i = first; i < first + count; i++) {
        write_op(batch, &batch->ops[i], &writer);
        if (batch->ops[i].op.removed) {
            dx_write_map(&writer, 2);
            dx_write_text(&writer, "id");
            dx_write_uint(&writer, index++);
            dx_write_text(&writer, "op");
            dx_write_text(&writer, "rm");
        }
        index++;
    }
    dx_write_text(&writer, "space");
    dx_write_item(&writer, batch->owner->space);
    return dx_writer_finish(&writer);
}

/* --- Answers
 * -------------------------------------------------------------------------------------------------- */

static void count_op(dx_batches *batches, const dx_batch_op *op) {
    batches->objects += op->kind == DX_BATCH_ADD;
    batches->links += op->kind == DX_BATCH_LINK;
    batches->removals += op->kind == DX_BATCH_REMOVE;
}

/* Takes the ids of ops from a reply. */
static int take_ids(dx_batch *batch, size_t first, size_t count, dx_bytes reply) {
    dx_batches *owner = batch->owner;
    dx_bytes ids = dx_item_get(reply, "ids");
    dx_reader reader;
    dx_reader_init(&reader, ids);
    size_t left = ids.size > 0 ? dx_read_array(&reader) : 0;
    for (size_t i = first; i < first + count; i++) {
        const dx_batch_op *op = &batch->ops[i].op;
        dx_bytes id = left > 0 ? dx_item_bytes(dx_read_item(&reader)) : (dx_bytes){0};
        left -= left > 0;
        if (op->removed && left > 0) {
            dx_read_item(&reader);
            left--;
        }
        if (op->kind == DX_BATCH_ADD || (op->kind == DX_BATCH_LINK && op->number != DX_BATCH_NONE)) {
            if (id.size != DX_BATCH_ID_SIZE) {
                return DX_E_MALFORMED;
            }
            memcpy(owner->ids[op->number], id.data, DX_BATCH_ID_SIZE);
            owner->known[op->number] = 1;
        }
        count_op(owner, op);
    }
    return DX_OK;
}

/* Whether an error is about the ops themselves, so that others may still stand. */
static bool concerns_ops(dx_bytes error) {
    int code = (int)dx_item_int(dx_item_get(error, "code"), DX_E_MALFORMED);
    return code == DX_E_INVALID || code == DX_E_LIMIT || code == DX_E_NOT_FOUND || code == DX_E_STATE ||
           code == DX_E_CONFLICT || code == DX_E_EXISTS;
}

static void refuse_op(dx_batches *batches, const dx_batch_op *op, dx_bytes error) {
    char why[DX_HOST_MESSAGE_MAX];
    dx_bytes text = dx_item_text(dx_item_get(error, "message"));
    snprintf(why, sizeof why, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    batches->refused++;
    if (batches->on_refused != NULL) {
        batches->on_refused(batches->ctx, op->line, why);
    }
}

static uint64_t mark_queued(const dx_batch *batch, size_t first, size_t count) {
    uint64_t mark = 0;
    for (size_t i = first; i < first + count; i++) {
        const dx_queued_op *queued = &batch->ops[i];
        dx_batch_op op = queued->op;
        if (batch->bytes.size > 0) { /* else there is nothing to point into */
            op.type.data = batch->bytes.data + queued->type_at;
            op.data.data = batch->bytes.data + queued->data_at;
            op.model.data = batch->bytes.data + queued->model_at;
        }
        mark = mark_op(mark, &op);
    }
    return mark;
}

/* One op as a batch of its own. */
static int send_alone(dx_batch *batch, size_t index) {
    dx_batches *owner = batch->owner;
    dx_buf command, reply;
    dx_buf_init(&command, dx_host_alloc(), COMMAND_SIZE);
    dx_buf_init(&reply, dx_host_alloc(), COMMAND_SIZE);
    const dx_batch_op *op = &batch->ops[index].op;
    dx_journal_range range = {
        .first = batch->range.first + index, .count = 1, .mark = mark_queued(batch, index, 1)};
    int code = note_asked(owner, &range, false), error = encode(batch, index, 1, &command);
    if (code == DX_EXIT_OK && error == DX_OK) {
        error = dx_vault_call_as(owner->run, dx_buf_view(&command), range.request, &reply);
    }
    dx_bytes refused = error == DX_OK ? dx_reply_error(dx_buf_view(&reply)) : (dx_bytes){0};
    if (code != DX_EXIT_OK) {
        /* told */
    } else if (error != DX_OK) {
        code = dx_vault_failed(owner->run, error);
    } else if (refused.size > 0 && concerns_ops(refused)) {
        refuse_op(owner, op, refused);
    } else if (refused.size > 0) {
        code = dx_fail_reply(owner->run, refused);
    } else if (take_ids(batch, index, 1, dx_buf_view(&reply)) != DX_OK) {
        code = dx_fail(owner->run, DX_E_MALFORMED, NULL, "the vault's answer has no id");
    } else if (owner->journal != NULL) {
        code = note_answered(owner, &op, &range);
    }
    dx_buf_deinit(&command);
    dx_buf_deinit(&reply);
    return code;
}

/* The vault refused all of it: one op is the reason, or several. */
static int send_each(dx_batch *batch, dx_bytes refused) {
    dx_batches *owner = batch->owner;
    int code = DX_EXIT_OK;
    if (batch->count == 1) {
        refuse_op(owner, &batch->ops[0].op, refused);
        return code;
    }
    int error = owner->journal == NULL ? DX_OK : dx_journal_split(owner->journal, &batch->range);
    if (error != DX_OK) {
        return fail_journal(owner, error);
    }
    for (size_t i = 0; code == DX_EXIT_OK && i < batch->count; i++) {
        code = send_alone(batch, i);
    }
    return code;
}

static int settle(dx_batch *batch) {
    dx_batches *owner = batch->owner;
    dx_bytes reply = dx_buf_view(&batch->reply), refused = dx_reply_error(reply);
    int code = DX_EXIT_OK;
    batch->in_flight = false;
    if (batch->error != DX_OK) {
        code = dx_vault_failed(owner->run, batch->error);
    } else if (refused.size > 0 && concerns_ops(refused)) {
        code = send_each(batch, refused);
    } else if (refused.size > 0) {
        code = dx_fail_reply(owner->run, refused);
    } else if (take_ids(batch, 0, batch->count, reply) != DX_OK) {
        code = dx_fail(owner->run, DX_E_MALFORMED, NULL, "the vault's answer has no ids");
    } else if (owner->journal != NULL) {
        const dx_batch_op *ops[DX_BATCH_OPS];
        for (size_t i = 0; i < batch->count; i++) {
            ops[i] = &batch->ops[i].op;
        }
        code = note_answered(owner, ops, &batch->range);
    }
    batch->count = 0;
    batch->is_again = false;
    dx_buf_clear(&batch->bytes);
    dx_buf_clear(&batch->reply);
    if (owner->on_progress != NULL) {
        owner->on_progress(owner->ctx);
    }
    return code;
}

static void on_answer(void *ctx, bool last, dx_bytes body) {
    dx_batch *batch = ctx;
    if (last) {
        dx_buf_append(&batch->reply, body.data, body.size);
        batch->error = dx_buf_error(&batch->reply);
        batch->answered = true;
    }
}

/* --- In flight
 * ------------------------------------------------------------------------------------------------- */

/* Takes the answers that have come; waits for one when `wait`. */
static int take_answers(dx_batches *batches, bool wait) {
    for (;;) {
        bool taken = false;
        for (size_t i = 0; batches->code == DX_EXIT_OK && i < DX_BATCHES_IN_FLIGHT; i++) {
            dx_batch *batch = &batches->slots[i];
            if (batch->in_flight && batch->answered) {
                batches->code = settle(batch);
                taken = true;
            }
        }
        if (taken || !wait || batches->code != DX_EXIT_OK) {
            return batches->code;
        }
        int error = dx_client_wait(batches->run->client, dx_vault_left_ms(batches->run));
        if (error != DX_OK) {
            return batches->code = dx_vault_failed(batches->run, error);
        }
    }
}

static size_t count_in_flight(const dx_batches *batches) {
    size_t count = 0;
    for (size_t i = 0; i < DX_BATCHES_IN_FLIGHT; i++) {
        count += batches->slots[i].in_flight;
    }
    return count;
}

static int send_filling(dx_batches *batches) {
    dx_batch *batch = batches->filling;
    if (batch == NULL || batch->count == 0) {
        return batches->code;
    }
    dx_buf command;
    uint64_t mark = mark_queued(batch, 0, batch->count);
    if (batch->is_again && mark != batch->range.mark) {
        return fail_changed(batches);
    }
    batch->range.mark = mark;
    batch->range.count = (uint32_t)batch->count;
    if (note_asked(batches, &batch->range, batch->is_again) != DX_EXIT_OK) {
        return batches->code;
    }
    dx_buf_init(&command, dx_host_alloc(), COMMAND_SIZE);
    int error = encode(batch, 0, batch->count, &command);
    batch->answered = false;
    if (error == DX_OK) {
        error = dx_client_send(batches->run->client, dx_buf_view(&command), batch->range.request, on_answer,
                               batch, NULL);
    }
    dx_buf_deinit(&command);
    batches->filling = NULL;
    batch->in_flight = error == DX_OK;
    if (error != DX_OK) {
        batches->code = dx_vault_failed(batches->run, error);
    }
    return batches->code;
}

static dx_batch *free_slot(dx_batches *batches) {
    for (size_t i = 0; i < DX_BATCHES_IN_FLIGHT; i++) {
        if (!batches->slots[i].in_flight) {
            return &batches->slots[i];
        }
    }
    return NULL;
}

int dx_batches_drain(dx_batches *batches) {
    int code = send_filling(batches);
    while (code == DX_EXIT_OK && count_in_flight(batches) > 0) {
        code = take_answers(batches, true);
    }
    return code;
}

/* --- Queueing
 * --------------------------------------------------------------------------------------------------- */

static bool is_filling(const dx_batches *batches, uint32_t number) {
    const dx_batch *batch = batches->filling;
    for (size_t i = 0; batch != NULL && i < batch->count; i++) {
        if (batch->ops[i].op.kind == DX_BATCH_ADD && batch->ops[i].op.number == number) {
            return true;
        }
    }
    return false;
}

static int make_room(dx_batches *batches, size_t size) {
    const dx_batch *filling = batches->filling;
    if (filling != NULL && filling->count > 0 &&
        (filling->count == DX_BATCH_OPS || filling->bytes.size + size > DX_BATCH_SIZE)) {
        if (send_filling(batches) != DX_EXIT_OK) {
            return batches->code;
        }
    }
    while (batches->filling == NULL && batches->code == DX_EXIT_OK) {
        batches->filling = free_slot(batches);
        if (batches->filling == NULL) {
            take_answers(batches, true);
        }
    }
    return batches->code;
}

static bool is_nameable(const dx_batches *batches, uint32_t number) {
    return number == DX_BATCH_NONE || dx_batches_knows(batches, number) || is_filling(batches, number);
}

/* Room for the op in a batch where everything it names has an id or stands before it. */
static int make_ready(dx_batches *batches, const dx_batch_op *op) {
    size_t size = op->type.size + op->data.size;
    bool changes = op->kind == DX_BATCH_REMOVE || op->kind == DX_BATCH_SET || op->kind == DX_BATCH_APPLY,
         links = op->kind == DX_BATCH_LINK;
    int code = make_room(batches, size);
    bool ready = changes ? dx_batches_knows(batches, op->number)
                         : is_nameable(batches, op->source) && (!links || is_nameable(batches, op->target));
    if (code == DX_EXIT_OK && !ready) {
        code = dx_batches_drain(batches);
    }
    return code == DX_EXIT_OK ? make_room(batches, size) : code;
}

/* An earlier run did it: what it made has the id that was told then. */
static int take_done(dx_batches *batches, const dx_batch_op *op, const dx_journal_range *range,
                     uint64_t number) {
    const uint8_t *id = dx_journal_id(batches->journal, range, number);
    batches->replayed = mark_op(number == range->first ? 0 : batches->replayed, op);
    if (number + 1 == range->first + range->count && batches->replayed != range->mark) {
        return fail_changed(batches);
    }
    if (op->kind == DX_BATCH_ADD || (op->kind == DX_BATCH_LINK && op->number != DX_BATCH_NONE)) {
        dx_batches_learn(batches, op->number, id);
    }
    count_op(batches, op);
    return batches->code;
}

/* The op goes into a batch of what was sent with it before: then all it names had an id, or stood in that batch. */
static int make_ready_again(dx_batches *batches, const dx_journal_range *range, uint64_t number) {
    if (number == range->first) {
        if (dx_batches_drain(batches) != DX_EXIT_OK || make_room(batches, 0) != DX_EXIT_OK) {
            return batches->code;
        }
        batches->filling->is_again = true;
        batches->filling->range = *range;
    }
    return batches->filling != NULL && batches->filling->is_again ? batches->code : fail_changed(batches);
}

int dx_batches_add(dx_batches *batches, const dx_batch_op *op) {
    uint64_t number = batches->queued++;
    const dx_journal_range *range =
        batches->journal == NULL ? NULL : dx_journal_find(batches->journal, number);
    if (range != NULL && range->answered) {
        return take_done(batches, op, range, number);
    }
    int code = range != NULL ? make_ready_again(batches, range, number) : make_ready(batches, op);
    if (code != DX_EXIT_OK) {
        return batches->code;
    }
    dx_batch *batch = batches->filling;
    batch->range.first = batch->count == 0 ? number : batch->range.first;
    dx_queued_op *queued = &batch->ops[batch->count++];
    queued->op = *op;
    queued->type_at = batch->bytes.size;
    dx_buf_append(&batch->bytes, op->type.data, op->type.size);
    queued->data_at = batch->bytes.size;
    dx_buf_append(&batch->bytes, op->data.data, op->data.size);
    queued->model_at = batch->bytes.size;
    dx_buf_append(&batch->bytes, op->model.data, op->model.size);
    if (dx_buf_error(&batch->bytes) != DX_OK) {
        return batches->code = dx_vault_failed(batches->run, dx_buf_error(&batch->bytes));
    }
    return range != NULL && batch->count == range->count ? send_filling(batches) : batches->code;
}

void dx_batches_learn(dx_batches *batches, uint32_t number, const uint8_t id[static DX_BATCH_ID_SIZE]) {
    memcpy(batches->ids[number], id, DX_BATCH_ID_SIZE);
    batches->known[number] = 1;
}

const uint8_t *dx_batches_id(const dx_batches *batches, uint32_t number) {
    return dx_batches_knows(batches, number) ? batches->ids[number] : NULL;
}

bool dx_batches_knows(const dx_batches *batches, uint32_t number) {
    return number < batches->count && batches->known[number] != 0;
}

int dx_batches_init(dx_batches *batches, dx_invocation *run, dx_bytes space, uint32_t count) {
    *batches = (dx_batches){.run = run, .space = space, .count = count};
    batches->ids = calloc((size_t)count + 1, sizeof *batches->ids);
    batches->known = calloc((size_t)count + 1, 1);
    batches->slots = calloc(DX_BATCHES_IN_FLIGHT, sizeof *batches->slots);
    if (batches->ids == NULL || batches->known == NULL || batches->slots == NULL) {
        return batches->code = dx_vault_failed(run, DX_E_NO_MEMORY);
    }
    for (size_t i = 0; i < DX_BATCHES_IN_FLIGHT; i++) {
        batches->slots[i].owner = batches;
        dx_buf_init(&batches->slots[i].bytes, dx_host_alloc(), COMMAND_SIZE);
        dx_buf_init(&batches->slots[i].reply, dx_host_alloc(), COMMAND_SIZE);
    }
    return DX_EXIT_OK;
}

void dx_batches_deinit(dx_batches *batches) {
    for (size_t i = 0; batches->slots != NULL && i < DX_BATCHES_IN_FLIGHT; i++) {
        dx_buf_deinit(&batches->slots[i].bytes);
        dx_buf_deinit(&batches->slots[i].reply);
    }
    free(batches->ids);
    free(batches->known);
    free(batches->slots);
}
