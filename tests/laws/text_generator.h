/* tests/laws/text_generator.h: operations of texts as three authors make them, who see of one another what came to them.
 *
 * Test support. Some of what an author wrote never comes to anybody: what he goes on with then waits for ever. */
#ifndef DX_TESTS_TEXT_GENERATOR_H
#define DX_TESTS_TEXT_GENERATOR_H

#include "model/text_operation.h"

#include <dxos/text.h>
#include <string.h>

enum { TEXT_AUTHORS = 3, TEXT_UPDATES_MAX = 64, TEXT_SIZE_MAX = 1 << 20 };

typedef struct text_generator {
    const dx_alloc *alloc;
    dx_text_doc *docs[TEXT_AUTHORS];
    size_t seen[TEXT_AUTHORS]; /* updates of the round that came to each */
    dx_buf updates[TEXT_UPDATES_MAX];
    size_t count;
} text_generator;

static inline void text_generator_clear(text_generator *self) {
    for (size_t i = 0; i < TEXT_AUTHORS; i++) {
        dx_text_destroy(self->docs[i]);
        self->docs[i] = NULL;
        self->seen[i] = 0;
    }
    for (size_t i = 0; i < self->count; i++) {
        dx_buf_deinit(&self->updates[i]);
    }
    self->count = 0;
}

static inline size_t text_choose(const dx_random *random, size_t count) {
    uint8_t bytes[2];
    random->fill(random->ctx, bytes, sizeof bytes);
    return (size_t)(bytes[0] << 8 | bytes[1]) % count;
}

static inline int text_generator_begin(text_generator *self, const dx_stamp *created) {
    static const uint8_t feeds[TEXT_AUTHORS] = {0x00, 0x7f, 0xff};
    int error = DX_OK;
    text_generator_clear(self);
    for (size_t i = 0; i < TEXT_AUTHORS && error == DX_OK; i++) {
        uint8_t feed[DX_FEED_PREFIX_SIZE];
        memset(feed, feeds[i], sizeof feed);
        const dx_text_options options = {.client = dx_text_client(created, feed, 0),
                                         .unit = DX_TEXT_CODE_POINTS};
        error = dx_text_create(self->alloc, &options, &self->docs[i]);
    }
    return error;
}

static inline int text_generator_edit(const dx_random *random, dx_text_doc *doc) {
    static const char *const words[] = {"a", "bc", "\xc3\xa9", "\xf0\x9f\x98\x80!", "line\n"};
    static const char *const formats[] = {"{\"bold\":true}", "{\"bold\":null}", "{\"size\":12}"};
    dx_text_type text;
    int error = dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &text);
    if (error != DX_OK) {
        return error;
    }
    uint64_t length = dx_text_length(doc, text), at = text_choose(random, (size_t)length + 1),
             left = length - at;
    uint64_t count = left == 0 ? 0 : 1 + text_choose(random, (size_t)(left < 4 ? left : 4));
    switch (text_choose(random, 8)) {
    case 0:
    case 1:
        if (count != 0) {
            return dx_text_delete(doc, text, at, count);
        }
        break;
    case 2:
        if (count != 0) {
            return dx_text_format(doc, text, at, count, formats[text_choose(random, 3)]);
        }
        break;
    case 3:
        return dx_text_insert_embed(doc, text, at, "{\"image\":\"x\"}", NULL);
    default:
        break;
    }
    return dx_text_insert(doc, text, at, dx_bytes_text(words[text_choose(random, 5)]), NULL);
}

static inline int text_generator_write(dx_bytes update, bool import, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    if (import) {
        dx_write_null(&writer);
    } else {
        dx_write_uint(&writer, 0);
    }
    dx_write_bytes(&writer, update);
    return dx_writer_finish(&writer);
}

static inline int text_generator_transaction(text_generator *self, const dx_random *random,
                                             dx_text_doc *doc) {
    dx_buf *update = &self->updates[self->count];
    dx_buf_init(update, self->alloc, TEXT_SIZE_MAX);
    int error = DX_OK;
    while (error == DX_OK && update->size == 0) { /* some formatting is there already: nothing happens */
        error = dx_text_begin(doc);
        error = error == DX_OK ? text_generator_edit(random, doc) : error;
        error = error == DX_OK ? dx_text_commit(doc, DX_TEXT_V2, update) : error;
    }
    self->count++;
    return error;
}

/* What a text was made of: somebody else wrote it elsewhere. */
static inline int text_generator_import(text_generator *self, const dx_random *random, dx_buf *out) {
    const dx_text_options options = {.client = 77, .unit = DX_TEXT_CODE_POINTS};
    dx_text_doc *doc;
    int error = dx_text_create(self->alloc, &options, &doc);
    for (size_t i = 0; i < 3 && error == DX_OK; i++) {
        error = text_generator_edit(random, doc);
    }
    dx_buf *update = &self->updates[self->count++];
    dx_buf_init(update, self->alloc, TEXT_SIZE_MAX);
    error = error == DX_OK ? dx_text_encode(doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), update) : error;
    dx_text_destroy(doc);
    return error == DX_OK ? text_generator_write(dx_buf_view(update), true, out) : error;
}

/* As dx_model_generator's write_as. */
static inline int text_generator_write_as(void *ctx, const dx_random *random, size_t index,
                                          const dx_stamp *created, const dx_stamp *stamp, dx_buf *out) {
    text_generator *self = ctx;
    size_t author = stamp->feed[0] == 0 ? 0 : stamp->feed[0] == 0xff ? 2 : 1;
    int error = index == 0 ? text_generator_begin(self, created) : DX_OK;
    if (error == DX_OK && index == 0 && text_choose(random, 2) == 0) {
        return text_generator_import(self, random, out);
    }
    dx_text_doc *doc = self->docs[author];
    if (error == DX_OK && text_choose(random, 2) == 0) {
        for (size_t i = self->seen[author]; i < self->count && error == DX_OK; i++) {
            error = dx_text_apply(doc, DX_TEXT_V2, dx_buf_view(&self->updates[i]));
        }
        self->seen[author] = self->count;
    }
    if (error == DX_OK && text_choose(random, 12) == 0) {
        error = text_generator_transaction(self, random, doc);
        dx_buf_deinit(&self->updates[--self->count]); /* nobody is told */
    }
    error = error == DX_OK ? text_generator_transaction(self, random, doc) : error;
    return error == DX_OK ? text_generator_write(dx_buf_view(&self->updates[self->count - 1]), false, out)
                          : error;
}

#endif
