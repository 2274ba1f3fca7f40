/* net/sdp.h: offers and answers for one data channel transport (RFC 8866, 8829, 8839, 8841, 8842).
 *
 * Layer: floor 2, net. Reads what Chromium, Firefox, libwebrtc and libdatachannel write, and writes what they
 * read: exactly one m= section, application over UDP/DTLS/SCTP. Attributes may stand above it or in it (there
 * they win). Lines nobody here needs are passed over; what is needed must be there once and well formed.
 * Ownership: all by value. Whether a text is an offer or an answer is told beside it (the signal's type). */
#ifndef DX_NET_SDP_H
#define DX_NET_SDP_H

#include "net/candidate.h"

enum {
    /* A description: as a signal may have (docs/decisions/0021); Chromium's has 500 bytes and 100 a candidate. */
    DX_SDP_SIZE_MAX = 16 * 1024,
    /* Candidate lines, those skipped counted too: an agent takes half as many. */
    DX_SDP_CANDIDATES_MAX = 64,
    DX_SDP_MID_MAX = 33,       /* "0", "data"; 32 characters and the terminator */
    DX_SDP_UFRAG_MAX = 257,    /* 4 to 256 characters (RFC 8839 §5.4) and the terminator */
    DX_SDP_PASSWORD_MAX = 257, /* 22 to 256 and the terminator */
    DX_SDP_FINGERPRINT_SIZE = 32,
    DX_SDP_SCTP_PORT = 5000,             /* what everybody writes */
    DX_SDP_MESSAGE_SIZE_DEFAULT = 65536, /* where max-message-size is absent (RFC 8841 §6.1) */
    DX_SDP_PACING_DEFAULT_MS = 50,       /* where ice-pacing is absent (RFC 8445 §14.2) */
};

/* RFC 4145, RFC 8842: who sends the ClientHello. An offer has ACTPASS, an answer ACTIVE or PASSIVE. */
typedef enum dx_sdp_setup { DX_SDP_ACTPASS, DX_SDP_ACTIVE, DX_SDP_PASSIVE } dx_sdp_setup;

typedef struct dx_sdp {
    uint64_t session; /* o=: id and version of the description; read for completeness only */
    uint64_t version;
    char mid[DX_SDP_MID_MAX]; /* an answer repeats the offer's; "" when absent */
    char ufrag[DX_SDP_UFRAG_MAX];
    char password[DX_SDP_PASSWORD_MAX];
    bool ice_lite, trickle;
    uint32_t pacing_ms;                           /* proposed Ta: 5..1000 */
    uint8_t fingerprint[DX_SDP_FINGERPRINT_SIZE]; /* sha-256 of the certificate; exactly one in the text */
    dx_sdp_setup setup;
    uint16_t sctp_port;
    uint32_t max_message_size; /* 0: any (RFC 8841 §6) */
    bool end_of_candidates;
    size_t candidate_count; /* those usable */
    size_t skipped_count;   /* those hidden, named, of another transport, or malformed */
    size_t hidden_count;    /* of the skipped, those behind .local names */
    dx_candidate candidates[DX_SDP_CANDIDATES_MAX];
} dx_sdp;

/* DX_OK; DX_E_LIMIT (size, candidates); DX_E_UNSUPPORTED (media other than one data channel transport, no sha-256
 * fingerprint, protocols of before RFC 8841); DX_E_MALFORMED. problem (may be NULL) receives one sentence for
 * people, static; NULL with DX_OK. On error out is unspecified. About 23 kB: not for a small stack. */
DX_MUST_USE int dx_sdp_parse(dx_bytes text, dx_sdp *out, const char **problem);
/* Appends the description. Written are the fields above but hidden_count and skipped_count; mid "" becomes
 * "0"; pacing_ms is left out when it is 0 or the default. DX_E_INVALID: a field of another form than parse
 * would accept. Or out's error. */
DX_MUST_USE int dx_sdp_write(const dx_sdp *sdp, dx_buf *out);
/* A candidate as an ICE agent tells it (DX_ICE_OUTPUT_CANDIDATE) goes into a description about to be written: size 0, no
 * more come. A malformed one, and one too many, is left out. */
void dx_sdp_add_candidate(dx_sdp *sdp, dx_bytes line);
/* Appends the signal a transport tells the other side's (docs/decisions/0021): a description and its type "offer" or
 * "answer"; with NULL a candidate. out's error. */
DX_MUST_USE int dx_sdp_write_signal(dx_bytes value, const char *type, dx_buf *out);
/* Every field as an absent line means it: the defaults above, no trickle, nothing else. */
void dx_sdp_init(dx_sdp *sdp);

#endif
