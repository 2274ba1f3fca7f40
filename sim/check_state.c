/* sim/check_state.c: what a peer shows and digests, against the reference.
 *
 * Layer: simulator, checkers; docs/spec/entities.md, digest.md. See check_state.h. */
#include "check_state.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"

enum { ROW_SIZE_MAX = 80 << 20 };

/* --- Rows ----------------------------------------------------------------------------------------------- */

static void write_place_text(const check_space *space, const check_place *place, dx_writer *out) {
    char text[CHECK_ID_TEXT_SIZE];
    if (place->feed == CHECK_NOWHERE) {
        dx_write_null(out);
    } else {
        check_id_text(space, place, text);
        dx_write_text(out, text);
    }
}

static void write_row(const check_space *space, const check_entity *entity, dx_writer *out) {
    bool other = entity->model.size > 0;
    dx_write_map(out, (entity->link ? 6u : 5u) + other);
    dx_write_text(out, "id");
    write_place_text(space, &entity->place, out);
    dx_write_text(out, "data");
    dx_write_item(out, entity->view);
    dx_write_text(out, "type");
    if (entity->type.size == 0) {
        dx_write_null(out);
    } else {
        dx_write_text_bytes(out, entity->type);
    }
    if (other) {
        dx_write_text(out, "model");
        dx_write_text_bytes(out, entity->model);
    }
    if (entity->link) {
        dx_write_text(out, "source");
        write_place_text(space, &entity->source, out);
        dx_write_text(out, "target");
        write_place_text(space, &entity->target, out);
    } else {
        dx_write_text(out, "parent");
        write_place_text(space, &entity->parent, out);
    }
    dx_write_text(out, "deleted");
    dx_write_bool(out, entity->deleted);
}

static void make_rows(check_space *space) {
    for (size_t i = 0; i < space->entity_count; i++) {
        check_entity *entity = &space->entities[i];
        dx_buf buf;
        dx_writer writer;
        entity->view =
            entity->model.size > 0 ? check_model_view(space, entity) : check_object_view(space, entity);
        dx_buf_init(&buf, &sim_heap, ROW_SIZE_MAX);
        dx_writer_init(&writer, &buf);
        write_row(space, entity, &writer);
        int error = dx_writer_finish(&writer);
        DX_ASSERT(error == DX_OK);
        entity->row = check_copy(space, dx_buf_view(&buf));
        dx_buf_deinit(&buf);
    }
}

static bool is_hidden(const check_entity *entity) {
    return entity->type.size >= 3 && memcmp(entity->type.data, "dx.", 3) == 0;
}

/* The number a text of an id begins with decides most of the time, before the rest is written out. */
static const check_entity *entity_of_id(const check_space *space, dx_bytes id) {
    char text[CHECK_ID_TEXT_SIZE];
    uint64_t seq = 0;
    for (size_t i = 0; i < id.size && id.data[i] >= '0' && id.data[i] <= '9'; i++) {
        seq = seq * 10 + (uint64_t)(id.data[i] - '0');
    }
    for (size_t i = 0; i < space->entity_count; i++) {
        if (space->entities[i].place.seq != seq) {
            continue;
        }
        check_id_text(space, &space->entities[i].place, text);
        if (dx_bytes_equal(id, dx_bytes_text(text))) {
            return &space->entities[i];
        }
    }
    return NULL;
}

static void print_item(dx_bytes item, dx_buf *out) {
    dx_buf_init(out, &sim_heap, ROW_SIZE_MAX);
    int error = dx_json_print(item, out);
    DX_ASSERT(error == DX_OK);
}

static void tell_difference(const check_space *space, dx_bytes shown, const check_entity *entity) {
    dx_buf ours, theirs;
    print_item(shown, &theirs);
    print_item(entity->row, &ours);
    sim_violate(space->world, "peer %zu shows %.*s where the blocks say %.*s", space->peer, (int)theirs.size,
                (const char *)theirs.data, (int)ours.size, (const char *)ours.data);
    dx_buf_deinit(&ours);
    dx_buf_deinit(&theirs);
}

static bool is_text(const check_entity *entity) {
    return dx_bytes_equal(entity->model, dx_bytes_text("dx/text/1"));
}

/* Of a text that has places of what is hidden in its base, nobody but other members can tell what it shows. */
static void believe(check_space *space, check_entity *entity, dx_bytes row) {
    entity->row = check_copy(space, row);
    entity->view = dx_item_get(entity->row, "data");
}

/* Every row is one of the reference's, and there are as many. */
static void compare_rows(check_space *space, dx_bytes rows) {
    size_t visible = 0, shown = 0;
    dx_reader reader;
    for (size_t i = 0; i < space->entity_count; i++) {
        visible += !is_hidden(&space->entities[i]);
    }
    dx_reader_init(&reader, rows);
    for (; reader.error == DX_OK && reader.at < reader.end; shown++) {
        dx_bytes row = dx_read_item(&reader);
        const check_entity *entity = entity_of_id(space, dx_item_text(dx_item_get(row, "id")));
        if (entity == NULL || is_hidden(entity)) {
            sim_violate(space->world, "peer %zu shows something that the blocks do not hold", space->peer);
        } else if (space->blind && is_text(entity)) {
            believe(space, &space->entities[entity - space->entities], row);
        } else if (!dx_bytes_equal(row, entity->row)) {
            tell_difference(space, row, entity);
        }
    }
    if (shown != visible) {
        sim_violate(space->world, "peer %zu shows %zu rows, the blocks hold %zu", space->peer, shown,
                    visible);
    }
}

/* --- Digest --------------------------------------------------------------------------------------------- */

static void write_place(const check_space *space, const check_place *place, dx_writer *out) {
    uint8_t id[DX_REFERENCE_SIZE];
    if (place->feed == CHECK_NOWHERE) {
        dx_write_null(out);
        return;
    }
    memcpy(id, space->feeds[place->feed].id, CHECK_PREFIX_SIZE);
    for (size_t i = 0; i < 4; i++) {
        id[CHECK_PREFIX_SIZE + i] = (uint8_t)(place->seq >> (24 - 8 * i));
    }
    id[CHECK_PREFIX_SIZE + 4] = (uint8_t)(place->index >> 8);
    id[CHECK_PREFIX_SIZE + 5] = (uint8_t)place->index;
    dx_write_bytes(out, dx_bytes_of(id, sizeof id));
}

static void write_digested(check_space *space, const check_entity *entity, dx_writer *out) {
    dx_write_array(out, 10);
    write_place(space, &entity->place, out);
    dx_write_uint(out, entity->link);
    dx_write_text_bytes(out, entity->type);
    dx_write_text_bytes(out, entity->model.size > 0 ? entity->model : dx_bytes_text("dx/object/1"));
    dx_write_uint(out, entity->created.counter);
    write_place(space, &entity->parent, out);
    if (entity->has_life) {
        dx_write_array(out, 3);
        dx_write_bool(out, entity->deleted);
        dx_write_uint(out, entity->life.counter);
        dx_write_bytes(out, dx_bytes_of(entity->life.feed, sizeof entity->life.feed));
    } else {
        dx_write_null(out);
    }
    write_place(space, &entity->source, out);
    write_place(space, &entity->target, out);
    dx_write_bytes(out, entity->model.size > 0 ? check_model_saved(space, entity)
                                               : check_object_saved(space, entity));
}

static void compare_digests(check_space *space, const char *digest) {
    uint8_t result[DX_HASH_SIZE];
    char hex[2 * DX_HASH_SIZE + 1];
    dx_hash_state hash;
    dx_buf buf;
    dx_writer writer;
    dx_buf_init(&buf, &sim_heap, ROW_SIZE_MAX);
    for (size_t i = 0; i < space->entity_count; i++) {
        if (space->blind && is_text(&space->entities[i])) {
            return; /* members compare theirs among each other */
        }
    }
    dx_hash_begin(&hash, DX_HASH_STATE_DIGEST, dx_bytes_of(NULL, 0));
    dx_hash_add(&hash, "dx state 1", strlen("dx state 1"));
    dx_hash_add(&hash, space->control_digest, sizeof space->control_digest);
    for (size_t i = 0; i < space->entity_count; i++) {
        dx_buf_clear(&buf);
        dx_writer_init(&writer, &buf);
        write_digested(space, &space->entities[i], &writer);
        int error = dx_writer_finish(&writer);
        DX_ASSERT(error == DX_OK);
        dx_hash_add(&hash, buf.data, buf.size);
    }
    dx_hash_end(&hash, result);
    dx_buf_deinit(&buf);
    dx_hex_encode(dx_bytes_of(result, sizeof result), hex);
    if (strcmp(hex, digest) != 0) {
        sim_violate(space->world, "peer %zu digests %.16s…, the blocks give %.16s…", space->peer, digest,
                    hex);
    }
}

/* --- All of it ------------------------------------------------------------------------------------------ */

void check_state(sim_peer *peer, size_t number, dx_bytes rows, const char *digest) {
    check_space space;
    if (check_space_read(&space, peer, number)) {
        make_rows(&space);
        compare_rows(&space, rows);
        compare_digests(&space, digest);
        check_queries(peer, number, &space);
    }
    check_space_free(&space);
}
