/* net/sdp.c: offers and answers for one data channel transport, read and written.
 *
 * Layer: floor 2, net. One pass over the lines; each attribute that counts has a row in the table below.
 * Ownership: nothing is kept. */
#include "net/sdp.h"

#include <dxos/codec.h>
#include <string.h>

#include "net/scan.h"

enum {
    UFRAG_MIN = 4,     /* RFC 8839 §5.4 */
    PASSWORD_MIN = 22, /* likewise */
    PACING_MIN_MS = 5,
    PACING_MAX_MS = 1000, /* a slower peer than this would not be waited for */
    FINGERPRINT_TEXT_SIZE = 3 * DX_SDP_FINGERPRINT_SIZE - 1,
};

/* The pass: where it stands and what it met. Of the two levels (session, media) each attribute stands at most once. */
typedef struct sdp_reader {
    dx_sdp *sdp;
    const char *problem;
    unsigned media_count;
    unsigned fingerprint_count;
    unsigned candidate_lines;
    uint32_t seen[2]; /* by level: bit of the row */
} sdp_reader;

static int fail(sdp_reader *reader, int error, const char *problem) {
    reader->problem = problem;
    return error;
}

/* --- Reading attributes --------------------------------------------------------------------------------- */

static int read_ufrag(sdp_reader *reader, dx_bytes value) {
    if (!dx_scan_is_ice_text(value, UFRAG_MIN, DX_SDP_UFRAG_MAX - 1)) {
        return fail(reader, DX_E_MALFORMED, "ice-ufrag is not 4 to 256 characters of its alphabet");
    }
    memcpy(reader->sdp->ufrag, value.data, value.size);
    reader->sdp->ufrag[value.size] = '\0';
    return DX_OK;
}

static int read_password(sdp_reader *reader, dx_bytes value) {
    if (!dx_scan_is_ice_text(value, PASSWORD_MIN, DX_SDP_PASSWORD_MAX - 1)) {
        return fail(reader, DX_E_MALFORMED, "ice-pwd is not 22 to 256 characters of its alphabet");
    }
    memcpy(reader->sdp->password, value.data, value.size);
    reader->sdp->password[value.size] = '\0';
    return DX_OK;
}

static int read_lite(sdp_reader *reader, dx_bytes value) {
    (void)value;
    reader->sdp->ice_lite = true;
    return DX_OK;
}

static int read_options(sdp_reader *reader, dx_bytes value) {
    for (dx_bytes option = dx_scan_word(&value); option.size > 0; option = dx_scan_word(&value)) {
        reader->sdp->trickle |= dx_scan_is(option, "trickle");
    }
    return DX_OK;
}

/* RFC 8839 §5.9; what is out of any reason counts as the nearest reasonable. */
static int read_pacing(sdp_reader *reader, dx_bytes value) {
    uint64_t pacing_ms = 0;
    if (!dx_scan_decimal(value, UINT32_MAX, &pacing_ms)) {
        return fail(reader, DX_E_MALFORMED, "ice-pacing is not a number");
    }
    pacing_ms = pacing_ms < PACING_MIN_MS   ? PACING_MIN_MS
                : pacing_ms > PACING_MAX_MS ? PACING_MAX_MS
                                            : pacing_ms;
    reader->sdp->pacing_ms = (uint32_t)pacing_ms;
    return DX_OK;
}

/* RFC 8122 §5; other hash functions may stand beside ours. */
static int read_fingerprint(sdp_reader *reader, dx_bytes value) {
    if (!dx_scan_is(dx_scan_word(&value), "sha-256")) {
        return DX_OK;
    }
    dx_bytes hex = dx_scan_word(&value);
    if (++reader->fingerprint_count > 1) {
        return fail(reader, DX_E_MALFORMED, "more than one sha-256 fingerprint");
    }
    bool well = hex.size == FINGERPRINT_TEXT_SIZE;
    for (size_t i = 0; well && i < DX_SDP_FINGERPRINT_SIZE; i++) {
        well = dx_hex_decode((const char *)hex.data + 3 * i, 2, reader->sdp->fingerprint + i, 1) == DX_OK &&
               (i + 1 == DX_SDP_FINGERPRINT_SIZE || hex.data[3 * i + 2] == ':');
    }
    return well ? DX_OK : fail(reader, DX_E_MALFORMED, "the fingerprint is not 32 bytes in hexadecimal");
}

static const char *const setup_words[] = {
    [DX_SDP_ACTPASS] = "actpass", [DX_SDP_ACTIVE] = "active", [DX_SDP_PASSIVE] = "passive"};

static int read_setup(sdp_reader *reader, dx_bytes value) {
    for (unsigned setup = 0; setup < sizeof setup_words / sizeof *setup_words; setup++) {
        if (dx_scan_is(value, setup_words[setup])) {
            reader->sdp->setup = (dx_sdp_setup)setup;
            return DX_OK;
        }
    }
    return fail(reader, DX_E_UNSUPPORTED, "setup is none of actpass, active, passive");
}

static bool is_token(dx_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.size > 0 && text.size < DX_SDP_MID_MAX;
}

static int read_mid(sdp_reader *reader, dx_bytes value) {
    if (!is_token(value)) {
        return fail(reader, DX_E_MALFORMED, "mid is not 1 to 32 visible characters");
    }
    memcpy(reader->sdp->mid, value.data, value.size);
    reader->sdp->mid[value.size] = '\0';
    return DX_OK;
}

static int read_sctp_port(sdp_reader *reader, dx_bytes value) {
    uint64_t port = 0;
    if (!dx_scan_decimal(value, UINT16_MAX, &port) || port == 0) {
        return fail(reader, DX_E_MALFORMED, "sctp-port is not a port");
    }
    reader->sdp->sctp_port = (uint16_t)port;
    return DX_OK;
}

static int read_message_size(sdp_reader *reader, dx_bytes value) {
    uint64_t size = 0;
    if (!dx_scan_decimal(value, UINT64_MAX, &size)) {
        return fail(reader, DX_E_MALFORMED, "max-message-size is not a number");
    }
    reader->sdp->max_message_size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    return DX_OK;
}

/* A candidate nobody can use costs its place and nothing else. */
static int read_candidate(sdp_reader *reader, dx_bytes line) {
    dx_sdp *sdp = reader->sdp;
    if (++reader->candidate_lines > DX_SDP_CANDIDATES_MAX) {
        return fail(reader, DX_E_LIMIT, "more than 64 candidates");
    }
    dx_candidate *candidate = &sdp->candidates[sdp->candidate_count];
    bool well = dx_candidate_parse(line, candidate) == DX_OK;
    if (well && candidate->skip == DX_CANDIDATE_USABLE) {
        sdp->candidate_count++;
        return DX_OK;
    }
    sdp->skipped_count++;
    sdp->hidden_count += well && candidate->skip == DX_CANDIDATE_HIDDEN;
    return DX_OK;
}

static int read_end(sdp_reader *reader, dx_bytes value) {
    (void)value;
    reader->sdp->end_of_candidates = true;
    return DX_OK;
}

typedef struct sdp_attribute {
    const char *name;
    int (*read)(sdp_reader *reader, dx_bytes value);
    bool repeats; /* may stand more than once on one level */
} sdp_attribute;

static const sdp_attribute attributes[] = {
    {"ice-ufrag", read_ufrag, false},      {"ice-pwd", read_password, false},
    {"ice-lite", read_lite, false},        {"ice-options", read_options, true},
    {"ice-pacing", read_pacing, false},    {"fingerprint", read_fingerprint, true},
    {"setup", read_setup, false},          {"mid", read_mid, false},
    {"sctp-port", read_sctp_port, false},  {"max-message-size", read_message_size, false},
    {"end-of-candidates", read_end, true},
};

static bool was_seen(const sdp_reader *reader, const char *name) {
    for (unsigned i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        if (strcmp(attributes[i].name, name) == 0) {
            return ((reader->seen[0] | reader->seen[1]) >> i & 1) != 0;
        }
    }
    return false;
}

static int read_attribute(sdp_reader *reader, dx_bytes line) {
    if (line.size >= 10 && memcmp(line.data, "candidate:", 10) == 0) {
        return read_candidate(reader, line);
    }
    dx_bytes value = line;
    dx_bytes name = dx_scan_until(&value, ':');
    for (unsigned i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        if (!dx_scan_is(name, attributes[i].name)) {
            continue;
        }
        uint32_t *seen = &reader->seen[reader->media_count > 0];
        if ((*seen >> i & 1) != 0 && !attributes[i].repeats) {
            return fail(reader, DX_E_MALFORMED, "an attribute stands twice");
        }
        *seen |= 1u << i;
        return attributes[i].read(reader, value);
    }
    return DX_OK;
}

/* --- Reading lines ---------------------------------------------------------------------------------------- */

/* "application 9 UDP/DTLS/SCTP webrtc-datachannel" (RFC 8841 §4). */
static int read_media(sdp_reader *reader, dx_bytes value) {
    if (++reader->media_count > 1) {
        return fail(reader, DX_E_UNSUPPORTED, "more than one media section");
    }
    uint64_t port = 0;
    dx_bytes kind = dx_scan_word(&value), port_text = dx_scan_word(&value);
    dx_bytes transport = dx_scan_word(&value), format = dx_scan_word(&value);
    if (!dx_scan_decimal(port_text, UINT16_MAX, &port)) {
        return fail(reader, DX_E_MALFORMED, "the media section has no port");
    }
    if (!dx_scan_is(kind, "application") || !dx_scan_is(format, "webrtc-datachannel") ||
        !(dx_scan_is(transport, "UDP/DTLS/SCTP") || dx_scan_is(transport, "TCP/DTLS/SCTP"))) {
        return fail(reader, DX_E_UNSUPPORTED,
                    "the media section is not for data channels over UDP/DTLS/SCTP");
    }
    return port > 0 ? DX_OK : fail(reader, DX_E_UNSUPPORTED, "the other side refused the data channel");
}

static void read_origin(sdp_reader *reader, dx_bytes value) {
    (void)dx_scan_word(&value);
    (void)dx_scan_decimal(dx_scan_word(&value), UINT64_MAX, &reader->sdp->session);
    (void)dx_scan_decimal(dx_scan_word(&value), UINT64_MAX, &reader->sdp->version);
}

static int read_line(sdp_reader *reader, dx_bytes line) {
    if (line.size < 2 || line.data[1] != '=') {
        return fail(reader, DX_E_MALFORMED, "a line is not a letter, an equals sign and a value");
    }
    dx_bytes value = {line.data + 2, line.size - 2};
    switch (line.data[0]) {
    case 'o':
        read_origin(reader, value);
        return DX_OK;
    case 'm':
        return read_media(reader, value);
    case 'a':
        return read_attribute(reader, value);
    default:
        return DX_OK;
    }
}

static int read_lines(sdp_reader *reader, dx_bytes text) {
    for (bool first = true; text.size > 0; first = false) {
        dx_bytes line = dx_scan_trim_end(dx_scan_until(&text, '\n'));
        if (first && !dx_scan_is(line, "v=0")) {
            return fail(reader, DX_E_MALFORMED, "it does not begin with v=0");
        }
        int error = line.size == 0 ? DX_OK : read_line(reader, line);
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

static int check_complete(sdp_reader *reader) {
    if (reader->media_count == 0) {
        return fail(reader, DX_E_UNSUPPORTED, "there is no media section");
    }
    if (!was_seen(reader, "ice-ufrag") || !was_seen(reader, "ice-pwd")) {
        return fail(reader, DX_E_MALFORMED, "ice-ufrag or ice-pwd is missing");
    }
    if (reader->fingerprint_count == 0) {
        return fail(reader, DX_E_UNSUPPORTED, "there is no sha-256 fingerprint");
    }
    if (!was_seen(reader, "setup")) {
        return fail(reader, DX_E_MALFORMED, "setup is missing");
    }
    return DX_OK;
}

void dx_sdp_init(dx_sdp *sdp) {
    memset(sdp, 0, sizeof *sdp);
    sdp->sctp_port = DX_SDP_SCTP_PORT;
    sdp->max_message_size = DX_SDP_MESSAGE_SIZE_DEFAULT;
    sdp->pacing_ms = DX_SDP_PACING_DEFAULT_MS;
}

int dx_sdp_parse(dx_bytes text, dx_sdp *out, const char **problem) {
    sdp_reader reader = {.sdp = out};
    dx_sdp_init(out);
    int error = text.size > DX_SDP_SIZE_MAX ? fail(&reader, DX_E_LIMIT, "it has more than 16 KiB")
                : text.size == 0            ? fail(&reader, DX_E_MALFORMED, "it is empty")
                                            : read_lines(&reader, text);
    if (error == DX_OK) {
        error = check_complete(&reader);
    }
    if (problem) {
        *problem = reader.problem;
    }
    return error;
}

/* --- Writing ---------------------------------------------------------------------------------------------- */

static void put(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static void put_decimal(dx_buf *out, uint64_t value) {
    char digits[DX_SCAN_DECIMAL_MAX];
    dx_buf_append(out, digits, dx_scan_print_decimal(value, digits));
}

static void put_line(dx_buf *out, const char *name, const char *value) {
    put(out, name);
    put(out, value);
    put(out, "\r\n");
}

static void put_number_line(dx_buf *out, const char *name, uint64_t value) {
    put(out, name);
    put_decimal(out, value);
    put(out, "\r\n");
}

static void put_fingerprint(dx_buf *out, const uint8_t *fingerprint) {
    static const char digits[] = "0123456789ABCDEF"; /* upper case: RFC 8122 §5 */
    put(out, "a=fingerprint:sha-256 ");
    for (size_t i = 0; i < DX_SDP_FINGERPRINT_SIZE; i++) {
        const char pair[] = {':', digits[fingerprint[i] >> 4], digits[fingerprint[i] & 15]};
        dx_buf_append(out, pair + (i == 0), sizeof pair - (i == 0));
    }
    put(out, "\r\n");
}

static bool is_writable(const dx_sdp *sdp) {
    bool named = sdp->mid[0] == '\0' || is_token(dx_bytes_text(sdp->mid));
    bool paced = sdp->pacing_ms == 0 || (sdp->pacing_ms >= PACING_MIN_MS && sdp->pacing_ms <= PACING_MAX_MS);
    for (size_t i = 0; i < sdp->candidate_count && i < DX_SDP_CANDIDATES_MAX; i++) {
        if (!dx_net_address_usable(&sdp->candidates[i].address)) {
            return false;
        }
    }
    return named && paced && sdp->sctp_port != 0 && (unsigned)sdp->setup <= DX_SDP_PASSIVE &&
           sdp->candidate_count <= DX_SDP_CANDIDATES_MAX &&
           dx_scan_is_ice_text(dx_bytes_text(sdp->ufrag), UFRAG_MIN, DX_SDP_UFRAG_MAX - 1) &&
           dx_scan_is_ice_text(dx_bytes_text(sdp->password), PASSWORD_MIN, DX_SDP_PASSWORD_MAX - 1);
}

static void put_session(const dx_sdp *sdp, const char *mid, dx_buf *out) {
    put(out, "v=0\r\no=- ");
    put_decimal(out, sdp->session);
    put(out, " ");
    put_decimal(out, sdp->version);
    put(out, " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    put_line(out, "a=group:BUNDLE ", mid);
    if (sdp->ice_lite) {
        put(out, "a=ice-lite\r\n");
    }
    if (sdp->pacing_ms != 0 && sdp->pacing_ms != DX_SDP_PACING_DEFAULT_MS) {
        put_number_line(out, "a=ice-pacing:", sdp->pacing_ms);
    }
}

int dx_sdp_write(const dx_sdp *sdp, dx_buf *out) {
    if (!is_writable(sdp)) {
        return DX_E_INVALID;
    }
    const char *mid = sdp->mid[0] ? sdp->mid : "0";
    put_session(sdp, mid, out);
    put(out, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n");
    for (size_t i = 0; i < sdp->candidate_count; i++) {
        char line[DX_CANDIDATE_TEXT_MAX];
        (void)dx_candidate_print(&sdp->candidates[i], line);
        put_line(out, "a=", line);
    }
    if (sdp->end_of_candidates) {
        put(out, "a=end-of-candidates\r\n");
    }
    put_line(out, "a=ice-ufrag:", sdp->ufrag);
    put_line(out, "a=ice-pwd:", sdp->password);
    if (sdp->trickle) {
        put(out, "a=ice-options:trickle\r\n");
    }
    put_fingerprint(out, sdp->fingerprint);
    put_line(out, "a=setup:", setup_words[sdp->setup]);
    put_line(out, "a=mid:", mid);
    put_number_line(out, "a=sctp-port:", sdp->sctp_port);
    put_number_line(out, "a=max-message-size:", sdp->max_message_size);
    return dx_buf_error(out);
}

/* --- As signals ------------------------------------------------------------------------------------------- */

void dx_sdp_add_candidate(dx_sdp *sdp, dx_bytes line) {
    if (line.size == 0) {
        sdp->end_of_candidates = true;
    } else if (sdp->candidate_count < DX_SDP_CANDIDATES_MAX &&
               dx_candidate_parse(line, &sdp->candidates[sdp->candidate_count]) == DX_OK) {
        sdp->candidate_count++;
    }
}

int dx_sdp_write_signal(dx_bytes value, const char *type, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, type == NULL ? 1 : 2);
    dx_write_text(&writer, type == NULL ? "candidate" : "sdp");
    dx_write_text_bytes(&writer, value);
    if (type != NULL) {
        dx_write_text(&writer, "type");
        dx_write_text(&writer, type);
    }
    return dx_writer_finish(&writer);
}
