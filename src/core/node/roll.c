/* node/roll.c: see roll.h. */
#include "node/roll.h"

#include <string.h>

#include "base/limits.h"

void dx_roll_begin(dx_roll *roll) {
    for (size_t i = 0; i < roll->count; i++) {
        roll->entries[i].here = false;
    }
}

static dx_roll_entry *find(dx_roll *roll, const char *id) {
    for (size_t i = 0; i < roll->count; i++) {
        if (strcmp(roll->entries[i].id, id) == 0) {
            return &roll->entries[i];
        }
    }
    return NULL;
}

static dx_roll_entry *add(dx_node *node, dx_roll *roll, const char *id) {
    if (roll->count == roll->capacity) {
        size_t capacity = roll->capacity == 0 ? 8 : 2 * roll->capacity;
        dx_roll_entry *entries = dx_alloc_grow(&node->config.alloc, roll->entries,
                                               roll->capacity * sizeof *entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return NULL;
        }
        roll->entries = entries;
        roll->capacity = capacity;
    }
    dx_roll_entry *entry = &roll->entries[roll->count++];
    memset(entry, 0, sizeof *entry);
    memcpy(entry->id, id, strlen(id) + 1);
    return entry;
}

static int end_row(dx_node *node, dx_request *request, dx_map_builder *map, int error) {
    dx_writer row = dx_request_row(node, request);
    dx_map_builder_finish(map, &row);
    int written = dx_request_row_end(node, request, &row);
    return error != DX_OK ? error : written;
}

static int digest_row(dx_node *node, dx_request *request, const void *thing, dx_roll_fill fill,
                      uint8_t out[static DX_HASH_SIZE]) {
    dx_map_builder map;
    dx_buf row;
    dx_writer writer;
    dx_answer_init(node, &map);
    dx_buf_init(&row, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    dx_writer_init(&writer, &row);
    int error = fill(node, request, thing, &map);
    dx_map_builder_finish(&map, &writer);
    int written = dx_writer_finish(&writer);
    dx_hash(DX_HASH_SYNC_DIGEST, dx_buf_view(&row), out);
    dx_buf_deinit(&row);
    return error != DX_OK ? error : written;
}

int dx_roll_take(dx_node *node, dx_request *request, dx_roll *roll, const char *id, uint64_t stamp,
                 const void *thing, dx_roll_fill fill) {
    uint8_t now[DX_HASH_SIZE];
    dx_roll_entry *entry = find(roll, id);
    bool is_new = entry == NULL;
    if (entry != NULL && entry->stamp == stamp) {
        entry->here = true;
        return DX_OK;
    }
    int error = digest_row(node, request, thing, fill, now);
    if (error != DX_OK) {
        return error;
    }
    entry = is_new ? add(node, roll, id) : entry;
    if (entry == NULL) {
        return DX_E_NO_MEMORY;
    }
    bool told = !is_new && memcmp(now, entry->shown, sizeof now) == 0;
    entry->here = true;
    entry->stamp = stamp;
    memcpy(entry->shown, now, sizeof now);
    if (told) {
        return DX_OK;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "change"), is_new ? "added" : "changed");
    return end_row(node, request, &map, fill(node, request, thing, &map));
}

static int tell_removed(dx_node *node, dx_request *request, dx_roll *roll) {
    int error = DX_OK;
    for (size_t i = roll->count; error == DX_OK && i-- > 0;) {
        if (roll->entries[i].here) {
            continue;
        }
        dx_map_builder map;
        dx_answer_init(node, &map);
        dx_write_text(dx_map_builder_key(&map, "change"), "removed");
        dx_write_text(dx_map_builder_key(&map, roll->key), roll->entries[i].id);
        error = end_row(node, request, &map, DX_OK);
        roll->entries[i] = roll->entries[--roll->count];
    }
    return error;
}

int dx_roll_end(dx_node *node, dx_request *request, dx_roll *roll) {
    int error = tell_removed(node, request, roll);
    if (error == DX_OK) {
        error = dx_request_flush(node, request);
    }
    if (error != DX_OK || roll->listed) {
        return error;
    }
    roll->listed = true;
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "state"), "listed");
    return dx_request_notify(node, request, &map);
}

void dx_roll_free(dx_node *node, dx_roll *roll) {
    dx_alloc_free(&node->config.alloc, roll->entries, roll->capacity * sizeof *roll->entries);
}
