/* dx/names.c: see names.h. */
#include "names.h"

#include <dxos/host.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024 };

/* Multiply and fold, eight bytes at a time, beginning from the key. */
static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t low = a * b, high = (a >> 32) * (b >> 32) + ((a & 0xffffffff) ^ (b >> 32));
    return low ^ (low >> 29) ^ (high * UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t hash_name(const dx_names *names, dx_bytes name) {
    uint64_t hash = names->key ^ name.size;
    for (size_t at = 0; at < name.size; at += 8) {
        uint64_t word = 0;
        memcpy(&word, name.data + at, name.size - at < 8 ? name.size - at : 8);
        hash = mix(hash ^ word, names->key | 1);
    }
    return hash ^ (hash >> 32);
}

void dx_names_init(dx_names *names, uint64_t key) {
    *names = (dx_names){.key = key};
    dx_buf_init(&names->text, dx_host_alloc(), SIZE_MAX / 2);
}

void dx_names_deinit(dx_names *names) {
    dx_buf_deinit(&names->text);
    dx_alloc_free(dx_host_alloc(), names->slots, names->capacity * sizeof *names->slots);
    names->slots = NULL;
    names->capacity = names->count = 0;
}

/* The slot of the name, or the free one where it would stand. */
static dx_names_slot *slot_of(const dx_names *names, dx_bytes name, uint64_t hash) {
    for (size_t at = hash & (names->capacity - 1);; at = (at + 1) & (names->capacity - 1)) {
        dx_names_slot *slot = &names->slots[at];
        if (!slot->used || (slot->hash == hash && slot->size == name.size &&
                            memcmp(names->text.data + slot->at, name.data, name.size) == 0)) {
            return slot;
        }
    }
}

static int grow(dx_names *names) {
    dx_names larger = *names;
    larger.capacity = names->capacity == 0 ? FIRST_CAPACITY : names->capacity * 2;
    larger.slots = dx_alloc_take_zeroed(dx_host_alloc(), larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < names->capacity; i++) {
        const dx_names_slot *old = &names->slots[i];
        if (old->used) {
            *slot_of(&larger, (dx_bytes){names->text.data + old->at, old->size}, old->hash) = *old;
        }
    }
    dx_alloc_free(dx_host_alloc(), names->slots, names->capacity * sizeof *names->slots);
    *names = larger;
    return DX_OK;
}

int dx_names_add(dx_names *names, dx_bytes name, uint32_t *number) {
    if (names->count * 4 >= names->capacity * 3) {
        int error = grow(names);
        if (error != DX_OK) {
            return error;
        }
    }
    uint64_t hash = hash_name(names, name);
    dx_names_slot *slot = slot_of(names, name, hash);
    if (slot->used) {
        *number = slot->number;
        return DX_OK;
    }
    size_t at = names->text.size;
    dx_buf_append(&names->text, name.data, name.size);
    if (dx_buf_error(&names->text) != DX_OK) {
        return dx_buf_error(&names->text);
    }
    *slot = (dx_names_slot){.hash = hash, .at = at, .size = name.size, .number = *number, .used = true};
    names->count++;
    return DX_OK;
}

uint32_t dx_names_find(const dx_names *names, dx_bytes name) {
    if (names->capacity == 0) {
        return DX_NAMES_NONE;
    }
    const dx_names_slot *slot = slot_of(names, name, hash_name(names, name));
    return slot->used ? slot->number : DX_NAMES_NONE;
}
