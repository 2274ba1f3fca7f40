/* halo/invitation_link.c: the text of an invitation, the PIN's grammar, and the words of the states.
 *
 * Layer: floor 1, halo. Contract in halo/invitation.h, bytes in docs/spec/invitation.md.
 * Invariant: a link that decodes has exactly one text; the same link always gives the same URL. */
#include "halo/invitation.h"

#include <string.h>

static const char url_prefix[] = "dxos://join#", page_mark[] = "#join=";

enum {
    LINK_VERSION = 1,
    LINK_FIELDS = 8,
    CHECKSUM_SIZE = 4,
    URL_PREFIX_SIZE = sizeof url_prefix - 1,
    PAGE_MARK_SIZE = sizeof page_mark - 1,
    /* Base64url turns three bytes into four characters. */
    LINK_SIZE_MAX = (DX_INVITATION_URL_MAX - URL_PREFIX_SIZE) / 4 * 3
};

/* --- Link ------------------------------------------------------------------------------------- */

/* The array's items but for its checksum. */
static void write_fields(const dx_invitation_link *link, dx_writer *out) {
    dx_write_uint(out, LINK_VERSION);
    dx_write_uint(out, link->kind);
    dx_write_bytes(out, dx_bytes_of(link->id, DX_INVITATION_ID_SIZE));
    dx_write_bytes(out, dx_bytes_of(link->topic_secret, DX_KEY_SIZE));
    dx_write_bytes(out, dx_bytes_of(link->host_key, DX_KEY_SIZE));
    dx_write_uint(out, link->expires_ms);
    dx_write_array(out, link->address_count);
    for (size_t i = 0; i < link->address_count; i++) {
        dx_write_text(out, link->addresses[i]);
    }
}

/* The checksum covers all that is written before it, the array's head included. */
static void checksum_of(dx_bytes before, uint8_t out[static CHECKSUM_SIZE]) {
    uint8_t hash[DX_HASH_SIZE];
    dx_hash(DX_HASH_LINK, before, hash);
    memcpy(out, hash, CHECKSUM_SIZE);
}

static bool link_is_sound(const dx_invitation_link *link) {
    if (link->kind != DX_INVITATION_KIND_SPACE || link->address_count > DX_INVITATION_ADDRESSES_MAX ||
        link->expires_ms > INT64_MAX) {
        return false;
    }
    for (size_t i = 0; i < link->address_count; i++) {
        size_t size = 0; /* up to a terminator that may be missing */
        while (size < DX_ADDRESS_SIZE_MAX && link->addresses[i][size] != '\0') {
            size++;
        }
        if (!dx_address_check(dx_bytes_of(link->addresses[i], size))) {
            return false;
        }
    }
    return true;
}

int dx_invitation_link_encode(const dx_invitation_link *link, dx_buf *url) {
    if (!link_is_sound(link)) {
        return DX_E_INVALID;
    }
    dx_buf array;
    dx_writer writer;
    uint8_t checksum[CHECKSUM_SIZE];
    dx_buf_init(&array, url->alloc, LINK_SIZE_MAX);
    dx_writer_init(&writer, &array);
    dx_write_array(&writer, LINK_FIELDS);
    write_fields(link, &writer);
    checksum_of(dx_buf_view(&array), checksum);
    dx_write_bytes(&writer, dx_bytes_of(checksum, sizeof checksum));
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        dx_buf_append(url, url_prefix, URL_PREFIX_SIZE);
        dx_base64url_encode(dx_buf_view(&array), url);
        error = dx_buf_error(url);
    }
    dx_buf_deinit(&array);
    return error;
}

/* The payload behind the last mark; data NULL: there is none. */
static dx_bytes payload_of_page(dx_bytes text) {
    for (size_t at = text.size; at >= PAGE_MARK_SIZE; at--) {
        if (memcmp(text.data + at - PAGE_MARK_SIZE, page_mark, PAGE_MARK_SIZE) == 0) {
            return dx_bytes_of(text.data + at, text.size - at);
        }
    }
    return (dx_bytes){NULL, 0};
}

int dx_invitation_link_canonical(dx_bytes text, dx_buf *url) {
    dx_bytes payload = payload_of_page(text);
    bool shown = payload.data != NULL;
    if ((shown ? URL_PREFIX_SIZE + payload.size : text.size) > DX_INVITATION_URL_MAX) {
        return DX_E_LINK;
    }
    if (shown) {
        dx_buf_append(url, url_prefix, URL_PREFIX_SIZE);
    }
    dx_buf_append(url, shown ? payload.data : text.data, shown ? payload.size : text.size);
    return dx_buf_error(url);
}

static void read_address(dx_reader *in, char out[static DX_ADDRESS_SIZE_MAX]) {
    dx_bytes address = dx_read_text(in);
    if (in->error == DX_OK && dx_address_check(address)) {
        memcpy(out, address.data, address.size);
        out[address.size] = '\0';
    } else {
        dx_reader_fail(in);
    }
}

static int read_link(dx_bytes array, dx_invitation_link *out) {
    uint8_t checksum[CHECKSUM_SIZE], wanted[CHECKSUM_SIZE];
    dx_reader in;
    dx_reader_init(&in, array);
    if (dx_read_array(&in) != LINK_FIELDS) {
        dx_reader_fail(&in);
    }
    if (dx_read_uint(&in) != LINK_VERSION) {
        dx_reader_fail(&in);
    }
    out->kind = dx_read_uint_max(&in, DX_INVITATION_KIND_SPACE);
    dx_read_bytes_exact(&in, out->id, DX_INVITATION_ID_SIZE);
    dx_read_bytes_exact(&in, out->topic_secret, DX_KEY_SIZE);
    dx_read_bytes_exact(&in, out->host_key, DX_KEY_SIZE);
    out->expires_ms = dx_read_uint(&in);
    size_t count = dx_read_array(&in);
    if (count > DX_INVITATION_ADDRESSES_MAX) {
        dx_reader_fail(&in);
    }
    for (size_t i = 0; i < count && in.error == DX_OK; i++) {
        read_address(&in, out->addresses[i]);
    }
    out->address_count = count;
    size_t before = (size_t)(in.at - array.data);
    dx_read_bytes_exact(&in, checksum, CHECKSUM_SIZE);
    if (dx_reader_finish(&in) != DX_OK) {
        return DX_E_LINK;
    }
    checksum_of(dx_bytes_of(array.data, before), wanted);
    return memcmp(checksum, wanted, CHECKSUM_SIZE) == 0 ? DX_OK : DX_E_LINK;
}

int dx_invitation_link_decode(const dx_alloc *alloc, dx_bytes url, dx_invitation_link *out) {
    memset(out, 0, sizeof *out);
    if (url.size <= URL_PREFIX_SIZE || url.size > DX_INVITATION_URL_MAX ||
        memcmp(url.data, url_prefix, URL_PREFIX_SIZE) != 0) {
        return DX_E_LINK;
    }
    dx_buf array;
    dx_buf_init(&array, alloc, LINK_SIZE_MAX);
    int error =
        dx_base64url_decode(dx_bytes_of(url.data + URL_PREFIX_SIZE, url.size - URL_PREFIX_SIZE), &array);
    if (error == DX_OK) {
        error = read_link(dx_buf_view(&array), out);
    } else if (error != DX_E_NO_MEMORY) {
        error = DX_E_LINK;
    }
    dx_buf_deinit(&array);
    if (error != DX_OK) {
        memset(out, 0, sizeof *out);
    }
    return error;
}

void dx_invitation_link_hash(dx_bytes url, uint8_t out[static DX_HASH_SIZE]) {
    dx_hash(DX_HASH_LINK, url, out);
}

/* --- PIN -------------------------------------------------------------------------------------- */

void dx_pin_make(const dx_random *random, char out[static DX_PIN_SIZE + 1]) {
    /* 24 random bits below the largest multiple of a million they hold; one draw in twenty is thrown away. */
    enum { PINS = 1000000, FAIR_MAX = 16 * PINS };
    uint8_t draw[3];
    uint32_t number;
    do {
        random->fill(random->ctx, draw, sizeof draw);
        number = (uint32_t)draw[0] << 16 | (uint32_t)draw[1] << 8 | draw[2];
    } while (number >= FAIR_MAX);
    for (size_t i = DX_PIN_SIZE; i > 0; i--) {
        out[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    out[DX_PIN_SIZE] = '\0';
    dx_wipe(draw, sizeof draw);
}

int dx_pin_check(dx_bytes pin) {
    if (pin.size != DX_PIN_SIZE) {
        return DX_E_INVALID;
    }
    for (size_t i = 0; i < DX_PIN_SIZE; i++) {
        if (pin.data[i] < '0' || pin.data[i] > '9') {
            return DX_E_INVALID;
        }
    }
    return DX_OK;
}

/* --- Words ------------------------------------------------------------------------------------ */

/* A row of either side's table. */
typedef struct state_words {
    int number;
    const char *name, *sentence;
} state_words;

#define WORDS_ROW(symbol, number, name, deadline_ms, sentence) {number, name, sentence},
static const state_words host_words[] = {DX_HOST_STATES(WORDS_ROW)},
                         guest_words[] = {DX_GUEST_STATES(WORDS_ROW)};
#undef WORDS_ROW

static const state_words *find_words(const state_words *table, size_t count, int number) {
    static const state_words unknown = {0, "unknown", "unknown"};
    for (size_t i = 0; i < count; i++) {
        if (table[i].number == number) {
            return &table[i];
        }
    }
    return &unknown;
}

static const state_words *words_of_host(dx_host_state state) {
    return find_words(host_words, sizeof host_words / sizeof host_words[0], (int)state);
}

static const state_words *words_of_guest(dx_guest_state state) {
    return find_words(guest_words, sizeof guest_words / sizeof guest_words[0], (int)state);
}

const char *dx_host_state_name(dx_host_state state) {
    return words_of_host(state)->name;
}

const char *dx_host_state_sentence(dx_host_state state) {
    return words_of_host(state)->sentence;
}

bool dx_host_state_ends(dx_host_state state) {
    return state >= DX_HOST_SUCCESS;
}

const char *dx_guest_state_name(dx_guest_state state) {
    return words_of_guest(state)->name;
}

const char *dx_guest_state_sentence(dx_guest_state state) {
    return words_of_guest(state)->sentence;
}

bool dx_guest_state_ends(dx_guest_state state) {
    return state >= DX_GUEST_READY;
}

const char *dx_invitation_remedy(int error) {
    switch (error) {
    case DX_E_LINK:
        return "copy the whole link again; if it still fails, ask for a new one";
    case DX_E_PIN:
        return "look at the PIN the host shows and enter it again";
    case DX_E_LOCKED:
    case DX_E_EXPIRED:
    case DX_E_CANCELLED:
    case DX_E_WITHDRAWN:
    case DX_E_EXHAUSTED:
        return "ask the host for a new invitation";
    case DX_E_NO_HOST:
        return "ask the host to keep its program running and online, then try again with the same link";
    case DX_E_UNREACHABLE:
    case DX_E_TIMEOUT:
        return "check both connections and try again with the same link";
    case DX_E_BUSY:
        return "the host is admitting somebody else; try again in a minute";
    case DX_E_HOST_PROOF:
        return "do not enter the PIN again; tell the host that somebody may have answered in its place";
    case DX_E_DENIED:
        return "the host may no longer admit to this role; ask an admin of the space";
    case DX_E_STORE:
    case DX_E_NO_SPACE:
        return "make room on the disk of the side that failed, then try again with the same link";
    case DX_E_VERIFY:
    case DX_E_MALFORMED:
    case DX_E_PROTOCOL:
        return "update both programs; if it happens again, do not trust this host";
    default:
        return "";
    }
}
