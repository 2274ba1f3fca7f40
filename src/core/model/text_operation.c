/* model/text_operation.c: operations of texts checked. See text_operation.h.
 *
 * Layer: floor 1, model. */
#include "model/text_operation.h"

#include <string.h>

#include "base/limits.h"
#include "crypto/hash.h"
#include "text/struct_reader.h"
#include "text/struct_writer.h"

#define CLIENT_MASK ((UINT64_C(1) << 53) - 1)

uint64_t dx_text_client(const dx_stamp *created, const uint8_t feed[static DX_FEED_PREFIX_SIZE],
                        uint64_t session) {
    dx_hash_state hash;
    uint8_t digest[DX_HASH_SIZE];
    uint64_t client = 0;
    dx_hash_begin(&hash, DX_HASH_TEXT_CLIENT, dx_bytes_of(NULL, 0));
    dx_hash_add(&hash, feed, DX_FEED_PREFIX_SIZE);
    dx_hash_add_u64(&hash, created->counter);
    dx_hash_add(&hash, created->feed, sizeof created->feed);
    dx_hash_add_u64(&hash, session);
    dx_hash_end(&hash, digest);
    for (size_t i = 0; i < sizeof client; i++) {
        client |= (uint64_t)digest[i] << 8 * i;
    }
    client &= CLIENT_MASK;
    return client == 0 ? 1 : client;
}

/* No struct names what its own client says only later. */
static bool names_later(const dx_text_struct *one) {
    const dx_text_id *named[] = {one->has_origin ? &one->origin : NULL, one->has_right ? &one->right : NULL,
                                 one->parent == DX_TEXT_PARENT_ID ? &one->parent_id : NULL};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (named[i] != NULL && named[i]->client == one->id.client && named[i]->clock >= one->id.clock) {
            return true;
        }
    }
    return false;
}

/* client 0: anybody's. */
static int check_structs(const dx_alloc *alloc, uint64_t client, dx_bytes update) {
    dx_text_reader reader;
    dx_text_section section;
    dx_text_struct one;
    bool sound = true;
    dx_text_reader_init(&reader, alloc);
    dx_text_reader_open(&reader, DX_TEXT_V2, update);
    while (sound && dx_text_reader_section(&reader, &section)) {
        sound = client == 0 || section.client == client;
        while (sound && dx_text_reader_struct(&reader, &one)) {
            sound = one.ref != DX_TEXT_SKIP && one.id.clock + one.length <= UINT32_MAX && !names_later(&one);
        }
    }
    int error = sound ? dx_text_reader_finish(&reader) : DX_E_MALFORMED;
    dx_text_reader_deinit(&reader);
    return error == DX_OK || error == DX_E_NO_MEMORY ? error : DX_E_MALFORMED;
}

int dx_text_operation_check(const dx_alloc *alloc, uint64_t client, dx_bytes update) {
    return check_structs(alloc, client, update);
}

int dx_text_operation_check_import(const dx_alloc *alloc, dx_bytes update) {
    const dx_text_options options = {.client = 1, .max_bytes = DX_TEXT_MEMORY_MAX};
    dx_text_doc *doc = NULL;
    int error = check_structs(alloc, 0, update);
    error = error == DX_OK ? dx_text_create(alloc, &options, &doc) : error;
    error = error == DX_OK ? dx_text_apply(doc, DX_TEXT_V2, update) : error;
    if (error == DX_OK && dx_text_pending(doc)) {
        error = DX_E_MALFORMED;
    }
    dx_text_destroy(doc);
    return error == DX_OK || error == DX_E_NO_MEMORY ? error : DX_E_MALFORMED;
}

int dx_text_operation_read(const dx_alloc *alloc, const dx_stamp *created, const dx_stamp *stamp,
                           dx_bytes operation, dx_bytes *update) {
    dx_reader in;
    uint64_t session = 0;
    dx_reader_init(&in, operation);
    bool pair = dx_read_array(&in) == 2, import = dx_reader_peek(&in) == DX_KIND_NULL;
    if (import) {
        dx_read_null(&in);
    } else {
        session = dx_read_uint_max(&in, DX_TEXT_SESSION_MAX);
    }
    *update = dx_read_bytes(&in);
    if (!pair || dx_reader_finish(&in) != DX_OK || (import && dx_stamp_compare(created, stamp) != 0)) {
        return DX_E_MALFORMED;
    }
    return import ? dx_text_operation_check_import(alloc, *update)
                  : dx_text_operation_check(alloc, dx_text_client(created, stamp->feed, session), *update);
}

/* Whatever it was, collected pieces aside, is deleted content of the same length. */
static void hide_struct(dx_text_struct *one) {
    if (one->ref != DX_TEXT_GC) {
        one->ref = DX_TEXT_DELETED;
        one->key = one->content = dx_bytes_of(NULL, 0);
    }
}

int dx_text_operation_hide(const dx_alloc *alloc, const dx_stamp *created, const dx_stamp *stamp,
                           dx_bytes operation, dx_buf *update) {
    dx_text_reader reader;
    dx_text_writer writer;
    dx_text_section section;
    dx_text_struct one;
    dx_bytes shown;
    size_t structs = 0, begin = update->size;
    bool is_creation = dx_stamp_compare(created, stamp) == 0;
    int error =
        is_creation ? DX_E_MALFORMED : dx_text_operation_read(alloc, created, stamp, operation, &shown);
    if (error != DX_OK) {
        return error;
    }
    dx_text_reader_init(&reader, alloc);
    dx_text_writer_init(&writer, alloc);
    dx_text_reader_open(&reader, DX_TEXT_V2, shown);
    dx_text_writer_begin(&writer, DX_TEXT_V2, update);
    while (dx_text_reader_section(&reader, &section)) {
        dx_text_writer_section(&writer, section.client, section.clock);
        for (; dx_text_reader_struct(&reader, &one); structs++) {
            hide_struct(&one);
            dx_text_writer_struct(&writer, &one, 0);
        }
    }
    error = dx_text_reader_finish(&reader);
    int failed = dx_text_writer_finish(&writer, NULL);
    dx_text_reader_deinit(&reader);
    dx_text_writer_deinit(&writer);
    update->size = structs == 0 ? begin : update->size;
    return error != DX_OK ? error : failed;
}
