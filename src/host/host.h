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
    DX_FRAME_SIZE_MAX = 4 << 20,       /* of the vault socket: a whole batch */
    DX_LINKS_MAX = 256,                /* incoming TCP links held at once */
    DX_PORTS_MAX = 64,                 /* programs connected to the vault socket */
    DX_LINK_READ_SIZE = 64 * 1024,
    DX_CONNECT_MS = 10000
};

typedef struct dx_driver dx_driver;
typedef struct dx_tcp_link dx_tcp_link;
typedef struct dx_socket_port dx_socket_port;

/* Where answers for one kind of port go. */
typedef void (*dx_on_effect)(void *ctx, const dx_effect *effect);

struct dx_driver {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_check_t check; /* after I/O: makes the step of this turn */
    uv_idle_t idle;   /* keeps the loop turning while there is more to do at once */
    uv_signal_t signals[2];
    dx_node *node;
    dx_vault_folder folder;
    dx_event *events; /* gathered for the next step */
    size_t *starts;   /* of their bodies in `bodies` */
    size_t event_count, event_capacity;
    dx_buf bodies;
    dx_on_effect on_answer; /* NOTIFY and REPLY of port 0, the program this driver lives in */
    void *answer_ctx;
    uint8_t token[DX_VAULT_TOKEN_SIZE]; /* as mirrored */
    int failure;                        /* the node is dead with this error */
    bool stopping, stepping;
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
/* mkdir -p of a file's folder, each new one 0700. */
DX_MUST_USE int dx_file_make_folder(const char *path, bool path_is_folder);

/* --- ports.c: allocator, randomness, process-wide settings --- */
void dx_host_once(void); /* libsodium, SQLite, no core files; may be called often */
extern const dx_random dx_host_random;

/* --- frame.c: frames of the vault socket (docs/spec/vault-socket.md) --- */
enum { DX_FRAME_REQUEST = 0, DX_FRAME_NOTIFY = 1, DX_FRAME_REPLY = 2 };
void dx_frame_write(int kind, const uint8_t request[static DX_REQUEST_SIZE], dx_bytes body, dx_buf *out);
/* One frame from the front of bytes: size of it, 0: not whole yet, DX_E_MALFORMED (negative). */
int64_t dx_frame_read(dx_bytes bytes, int *kind, uint8_t request[static DX_REQUEST_SIZE], dx_bytes *body);

/* --- driver.c --- */
/* Opens the node and starts the loop's handles. */
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
void dx_tcp_stop(dx_driver *driver);

/* --- vault_socket.c --- */
DX_MUST_USE int dx_vault_socket_listen(dx_driver *driver, char *message);
void dx_vault_socket_effect(dx_driver *driver, const dx_effect *effect); /* NOTIFY, REPLY of its ports */
void dx_vault_socket_stop(dx_driver *driver);

#endif
