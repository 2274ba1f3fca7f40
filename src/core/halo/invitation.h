/* halo/invitation.h: the interactive invitation: link, PIN by CPace, admission. Two machines without I/O, one
 * per side.
 *
 * Layer: floor 1, halo. docs/spec/invitation.md. They run over an encrypted channel
 * whose handshake was keyed by the link; every message is one canonical item, and a call appends at most one.
 * States are a table with allowed successors; every non-terminal state has a deadline; every ending has a
 * name and a sentence with the next step. The link fixes the host's key and the method; the PIN is never in
 * it, never traced, never compared in clear. Three failed confirmations per invitation, for its life and
 * whatever reconnects: the failure is counted in one transaction, the PIN verified in a later one, so that
 * neither a crash nor a full disk gives a free guess.
 * An invitation that ended is kept for a while without its PIN, so that who still comes with its link is told
 * at once how it ended; it is the same machine, in its last state.
 * The caller (node) owns transactions and links: it performs the actions a call raises in the transaction of
 * that call, sends what was appended after its commit, and tells dx_invitation_host_committed after every
 * commit. After a rolled back step machines are made anew from their rows. */
#ifndef DX_HALO_INVITATION_H
#define DX_HALO_INVITATION_H

#include "crypto/cpace.h"
#include "crypto/noise.h"
#include "halo/welcome.h"

enum {
    DX_INVITATION_ID_SIZE = 16,
    DX_INVITATION_REQUEST_SIZE = 16, /* DX_REQUEST_SIZE of dxos/node.h */
    DX_INVITATION_KIND_SPACE = 0,    /* a space, interactive, by PIN: the one method of this version */
    DX_PIN_SIZE = 6,                 /* digits; the grammar is exact: ^[0-9]{6}$ */
    DX_INVITATION_FAILURES_MAX = 3,
    DX_INVITATION_ADDRESSES_MAX = 8,
    DX_INVITATION_URL_MAX = 2048,
    DX_INVITATION_TEXT_MAX = 4096,    /* of what people pass on: a page's address may stand before the link */
    DX_INVITATION_USES_MAX = 10000,   /* of one invitation: a public meeting, not the world */
    DX_INVITATION_LIFE_MS = 86400000, /* a day, when nothing else is asked for */
    DX_INVITATION_MESSAGE_MAX = DX_WELCOME_SIZE_MAX + 16,
    /* After its last use, how long an invitation still serves a guest who was admitted and lost the
       connection. */
    DX_INVITATION_RETURN_MS = 600000,
    /* Ended invitations that still answer: more than a person hands out in a month, and no burden. */
    DX_INVITATIONS_ENDED_MAX = 64,
    /* Guests of one invitation at a time: the door and those beside it. Who comes beyond takes the place of the one who
       waited longest; an honest guest comes again by himself. */
    DX_INVITATION_GUESTS_MAX = 8,
    /* Between a share and its proof a guest's program answers at once; after this others come first. */
    DX_INVITATION_PROOF_MS = 2000,
    /* A guest's whole attempt, with every reconnect and second try. */
    DX_INVITATION_GUEST_LIFE_MS = 900000
};
#define DX_INVITATION_LIFE_MAX_MS UINT64_C(2592000000) /* thirty days: links lie about in mails */
/* How long after its expiry an ended invitation still answers: long enough for a mail read late. */
#define DX_INVITATION_KEPT_MS UINT64_C(604800000)

/* --- Link and PIN ----------------------------------------------------------------------------- */

/* What the link says. Text: dxos://join#<base64url of [1, kind, id, topic, host key, expires, [address…],
 * checksum 4]>; checksum = first 4 bytes of H(LINK, the array without it): a mistyped link is told from a
 * wrong one. */
typedef struct dx_invitation_link {
    uint64_t kind;
    uint8_t id[DX_INVITATION_ID_SIZE];
    uint8_t topic_secret[DX_KEY_SIZE]; /* keys the channel's preface and psk */
    /* The X25519 static key the host must show; made for this invitation alone. */
    uint8_t host_key[DX_KEY_SIZE];
    uint64_t expires_ms; /* wall clock of the host, 0 never; for show: only the host decides */
    size_t address_count;
    char addresses[DX_INVITATION_ADDRESSES_MAX][DX_ADDRESS_SIZE_MAX];
} dx_invitation_link;

/* DX_E_LIMIT: longer than DX_INVITATION_URL_MAX; DX_E_INVALID: an address or the kind. */
DX_MUST_USE int dx_invitation_link_encode(const dx_invitation_link *link, dx_buf *url);
/* Appends the link to url: of a text that ends in #join=PAYLOAD, as pages show invitations, dxos://join#PAYLOAD; any
 * other text is taken as it stands. What comes out need not decode. DX_E_LINK: it is too long, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_invitation_link_canonical(dx_bytes text, dx_buf *url);
DX_MUST_USE int dx_invitation_link_decode(const dx_alloc *alloc, dx_bytes url,
                                          dx_invitation_link *out); /* DX_E_LINK, DX_E_NO_MEMORY */
/* Prologue of the invitation's channel: H(LINK, url). */
void dx_invitation_link_hash(dx_bytes url, uint8_t out[static DX_HASH_SIZE]);

/* Six digits, every one of the million equally likely; terminated. */
void dx_pin_make(const dx_random *random, char out[static DX_PIN_SIZE + 1]);
/* DX_OK or DX_E_INVALID; asked before anything is sent, so a mistyped PIN costs no attempt. */
DX_MUST_USE int dx_pin_check(dx_bytes pin);

/* --- States ----------------------------------------------------------------------------------- */

/* X(symbol, number (in the table: never renumber), name, deadline_ms (0: terminal), sentence) */
/* clang-format off */
#define DX_HOST_STATES(X) \
    X(ADVERTISING, 0,  "advertising", 600000, "waiting for a guest") /* until it expires, or RETURN_MS after the last use */ \
    X(CONNECTED,   1,  "connected",   20000,  "a guest is at the door") \
    X(PIN_WAIT,    2,  "pin-wait",    180000, "the guest is typing the PIN") \
    X(PROVING,     3,  "proving",     20000,  "the guest is proving the PIN") \
    X(VERIFYING,   4,  "verifying",   20000,  "checking the PIN") \
    X(ADMITTING,   5,  "admitting",   20000,  "the PIN was right; the guest is asking to be admitted") \
    X(ADMITTED,    6,  "admitted",    60000,  "admitted; the guest is fetching the space") \
    X(SUCCESS,     16, "success",     0,      "the guest has joined") \
    X(CANCELLED,   17, "cancelled",   0,      "the invitation was cancelled") \
    X(EXPIRED,     18, "expired",     0,      "the invitation ran out; share again for a new one") \
    X(LOCKED,      19, "locked",      0,      "three wrong PINs; share again for a new one") \
    X(EXHAUSTED,   20, "exhausted",   0,      "the invitation was used")

#define DX_GUEST_STATES(X) \
    X(PARSED,       0,  "parsed",       20000,  "the link is well formed") \
    X(CONNECTING,   1,  "connecting",   60000,  "looking for the host") \
    X(HANDSHAKE,    2,  "handshake",    20000,  "the host is there; waiting for it to answer") \
    X(PIN_REQUIRED, 3,  "pin-required", 180000, "enter the PIN the host shows") \
    X(PROVING,      4,  "proving",      20000,  "proving the PIN") \
    X(REQUESTED,    5,  "requested",    20000,  "asking to be admitted") \
    X(JOINING,      6,  "joining",      60000,  "admitted; making the space here") \
    X(READY,        16, "ready",        0,      "joined") \
    X(FAILED,       17, "failed",       0,      "not joined; the error says why")
/* clang-format on */

typedef enum dx_host_state {
#define DX_HOST_ROW(symbol, number, name, deadline_ms, sentence) DX_HOST_##symbol = (number),
    DX_HOST_STATES(DX_HOST_ROW)
#undef DX_HOST_ROW
} dx_host_state;

typedef enum dx_guest_state {
#define DX_GUEST_ROW(symbol, number, name, deadline_ms, sentence) DX_GUEST_##symbol = (number),
    DX_GUEST_STATES(DX_GUEST_ROW)
#undef DX_GUEST_ROW
} dx_guest_state;

const char *dx_host_state_name(dx_host_state state);
const char *dx_host_state_sentence(dx_host_state state);
bool dx_host_state_ends(dx_host_state state);
const char *dx_guest_state_name(dx_guest_state state);
const char *dx_guest_state_sentence(dx_guest_state state);
bool dx_guest_state_ends(dx_guest_state state);
/* What a guest should do about an error of an invitation, one sentence; "" for none. dx_error_text says what
 * and why. */
const char *dx_invitation_remedy(int error);

/* --- The row ---------------------------------------------------------------------------------- */

/* Table invitation: all that survives a restart. */
typedef struct dx_invitation {
    uint8_t id[DX_INVITATION_ID_SIZE];
    uint8_t request[DX_INVITATION_REQUEST_SIZE]; /* that asked for it: asked again, it answers again */
    char origin[DX_ORIGIN_SIZE_MAX + 1];         /* of the app that did; empty: an own program */
    int64_t space;                               /* local number */
    dx_role role;
    uint64_t expires_ms; /* wall clock of this host */
    uint64_t uses_max;
    uint8_t topic_secret[DX_KEY_SIZE];
    uint8_t host_key[DX_KEY_SIZE]; /* public; the secret is in the keyring until the row is forgotten */
    char pin[DX_PIN_SIZE + 1];     /* empty once it has ended */
    uint64_t failures, uses;
    dx_host_state state; /* ADVERTISING (open) or how it ended */
    char url[DX_INVITATION_URL_MAX + 1];
} dx_invitation;

typedef struct dx_invitation_terms {
    uint8_t request[DX_INVITATION_REQUEST_SIZE];
    const char *origin; /* NULL: an own program */
    int64_t space;
    dx_role role;      /* PULL … ADMIN */
    uint64_t life_ms;  /* 0: DX_INVITATION_LIFE_MS */
    uint64_t uses_max; /* 0: 1 */
    dx_bytes pin;      /* size 0: made at random */
    const dx_bytes *addresses;
    size_t address_count;
} dx_invitation_terms;

/* Makes the keys, the link and the row. DX_E_INVALID: role, life, uses, PIN or an address; DX_E_LIMIT: too
 * many addresses for a link; neither leaves anything in the store. */
DX_MUST_USE int dx_invitation_create(dx_store *store, const dx_alloc *alloc, const dx_random *random,
                                     const dx_invitation_terms *terms, uint64_t wall_ms, dx_invitation *out);
DX_MUST_USE int dx_invitation_load(dx_store *store, const uint8_t id[static DX_INVITATION_ID_SIZE],
                                   dx_invitation *out); /* DX_E_NOT_FOUND, DX_E_CORRUPT */
DX_MUST_USE int dx_invitation_save(dx_store *store, const dx_invitation *invitation);
/* Removes the row and its key: nobody is answered any more. */
DX_MUST_USE int dx_invitation_forget(dx_store *store, const dx_invitation *invitation);
/* Ids of all, open and ended, ascending; calls back for each. The callback may forget the one it is given. */
DX_MUST_USE int dx_invitation_each(dx_store *store, int (*on_invitation)(void *ctx, const uint8_t *id),
                                   void *ctx);

/* --- Host ------------------------------------------------------------------------------------- */

enum {
    DX_HOST_DO_SAVE = 1, /* write host->invitation (dx_invitation_save) in this transaction */
    DX_HOST_DO_ADMIT =
        2, /* write the admission of host->request, then call _admitted or _refused, in this transaction */
    DX_HOST_DO_CLOSE = 4 /* close host->link with host->reason, after what was appended */
};

/* Who asks to be admitted; he has proven the PIN and that the device key is his. */
typedef struct dx_admission_request {
    uint8_t identity[DX_KEY_SIZE], device[DX_KEY_SIZE], noise[DX_KEY_SIZE];
    dx_buf device_credential; /* identity → device, encoded */
    bool already; /* the identity has the role: nothing to give but the welcome (device and keys may be
                     missing) */
} dx_admission_request;

typedef struct dx_invitation_host {
    dx_invitation invitation;
    dx_host_state state;
    uint64_t deadline_ms; /* monotonic: call _tick by then */
    unsigned actions;     /* raised and not yet taken by dx_invitation_host_actions */
    int reason;           /* why the last link was closed */
    uint64_t link;        /* of the one guest at the door, when has_link */
    bool has_link;
    dx_admission_request request;
    const dx_alloc *alloc;
    const dx_random *random;
    /* The attempt in flight. */
    uint64_t end_ms; /* monotonic: the invitation's own end */
    uint8_t handshake_hash[DX_NOISE_HASH_SIZE], guest_key[DX_KEY_SIZE];
    uint64_t attempt;
    uint8_t expected[DX_CPACE_CONFIRM_SIZE], claimed[DX_CPACE_CONFIRM_SIZE], proof[DX_CPACE_CONFIRM_SIZE];
    bool uncommitted; /* the failure counted in advance is not on disk yet */
    bool asked;       /* DO_ADMIT was raised and not answered */
} dx_invitation_host;

/* From a row; the identity that admits is the caller's business at DO_ADMIT. */
void dx_invitation_host_init(dx_invitation_host *host, const dx_alloc *alloc, const dx_random *random,
                             const dx_invitation *invitation, uint64_t now_ms, uint64_t wall_ms);
void dx_invitation_host_deinit(dx_invitation_host *host); /* wipes */
/* Counts what is left of the invitation's life from this moment: for a machine that was made before the
 * clocks were known. Does nothing while a guest is at the door. */
void dx_invitation_host_wind(dx_invitation_host *host, uint64_t now_ms, uint64_t wall_ms);
/* The actions raised since the last call. */
unsigned dx_invitation_host_actions(dx_invitation_host *host);

/* A guest's channel is ready. DX_E_BUSY (another guest is at the door), DX_E_EXPIRED, DX_E_LOCKED, …:
 * refused; out tells the guest why, and the caller closes the link with that error. */
DX_MUST_USE int dx_invitation_host_open(dx_invitation_host *host, uint64_t link,
                                        const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                                        const uint8_t guest_key[static DX_KEY_SIZE], uint64_t now_ms,
                                        uint64_t wall_ms, dx_buf *out);
/* A guest who waits beside the door, so that others may come in meanwhile: what his link needs to be served
 * again where it stood. Before his proof there is nothing else to a guest. */
typedef struct dx_parked_guest {
    uint64_t link;
    uint8_t handshake_hash[DX_NOISE_HASH_SIZE], guest_key[DX_KEY_SIZE];
    uint64_t attempt;  /* tries on this link so far: none of them is taken twice */
    uint64_t until_ms; /* his deadline, which waiting does not lengthen */
    bool greeted;      /* his hello was answered: he is typing the PIN */
} dx_parked_guest;

/* One who came while the door was not free. */
void dx_parked_guest_init(dx_parked_guest *guest, uint64_t link,
                          const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                          const uint8_t guest_key[static DX_KEY_SIZE], uint64_t now_ms);
/* Takes the guest at the door aside while he is silent or typing. False: nobody is there, or his proof is under
 * way. */
DX_MUST_USE bool dx_invitation_host_park(dx_invitation_host *host, uint64_t now_ms, dx_parked_guest *out);
/* His turn: he stands at the door as he did. DX_E_BUSY: somebody else does. DX_E_EXPIRED …: the invitation is
 * over. Nothing is said. */
DX_MUST_USE int dx_invitation_host_resume(dx_invitation_host *host, const dx_parked_guest *guest,
                                          uint64_t now_ms, uint64_t wall_ms);

/* The guest at the door began a proof and says nothing more: when others wait his link may be closed. */
bool dx_invitation_host_is_kept_waiting(const dx_invitation_host *host, uint64_t now_ms);

/* One message of the guest at the door. control and admitter (this vault's identity) decide, at the moment of
 * admission, whether the role can be given. Returns DX_E_NO_MEMORY only; a bad message ends the attempt, not
 * the invitation. */
DX_MUST_USE int dx_invitation_host_receive(dx_invitation_host *host, const dx_control *control,
                                           const uint8_t admitter[static DX_KEY_SIZE], dx_bytes message,
                                           uint64_t now_ms, uint64_t wall_ms, dx_buf *out);
/* Answers to DO_ADMIT. */
DX_MUST_USE int dx_invitation_host_admitted(dx_invitation_host *host, dx_bytes welcome, uint64_t now_ms,
                                            dx_buf *out);
DX_MUST_USE int dx_invitation_host_refused(dx_invitation_host *host, int error, uint64_t now_ms, dx_buf *out);
/* The link is gone. */
void dx_invitation_host_closed(dx_invitation_host *host, uint64_t link, uint64_t now_ms);
/* Everything asked to be saved so far is durable. Called after each commit. */
void dx_invitation_host_committed(dx_invitation_host *host, uint64_t now_ms);
/* The deadline came, or a commit was told. */
DX_MUST_USE int dx_invitation_host_tick(dx_invitation_host *host, uint64_t now_ms, uint64_t wall_ms,
                                        dx_buf *out);
/* All uses are, and the last guest left before his last word: a link may be replaced by another one just then. */
bool dx_invitation_host_awaits(const dx_invitation_host *host);
/* A device was met as a member's. When it is that guest's he has joined, whatever was lost: the invitation has
 * ended well. */
DX_MUST_USE int dx_invitation_host_met(dx_invitation_host *host, const uint8_t device[static DX_KEY_SIZE],
                                       uint64_t now_ms, dx_buf *out);
DX_MUST_USE int dx_invitation_host_cancel(dx_invitation_host *host, dx_buf *out);

/* --- Guest ------------------------------------------------------------------------------------ */

enum {
    DX_GUEST_DO_ASK =
        1, /* ask the person for the PIN; guest->error and guest->left tell of a wrong one before */
    DX_GUEST_DO_JOIN = 2, /* make the space from guest->welcome, then call _joined, in this transaction */
    DX_GUEST_DO_CLOSE = 4 /* close the link with guest->reason; in CONNECTING: go on dialling */
};

typedef struct dx_invitation_guest {
    dx_guest_state state;
    uint64_t deadline_ms;
    unsigned actions;
    /* FAILED: why. PIN_REQUIRED: DX_E_PIN after a wrong one, DX_E_UNREACHABLE when the link broke before a verdict.
     * CONNECTING: why not connected yet. */
    int error;
    int reason;    /* for the link being closed */
    uint64_t left; /* attempts left, once the host told */
    dx_buf welcome;
    dx_welcome bundle; /* views into welcome, verified */
    dx_invitation_link link;
    const dx_identity *identity;
    const dx_alloc *alloc;
    const dx_random *random;
    uint64_t end_ms;
    bool has_link, has_pin;
    bool proved;     /* in this try the proof was sent */
    bool unanswered; /* a proof went out and no verdict came back, when left was left_before */
    char pin[DX_PIN_SIZE + 1];
    uint64_t left_before, proofs; /* proofs: sent in this life */
    uint8_t handshake_hash[DX_NOISE_HASH_SIZE], guest_key[DX_KEY_SIZE];
    uint64_t attempt;
    dx_cpace cpace;
    uint8_t expected[DX_CPACE_CONFIRM_SIZE];
} dx_invitation_guest;

/* The identity is borrowed for the machine's life. */
void dx_invitation_guest_init(dx_invitation_guest *guest, const dx_alloc *alloc, const dx_random *random,
                              const dx_identity *identity, const dx_invitation_link *link, uint64_t now_ms);
void dx_invitation_guest_deinit(dx_invitation_guest *guest); /* wipes */
unsigned dx_invitation_guest_actions(dx_invitation_guest *guest);

/* The caller began to look for the host. */
void dx_invitation_guest_dial(dx_invitation_guest *guest, uint64_t now_ms);
/* The channel is ready; keys as its handshake proved them. Another host key than the link's ends the attempt
 * (DX_E_HOST_PROOF). */
DX_MUST_USE int dx_invitation_guest_open(dx_invitation_guest *guest,
                                         const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                                         const uint8_t host_key[static DX_KEY_SIZE],
                                         const uint8_t guest_key[static DX_KEY_SIZE], uint64_t now_ms,
                                         dx_buf *out);
/* Before or when it is asked for. DX_E_INVALID: not six digits, nothing was sent; DX_E_STATE: not now. */
DX_MUST_USE int dx_invitation_guest_enter_pin(dx_invitation_guest *guest, dx_bytes pin, uint64_t now_ms,
                                              dx_buf *out);
/* Returns DX_E_NO_MEMORY only. */
DX_MUST_USE int dx_invitation_guest_receive(dx_invitation_guest *guest, dx_bytes message, uint64_t now_ms,
                                            dx_buf *out);
/* Answer to DO_JOIN. */
DX_MUST_USE int dx_invitation_guest_joined(dx_invitation_guest *guest, int error, uint64_t now_ms,
                                           dx_buf *out);
void dx_invitation_guest_closed(dx_invitation_guest *guest, int reason, uint64_t now_ms);
DX_MUST_USE int dx_invitation_guest_tick(dx_invitation_guest *guest, uint64_t now_ms, dx_buf *out);
DX_MUST_USE int dx_invitation_guest_cancel(dx_invitation_guest *guest, dx_buf *out);

#endif
