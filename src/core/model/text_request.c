/* model/text_request.c: requests of texts. See text_request.h.
 *
 * Layer: floor 1, model. */
#include "model/text_request.h"

#include <string.h>

#include "base/limits.h"
#include "model/text_difference.h"
#include "model/text_operation.h"
#include "model/text_shown.h"

/* --- Requests --------------------------------------------------------------------------------- */

/* A request under way, upon the document as it is here. */
typedef struct asking {
    const dx_alloc *alloc;
    dx_text_doc *doc;
    dx_text_type type;
    dx_bytes request;
} asking;

static bool take_place(const asking *self, const char *key, uint64_t *place) {
    dx_bytes item = dx_item_get(self->request, key);
    int64_t value = dx_item_int(item, -1);
    *place = value < 0 ? 0 : (uint64_t)value;
    return item.size != 0 && value >= 0;
}

/* An item as JSON text with its terminator; NULL in *text for none. */
static int print_item(dx_bytes item, dx_kind kind, dx_buf *json, const char **text) {
    *text = NULL;
    if (item.size == 0) {
        return DX_OK;
    }
    if (kind != DX_KIND_NONE && dx_item_kind(item) != kind) {
        return DX_E_INVALID;
    }
    int error = dx_json_print(item, json);
    dx_buf_append_byte(json, 0);
    *text = (const char *)json->data;
    return error == DX_OK ? dx_buf_error(json) : error;
}

static int insert(const asking *self, uint64_t at, const char *attributes) {
    dx_bytes text = dx_item_get(self->request, "text"), embed = dx_item_get(self->request, "embed");
    if (text.size != 0 && embed.size == 0 && dx_item_kind(text) == DX_KIND_TEXT) {
        return dx_text_insert(self->doc, self->type, at, dx_item_text(text), attributes);
    }
    if (text.size != 0 || embed.size == 0) {
        return DX_E_INVALID;
    }
    dx_buf json;
    const char *value;
    dx_buf_init(&json, self->alloc, DX_BLOCK_SIZE_MAX);
    int error = print_item(embed, DX_KIND_NONE, &json, &value);
    error = error == DX_OK ? dx_text_insert_embed(self->doc, self->type, at, value, attributes) : error;
    dx_buf_deinit(&json);
    return error;
}

/* --- The whole text as it shall be ------------------------------------------------------------------ */

/* One place of a text that somebody saw: so many characters go from there on, and others come. */
typedef struct hunk {
    uint64_t at, gone, come;
    dx_bytes text;
} hunk;

typedef struct hunk_list {
    const dx_alloc *alloc;
    hunk *items;
    size_t count, capacity;
    int64_t shift; /* what those so far move behind them */
} hunk_list;

static uint64_t count_characters(dx_bytes text) {
    uint64_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static int take_hunk(void *ctx, uint64_t at, uint64_t count, dx_bytes inserted) {
    hunk_list *self = ctx;
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 16 : 2 * self->capacity;
        hunk *items =
            dx_alloc_grow(self->alloc, self->items, self->capacity * sizeof *items, capacity * sizeof *items);
        if (items == NULL) {
            return DX_E_NO_MEMORY;
        }
        self->items = items;
        self->capacity = capacity;
    }
    hunk *one = &self->items[self->count++];
    *one = (hunk){.at = (uint64_t)((int64_t)at - self->shift),
                  .gone = count,
                  .come = count_characters(inserted),
                  .text = inserted};
    self->shift += (int64_t)one->come - (int64_t)one->gone;
    return DX_OK;
}

static int find_hunks(const asking *self, dx_bytes from, dx_bytes to, hunk_list *out) {
    *out = (hunk_list){.alloc = self->alloc};
    return dx_text_difference(self->alloc, from, to, take_hunk, out);
}

static void free_hunks(hunk_list *self) {
    dx_alloc_free(self->alloc, self->items, self->capacity * sizeof *self->items);
}

/* Where a place of the text that was seen is now: behind what others put there, and in front of what they took away around it. */
static uint64_t place_now(const hunk_list *others, uint64_t place) {
    int64_t shift = 0;
    for (size_t i = 0; i < others->count && others->items[i].at <= place; i++) {
        const hunk *other = &others->items[i];
        uint64_t gone = place - other->at < other->gone ? place - other->at : other->gone;
        shift += (int64_t)other->come - (int64_t)gone;
    }
    return (uint64_t)((int64_t)place + shift);
}

/* Deletes what is left of a range of the text that was seen, from its end to its beginning. */
static int delete_left(const asking *self, const hunk_list *others, uint64_t begin, uint64_t end) {
    int error = DX_OK;
    for (size_t i = others->count; i > 0 && error == DX_OK && begin < end; i--) {
        const hunk *other = &others->items[i - 1];
        uint64_t behind = other->at + other->gone;
        if (other->at >= end || behind < begin) {
            continue;
        }
        behind = behind < begin ? begin : behind;
        if (behind < end) {
            error = dx_text_delete(self->doc, self->type, place_now(others, behind), end - behind);
        }
        end = other->at < end ? other->at : end;
    }
    return error == DX_OK && begin < end
               ? dx_text_delete(self->doc, self->type, place_now(others, begin), end - begin)
               : error;
}

/* From the end to the beginning, so that no place moves before it is come to. */
static int make_hunks(const asking *self, const hunk_list *own, const hunk_list *others) {
    int error = DX_OK;
    for (size_t i = own->count; i > 0 && error == DX_OK; i--) {
        const hunk *one = &own->items[i - 1];
        error = delete_left(self, others, one->at, one->at + one->gone);
        if (error == DX_OK && one->come != 0) {
            error = dx_text_insert(self->doc, self->type, place_now(others, one->at), one->text, NULL);
        }
    }
    return error;
}

/* `was`: what its author saw; size 0: what is here. Embeds have places among the characters and are not in what people edit: a text
 * with some is not edited so. */
static int edit_whole(const asking *self, dx_bytes text, dx_bytes was) {
    dx_buf now;
    hunk_list own = {.count = 0}, others = {.count = 0};
    if (dx_item_kind(text) != DX_KIND_TEXT || (was.size != 0 && dx_item_kind(was) != DX_KIND_TEXT)) {
        return DX_E_INVALID;
    }
    dx_buf_init(&now, self->alloc, DX_TEXT_MEMORY_MAX);
    int error = dx_text_read(self->doc, self->type, &now);
    if (error == DX_OK && count_characters(dx_buf_view(&now)) != dx_text_length(self->doc, self->type)) {
        error = DX_E_INVALID;
    }
    dx_bytes seen = was.size == 0 ? dx_buf_view(&now) : dx_item_text(was);
    error = error == DX_OK ? find_hunks(self, seen, dx_item_text(text), &own) : error;
    error = error == DX_OK ? find_hunks(self, seen, dx_buf_view(&now), &others) : error;
    error = error == DX_OK ? make_hunks(self, &own, &others) : error;
    free_hunks(&own);
    free_hunks(&others);
    dx_buf_deinit(&now);
    return error;
}

static int apply_delta(const asking *self, dx_bytes delta) {
    dx_buf json;
    const char *text;
    dx_buf_init(&json, self->alloc, 4 * DX_BLOCK_SIZE_MAX);
    int error = print_item(delta, DX_KIND_ARRAY, &json, &text);
    error = error == DX_OK ? dx_text_apply_delta(self->doc, self->type, text) : error;
    dx_buf_deinit(&json);
    return error;
}

static int append(const asking *self, dx_bytes text) {
    return dx_item_kind(text) == DX_KIND_TEXT
               ? dx_text_insert(self->doc, self->type, dx_text_length(self->doc, self->type),
                                dx_item_text(text), NULL)
               : DX_E_INVALID;
}

static int ask(const asking *self) {
    uint64_t at = 0, count = 1;
    dx_buf json;
    const char *attributes;
    dx_bytes counted = dx_item_get(self->request, "count"), whole = dx_item_get(self->request, "edit"),
             delta = dx_item_get(self->request, "delta"), appended = dx_item_get(self->request, "append");
    dx_buf_init(&json, self->alloc, DX_BLOCK_SIZE_MAX);
    int error = counted.size != 0 && !take_place(self, "count", &count) ? DX_E_INVALID : DX_OK;
    if (error == DX_OK) {
        error = print_item(dx_item_get(self->request, "attributes"), DX_KIND_MAP, &json, &attributes);
    }
    if (error != DX_OK) {
        dx_buf_deinit(&json);
        return error;
    }
    if (take_place(self, "insert", &at)) {
        error = insert(self, at, attributes);
    } else if (take_place(self, "delete", &at)) {
        error = dx_text_delete(self->doc, self->type, at, count);
    } else if (take_place(self, "format", &at) && attributes != NULL) {
        error = dx_text_format(self->doc, self->type, at, count, attributes);
    } else if (delta.size != 0) {
        error = apply_delta(self, delta);
    } else if (appended.size != 0) {
        error = append(self, appended);
    } else {
        error = whole.size != 0 ? edit_whole(self, whole, dx_item_get(self->request, "was")) : DX_E_INVALID;
    }
    dx_buf_deinit(&json);
    return error;
}

/* --- Operations ------------------------------------------------------------------------------- */

/* session -1: with which a text is made. */
static int write_operation(int64_t session, dx_bytes update, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    if (session < 0) {
        dx_write_null(&writer);
    } else {
        dx_write_int(&writer, session);
    }
    dx_write_bytes(&writer, update);
    return dx_writer_finish(&writer);
}

static int refuse_malformed(int error) {
    return error == DX_E_NO_MEMORY || error == DX_E_LIMIT ? error : error == DX_OK ? DX_OK : DX_E_INVALID;
}

/* An update that was made elsewhere, of form 1 or 2: by an app in its own session, or a text that is made of it. */
static int take_update(const dx_alloc *alloc, const dx_stamp *created, const uint8_t *feed, dx_bytes request,
                       dx_buf *operation) {
    dx_bytes update = dx_item_bytes(dx_item_get(request, "update"));
    int64_t form = dx_item_int(dx_item_get(request, "form"), 2),
            session = dx_item_int(dx_item_get(request, "session"), created->counter == 0 ? -1 : 0);
    dx_buf converted;
    int error = DX_OK;
    if ((form != 1 && form != 2) || session > DX_TEXT_SESSION_MAX ||
        (created->counter == 0 ? session != -1 : session < 1)) {
        return DX_E_INVALID;
    }
    dx_buf_init(&converted, alloc, DX_BLOCK_SIZE_MAX);
    if (form == 1) {
        error = refuse_malformed(dx_text_convert_update(alloc, DX_TEXT_V1, DX_TEXT_V2, update, &converted));
        update = dx_buf_view(&converted);
    }
    if (error == DX_OK) {
        error = refuse_malformed(
            session < 0
                ? dx_text_operation_check_import(alloc, update)
                : dx_text_operation_check(alloc, dx_text_client(created, feed, (uint64_t)session), update));
    }
    error = error == DX_OK ? write_operation(session, update, operation) : error;
    dx_buf_deinit(&converted);
    return error;
}

/* The document as it is here, for writing by the first of the vault's own sessions of which nothing waits: what waits holds back
 * whatever its client writes behind it, perhaps for ever. */
static int open_own(asking *self, const dx_stamp *created, const uint8_t *feed, const dx_text_saved *saved,
                    int64_t *session) {
    dx_buf waiting;
    bool waits = true;
    int error = DX_OK;
    dx_buf_init(&waiting, self->alloc, DX_STATE_SIZE_MAX);
    for (*session = -1; error == DX_OK && waits;) {
        uint64_t client = dx_text_client(created, feed, (uint64_t)++ * session);
        dx_text_destroy(self->doc);
        dx_buf_clear(&waiting);
        error = dx_text_saved_open(self->alloc, saved, client, &self->doc, &waiting);
        error =
            error == DX_OK ? dx_text_waiting_has(self->alloc, dx_buf_view(&waiting), client, &waits) : error;
    }
    dx_buf_deinit(&waiting);
    return error;
}

/* An update that says nothing, where nothing is to be done. */
static int write_nothing(const dx_alloc *alloc, dx_buf *update) {
    dx_text_doc *empty = NULL;
    const dx_text_options options = {.client = 1};
    int error = dx_text_create(alloc, &options, &empty);
    error = error == DX_OK ? dx_text_encode(empty, DX_TEXT_V2, dx_bytes_of(NULL, 0), update) : error;
    dx_text_destroy(empty);
    return error;
}

int dx_text_request(const dx_alloc *alloc, const dx_stamp *created, const dx_text_saved *saved,
                    const uint8_t feed[static DX_FEED_PREFIX_SIZE], dx_bytes request, dx_buf *operation) {
    asking self = {.alloc = alloc, .request = request};
    int64_t session;
    dx_buf update;
    if (dx_item_check(request) != DX_OK || dx_item_kind(request) != DX_KIND_MAP) {
        return DX_E_INVALID;
    }
    if (dx_item_get(request, "update").size != 0) {
        return take_update(alloc, created, feed, request, operation);
    }
    dx_buf_init(&update, alloc, DX_BLOCK_SIZE_MAX);
    int error = open_own(&self, created, feed, saved, &session);
    error = error == DX_OK ? dx_text_shown(alloc, self.doc, &self.type) : error;
    error = error == DX_OK ? dx_text_begin(self.doc) : error;
    error = error == DX_OK ? refuse_malformed(ask(&self)) : error;
    error = error == DX_OK ? dx_text_commit(self.doc, DX_TEXT_V2, &update) : error;
    error = error == DX_OK && update.size == 0 ? write_nothing(alloc, &update) : error;
    error = error == DX_OK
                ? write_operation(created->counter == 0 ? -1 : session, dx_buf_view(&update), operation)
                : error;
    dx_text_destroy(self.doc);
    dx_buf_deinit(&update);
    return error;
}

/* --- Taking back ------------------------------------------------------------------------------ */

int dx_text_request_back(const dx_alloc *alloc, const dx_stamp *created, const dx_text_saved *now,
                         const uint8_t feed[static DX_FEED_PREFIX_SIZE], dx_bytes before, dx_bytes after,
                         dx_buf *operation) {
    dx_buf request;
    dx_writer writer;
    dx_buf_init(&request, alloc, DX_TEXT_MEMORY_MAX);
    dx_writer_init(&writer, &request);
    dx_write_map(&writer, 2);
    dx_write_text(&writer, "was");
    dx_write_text_bytes(&writer, after);
    dx_write_text(&writer, "edit");
    dx_write_text_bytes(&writer, before);
    int error = dx_writer_finish(&writer);
    error =
        error == DX_OK ? dx_text_request(alloc, created, now, feed, dx_buf_view(&request), operation) : error;
    dx_buf_deinit(&request);
    return error;
}
