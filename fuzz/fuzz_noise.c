/* fuzz_noise.c: two sides of a Noise handshake whose messages the input rewrites, and then a side that gets
 * nothing but the input. Checks: a message that arrives as it was written is accepted, any other fails the
 * reader for good, and both sides of a finished handshake hold the same hash and keys. */
#include "crypto/noise.h"
#include "fuzz.h"

enum { MESSAGE_ROOM = 4096 };

static const uint8_t psk[DX_KEY_SIZE] = {42};

static void init_sides(dx_noise sides[2], bool with_psk) {
    uint8_t keys[4][DX_KEY_SIZE];
    for (uint8_t i = 0; i < 4; i++) {
        memset(keys[i], i + 1, DX_KEY_SIZE);
    }
    dx_noise_init(&sides[0], true, dx_bytes_text("fuzz"), keys[0], NULL, keys[1], with_psk ? psk : NULL);
    dx_noise_init(&sides[1], false, dx_bytes_text("fuzz"), keys[2], NULL, keys[3], with_psk ? psk : NULL);
}

/* Flips a byte, cuts or lengthens the message as the input says; false when it stayed as it was. */
static bool rewrite(fuzz_input *input, dx_buf *message) {
    switch (fuzz_byte(input) % 8) {
    case 1: {
        size_t at = (size_t)fuzz_byte(input) * message->size / 256;
        uint8_t flip = fuzz_byte(input);
        message->data[at] ^= flip;
        return flip != 0;
    }
    case 2: {
        size_t size = (size_t)fuzz_byte(input) * message->size / 256;
        bool changed = size != message->size;
        message->size = size;
        return changed;
    }
    case 3:
        dx_buf_append_byte(message, fuzz_byte(input));
        return true;
    default:
        return false;
    }
}

static void drive_both(fuzz_input *input, bool with_psk) {
    dx_noise sides[2];
    dx_buf message, payload;
    init_sides(sides, with_psk);
    dx_buf_init(&message, &fuzz_alloc, MESSAGE_ROOM);
    dx_buf_init(&payload, &fuzz_alloc, MESSAGE_ROOM);
    bool honest = true;
    for (int step = 0; step < DX_NOISE_MESSAGES && honest; step++) {
        dx_noise *writer = &sides[step % 2], *reader = &sides[1 - step % 2];
        dx_bytes text = fuzz_bytes(input, fuzz_byte(input));
        dx_buf_clear(&message);
        dx_buf_clear(&payload);
        int written = dx_noise_write(writer, text, &message);
        if (written !=
            DX_OK) { /* only a key rewritten into one of low order, in a message nothing authenticates */
            FUZZ_CHECK(written == DX_E_SIGNATURE && !with_psk);
            break;
        }
        bool changed = rewrite(input, &message);
        int error = dx_noise_read(reader, dx_buf_view(&message), &payload);
        if (!changed) {
            FUZZ_CHECK(error == DX_OK || !with_psk);
            FUZZ_CHECK(error != DX_OK || dx_bytes_equal(dx_buf_view(&payload), text));
        } else if (with_psk || step > 0) { /* plain XX authenticates nothing in its first message */
            FUZZ_CHECK(error == DX_E_SIGNATURE || error == DX_E_MALFORMED);
        }
        if (error != DX_OK) {
            FUZZ_CHECK(payload.size == 0 && reader->failed && !dx_noise_writes(reader));
            honest = false;
        }
    }
    if (dx_noise_complete(&sides[0]) && dx_noise_complete(&sides[1])) {
        dx_noise_cipher sending[2], receiving[2];
        FUZZ_CHECK(memcmp(sides[0].hash, sides[1].hash, DX_NOISE_HASH_SIZE) == 0);
        for (int i = 0; i < 2; i++) {
            dx_noise_split(&sides[i], &sending[i], &receiving[i]);
        }
        FUZZ_CHECK(memcmp(sending[0].key, receiving[1].key, DX_KEY_SIZE) == 0);
        FUZZ_CHECK(memcmp(sending[1].key, receiving[0].key, DX_KEY_SIZE) == 0);
        uint8_t out[256];
        dx_bytes forged = fuzz_bytes(input, sizeof out);
        FUZZ_CHECK(dx_noise_decrypt(&receiving[0], dx_bytes_of(NULL, 0), forged, out) != DX_OK);
    }
    dx_buf_deinit(&message);
    dx_buf_deinit(&payload);
}

static void drive_one(fuzz_input *input, bool with_psk, bool initiator) {
    dx_noise sides[2];
    dx_buf out;
    init_sides(sides, with_psk);
    dx_noise *noise = &sides[initiator ? 0 : 1];
    dx_buf_init(&out, &fuzz_alloc, MESSAGE_ROOM);
    while (input->left > 0) {
        dx_bytes bytes = fuzz_bytes(input, fuzz_byte(input));
        bool wrote = dx_noise_writes(noise);
        int error = wrote ? dx_noise_write(noise, bytes, &out) : dx_noise_read(noise, bytes, &out);
        FUZZ_CHECK(error == DX_OK || noise->failed || error == DX_E_STATE || error == DX_E_LIMIT);
    }
    FUZZ_CHECK(!dx_noise_complete(noise));
    dx_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    uint8_t mode = fuzz_byte(&input);
    if (mode % 4 < 2) {
        drive_both(&input, mode % 2);
    } else {
        drive_one(&input, mode % 2, mode & 4);
    }
    return 0;
}
