/* fuzz/fuzz_stun.c: any bytes as STUN.
 *
 * Checks: what is decoded lies within the datagram and its bounds; what is malformed is malformed again; a message
 * that decodes is what dx_stun_is says it is; written from what was read, it reads the same; the stateless server
 * answers requests without credentials only, with an answer that decodes and is no lever. */
#include "fuzz.h"
#include "net/stun.h"

static void check_within(dx_bytes part, dx_bytes whole) {
    FUZZ_CHECK(part.size == 0 ||
               (part.data >= whole.data && part.data + part.size <= whole.data + whole.size));
}

static void check_decoded(const dx_stun_message *message, dx_bytes datagram) {
    FUZZ_CHECK(dx_stun_is(datagram) && datagram.size <= DX_STUN_SIZE_MAX);
    FUZZ_CHECK((unsigned)message->class <= DX_STUN_ERROR && message->method <= 0xfff);
    check_within(message->username, datagram);
    FUZZ_CHECK(message->username.size <= DX_STUN_USERNAME_MAX &&
               message->unknown_count <= DX_STUN_UNKNOWN_MAX);
    FUZZ_CHECK(message->integrity_at == 0 || message->integrity_at + 24 <= datagram.size);
    FUZZ_CHECK(message->error_code == 0 || (message->error_code >= 300 && message->error_code <= 699));
    for (size_t i = 0; i < message->unknown_count; i++) {
        FUZZ_CHECK(message->unknown[i] < 0x8000);
    }
}

/* Nobody knows this key, so nothing the fuzzer finds is signed with it. */
static const dx_bytes key = {(const uint8_t *)"key", 3};

static void check_written(const dx_stun_message *message) {
    dx_stun_writer writer;
    dx_stun_message again;
    const uint8_t *colon =
        message->username.size ? memchr(message->username.data, ':', message->username.size) : NULL;
    dx_stun_begin(&writer, message->class, message->method, message->transaction);
    if (colon) {
        size_t first = (size_t)(colon - message->username.data);
        dx_stun_add_username(&writer, (dx_bytes){message->username.data, first},
                             (dx_bytes){colon + 1, message->username.size - first - 1});
    }
    if (message->mapped.family != DX_NET_NONE) {
        dx_stun_add_mapped(&writer, &message->mapped);
    }
    if (message->role != DX_STUN_NO_ROLE) {
        dx_stun_add_role(&writer, message->role, message->tie_breaker);
    }
    if (message->error_code != 0) {
        dx_stun_add_error(&writer, message->error_code);
    }
    dx_stun_add_integrity(&writer, key);
    dx_stun_add_fingerprint(&writer);
    FUZZ_CHECK(dx_stun_decode(dx_stun_written(&writer), &again) == DX_OK);
    FUZZ_CHECK(dx_stun_verify(&again, key) == DX_OK && again.has_fingerprint);
    FUZZ_CHECK(again.class == message->class && again.method == message->method);
    FUZZ_CHECK(!colon || dx_bytes_equal(again.username, message->username));
    FUZZ_CHECK(dx_net_address_equal(&again.mapped, &message->mapped));
    FUZZ_CHECK(again.role == message->role && again.tie_breaker == message->tie_breaker);
    FUZZ_CHECK(again.error_code == message->error_code);
}

static void check_server(const dx_stun_message *message, bool decoded, dx_bytes datagram) {
    static const uint8_t host[4] = {192, 0, 2, 1};
    dx_net_address from = dx_net_ipv4(host, 5000);
    dx_stun_writer answer;
    dx_stun_message said;
    if (!dx_stun_respond(datagram, &from, &answer)) {
        return;
    }
    FUZZ_CHECK(decoded && message->class == DX_STUN_REQUEST && message->integrity_at == 0 &&
               !message->has_username);
    FUZZ_CHECK(answer.size <= 2 * datagram.size + 24);
    FUZZ_CHECK(dx_stun_decode(dx_stun_written(&answer), &said) == DX_OK);
    FUZZ_CHECK(memcmp(said.transaction, message->transaction, sizeof said.transaction) == 0);
    FUZZ_CHECK((said.class == DX_STUN_SUCCESS) == (message->unknown_count == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes datagram = {data, size};
    dx_stun_message message;
    bool decoded = dx_stun_decode(datagram, &message) == DX_OK;
    if (decoded) {
        check_decoded(&message, datagram);
        check_written(&message);
        FUZZ_CHECK(dx_stun_verify(&message, key) == DX_E_SIGNATURE || message.integrity_at != 0);
    }
    check_within(dx_stun_addressee(datagram), datagram);
    check_server(&message, decoded, datagram);
    return 0;
}
