/* mesh/peer_signal.c: see peer_signal.h. */
#include "mesh/peer_signal.h"

#include <dxos/codec.h>
#include <string.h>

#include "base/limits.h"

static bool is_text(dx_bytes text, const char *expected) {
    return dx_bytes_equal(text, dx_bytes_text(expected));
}

/* The next line, without its end (CR LF, or LF alone). */
static dx_bytes take_line(dx_bytes *text) {
    size_t size = 0;
    while (size < text->size && text->data[size] != '\n') {
        size++;
    }
    dx_bytes line = dx_bytes_of(text->data, size);
    size += size < text->size;
    *text = dx_bytes_of(text->data + size, text->size - size);
    line.size -= line.size > 0 && line.data[line.size - 1] == '\r';
    return line;
}

/* Thirty-two pairs of hexadecimal digits with colons between them. */
static int read_digest(dx_bytes text, uint8_t out[static DX_HASH_SIZE]) {
    if (text.size != 3 * DX_HASH_SIZE - 1) {
        return DX_E_MALFORMED;
    }
    for (size_t i = 0; i < DX_HASH_SIZE; i++) {
        const char *pair = (const char *)text.data + 3 * i;
        if (dx_hex_decode(pair, 2, &out[i], 1) != DX_OK || (i + 1 < DX_HASH_SIZE && pair[2] != ':')) {
            return DX_E_MALFORMED;
        }
    }
    return DX_OK;
}

static char lower(uint8_t c) {
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Attributes' names are case-sensitive, the hash function's is not (RFC 8122 §5). */
static bool take_start(dx_bytes *line, const char *start, bool any_case) {
    size_t size = strlen(start);
    for (size_t i = 0; i < size; i++) {
        if (i >= line->size || (any_case ? lower(line->data[i]) : (char)line->data[i]) != start[i]) {
            return false;
        }
    }
    *line = dx_bytes_of(line->data + size, line->size - size);
    return true;
}

/* How often the word stands anywhere, in any case. Transports are not of one mind about what ends a line (CR alone), nor
 * about case: a line that is none here could be a second certificate there. */
static size_t count_mentions(dx_bytes description) {
    size_t count = 0;
    for (size_t i = 0; i < description.size; i++) {
        dx_bytes rest = dx_bytes_of(description.data + i, description.size - i);
        count += take_start(&rest, "fingerprint", true);
    }
    return count;
}

static int read_fingerprint(dx_bytes description, uint8_t out[static DX_HASH_SIZE]) {
    size_t count = 0;
    if (count_mentions(description) != 1) {
        return DX_E_MALFORMED;
    }
    while (description.size > 0) {
        dx_bytes line = take_line(&description);
        if (!take_start(&line, "a=fingerprint", false)) {
            continue;
        }
        if (!take_start(&line, ":sha-256 ", true) || read_digest(line, out) != DX_OK) {
            return DX_E_MALFORMED;
        }
        count++;
    }
    return count == 1 ? DX_OK : DX_E_MALFORMED;
}

int dx_peer_signal_read(dx_bytes item, dx_peer_signal *out) {
    dx_reader reader;
    memset(out, 0, sizeof *out);
    if (item.size > DX_SIGNAL_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    dx_reader_init(&reader, item);
    size_t pairs = dx_read_map(&reader);
    dx_bytes key = dx_read_text(&reader);
    bool is_candidate = pairs == 1 && is_text(key, "candidate");
    bool is_description = pairs == 2 && is_text(key, "sdp");
    out->text = dx_read_text(&reader);
    if (is_description && !is_text(dx_read_text(&reader), "type")) {
        dx_reader_fail(&reader);
    }
    dx_bytes type = is_description ? dx_read_text(&reader) : dx_bytes_of(NULL, 0);
    if (dx_reader_finish(&reader) != DX_OK || !(is_candidate || is_description)) {
        return DX_E_MALFORMED;
    }
    if (is_candidate) {
        out->kind = DX_PEER_SIGNAL_CANDIDATE;
        return DX_OK;
    }
    if (!is_text(type, "offer") && !is_text(type, "answer")) {
        return DX_E_MALFORMED;
    }
    out->kind = is_text(type, "offer") ? DX_PEER_SIGNAL_OFFER : DX_PEER_SIGNAL_ANSWER;
    return read_fingerprint(out->text, out->fingerprint);
}
