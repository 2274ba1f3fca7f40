/* text/clients.c: see clients.h. */
#include "text/clients.h"

#include "base/limits.h"
#include "text/room.h"

void dx_text_clients_init(dx_text_clients *clients, const dx_alloc *alloc) {
    *clients = (dx_text_clients){.alloc = alloc};
}

void dx_text_clients_deinit(dx_text_clients *clients) {
    dx_alloc_free(clients->alloc, clients->rows, clients->capacity * sizeof *clients->rows);
    dx_alloc_free(clients->alloc, clients->sorted, clients->capacity * sizeof *clients->sorted);
    dx_text_clients_init(clients, clients->alloc);
}

/* How many stand before that id, or before where it would stand. */
static uint32_t position(const dx_text_clients *clients, uint64_t id) {
    uint32_t low = 0, high = clients->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (clients->rows[clients->sorted[middle]].id > id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t dx_text_clients_find(dx_text_clients *clients, uint64_t id) {
    if (clients->last < clients->count && clients->rows[clients->last].id == id) {
        return clients->last;
    }
    uint32_t at = position(clients, id);
    if (at == clients->count || clients->rows[clients->sorted[at]].id != id) {
        return DX_TEXT_NO_CLIENT;
    }
    clients->last = clients->sorted[at];
    return clients->last;
}

static int make_room(dx_text_clients *clients, size_t count) {
    if (count <= clients->capacity) {
        return DX_OK;
    }
    size_t capacity = dx_text_room(clients->capacity, count);
    dx_text_client *rows = dx_alloc_take(clients->alloc, capacity * sizeof *rows);
    uint32_t *sorted = dx_alloc_take(clients->alloc, capacity * sizeof *sorted);
    if (rows == NULL || sorted == NULL) {
        dx_alloc_free(clients->alloc, rows, capacity * sizeof *rows);
        dx_alloc_free(clients->alloc, sorted, capacity * sizeof *sorted);
        return DX_E_NO_MEMORY;
    }
    if (clients->count != 0) {
        memcpy(rows, clients->rows, clients->count * sizeof *rows);
        memcpy(sorted, clients->sorted, clients->count * sizeof *sorted);
    }
    dx_alloc_free(clients->alloc, clients->rows, clients->capacity * sizeof *rows);
    dx_alloc_free(clients->alloc, clients->sorted, clients->capacity * sizeof *sorted);
    clients->rows = rows;
    clients->sorted = sorted;
    clients->capacity = (uint32_t)capacity;
    return DX_OK;
}

int dx_text_clients_add(dx_text_clients *clients, const uint64_t *ids, size_t count) {
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++) {
        fresh += dx_text_clients_find(clients, ids[i]) == DX_TEXT_NO_CLIENT;
    }
    if (fresh == 0) {
        return DX_OK;
    }
    if (fresh > DX_TEXT_CLIENTS_MAX - clients->count) {
        return DX_E_LIMIT;
    }
    int error = make_room(clients, clients->count + fresh);
    if (error != DX_OK) {
        return error;
    }
    /* From the back, which has room: the smallest ids go last. */
    bool ascending = count > 1 && ids[0] < ids[1];
    uint32_t known = clients->count, index = clients->count, at = clients->count + (uint32_t)fresh;
    for (size_t i = 0; i < count && fresh != 0; i++) {
        uint64_t id = ascending ? ids[i] : ids[count - 1 - i];
        while (known != 0 && clients->rows[clients->sorted[known - 1]].id < id) {
            clients->sorted[--at] = clients->sorted[--known];
        }
        if (known == 0 || clients->rows[clients->sorted[known - 1]].id != id) {
            clients->rows[index] = (dx_text_client){.id = id};
            clients->sorted[--at] = index++;
            fresh--;
        }
    }
    clients->count = index;
    return DX_OK;
}
