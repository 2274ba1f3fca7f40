/* mesh/signaling_message.c: see signaling_message.h. */
#include "mesh/signaling_message.h"

#include <string.h>

static const char prove_context[] = "dxos signaling/1";
static const char seal_label[] = "signaling seal";

static const struct {
    const char *name;
    size_t items;
} kinds[DX_SIGNALING_KIND_END] = {
#define KIND_ROW(symbol, number, text, count) [number] = {.name = text, .items = count},
    DX_SIGNALING_KINDS(KIND_ROW)
#undef KIND_ROW
};

const char *dx_signaling_kind_name(dx_signaling_kind kind) {
    return kind < DX_SIGNALING_KIND_END && kinds[kind].name != NULL ? kinds[kind].name : "unknown";
}

/* --- Frames ------------------------------------------------------------------------------------------- */

static void write_name(dx_writer *writer, const uint8_t name[static DX_SIGNALING_NAME_SIZE]) {
    dx_write_bytes(writer, dx_bytes_of(name, DX_SIGNALING_NAME_SIZE));
}

static void write_limits(dx_writer *writer, const dx_signaling_limits *limits) {
    dx_write_array(writer, 5);
    dx_write_uint(writer, limits->body_max);
    dx_write_uint(writer, limits->topics_max);
    dx_write_uint(writer, limits->ttl_max_ms);
    dx_write_uint(writer, limits->per_second);
    dx_write_uint(writer, limits->silence_ms);
}

static void write_fields(dx_writer *writer, const dx_signaling_message *message) {
    switch (message->kind) {
    case DX_SIGNALING_HELLO:
        dx_write_uint(writer, DX_SIGNALING_VERSION);
        dx_write_bytes(writer, dx_bytes_of(message->nonce, sizeof message->nonce));
        write_limits(writer, &message->limits);
        return;
    case DX_SIGNALING_PROVE:
        dx_write_bytes(writer, dx_bytes_of(message->key, sizeof message->key));
        dx_write_bytes(writer, dx_bytes_of(message->signature, sizeof message->signature));
        dx_write_text_bytes(writer, message->name);
        return;
    case DX_SIGNALING_WELCOME:
        dx_write_item(writer, message->ice);
        return;
    case DX_SIGNALING_JOIN:
        write_name(writer, message->topic);
        write_name(writer, message->peer);
        dx_write_uint(writer, message->ttl_ms);
        return;
    case DX_SIGNALING_LEAVE:
        write_name(writer, message->topic);
        return;
    case DX_SIGNALING_PRESENT:
    case DX_SIGNALING_LEFT:
        write_name(writer, message->topic);
        write_name(writer, message->peer);
        return;
    case DX_SIGNALING_SEND:
    case DX_SIGNALING_MESSAGE:
        write_name(writer, message->topic);
        write_name(writer, message->peer);
        dx_write_bytes(writer, message->body);
        return;
    case DX_SIGNALING_REFUSED:
        dx_write_int(writer, message->code);
        dx_write_uint(writer, (uint64_t)message->refused);
        write_name(writer, message->topic);
        write_name(writer, message->peer);
        return;
    case DX_SIGNALING_PING:
    case DX_SIGNALING_PONG:
    case DX_SIGNALING_KIND_END:
        return;
    }
}

int dx_signaling_encode(const dx_signaling_message *message, dx_buf *out) {
    dx_writer writer;
    DX_ASSERT(message->kind > 0 && message->kind < DX_SIGNALING_KIND_END);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, kinds[message->kind].items);
    dx_write_uint(&writer, (uint64_t)message->kind);
    write_fields(&writer, message);
    return dx_writer_finish(&writer);
}

static bool is_printable(dx_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.size <= DX_SIGNALING_TEXT_MAX;
}

static dx_bytes read_text(dx_reader *reader) {
    dx_bytes text = dx_read_text(reader);
    if (!is_printable(text)) {
        dx_reader_fail(reader);
    }
    return text;
}

int dx_signaling_check_ice(dx_bytes item) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    size_t count = dx_read_array(&reader);
    for (size_t i = 0; i < count && reader.error == DX_OK; i++) {
        if (count > DX_SIGNALING_ICE_MAX || dx_read_array(&reader) != 3 || read_text(&reader).size == 0) {
            dx_reader_fail(&reader);
        }
        (void)read_text(&reader);
        (void)read_text(&reader);
    }
    return dx_reader_finish(&reader);
}

static void read_limits(dx_reader *reader, dx_signaling_limits *out) {
    if (dx_read_array(reader) != 5) {
        dx_reader_fail(reader);
    }
    out->body_max = dx_read_uint(reader);
    out->topics_max = dx_read_uint(reader);
    out->ttl_max_ms = dx_read_uint(reader);
    out->per_second = dx_read_uint(reader);
    out->silence_ms = dx_read_uint(reader);
}

static void read_place(dx_reader *reader, dx_signaling_message *out) {
    dx_read_bytes_exact(reader, out->topic, sizeof out->topic);
    dx_read_bytes_exact(reader, out->peer, sizeof out->peer);
}

static void read_refusal(dx_reader *reader, dx_signaling_message *out) {
    int64_t code = dx_read_int(reader);
    if (code < -1000 || code >= 0) {
        dx_reader_fail(reader);
        code = DX_E_MALFORMED;
    }
    out->code = (int)code;
    out->refused = (dx_signaling_kind)dx_read_uint_max(reader, DX_SIGNALING_KIND_END - 1);
    read_place(reader, out);
}

static void read_fields(dx_reader *reader, dx_signaling_message *out) {
    switch (out->kind) {
    case DX_SIGNALING_HELLO:
        out->version = dx_read_uint(reader);
        dx_read_bytes_exact(reader, out->nonce, sizeof out->nonce);
        read_limits(reader, &out->limits);
        return;
    case DX_SIGNALING_PROVE:
        dx_read_bytes_exact(reader, out->key, sizeof out->key);
        dx_read_bytes_exact(reader, out->signature, sizeof out->signature);
        out->name = read_text(reader);
        return;
    case DX_SIGNALING_WELCOME:
        out->ice = dx_read_item(reader);
        if (dx_signaling_check_ice(out->ice) != DX_OK) {
            dx_reader_fail(reader);
        }
        return;
    case DX_SIGNALING_JOIN:
        read_place(reader, out);
        out->ttl_ms = dx_read_uint(reader);
        return;
    case DX_SIGNALING_LEAVE:
        dx_read_bytes_exact(reader, out->topic, sizeof out->topic);
        return;
    case DX_SIGNALING_PRESENT:
    case DX_SIGNALING_LEFT:
        read_place(reader, out);
        return;
    case DX_SIGNALING_SEND:
    case DX_SIGNALING_MESSAGE:
        read_place(reader, out);
        out->body = dx_read_bytes(reader);
        return;
    case DX_SIGNALING_REFUSED:
        read_refusal(reader, out);
        return;
    case DX_SIGNALING_PING:
    case DX_SIGNALING_PONG:
    case DX_SIGNALING_KIND_END:
        return;
    }
}

int dx_signaling_decode(dx_bytes frame, dx_signaling_message *out) {
    dx_reader reader;
    memset(out, 0, sizeof *out);
    if (frame.size > DX_SIGNALING_FRAME_MAX) {
        return DX_E_MALFORMED;
    }
    dx_reader_init(&reader, frame);
    size_t items = dx_read_array(&reader);
    out->kind = (dx_signaling_kind)dx_read_uint_max(&reader, DX_SIGNALING_KIND_END - 1);
    if (out->kind == 0 || items == 0) {
        return DX_E_MALFORMED;
    }
    /* Another version may say more; that it is another one is told all the same. */
    dx_reader ahead = reader;
    if (out->kind == DX_SIGNALING_HELLO && dx_read_uint(&ahead) != DX_SIGNALING_VERSION &&
        ahead.error == DX_OK) {
        return DX_E_UNSUPPORTED;
    }
    if (items != kinds[out->kind].items) {
        return DX_E_MALFORMED;
    }
    read_fields(&reader, out);
    return dx_reader_finish(&reader);
}

/* --- Proof -------------------------------------------------------------------------------------------- */

int dx_signaling_service_name(dx_bytes url, dx_bytes *out) {
    static const char *const schemes[] = {"ws://", "wss://"};
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(schemes[i]);
        if (url.size > size && memcmp(url.data, schemes[i], size) == 0 && is_printable(url)) {
            *out = dx_bytes_of(url.data + size, url.size - size);
            return DX_OK;
        }
    }
    return DX_E_INVALID;
}

void dx_signaling_key(const uint8_t device_seed[static DX_KEY_SIZE], dx_bytes name, dx_sign_key *out) {
    uint8_t seed[DX_HASH_SIZE];
    dx_hash_keyed(DX_HASH_SIGNALING_KEY, dx_bytes_of(device_seed, DX_KEY_SIZE), name, seed);
    dx_sign_key_from_seed(out, seed);
    dx_wipe(seed, sizeof seed);
}

/* What is signed; the nonce's size is fixed, so it cannot be read in two ways. */
static dx_bytes challenge(dx_bytes name, const uint8_t nonce[static DX_SIGNALING_NONCE_SIZE],
                          uint8_t out[static DX_SIGNALING_TEXT_MAX + DX_SIGNALING_NONCE_SIZE]) {
    if (name.size > 0) {
        memcpy(out, name.data, name.size);
    }
    memcpy(out + name.size, nonce, DX_SIGNALING_NONCE_SIZE);
    return dx_bytes_of(out, name.size + DX_SIGNALING_NONCE_SIZE);
}

void dx_signaling_prove(const dx_sign_key *key, dx_bytes name,
                        const uint8_t nonce[static DX_SIGNALING_NONCE_SIZE],
                        uint8_t signature[static DX_SIGNATURE_SIZE]) {
    uint8_t text[DX_SIGNALING_TEXT_MAX + DX_SIGNALING_NONCE_SIZE];
    DX_ASSERT(name.size <= DX_SIGNALING_TEXT_MAX);
    dx_sign(key, prove_context, challenge(name, nonce, text), signature);
}

int dx_signaling_check(const dx_signaling_message *prove,
                       const uint8_t nonce[static DX_SIGNALING_NONCE_SIZE]) {
    uint8_t text[DX_SIGNALING_TEXT_MAX + DX_SIGNALING_NONCE_SIZE];
    return dx_sign_verify(prove->key, prove_context, challenge(prove->name, nonce, text), prove->signature);
}

/* --- Between peers --------------------------------------------------------------------------------------- */

void dx_signaling_tag(const uint8_t secret[static DX_KEY_SIZE], uint64_t day,
                      uint8_t out[static DX_SIGNALING_NAME_SIZE]) {
    uint8_t tag[DX_HASH_SIZE];
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_SIGNALING_TAG, dx_bytes_of(secret, DX_KEY_SIZE));
    dx_hash_add_u64(&hash, day);
    dx_hash_end(&hash, tag);
    memcpy(out, tag, DX_SIGNALING_NAME_SIZE);
}

int dx_signaling_seal(const uint8_t secret[static DX_KEY_SIZE], const dx_random *random,
                      const dx_signaling_route *route, const dx_signaling_signal *signal, dx_buf *out) {
    dx_writer writer;
    uint8_t key[DX_KEY_SIZE];
    if (signal->signal.size > DX_SIGNAL_SIZE_MAX || signal->sequence >= DX_SIGNALING_SEQUENCE_MAX) {
        return DX_E_LIMIT;
    }
    size_t begin = out->size;
    uint8_t *nonce = dx_buf_extend(out, DX_AEAD_NONCE_SIZE);
    if (nonce == NULL) {
        return dx_buf_error(out);
    }
    random->fill(random->ctx, nonce, DX_AEAD_NONCE_SIZE);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 3);
    write_name(&writer, signal->session);
    dx_write_uint(&writer, signal->sequence);
    dx_write_bytes(&writer, signal->signal);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK && dx_buf_extend(out, DX_AEAD_TAG_SIZE) == NULL) {
        error = dx_buf_error(out);
    }
    if (error != DX_OK) {
        return error;
    }
    uint8_t *text = out->data + begin + DX_AEAD_NONCE_SIZE;
    size_t size = out->size - begin - DX_AEAD_NONCE_SIZE - DX_AEAD_TAG_SIZE;
    dx_subkey(secret, seal_label, key);
    dx_aead_seal(key, out->data + begin, dx_bytes_of(route, sizeof *route), dx_bytes_of(text, size), text);
    dx_wipe(key, sizeof key);
    return DX_OK;
}

_Static_assert(sizeof(dx_signaling_route) == 3 * DX_SIGNALING_NAME_SIZE, "a route is its bytes");

int dx_signaling_open(const uint8_t secret[static DX_KEY_SIZE], const dx_signaling_route *route,
                      dx_bytes body, dx_buf *text, dx_signaling_signal *out) {
    uint8_t key[DX_KEY_SIZE];
    dx_reader reader;
    memset(out, 0, sizeof *out);
    dx_buf_clear(text);
    if (body.size < DX_AEAD_NONCE_SIZE + DX_AEAD_TAG_SIZE || body.size > DX_SIGNALING_BODY_MAX) {
        return DX_E_MALFORMED;
    }
    dx_bytes sealed = dx_bytes_of(body.data + DX_AEAD_NONCE_SIZE, body.size - DX_AEAD_NONCE_SIZE);
    size_t size = sealed.size - DX_AEAD_TAG_SIZE;
    uint8_t *room = size == 0 ? NULL : dx_buf_extend(text, size);
    if (room == NULL) {
        return size == 0 ? DX_E_MALFORMED : dx_buf_error(text);
    }
    dx_subkey(secret, seal_label, key);
    int error = dx_aead_open(key, body.data, dx_bytes_of(route, sizeof *route), sealed, room);
    dx_wipe(key, sizeof key);
    if (error != DX_OK) {
        return error;
    }
    dx_reader_init(&reader, dx_buf_view(text));
    if (dx_read_array(&reader) != 3) {
        dx_reader_fail(&reader);
    }
    dx_read_bytes_exact(&reader, out->session, sizeof out->session);
    out->sequence = dx_read_uint_max(&reader, DX_SIGNALING_SEQUENCE_MAX - 1);
    out->signal = dx_read_bytes(&reader);
    if (out->signal.size > DX_SIGNAL_SIZE_MAX) {
        dx_reader_fail(&reader);
    }
    return dx_reader_finish(&reader);
}
