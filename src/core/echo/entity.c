/* echo/entity.c: ids, keys and rows of objects and links.
 *
 * Layer: floor 1, echo. Contract in entity.h. */
#include "echo/entity.h"

#include <string.h>

#include "echo/entity_row.h"
#include "echo/reduce.h"

enum { FEED_SHIFT = 48, SEQ_SHIFT = 16, ID_SEQ_AT = DX_PREFIX_SIZE, ID_INDEX_AT = DX_PREFIX_SIZE + 4 };

/* --- Ids ------------------------------------------------------------------------------------- */

int64_t dx_entity_key(int64_t feed_local, uint64_t seq, uint64_t index) {
    DX_ASSERT(feed_local > 0 && feed_local <= DX_FEED_LOCAL_MAX && seq <= DX_PLACE_SEQ_MAX &&
              index < DX_BLOCK_SECTIONS_MAX);
    return feed_local << FEED_SHIFT | (int64_t)(seq << SEQ_SHIFT | index);
}

int64_t dx_entity_key_feed(int64_t key) {
    return key >> FEED_SHIFT;
}

uint64_t dx_entity_key_seq(int64_t key) {
    return (uint64_t)key >> SEQ_SHIFT & UINT32_MAX;
}

uint64_t dx_entity_key_index(int64_t key) {
    return (uint64_t)key & UINT16_MAX;
}

int dx_id_to_key(dx_space *space, const uint8_t id[static DX_ID_SIZE], int64_t *key) {
    const dx_feed *feed = dx_space_feed_by_prefix(space, id);
    uint64_t seq = 0, index = 0;
    for (size_t i = ID_SEQ_AT; i < ID_INDEX_AT; i++) {
        seq = seq << 8 | id[i];
    }
    for (size_t i = ID_INDEX_AT; i < DX_ID_SIZE; i++) {
        index = index << 8 | id[i];
    }
    if (feed == NULL || seq > DX_PLACE_SEQ_MAX || index >= DX_BLOCK_SECTIONS_MAX) {
        return DX_E_NOT_FOUND;
    }
    *key = dx_entity_key(feed->local, seq, index);
    return DX_OK;
}

int dx_key_to_id(dx_space *space, int64_t key, uint8_t id[static DX_ID_SIZE]) {
    const dx_feed *feed = dx_space_feed(space, dx_entity_key_feed(key));
    if (feed == NULL) {
        return DX_E_NOT_FOUND;
    }
    memcpy(id, feed->id, DX_PREFIX_SIZE);
    for (int i = 0; i < 4; i++) {
        id[ID_SEQ_AT + i] = (uint8_t)(dx_entity_key_seq(key) >> (24 - 8 * i));
    }
    for (int i = 0; i < 2; i++) {
        id[ID_INDEX_AT + i] = (uint8_t)(dx_entity_key_index(key) >> (8 - 8 * i));
    }
    return DX_OK;
}

/* A decimal without leading zeros; *at moves past it. False: no digits, or more than max. */
static bool parse_number(dx_bytes text, size_t *at, uint64_t max, uint64_t *out) {
    size_t start = *at;
    uint64_t value = 0;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
        value = value * 10 + (uint64_t)(text.data[*at] - '0');
        if (value > max || (*at > start && text.data[start] == '0')) {
            return false;
        }
        (*at)++;
    }
    *out = value;
    return *at > start;
}

/* Whether the feed's id begins with these digits. */
static bool begins_with(const dx_feed *feed, dx_bytes digits) {
    char hex[2 * DX_PREFIX_SIZE + 1];
    dx_hex_encode(dx_bytes_of(feed->id, DX_PREFIX_SIZE), hex);
    for (size_t i = 0; i < digits.size; i++) {
        uint8_t digit = digits.data[i];
        if (digit >= 'A' && digit <= 'F') {
            digit = (uint8_t)(digit - 'A' + 'a');
        }
        if (digit != (uint8_t)hex[i]) {
            return false;
        }
    }
    return true;
}

static bool are_hex_digits(dx_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) {
            return false;
        }
    }
    return true;
}

/* The entity at this place of a data feed whose id begins with these digits. */
static int find_place(dx_context *context, dx_space *space, bool stands, uint64_t seq, uint64_t index,
                      dx_bytes digits, int64_t *key) {
    size_t found = 0;
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class != DX_FEED_DATA || !begins_with(feed, digits)) {
            continue;
        }
        int64_t candidate = dx_entity_key(feed->local, seq, index);
        int error = stands ? dx_entity_row_find(context, space, candidate) : DX_OK;
        if (error == DX_OK) {
            *key = candidate;
            found++;
        } else if (error != DX_E_NOT_FOUND) {
            return error;
        }
    }
    return found == 1 ? DX_OK : found == 0 ? DX_E_NOT_FOUND : DX_E_CONFLICT;
}

static int parse_id(dx_context *context, dx_space *space, bool stands, dx_bytes text, int64_t *key) {
    size_t at = 0;
    uint64_t seq, index;
    if (!parse_number(text, &at, DX_PLACE_SEQ_MAX, &seq) || at == text.size || text.data[at++] != '-' ||
        !parse_number(text, &at, DX_BLOCK_SECTIONS_MAX - 1, &index)) {
        return DX_E_INVALID;
    }
    dx_bytes digits = {NULL, 0};
    if (at < text.size) {
        digits = dx_bytes_of(text.data + at + 1, text.size - at - 1);
        if (text.data[at] != '-' || digits.size == 0 || digits.size > 2 * (size_t)DX_PREFIX_SIZE ||
            !are_hex_digits(digits)) {
            return DX_E_INVALID;
        }
    }
    return find_place(context, space, stands, seq, index, digits, key);
}

int dx_id_parse(dx_context *context, dx_space *space, dx_bytes text, int64_t *key) {
    return parse_id(context, space, true, text, key);
}

int dx_id_parse_any(dx_context *context, dx_space *space, dx_bytes text, int64_t *key) {
    int error = dx_id_parse(context, space, text, key);
    return error == DX_E_NOT_FOUND ? parse_id(context, space, false, text, key) : error;
}

static size_t print_number(uint64_t value, char *out) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = digits[count - 1 - i];
    }
    return count;
}

void dx_id_print(const uint8_t id[static DX_ID_SIZE], char out[static DX_ID_TEXT_MAX]) {
    uint64_t seq = (uint64_t)id[16] << 24 | (uint64_t)id[17] << 16 | (uint64_t)id[18] << 8 | id[19];
    size_t at = print_number(seq, out);
    out[at++] = '-';
    at += print_number((uint64_t)id[20] << 8 | id[21], out + at);
    out[at++] = '-';
    dx_hex_encode(dx_bytes_of(id, DX_PREFIX_SIZE), out + at);
}

/* --- Rows ------------------------------------------------------------------------------------ */

/* The model's bytes: the column, or made of the listed operations when the model became known after they
 * came. */
static int read_state(dx_context *context, dx_space *space, bool listed, dx_bytes column, dx_entity *entity) {
    entity->state = column;
    if (!listed || entity->model == NULL) {
        return DX_OK;
    }
    dx_provenance provenance;
    int error = dx_provenance_find(context, space, entity->key, entity->created, entity->model, &provenance);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_clear(&space->state);
    error = dx_reduce_listed(context, space, entity->model, &provenance, column, &space->state);
    entity->state = dx_buf_view(&space->state);
    return error;
}

/* What the row's numbers stand for. */
int dx_entity_row_show(dx_context *context, dx_space *space, const dx_entity_row *row, dx_entity *out) {
    *out = (dx_entity){.key = row->key,
                       .kind = row->kind == DX_ENTITY_LINK ? DX_ENTITY_LINK : DX_ENTITY_OBJECT,
                       .type_id = row->type,
                       .model_id = row->model < 0 ? -row->model : row->model,
                       .created = (uint64_t)row->created,
                       .parent = row->parent,
                       .deleted = row->deleted,
                       .source = row->source,
                       .target = row->target};
    dx_type *type;
    int error = dx_type_read(context, space, row->model < 0 ? -row->model : row->model, &type);
    if (error == DX_OK) {
        out->model = type->model;
        error = dx_type_read(context, space, out->type_id, &type);
    }
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    out->type = dx_bytes_of(type->name, type->size);
    return read_state(context, space, row->model < 0, row->state, out);
}

int dx_entity_of_row(dx_context *context, dx_space *space, sqlite3_stmt *row, int column, dx_entity *out) {
    const dx_entity_row values = dx_entity_row_of(row, column);
    return dx_entity_row_show(context, space, &values, out);
}

int dx_entity_read(dx_context *context, dx_space *space, int64_t key, dx_entity *out) {
    if (dx_space_feed(space, dx_entity_key_feed(key)) == NULL) {
        return DX_E_NOT_FOUND;
    }
    dx_entity_row row;
    int error = dx_entity_row_read(context, space, key, &row);
    return error == DX_OK ? dx_entity_row_show(context, space, &row, out) : error;
}

int dx_entity_view(dx_context *context, dx_space *space, const dx_entity *entity, dx_writer *out) {
    dx_provenance provenance;
    if (entity->model == NULL) {
        dx_write_null(out);
        return DX_OK;
    }
    int error = dx_provenance_find(context, space, entity->key, entity->created, entity->model, &provenance);
    if (error != DX_OK) {
        return error == DX_E_CORRUPT && dx_space_feed(space, dx_entity_key_feed(entity->key)) == NULL
                   ? DX_E_NOT_FOUND
                   : error;
    }
    dx_alloc scratch = dx_space_scratch(space);
    void *state = entity->model->create(&scratch, &provenance.created);
    error = state == NULL ? DX_E_NO_MEMORY : DX_OK;
    if (error == DX_OK && entity->state.size != 0) {
        error = entity->model->restore(state, entity->state);
    }
    if (error == DX_OK) {
        error = entity->model->view(state, out);
    }
    if (state != NULL) {
        entity->model->destroy(&scratch, state);
    }
    dx_arena_reset(&space->arena);
    return error;
}

int dx_id_write(dx_space *space, int64_t key, dx_writer *out) {
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    if (key == 0) {
        dx_write_null(out);
        return DX_OK;
    }
    int error = dx_key_to_id(space, key, id);
    if (error == DX_OK) {
        dx_id_print(id, text);
        dx_write_text(out, text);
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

static void write_type(const dx_entity *entity, dx_writer *out) {
    if (entity->type.size == 0) {
        dx_write_null(out);
    } else {
        dx_write_text_bytes(out, entity->type);
    }
}

static int write_model(dx_context *context, dx_space *space, const dx_entity *entity, dx_writer *out) {
    dx_type *model;
    int error = dx_type_read(context, space, entity->model_id, &model);
    if (error == DX_OK) {
        dx_write_text(out, "model");
        dx_write_text_bytes(out, dx_bytes_of(model->name, model->size));
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

/* Keys in the order of their encodings: shorter first. omits: the data are left out, and how large their state is
 * stands behind the rest. */
static int write_entity(dx_context *context, dx_space *space, const dx_entity *entity, bool omits,
                        dx_writer *out) {
    bool link = entity->kind == DX_ENTITY_LINK;
    bool other = entity->model != &dx_object_model;
    dx_write_map(out, (link ? 6u : 5u) + omits + other);
    dx_write_text(out, "id");
    int error = dx_id_write(space, entity->key, out);
    if (error == DX_OK) {
        dx_write_text(out, "data");
        if (omits) {
            dx_write_null(out);
        } else {
            error = dx_entity_view(context, space, entity, out);
        }
    }
    if (error != DX_OK) {
        return error;
    }
    dx_write_text(out, "type");
    write_type(entity, out);
    if (other) { /* read only now: entity->type is a view that this ends */
        error = write_model(context, space, entity, out);
    }
    if (error != DX_OK) {
        return error;
    }
    if (link) {
        dx_write_text(out, "source");
        error = dx_id_write(space, entity->source, out);
        if (error == DX_OK) {
            dx_write_text(out, "target");
            error = dx_id_write(space, entity->target, out);
        }
    } else {
        dx_write_text(out, "parent");
        error = dx_id_write(space, entity->parent, out);
    }
    if (error == DX_OK) {
        dx_write_text(out, "deleted");
        dx_write_bool(out, entity->deleted);
    }
    if (error == DX_OK && omits) {
        dx_write_text(out, "omitted");
        dx_write_uint(out, entity->state.size);
    }
    return error;
}

int dx_entity_write(dx_context *context, dx_space *space, const dx_entity *entity, dx_writer *out) {
    return write_entity(context, space, entity, false, out);
}

static int append_row(dx_context *context, dx_space *space, const dx_entity *entity, bool omits,
                      dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    int error = write_entity(context, space, entity, omits, &writer);
    return error == DX_OK ? dx_writer_finish(&writer) : error;
}

int dx_entity_write_row(dx_context *context, dx_space *space, const dx_entity *entity, dx_buf *out) {
    size_t begin = out->size, max = out->max;
    if (dx_buf_error(out) != DX_OK) {
        return dx_buf_error(out);
    }
    out->max = max - begin < DX_ROW_SIZE_MAX ? max : begin + DX_ROW_SIZE_MAX;
    int error = append_row(context, space, entity, false, out);
    out->max = max;
    if (error != DX_E_LIMIT) {
        return error;
    }
    out->size = begin;
    out->error = DX_OK;
    return append_row(context, space, entity, true, out);
}
