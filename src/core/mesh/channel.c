/* mesh/channel.c: the channel's machine: frames, handshake, messages.
 *
 * Layer: floor 1, mesh. docs/spec/channel.md is the format; the state table in channel.h is the order.
 * One pass over bulk data each way: a received frame is decrypted from where it arrived straight into the
 * message, a sent one is encrypted where it was laid in the caller's buffer. Only a frame cut by the end of a
 * chunk is kept. The kind of a frame is the last byte of its plaintext that is not zero, so pieces of a
 * message lie side by side without being moved, and small frames can be padded. */
#include "mesh/channel.h"

#include <dxos/codec.h>
#include <string.h>

enum {
    LENGTH_SIZE = 2, /* of a frame's length, big endian */
    PREFACE_VERSION = 1,
    PREFACE_PURPOSE = 1, /* a session on a topic; the only one, others are refused */
    PREFACE_NONCE_SIZE = 16,
    PREFACE_TAG_SIZE = 16,
    PADDING_STEP = 256, /* plaintexts grow to multiples of it: sizes of small messages say little */
    TEXT_MAX = DX_CHANNEL_FRAME_MAX - DX_NOISE_TAG_SIZE,
    PIECE_MAX = TEXT_MAX - 1, /* content of one frame beside its kind */
    REASON_SIZE = 2,
    REASON_MAX = 1000 /* minus the code; what the seam can say (docs/spec/seam.md) */
};

_Static_assert(DX_CHANNEL_FRAME_MAX <= UINT16_MAX, "a length has two bytes");

/* The kind byte of a frame after the handshake; never zero. */
enum frame_kind {
    FRAME_PART = 1,  /* a piece of a message, more follows; never empty */
    FRAME_LAST = 2,  /* the last or only piece */
    FRAME_CLOSE = 3, /* reason: -(error code), 2 bytes, big endian */
    FRAME_REKEY = 4, /* the next frame is under the sender's next key */
    FRAME_PING = 5   /* nothing */
};

static const char prologue_label[] = "dxos link/1";
static const char psk_label[] = "channel psk";
static const dx_bytes nothing = {NULL, 0};

/* --- States -------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned successors; /* bit set */
} states[DX_CHANNEL_STATE_COUNT] = {
#define STATE_ROW(symbol, text, allowed) [DX_CHANNEL_##symbol] = {.name = text, .successors = allowed},
    DX_CHANNEL_STATES(STATE_ROW)
#undef STATE_ROW
};

const char *dx_channel_state_name(dx_channel_state state) {
    return state < DX_CHANNEL_STATE_COUNT ? states[state].name : "unknown";
}

static void enter(dx_channel *channel, dx_channel_state next) {
    DX_ASSERT(states[channel->state].successors & 1u << next);
    channel->state = next;
    if (next == DX_CHANNEL_OPEN || next == DX_CHANNEL_CLOSED) {
        channel->deadline_ms = DX_NO_DEADLINE;
    }
}

static void wipe_keys(dx_channel *channel) {
    dx_noise_cipher_deinit(&channel->sending);
    dx_noise_cipher_deinit(&channel->receiving);
}

static void shut(dx_channel *channel) {
    enter(channel, DX_CHANNEL_CLOSED);
    wipe_keys(channel);
    if (!channel->noise.split) {
        dx_noise_deinit(&channel->noise);
    }
    dx_buf_deinit(&channel->pending);
    dx_buf_deinit(&channel->own_payload);
}

/* --- Frames out ---------------------------------------------------------------------------------- */

static void write_length(uint8_t *at, size_t size) {
    at[0] = (uint8_t)(size >> 8);
    at[1] = (uint8_t)size;
}

/* Plaintext size of a frame that carries a piece: with its kind, padded. */
static size_t padded_size(size_t piece_size) {
    size_t size = (piece_size + 1 + PADDING_STEP - 1) / PADDING_STEP * PADDING_STEP;
    return size < TEXT_MAX ? size : TEXT_MAX;
}

static size_t frame_size(size_t piece_size) {
    return LENGTH_SIZE + padded_size(piece_size) + DX_NOISE_TAG_SIZE;
}

/* Writes one frame at `at`, which has room for frame_size(piece.size), and returns its end. */
static uint8_t *write_frame(dx_channel *channel, enum frame_kind kind, dx_bytes piece, uint8_t *at) {
    size_t text_size = padded_size(piece.size);
    uint8_t *text = at + LENGTH_SIZE;
    write_length(at, text_size + DX_NOISE_TAG_SIZE);
    if (piece.size > 0) {
        memcpy(text, piece.data, piece.size);
    }
    text[piece.size] = (uint8_t)kind;
    memset(text + piece.size + 1, 0, text_size - piece.size - 1);
    int error = dx_noise_encrypt(&channel->sending, nothing, dx_bytes_of(text, text_size), text);
    DX_ASSERT(error == DX_OK); /* 2^64 frames under counters that rekeying does not reset */
    channel->sent_bytes += text_size;
    return text + text_size + DX_NOISE_TAG_SIZE;
}

static int send_control(dx_channel *channel, enum frame_kind kind, dx_bytes content, dx_buf *out) {
    if (channel->state != DX_CHANNEL_OPEN) {
        return DX_E_STATE;
    }
    uint8_t *at = dx_buf_extend(out, frame_size(content.size));
    if (!at) {
        return dx_buf_error(out);
    }
    write_frame(channel, kind, content, at);
    return DX_OK;
}

int dx_channel_ping(dx_channel *channel, dx_buf *out) {
    return send_control(channel, FRAME_PING, nothing, out);
}

int dx_channel_rekey(dx_channel *channel, dx_buf *out) {
    int error = send_control(channel, FRAME_REKEY, nothing, out);
    if (error == DX_OK) {
        dx_noise_rekey(&channel->sending);
        channel->sent_bytes = 0;
    }
    return error;
}

int dx_channel_send(dx_channel *channel, dx_bytes message, dx_buf *out) {
    if (channel->state != DX_CHANNEL_OPEN) {
        return DX_E_STATE;
    }
    if (message.size > DX_CHANNEL_MESSAGE_MAX) {
        return DX_E_LIMIT;
    }
    if (channel->sent_bytes >= channel->rekey_bytes) {
        int error = dx_channel_rekey(channel, out);
        if (error != DX_OK) {
            return error;
        }
    }
    size_t full_frames = message.size == 0 ? 0 : (message.size - 1) / PIECE_MAX;
    size_t last_size = message.size - full_frames * PIECE_MAX;
    uint8_t *at = dx_buf_extend(out, full_frames * frame_size(PIECE_MAX) + frame_size(last_size));
    if (!at) {
        return dx_buf_error(out);
    }
    for (size_t i = 0; i < full_frames; i++) {
        at = write_frame(channel, FRAME_PART, dx_bytes_of(message.data + i * PIECE_MAX, PIECE_MAX), at);
    }
    dx_bytes last = last_size == 0 ? nothing : dx_bytes_of(message.data + full_frames * PIECE_MAX, last_size);
    write_frame(channel, FRAME_LAST, last, at);
    return DX_OK;
}

/* Best effort: the channel closes whether or not out has room for the goodbye. */
static void say_goodbye(dx_channel *channel, int reason, dx_buf *out) {
    uint8_t content[REASON_SIZE];
    DX_ASSERT(reason <= 0 && reason >= -UINT16_MAX);
    write_length(content, (size_t)-reason);
    (void)send_control(channel, FRAME_CLOSE, dx_bytes_of(content, sizeof content), out);
}

void dx_channel_close(dx_channel *channel, int reason, dx_buf *out) {
    if (channel->state == DX_CHANNEL_CLOSED) {
        return;
    }
    say_goodbye(channel, reason, out);
    shut(channel);
}

/* --- Beginning and end --------------------------------------------------------------------------- */

static void init(dx_channel *channel, const dx_alloc *alloc, const dx_random *random, uint64_t now_ms) {
    memset(channel, 0, sizeof *channel);
    channel->random = random;
    channel->deadline_ms = now_ms + DX_CHANNEL_HANDSHAKE_MS;
    channel->rekey_bytes = DX_CHANNEL_REKEY_MAX;
    dx_buf_init(&channel->pending, alloc, LENGTH_SIZE + DX_CHANNEL_FRAME_MAX);
    /* A frame is decrypted behind what is there before its content is known to be too much. */
    dx_buf_init(&channel->message, alloc, DX_CHANNEL_MESSAGE_MAX + DX_CHANNEL_FRAME_MAX);
    dx_buf_init(&channel->own_payload, alloc, DX_CHANNEL_PAYLOAD_MAX);
    dx_buf_init(&channel->remote_payload, alloc, DX_CHANNEL_PAYLOAD_MAX);
}

void dx_channel_deinit(dx_channel *channel) {
    dx_buf_deinit(&channel->pending);
    dx_buf_deinit(&channel->message);
    dx_buf_deinit(&channel->own_payload);
    dx_buf_deinit(&channel->remote_payload);
    dx_noise_deinit(&channel->noise);
    wipe_keys(channel);
}

/* Only who knows the topic's secret and saw this preface can say it. */
static void make_refusal(const uint8_t *secret, dx_bytes preface,
                         uint8_t refusal[static DX_CHANNEL_REFUSAL_SIZE]) {
    uint8_t hash[DX_HASH_SIZE];
    dx_reader reader;
    dx_reader_init(&reader, preface);
    (void)dx_read_array(&reader);
    (void)dx_read_uint(&reader);
    (void)dx_read_uint(&reader);
    dx_hash_keyed(DX_HASH_CHANNEL_BINDING, dx_bytes_of(secret, DX_KEY_SIZE), dx_read_bytes(&reader), hash);
    memcpy(refusal, hash, DX_CHANNEL_REFUSAL_SIZE);
}

/* Everything both sides know before the first handshake message goes into the prologue. */
static int begin_handshake(dx_channel *channel, const dx_channel_topic *topic, dx_bytes preface) {
    enum { LABEL_SIZE = sizeof prologue_label - 1 };
    uint8_t prologue[LABEL_SIZE + DX_CHANNEL_PREFACE_MAX + DX_CHANNEL_PROLOGUE_MAX];
    uint8_t psk[DX_KEY_SIZE], ephemeral[DX_KEY_SIZE];
    DX_ASSERT(preface.size <= DX_CHANNEL_PREFACE_MAX);
    if (topic->prologue.size > DX_CHANNEL_PROLOGUE_MAX || topic->payload.size > DX_CHANNEL_PAYLOAD_MAX) {
        return DX_E_INVALID;
    }
    dx_buf_append(&channel->own_payload, topic->payload.data, topic->payload.size);
    if (dx_buf_error(&channel->own_payload) != DX_OK) {
        return dx_buf_error(&channel->own_payload);
    }
    channel->topic = topic->number;
    if (topic->is_bound) {
        channel->is_bound = true;
        make_refusal(topic->secret, preface, channel->binding_refusal);
    }
    if (topic->expected_static) {
        channel->has_expected_static = true;
        memcpy(channel->expected_static, topic->expected_static, DX_KEY_SIZE);
    }
    size_t size = LABEL_SIZE + preface.size;
    memcpy(prologue, prologue_label, LABEL_SIZE);
    memcpy(prologue + LABEL_SIZE, preface.data, preface.size);
    if (topic->prologue.size > 0) {
        memcpy(prologue + size, topic->prologue.data, topic->prologue.size);
        size += topic->prologue.size;
    }
    dx_subkey(topic->secret, psk_label, psk);
    channel->random->fill(channel->random->ctx, ephemeral, sizeof ephemeral);
    dx_noise_init(&channel->noise, channel->initiator, dx_bytes_of(prologue, size), topic->static_secret,
                  topic->static_public, ephemeral, psk);
    dx_wipe(psk, sizeof psk);
    dx_wipe(ephemeral, sizeof ephemeral);
    return DX_OK;
}

/* Appends the next handshake message as a frame. */
static int write_handshake(dx_channel *channel, dx_bytes payload, dx_buf *out) {
    size_t size = dx_noise_overhead(&channel->noise) + payload.size;
    uint8_t *length = dx_buf_extend(out, LENGTH_SIZE);
    if (!length) {
        return dx_buf_error(out);
    }
    write_length(length, size);
    int error = dx_noise_write(&channel->noise, payload, out);
    if (error != DX_OK) {
        out->size -= LENGTH_SIZE;
    }
    return error;
}

static void make_tag(const uint8_t *secret, const uint8_t nonce[static PREFACE_NONCE_SIZE],
                     uint8_t tag[static DX_HASH_SIZE]) {
    dx_hash_keyed(DX_HASH_TOPIC_TAG, dx_bytes_of(secret, DX_KEY_SIZE), dx_bytes_of(nonce, PREFACE_NONCE_SIZE),
                  tag);
}

int dx_channel_call(dx_channel *channel, const dx_alloc *alloc, const dx_random *random,
                    const dx_channel_topic *topic, uint64_t now_ms, dx_buf *out) {
    uint8_t nonce[PREFACE_NONCE_SIZE], tag[DX_HASH_SIZE];
    dx_writer writer;
    init(channel, alloc, random, now_ms);
    channel->initiator = true;
    channel->state = DX_CHANNEL_CALLING;
    random->fill(random->ctx, nonce, sizeof nonce);
    make_tag(topic->secret, nonce, tag);
    size_t begin = out->size;
    (void)dx_buf_extend(out, LENGTH_SIZE);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 4);
    dx_write_uint(&writer, PREFACE_VERSION);
    dx_write_uint(&writer, PREFACE_PURPOSE);
    dx_write_bytes(&writer, dx_bytes_of(nonce, sizeof nonce));
    dx_write_bytes(&writer, dx_bytes_of(tag, PREFACE_TAG_SIZE));
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        size_t size = out->size - begin - LENGTH_SIZE;
        write_length(out->data + begin, size);
        error = begin_handshake(channel, topic, dx_bytes_of(out->data + begin + LENGTH_SIZE, size));
    }
    if (error == DX_OK) {
        error = write_handshake(channel, nothing, out);
    }
    if (error != DX_OK) {
        out->size = begin;
        shut(channel);
    }
    return error;
}

void dx_channel_listen(dx_channel *channel, const dx_alloc *alloc, const dx_random *random,
                       const dx_channel_topics *topics, uint64_t now_ms) {
    init(channel, alloc, random, now_ms);
    channel->state = DX_CHANNEL_LISTENING;
    channel->topics = *topics;
}

/* --- Frames in ----------------------------------------------------------------------------------- */

/* The longest frame this state allows; what is longer is refused before a byte of it is kept. */
static size_t frame_limit(const dx_channel *channel) {
    switch (channel->state) {
    case DX_CHANNEL_LISTENING:
        return DX_CHANNEL_PREFACE_MAX;
    case DX_CHANNEL_GREETED: /* message 1 carries no payload */
        return dx_noise_overhead(&channel->noise);
    case DX_CHANNEL_ANSWERED:
    case DX_CHANNEL_CALLING:
        return dx_noise_overhead(&channel->noise) + DX_CHANNEL_PAYLOAD_MAX;
    case DX_CHANNEL_OPEN:
        return DX_CHANNEL_FRAME_MAX;
    case DX_CHANNEL_CLOSED:
    case DX_CHANNEL_STATE_COUNT:
        break;
    }
    return 0;
}

/* Moves bytes into pending until it holds size of them. */
static int fill_pending(dx_channel *channel, dx_bytes *bytes, size_t size, bool *filled) {
    size_t missing = size - channel->pending.size;
    size_t taken = missing < bytes->size ? missing : bytes->size;
    dx_buf_append(&channel->pending, bytes->data, taken);
    bytes->data += taken;
    bytes->size -= taken;
    *filled = taken == missing;
    return dx_buf_error(&channel->pending);
}

static size_t read_length(const uint8_t *at) {
    return (size_t)at[0] << 8 | at[1];
}

/* Takes the next frame from the front of *bytes. It lies in *bytes when it arrived whole, else in pending,
 * which the caller clears when done. *found is false when more must arrive first. */
static int take_frame(dx_channel *channel, dx_bytes *bytes, dx_bytes *frame, bool *found) {
    bool filled = false;
    *found = false;
    if (bytes->size == 0) {
        return DX_OK;
    }
    if (channel->pending.size == 0 && bytes->size >= LENGTH_SIZE) {
        size_t size = read_length(bytes->data);
        if (size > frame_limit(channel)) {
            return DX_E_FLOOD;
        }
        if (bytes->size - LENGTH_SIZE >= size) {
            *frame = dx_bytes_of(bytes->data + LENGTH_SIZE, size);
            bytes->data += LENGTH_SIZE + size;
            bytes->size -= LENGTH_SIZE + size;
            *found = true;
            return DX_OK;
        }
    }
    if (channel->pending.size < LENGTH_SIZE) {
        int error = fill_pending(channel, bytes, LENGTH_SIZE, &filled);
        if (error != DX_OK || !filled) {
            return error;
        }
    }
    size_t size = read_length(channel->pending.data);
    if (size > frame_limit(channel)) {
        return DX_E_FLOOD;
    }
    int error = fill_pending(channel, bytes, LENGTH_SIZE + size, &filled);
    if (error == DX_OK && filled) {
        *frame = dx_bytes_of(channel->pending.data + LENGTH_SIZE, size);
        *found = true;
    }
    return error;
}

static void report_close(dx_channel *channel, int reason, bool by_peer, dx_channel_event *event) {
    shut(channel);
    *event = (dx_channel_event){.kind = DX_CHANNEL_EVENT_CLOSED, .reason = reason, .by_peer = by_peer};
}

/* --- Handshake ----------------------------------------------------------------------------------- */

static int read_preface(dx_channel *channel, dx_bytes frame) {
    uint8_t nonce[PREFACE_NONCE_SIZE], tag[PREFACE_TAG_SIZE], expected[DX_HASH_SIZE];
    dx_reader reader;
    dx_channel_topic topic;
    dx_reader_init(&reader, frame);
    size_t count = dx_read_array(&reader);
    uint64_t version = dx_read_uint(&reader);
    if (reader.error == DX_OK && version != PREFACE_VERSION) {
        return DX_E_UNSUPPORTED;
    }
    uint64_t purpose = dx_read_uint(&reader);
    dx_read_bytes_exact(&reader, nonce, sizeof nonce);
    dx_read_bytes_exact(&reader, tag, sizeof tag);
    if (dx_reader_finish(&reader) != DX_OK || count != 4) {
        return DX_E_MALFORMED;
    }
    if (purpose != PREFACE_PURPOSE) {
        return DX_E_UNSUPPORTED;
    }
    for (size_t i = 0; channel->topics.at(channel->topics.ctx, i, &topic); i++) {
        make_tag(topic.secret, nonce, expected);
        if (dx_secret_equal(tag, expected, sizeof tag)) {
            int error = begin_handshake(channel, &topic, frame);
            if (error == DX_OK) {
                enter(channel, DX_CHANNEL_GREETED);
            }
            return error;
        }
    }
    return DX_E_UNAUTHORIZED;
}

static int check_static(const dx_channel *channel) {
    bool expected = !channel->has_expected_static ||
                    dx_secret_equal(channel->noise.remote_static, channel->expected_static, DX_KEY_SIZE);
    return expected ? DX_OK : DX_E_SIGNATURE;
}

static void open_channel(dx_channel *channel, dx_channel_event *event) {
    dx_noise_split(&channel->noise, &channel->sending, &channel->receiving);
    dx_buf_deinit(&channel->own_payload);
    enter(channel, DX_CHANNEL_OPEN);
    event->kind = DX_CHANNEL_EVENT_READY;
}

/* Both sides know the topic's secret, and all else that the first messages depend on: when they do not open, what
 * the two transports showed was not the same. */
static int name_failure(const dx_channel *channel, int error) {
    bool first = channel->state == DX_CHANNEL_GREETED || channel->state == DX_CHANNEL_CALLING;
    bool unsound = error == DX_E_SIGNATURE || error == DX_E_MALFORMED;
    return channel->is_bound && first && unsound ? DX_E_CHANNEL_BINDING : error;
}

static bool is_refusal(const dx_channel *channel, dx_bytes frame) {
    return channel->is_bound && channel->state == DX_CHANNEL_CALLING &&
           frame.size == DX_CHANNEL_REFUSAL_SIZE &&
           dx_secret_equal(frame.data, channel->binding_refusal, DX_CHANNEL_REFUSAL_SIZE);
}

/* The one thing said before the handshake is through: to a caller who knew the topic's secret. */
static void refuse_binding(const dx_channel *channel, dx_buf *out) {
    uint8_t *at = dx_buf_extend(out, LENGTH_SIZE + DX_CHANNEL_REFUSAL_SIZE);
    if (at != NULL) {
        write_length(at, DX_CHANNEL_REFUSAL_SIZE);
        memcpy(at + LENGTH_SIZE, channel->binding_refusal, DX_CHANNEL_REFUSAL_SIZE);
    }
}

static int read_handshake(dx_channel *channel, dx_bytes frame, dx_buf *out, dx_channel_event *event) {
    if (is_refusal(channel, frame)) {
        report_close(channel, DX_E_CHANNEL_BINDING, true, event);
        return DX_OK;
    }
    int error = name_failure(channel, dx_noise_read(&channel->noise, frame, &channel->remote_payload));
    if (error == DX_E_CHANNEL_BINDING && channel->state == DX_CHANNEL_GREETED) {
        refuse_binding(channel, out);
    }
    if (error != DX_OK) {
        return error;
    }
    if (channel->state == DX_CHANNEL_GREETED) {
        error = write_handshake(channel, dx_buf_view(&channel->own_payload), out);
        if (error == DX_OK) {
            enter(channel, DX_CHANNEL_ANSWERED);
        }
        return error;
    }
    /* The initiator looks at the responder's key before it shows its own. */
    error = check_static(channel);
    if (error == DX_OK && channel->state == DX_CHANNEL_CALLING) {
        error = write_handshake(channel, dx_buf_view(&channel->own_payload), out);
    }
    if (error == DX_OK) {
        open_channel(channel, event);
    }
    return error;
}

/* --- Messages ------------------------------------------------------------------------------------ */

/* Decrypts a frame behind the message so far and tells the size of its content, now the message's end. */
static int open_frame(dx_channel *channel, dx_bytes frame, enum frame_kind *kind, size_t *piece_size) {
    dx_buf *message = &channel->message;
    size_t begin = message->size;
    if (frame.size <= DX_NOISE_TAG_SIZE) {
        return DX_E_MALFORMED;
    }
    size_t size = frame.size - DX_NOISE_TAG_SIZE;
    uint8_t *text = dx_buf_extend(message, size);
    if (!text) {
        return dx_buf_error(message);
    }
    int error = dx_noise_decrypt(&channel->receiving, nothing, frame, text);
    while (error == DX_OK && size > 0 && text[size - 1] == 0) {
        size--;
    }
    if (error == DX_OK && size == 0) {
        error = DX_E_MALFORMED; /* no kind */
    }
    if (error != DX_OK) {
        message->size = begin;
        return error;
    }
    *kind = (enum frame_kind)text[size - 1];
    *piece_size = size - 1;
    message->size = begin + *piece_size;
    return DX_OK;
}

/* Content of a frame that is no piece of a message; it has been taken off the message. */
static int read_control(dx_channel *channel, enum frame_kind kind, dx_bytes content,
                        dx_channel_event *event) {
    switch (kind) {
    case FRAME_CLOSE:
        if (content.size != REASON_SIZE || read_length(content.data) > REASON_MAX) {
            return DX_E_MALFORMED;
        }
        report_close(channel, -(int)read_length(content.data), true, event);
        return DX_OK;
    case FRAME_REKEY:
        if (content.size != 0) {
            return DX_E_MALFORMED;
        }
        dx_noise_rekey(&channel->receiving);
        return DX_OK;
    case FRAME_PING:
        return content.size == 0 ? DX_OK : DX_E_MALFORMED;
    case FRAME_PART:
    case FRAME_LAST:
        break;
    }
    return DX_E_PROTOCOL;
}

static int read_message(dx_channel *channel, dx_bytes frame, dx_channel_event *event) {
    enum frame_kind kind = FRAME_LAST;
    size_t piece_size = 0;
    int error = open_frame(channel, frame, &kind, &piece_size);
    if (error != DX_OK) {
        return error;
    }
    dx_buf *message = &channel->message;
    if (kind != FRAME_PART && kind != FRAME_LAST) {
        message->size -= piece_size;
        return read_control(channel, kind, dx_bytes_of(message->data + message->size, piece_size), event);
    }
    if (message->size > DX_CHANNEL_MESSAGE_MAX) {
        return DX_E_FLOOD;
    }
    if (kind == FRAME_PART) { /* an empty one would let a message go on for ever without growing */
        return piece_size > 0 ? DX_OK : DX_E_PROTOCOL;
    }
    channel->delivered = true;
    event->kind = DX_CHANNEL_EVENT_MESSAGE;
    event->message = dx_buf_view(message);
    return DX_OK;
}

/* The message handed out last time is the caller's no more. */
static void forget_delivered(dx_channel *channel) {
    if (channel->delivered) {
        channel->delivered = false;
        if (channel->message.capacity > DX_CHANNEL_KEPT_MAX) {
            dx_buf_deinit(&channel->message);
        }
        dx_buf_clear(&channel->message);
    }
}

static int read_frame(dx_channel *channel, dx_bytes frame, dx_buf *out, dx_channel_event *event) {
    switch (channel->state) {
    case DX_CHANNEL_LISTENING:
        return read_preface(channel, frame);
    case DX_CHANNEL_GREETED:
    case DX_CHANNEL_ANSWERED:
    case DX_CHANNEL_CALLING:
        return read_handshake(channel, frame, out, event);
    case DX_CHANNEL_OPEN:
        return read_message(channel, frame, event);
    case DX_CHANNEL_CLOSED:
    case DX_CHANNEL_STATE_COUNT:
        break;
    }
    return DX_E_STATE;
}

int dx_channel_receive(dx_channel *channel, dx_bytes *bytes, uint64_t now_ms, dx_buf *out,
                       dx_channel_event *event) {
    int error = DX_OK;
    dx_channel_tick(channel, now_ms, event);
    forget_delivered(channel);
    while (event->kind == DX_CHANNEL_EVENT_NONE && error == DX_OK && channel->state != DX_CHANNEL_CLOSED) {
        dx_bytes frame;
        bool found;
        error = take_frame(channel, bytes, &frame, &found);
        if (error == DX_OK && !found) {
            return DX_OK;
        }
        if (error == DX_OK) {
            error = read_frame(channel, frame, out, event);
            dx_buf_clear(&channel->pending);
        }
    }
    if (channel->state == DX_CHANNEL_CLOSED) {
        bytes->size = 0;
    }
    if (error == DX_OK) {
        return DX_OK;
    }
    bytes->size = 0;
    int host_error = dx_error_class_of(error) == DX_CLASS_HOST ? error : dx_buf_error(out);
    if (host_error != DX_OK) {
        shut(channel);
        return host_error;
    }
    say_goodbye(channel, error, out); /* only an open channel does */
    report_close(channel, error, false, event);
    return DX_OK;
}

/* --- Time and answers ---------------------------------------------------------------------------- */

size_t dx_channel_held(const dx_channel *channel) {
    return channel->pending.capacity + channel->message.capacity;
}

void dx_channel_trim(dx_channel *channel) {
    forget_delivered(channel);
    if (channel->pending.size == 0) {
        dx_buf_deinit(&channel->pending);
    }
    if (channel->message.size == 0) {
        dx_buf_deinit(&channel->message);
    }
}

uint64_t dx_channel_deadline(const dx_channel *channel) {
    return channel->deadline_ms;
}

void dx_channel_tick(dx_channel *channel, uint64_t now_ms, dx_channel_event *event) {
    memset(event, 0, sizeof *event);
    if (now_ms >= channel->deadline_ms) {
        report_close(channel, DX_E_TIMEOUT, false, event);
    }
}

const uint8_t *dx_channel_handshake_hash(const dx_channel *channel) {
    return channel->noise.hash;
}

const uint8_t *dx_channel_remote_static(const dx_channel *channel) {
    return channel->noise.remote_static;
}

dx_bytes dx_channel_remote_payload(const dx_channel *channel) {
    return dx_buf_view(&channel->remote_payload);
}
