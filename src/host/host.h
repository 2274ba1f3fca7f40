/* host/host.h: what the rooms of the host share: the driver of a node, links, ports, files.
 *
 * Layer: floor 3, host, private. One loop, one node, one thread. The driver gathers everything that arrived
 * in a turn of the loop into one step (one commit), then carries out its effects. */
#ifndef DX_HOST_HOST_H
#define DX_HOST_HOST_H

#include <uv.h>

#include <dxos/codec.h>
#include <dxos/host.h>

enum {
    DX_HOST_EVENTS_MAX = 4096,         /* per step */
    DX_HOST_EVENT_BYTES_MAX = 8 << 20, /* of bodies gathered for one step */
    DX_COMMAND_BODY_MAX = 4 << 20,     /* one command or answer, with and without an agent: a whole batch */
    DX_FRAME_SIZE_MAX = DX_COMMAND_BODY_MAX + 64, /* of the vault socket: the body and what names it */
    DX_HOST_LINKS_MAX = 256,                      /* incoming TCP links held at once */
    DX_LINK_PENDING_MAX =
        16 << 20,           /* bytes that wait to leave on a link: twice what a peer's credit allows */
    DX_HOST_PORTS_MAX = 64, /* programs connected to the vault socket */
    DX_PORT_PENDING_MAX = 64 << 20, /* bytes that wait to leave on a port: the answers of one step */
    DX_PORT_UNTAKEN_MAX = 1 << 20,  /* above it nothing more is read from the port */
    DX_UNTOLD_SIZE_MAX =
        64 * 1024, /* bytes that left without the node hearing of it: a small part of what it bounds */
    DX_PORT_COMMANDS_MAX =
        16, /* of one port in one step: their answers fit a step's effects, others get turns */
    DX_BUFFER_KEPT_MAX = 256 * 1024, /* what a buffer took beyond it is given back once it is empty */
    DX_LINK_READ_SIZE = 64 * 1024,
    DX_CONNECT_MS = 10000,
    DX_LINGER_MS = 5000,   /* for the last words on a link that the node closed */
    DX_KEEPALIVE_S = 60,   /* silence after which the kernel asks whether the other end still is */
    DX_LAST_WORDS_MS = 500 /* for answers to leave when the agent stops */
};

typedef struct dx_driver dx_driver;
typedef struct dx_tcp_link dx_tcp_link;
typedef struct dx_web_link dx_web_link;
typedef struct dx_socket_port dx_socket_port;

/* Where answers for one kind of port go. */
typedef void (*dx_on_effect)(void *ctx, const dx_effect *effect);

struct dx_driver {
    dx_model_registry models; /* given to the node */
    uv_loop_t loop;
    uv_timer_t timer;
    uv_check_t check; /* after I/O: makes the step of this turn */
    uv_idle_t idle;   /* keeps the loop turning while there is more to do at once */
    uv_signal_t signals[3];
    dx_node *node;
    dx_vault_folder folder;
    dx_event *events; /* gathered for the next step */
    size_t *starts;   /* of their bodies in `bodies` */
    size_t event_count, event_capacity;
    dx_buf bodies;
    dx_on_effect on_answer; /* NOTIFY and REPLY of port 0, the program this driver lives in */
    void *answer_ctx;
    uint8_t token[DX_VAULT_TOKEN_SIZE]; /* as mirrored, or as tried in vain */
    int failure;                        /* the node is dead with this error */
    bool stopping, stepping;
    bool loop_open;
    void (*trace)(void *ctx, const char *room, const char *text);
    void *trace_ctx;
    /* tcp.c */
    uv_tcp_t listener;
    bool listening;
    dx_tcp_link *links;
    size_t incoming_count;
    uint64_t next_incoming; /* even numbers */
    char addresses[8][64];
    size_t address_count;
    /* web_client.c */
    dx_web_link *web_links;
    struct dx_tls_context *web_tls;
    /* rtc.c */
    struct dx_rtc *rtc;                       /* NULL until there is a first peer link */
    const struct dx_rtc_options *rtc_options; /* servers and the like, borrowed; NULL: none */
    /* vault_socket.c */
    uv_pipe_t vault_listener;
    bool vault_listening;
    dx_socket_port *ports;
    size_t port_count;
    uint64_t next_port;
};

/* --- vault_key.c: key, guard, small files --- */
/* The key, made when there is no vault yet. DX_E_NOT_FOUND: no vault; DX_E_CORRUPT, DX_E_DENIED
 * (permissions), DX_E_IO; message tells. */
DX_MUST_USE int dx_vault_key_take(const dx_vault_folder *folder, bool create,
                                  uint8_t key[static DX_VAULT_KEY_SIZE], char *message);
/* What was mirrored of the vault at its last opening, compared with the file as it is. */
void dx_vault_guard_read(const dx_vault_folder *folder, dx_node_config *config);
DX_MUST_USE int dx_vault_guard_write(const dx_vault_folder *folder,
                                     const uint8_t token[static DX_VAULT_TOKEN_SIZE]);
/* Whole small files, replaced atomically and durably (0600); text is terminated. */
DX_MUST_USE int dx_file_write(const char *path, const void *data, size_t size);
DX_MUST_USE int dx_file_read(const char *path, void *out, size_t size_max,
                             size_t *size); /* DX_E_NOT_FOUND, DX_E_LIMIT */
/* Likewise, but neither durably nor whole after a crash: for what the next start makes anew. */
DX_MUST_USE int dx_file_note(const char *path, const void *data, size_t size);
/* mkdir -p of a file's folder, each new one 0700. */
DX_MUST_USE int dx_file_make_folder(const char *path, bool path_is_folder);

/* --- vault_holder.c: who has the vault, asked of the kernel --- */
/* A connection to the agent's socket, not blocking, and the agent's process. DX_E_NOT_FOUND: nobody of this
 * user listens; DX_E_BUSY: somebody does but takes no connection. */
DX_MUST_USE int dx_vault_socket_connect(const dx_vault_folder *folder, int *fd, int *pid);
/* Agent's process and socket are noted in the vault's folder: a program with another runtime directory finds
 * it there. */
void dx_vault_holder_note(const dx_vault_folder *folder);
/* One sentence about the process whose lock is on the vault. */
void dx_vault_holder_explain(const dx_vault_folder *folder, char *message);
/* Whether the process is there and not merely waiting to be buried. */
bool dx_process_lives(int pid);

/* --- background.c: a process that goes on in the background --- */
/* Runs in the child until it is done; calls dx_background_ready once. message (DX_HOST_MESSAGE_MAX) tells an error. */
typedef int (*dx_on_background)(void *ctx, char *message);
/* Returns once the child is ready: text (DX_HOST_MESSAGE_MAX) is what it said then. Otherwise its error and message; an
 * empty one with DX_E_IO: it ended without a word. Its stderr goes to the log. */
DX_MUST_USE int dx_background_start(const char *log_path, dx_on_background run, void *ctx, char *text);
void dx_background_ready(const char *text);

/* --- ports.c: allocator, randomness, process-wide settings --- */
void dx_host_once(void); /* libsodium, SQLite, no core files; may be called often */
/* Empties a buffer; large memory is given back. */
void dx_buf_empty(dx_buf *buf);
extern const dx_random dx_host_random;

/* --- frame.c: frames of the vault socket (docs/spec/vault-socket.md) --- */
/* The body of DX_FRAME_TAKEN is an encoded number, of the others bytes. */
enum { DX_FRAME_REQUEST = 0, DX_FRAME_NOTIFY = 1, DX_FRAME_REPLY = 2, DX_FRAME_TAKEN = 3 };
void dx_frame_write(int kind, const uint8_t request[static DX_REQUEST_SIZE], dx_bytes body, dx_buf *out);
/* One frame from the front of bytes: size of it, 0: not whole yet, DX_E_MALFORMED (negative). */
int64_t dx_frame_read(dx_bytes bytes, int *kind, uint8_t request[static DX_REQUEST_SIZE], dx_bytes *body);

/* --- client_calls.c: what the calls that wait keep in a client --- */
typedef struct dx_subscribed dx_subscribed;

typedef struct dx_client_calls {
    int64_t timeout_ms;
    char message[DX_HOST_MESSAGE_MAX], remedy[DX_HOST_MESSAGE_MAX];
    bool partial; /* the last answer said so */
    dx_subscribed *watches;
} dx_client_calls;

dx_client_calls *dx_client_calls_of(dx_client *client);
const dx_client_calls *dx_client_words(const dx_client *client);
void dx_client_calls_deinit(dx_client_calls *calls);

/* --- driver.c --- */
/* Opens the node and starts the loop's handles. dx_driver_close is due in any case. */
DX_MUST_USE int dx_driver_open(dx_driver *driver, const dx_vault_folder *folder, bool create, char *message);
void dx_driver_close(dx_driver *driver);
/* Gathers an event for the step of this turn; the body is copied. */
void dx_driver_event(dx_driver *driver, const dx_event *event);
/* Steps now with what was gathered. */
void dx_driver_step(dx_driver *driver);

/* --- tcp.c --- */
/* Listens; HOST:0 picks a port once and keeps it in the folder. */
DX_MUST_USE int dx_tcp_listen(dx_driver *driver, const char *address, char *message);
void dx_tcp_effect(dx_driver *driver, const dx_effect *effect); /* LINK_OPEN, LINK_SEND, LINK_CLOSE */
/* What the effects of a step left to send. */
void dx_tcp_flush(dx_driver *driver);
/* LINK_WRITABLE for what has left since the last step. */
void dx_tcp_tell_written(dx_driver *driver);
void dx_tcp_stop(dx_driver *driver);

/* --- vault_socket.c --- */
/* Makes the folder of a socket, which must be ours alone: in /tmp another user may have made it first. DX_E_DENIED,
 * DX_E_IO, DX_E_INVALID (too long a path) with message. */
DX_MUST_USE int dx_socket_folder_make(const char *socket_path, char *message);
DX_MUST_USE int dx_vault_socket_listen(dx_driver *driver, char *message);
void dx_vault_socket_effect(dx_driver *driver, const dx_effect *effect); /* NOTIFY, REPLY of its ports */
void dx_vault_socket_flush(dx_driver *driver);
void dx_vault_socket_tell_written(dx_driver *driver); /* PORT_WRITABLE */
/* After a step: ports that had to wait are heard again. */
void dx_vault_socket_resume(dx_driver *driver);
void dx_vault_socket_stop(dx_driver *driver);

#endif
