/* dxos/node.h: the seam. A node is a SQLite database plus a step function; what it wants to say to the
 * world leaves only after the commit.
 *
 * Layer: public, floor 1. Drivers (the native host, the browser, the simulator) use nothing else.
 * Contract: dx_node_step takes a batch of events, makes them one transaction, commits, and only then returns
 * effects and the next deadline. Nothing else calls into or out of the node. The node reads no clock and no
 * randomness but what events and ports give it, so the same events give the same bytes everywhere.
 * Ownership: event bodies are borrowed for the call; effects live until the next step or close. */
#ifndef DXOS_NODE_H
#define DXOS_NODE_H

#include <dxos/model.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DX_REQUEST_SIZE = 16, DX_VAULT_KEY_SIZE = 32, DX_VAULT_TOKEN_SIZE = 16 };

typedef struct dx_node dx_node;

typedef struct dx_node_config {
    dx_alloc alloc;
    dx_random random;
    dx_tracer tracer;
    const char *vfs;  /* SQLite VFS under the vault; NULL: the default one */
    const char *path; /* of the vault file */
    uint8_t vault_key[DX_VAULT_KEY_SIZE];
    bool create; /* a missing vault file may be created */
    /* Clone guard: what the host mirrored outside the vault's folder when it last opened this vault. */
    bool has_token;
    uint8_t token[DX_VAULT_TOKEN_SIZE];
    bool same_file; /* device and inode are those of the last opening */
    /* Models beside the built-in ones. Objects of a model that is not among them are kept and replicated, and live
     * once the vault is opened by a program that knows it. DX_E_INVALID when one cannot be used. */
    dx_model_registry models;
    /* Bounded history (docs/spec/epoch.md). From how many bytes of blocks on an epoch is made by itself, 0: 4 MiB,
     * UINT64_MAX: never, only by hand; how long after one was confirmed the history below it goes by itself, 0: never,
     * only by hand; and how many other devices must have said that it is right before it goes, 0: all that may write. Fewer are safe only where one device alone
     * makes epochs: two parts of a space that are apart could each drop what the other has not, for good. */
    uint64_t epoch_size, retention_ms;
    size_t epoch_copies;
    /* How many changed rows of a space may stand in memory, some 400 bytes each, before their tables have them; 0: 32,768.
     * They are on the disk by then either way (docs/decisions/0025). */
    size_t rows_max;
} dx_node_config;

/* --- Events ---------------------------------------------------------------------------------- */

/* X(symbol, name) */
#define DX_EVENT_MAP(X)                                                                                      \
    X(CLOCK, "clock")         /* nothing but the passing of time */                                          \
    X(COMMAND, "command")     /* port, request, body: a command map (docs/spec/commands.md) */               \
    X(PORT_UP, "port-up")     /* port, body: an app's origin, or nothing for a person's own program */       \
    X(PORT_DOWN, "port-down") /* port: gone; its subscriptions end */                                        \
    X(PORT_WRITABLE, "port-writable") /* port, size: bytes of replies the port has taken */                  \
    X(LINK_UP, "link-up")     /* link, body: remote address; incoming links bring a new even number */       \
    X(LINK_DATA, "link-data") /* link, body: bytes of a reliable ordered stream, any chunking */             \
    X(LINK_WRITABLE, "link-writable") /* link, size: bytes of LINK_SEND that left the host's buffers */      \
    X(LINK_DOWN, "link-down")         /* link, reason (a DX_E_ code), body: text for people */               \
    X(SIGNAL, "signal")               /* link, body: what it says beside its bytes, see LINK_OPEN */         \
    X(LISTENING, "listening")     /* body: text of an address peers may dial, size 0 body: none any more */  \
    X(STORAGE_LOW, "storage-low") /* size: bytes left */

typedef enum dx_event_kind {
#define DX_EVENT_ROW(symbol, name) DX_EVENT_##symbol,
    DX_EVENT_MAP(DX_EVENT_ROW)
#undef DX_EVENT_ROW
        DX_EVENT_KIND_COUNT
} dx_event_kind;

typedef struct dx_event {
    dx_event_kind kind;
    uint64_t time_ms; /* monotonic; a step backwards is treated as standing still */
    uint64_t wall_ms; /* since 1970 UTC; may lie: shown to people, used for an honest expiry and for
                         the day's names at signaling services, decides nothing else */
    uint64_t port;
    uint64_t link;
    uint64_t size;
    int reason;
    uint8_t request[DX_REQUEST_SIZE];
    dx_bytes body;
} dx_event;

/* --- Effects --------------------------------------------------------------------------------- */

/* A link is what its address says: "ws://…", "wss://…" a signaling service, whose messages are SIGNALs and no bytes
 * (docs/spec/signaling.md); "rtc:offer", "rtc:answer" a peer link: bytes, and SIGNALs by which the transports here
 * and there find each other, which the node carries between them (docs/spec/swarm.md); anything else bytes alone. */
#define DX_EFFECT_MAP(X)                                                                                     \
    X(LINK_OPEN, "link-open")     /* link (odd, new), body: address to dial */                               \
    X(LINK_SEND, "link-send")     /* link, body */                                                           \
    X(LINK_CLOSE, "link-close")   /* link, reason; after what was sent has left */                           \
    X(SIGNAL_SEND, "signal-send") /* link, body: likewise to it */                                           \
    X(NOTIFY, "notify")           /* port, request, body: one more answer to a request that goes on */       \
    X(REPLY, "reply")             /* port, request, body: the last answer to a request */

typedef enum dx_effect_kind {
#define DX_EFFECT_ROW(symbol, name) DX_EFFECT_##symbol,
    DX_EFFECT_MAP(DX_EFFECT_ROW)
#undef DX_EFFECT_ROW
        DX_EFFECT_KIND_COUNT
} dx_effect_kind;

typedef struct dx_effect {
    dx_effect_kind kind;
    uint64_t port;
    uint64_t link;
    int reason;
    uint8_t request[DX_REQUEST_SIZE];
    dx_bytes body;
} dx_effect;

typedef struct dx_effects {
    const dx_effect *items;
    size_t count;
    /* Call again with a CLOCK event by then; <= now: at once; DX_NO_DEADLINE: not needed. */
    uint64_t deadline_ms;
} dx_effects;

/* --- Life ------------------------------------------------------------------------------------ */

/* Errors as the store's: DX_E_NOT_FOUND, DX_E_BUSY, DX_E_CORRUPT, DX_E_VERSION, DX_E_STORE, DX_E_NO_SPACE,
 * DX_E_NO_MEMORY. message (may be NULL) receives one sentence for people. */
DX_API DX_MUST_USE int dx_node_open(const dx_node_config *config, dx_node **out, char *message,
                                    size_t message_size);
DX_API void dx_node_close(dx_node *node);
/* The token of this opening, DX_VAULT_TOKEN_SIZE bytes; the host mirrors it before the first step, and again
 * whenever it is another one after a step. NULL while the vault is read-only: there is nothing to mirror. */
DX_API const uint8_t *dx_node_token(const dx_node *node);
/* The disk had no room for a token: the vault is open for reading, writing commands are answered with
 * DX_E_NO_SPACE, peers are not met. Steps look for room once a second and make an end of it. */
DX_API bool dx_node_is_read_only(const dx_node *node);

/* One transaction. Returns DX_OK, also when single events failed (their error is in a REPLY or a LINK_CLOSE).
 * DX_E_STORE, DX_E_NO_SPACE, DX_E_NO_MEMORY: the store could not commit and could not be reopened; no
 * effects; the node must be closed. A request whose outcome is unknown is answered when asked again with the
 * same id. */
DX_API DX_MUST_USE int dx_node_step(dx_node *node, const dx_event *events, size_t count, dx_effects *effects);

/* --- Canonical encodings (docs/spec/seam.md): the wasm ABI, the journal, the fuzzer ------------- */

/* An event or effect as one canonical CBOR array; the decoded views point into the input. Encoding appends: the
 * buffer's error, or DX_E_INVALID for a number above INT64_MAX. Decoding: DX_E_MALFORMED. */
DX_API DX_MUST_USE int dx_event_encode(const dx_event *event, dx_buf *out);
DX_API DX_MUST_USE int dx_event_decode(dx_bytes item, dx_event *out);
DX_API DX_MUST_USE int dx_effect_encode(const dx_effect *effect, dx_buf *out);
DX_API DX_MUST_USE int dx_effect_decode(dx_bytes item, dx_effect *out);

#ifdef __cplusplus
}
#endif
#endif
