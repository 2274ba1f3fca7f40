/* fuzz_channel.c: two channels whose stream the input cuts, changes, drops and repeats, while both speak; and
 * an answerer that gets nothing but the input. Checks: what is delivered is a prefix of what was sent, memory
 * stays bounded, no CLOSED twice, and a stranger gets no answer. */
#include "fuzz.h"
#include "mesh/channel.h"

enum { WIRE_MAX = 1 << 22, SENT_MAX = 1 << 12 };

typedef struct end {
    dx_channel channel;
    dx_buf out;
    uint64_t sent, received; /* messages are numbered; their content follows from the number */
    int closed;
} end;

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    uint8_t *state = ctx;
    for (size_t i = 0; i < size; i++) {
        out[i] = (*state)++;
    }
}

static const uint8_t secret[DX_KEY_SIZE] = {7}, keys[2][DX_KEY_SIZE] = {{1}, {2}};

static void make_topic(size_t side, dx_channel_topic *out) {
    *out = (dx_channel_topic){
        1, secret, keys[side], NULL, dx_bytes_text("prologue"), dx_bytes_text("payload"), NULL, false};
}

static bool topic_at(void *ctx, size_t index, dx_channel_topic *out) {
    (void)ctx;
    make_topic(1, out);
    return index == 0;
}

static size_t message_size(uint64_t number) {
    static const size_t sizes[] = {0, 1, 300, 16367, 16368, 40000};
    return sizes[number % (sizeof sizes / sizeof sizes[0])];
}

static void say(end *self) {
    static uint8_t message[40000];
    size_t size = message_size(self->sent);
    memset(message, (int)(self->sent % 251), size);
    if (self->sent < SENT_MAX &&
        dx_channel_send(&self->channel, dx_bytes_of(message, size), &self->out) == DX_OK) {
        self->sent++;
    }
}

static void check_spoken(const end *self, int error) {
    FUZZ_CHECK(error == (self->channel.state == DX_CHANNEL_OPEN ? DX_OK : DX_E_STATE));
}

static void hear(end *self, const end *author, dx_bytes message) {
    FUZZ_CHECK(self->received < author->sent && message.size == message_size(self->received));
    for (size_t i = 0; i < message.size; i++) {
        FUZZ_CHECK(message.data[i] == self->received % 251);
    }
    self->received++;
}

static void give(end *to, const end *author, dx_bytes bytes) {
    dx_channel_event event;
    do {
        FUZZ_CHECK(dx_channel_receive(&to->channel, &bytes, 0, &to->out, &event) == DX_OK);
        if (event.kind == DX_CHANNEL_EVENT_MESSAGE) {
            hear(to, author, event.message);
        } else if (event.kind == DX_CHANNEL_EVENT_CLOSED) {
            FUZZ_CHECK(to->closed++ == 0);
        }
    } while (event.kind != DX_CHANNEL_EVENT_NONE);
    FUZZ_CHECK(bytes.size == 0);
    FUZZ_CHECK(to->channel.pending.capacity <= 2 + DX_CHANNEL_FRAME_MAX);
    FUZZ_CHECK(to->channel.message.capacity <= DX_CHANNEL_MESSAGE_MAX + DX_CHANNEL_FRAME_MAX);
}

/* Carries a run of what one end wrote, perhaps changed on the way. */
static void carry(fuzz_input *input, end *from, end *to) {
    size_t whole = from->out.size;
    size_t size = fuzz_byte(input);
    size = size == 255 || size > whole ? whole : size;
    uint8_t how = fuzz_byte(input);
    if (size > 0 && how == 1) {
        from->out.data[fuzz_byte(input) % size] ^= fuzz_byte(input);
    }
    dx_bytes run = dx_bytes_of(from->out.data, how == 2 ? 0 : size);
    give(to, from, run);
    if (how != 3) { /* 3: it will come again */
        dx_buf_consume(&from->out, size);
    }
}

static void drive_both(fuzz_input *input) {
    uint8_t counter = 0;
    dx_random random = {&counter, fill_random};
    dx_channel_topics topics = {NULL, topic_at};
    dx_channel_topic topic;
    end ends[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        dx_buf_init(&ends[i].out, &fuzz_alloc, WIRE_MAX);
    }
    make_topic(0, &topic);
    FUZZ_CHECK(dx_channel_call(&ends[0].channel, &fuzz_alloc, &random, &topic, 0, &ends[0].out) == DX_OK);
    dx_channel_listen(&ends[1].channel, &fuzz_alloc, &random, &topics, 0);
    while (input->left > 0) {
        uint8_t what = fuzz_byte(input);
        end *one = &ends[what & 1], *other = &ends[~what & 1];
        switch (what >> 1 & 7) {
        case 0:
            say(one);
            break;
        case 1:
            check_spoken(one, dx_channel_ping(&one->channel, &one->out));
            break;
        case 2:
            check_spoken(one, dx_channel_rekey(&one->channel, &one->out));
            break;
        case 3:
            if (what > 240) {
                dx_channel_close(&one->channel, DX_E_CANCELLED, &one->out);
                one->closed++;
            }
            break;
        case 4:
            give(one, other, fuzz_bytes(input, what >> 4));
            break;
        default:
            carry(input, one, other);
            break;
        }
        if (ends[0].out.size + ends[1].out.size > WIRE_MAX / 2) {
            break;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        dx_channel_deinit(&ends[i].channel);
        dx_buf_deinit(&ends[i].out);
    }
}

static void drive_stranger(fuzz_input *input) {
    uint8_t counter = 0;
    dx_random random = {&counter, fill_random};
    dx_channel_topics topics = {NULL, topic_at};
    end answerer = {0}, nobody = {0};
    dx_buf_init(&answerer.out, &fuzz_alloc, WIRE_MAX);
    dx_channel_listen(&answerer.channel, &fuzz_alloc, &random, &topics, 0);
    while (input->left > 0) {
        size_t size = fuzz_byte(input);
        give(&answerer, &nobody, fuzz_bytes(input, size));
        FUZZ_CHECK(answerer.out.size == 0 && counter == 0);
        FUZZ_CHECK(sizeof answerer.channel + answerer.channel.pending.capacity <= 2048);
    }
    dx_channel_deinit(&answerer.channel);
    dx_buf_deinit(&answerer.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    if (fuzz_byte(&input) % 4 > 0) {
        drive_both(&input);
    } else {
        drive_stranger(&input);
    }
    return 0;
}
