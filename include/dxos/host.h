/* dxos/host.h: a node on an operating system: vault folder, event loop, links, agent, and the client that
 * speaks to either.
 *
 * Layer: public, floor 3 (libuv, POSIX). Programs use the client alone: it speaks to the vault's agent when
 * one runs, and otherwise holds the vault in its own process, with the same commands and answers
 * (docs/spec/commands.md). One process owns a vault at a time; SQLite's lock on the file says so. Everything
 * runs on the caller's thread. */
#ifndef DXOS_HOST_H
#define DXOS_HOST_H

#include <dxos/node.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DX_PATH_MAX = 1024, DX_HOST_MESSAGE_MAX = 512 };

/* --- The vault's folder ------------------------------------------------------------------------- */

/* <folder>/vault.db, vault.key (0600), listen (the port kept), agent.pid; outside of it the clone guard and
 * the socket. */
typedef struct dx_vault_folder {
    char path[DX_PATH_MAX];   /* absolute */
    char store[DX_PATH_MAX];  /* vault.db */
    char key[DX_PATH_MAX];    /* vault.key */
    char guard[DX_PATH_MAX];  /* mirror of the token: $XDG_STATE_HOME/dx/guard/<hash of path> */
    char socket[DX_PATH_MAX]; /* of the agent: $XDG_RUNTIME_DIR/dx/<hash>.sock, else /tmp/dx-<uid>/<hash>.sock
                               */
    char pid[DX_PATH_MAX];    /* agent.pid */
    char listen[DX_PATH_MAX]; /* the address kept */
    char log[DX_PATH_MAX];    /* $XDG_STATE_HOME/dx/log/<hash>.log */
} dx_vault_folder;

/* vault: a folder, or NULL for $XDG_DATA_HOME/dx/<profile>; profile NULL: "default". Touches nothing.
 * DX_E_INVALID: a name or path that cannot be one. */
DX_API DX_MUST_USE int dx_vault_folder_find(const char *vault, const char *profile, dx_vault_folder *out);

/* --- The client ---------------------------------------------------------------------------------- */

typedef struct dx_client dx_client;

typedef struct dx_client_options {
    const char *vault, *profile;
    bool create;        /* make the vault when there is none */
    bool never_agent;   /* hold the vault in this process, DX_E_BUSY when an agent does */
    bool network;       /* in this process: listen and dial (share, join); an agent does so anyway */
    const char *listen; /* HOST:PORT; NULL: the kept address, else 127.0.0.1:0 */
    void (*trace)(void *ctx, const char *room, const char *text); /* NULL: none */
    void *trace_ctx;
} dx_client_options;

/* message (DX_HOST_MESSAGE_MAX) receives one sentence for people with what and why; with DX_OK a warning, or
 * nothing. Errors as dx_node_open, and DX_E_IO. */
DX_API DX_MUST_USE int dx_client_open(const dx_client_options *options, dx_client **out, char *message);
DX_API void dx_client_close(dx_client *client);
DX_API bool dx_client_has_agent(const dx_client *client);

/* An answer to a request; body is borrowed for the call. last: the reply. */
typedef void (*dx_on_answer)(void *ctx, bool last, dx_bytes body);

/* Sends one command (an encoded map). Several may be in flight. id may be NULL (made at random); out_id may
 * be NULL. */
DX_API DX_MUST_USE int dx_client_send(dx_client *client, dx_bytes command, const uint8_t *id,
                                      dx_on_answer on_answer, void *ctx, uint8_t out_id[DX_REQUEST_SIZE]);
/* Runs the loop until something was answered, dx_client_interrupt was called, or timeout_ms passed (-1: no
 * limit). DX_OK; DX_E_TIMEOUT; DX_E_IO when the agent went away; DX_E_CANCELLED when interrupted. */
DX_API DX_MUST_USE int dx_client_wait(dx_client *client, int64_t timeout_ms);
/* From a signal handler: makes a running or the next wait return DX_E_CANCELLED. */
DX_API void dx_client_interrupt(dx_client *client);
/* Sends and waits for the reply; notifications go to on_answer (may be NULL) before. reply receives the
 * reply's body. The reply may be an {"error"} map: that is DX_OK here. */
DX_API DX_MUST_USE int dx_client_call(dx_client *client, dx_bytes command, dx_on_answer on_answer, void *ctx,
                                      int64_t timeout_ms, dx_buf *reply);

/* An allocator over malloc, for programs. */
DX_API const dx_alloc *dx_host_alloc(void);

/* --- The agent ------------------------------------------------------------------------------------ */

typedef struct dx_agent_options {
    const char *vault, *profile;
    const char *listen; /* HOST:PORT, PORT 0: picked once and kept; NULL: the kept one, else 127.0.0.1:0 */
    /* Called once it listens: pid and the addresses peers may dial. */
    void (*on_ready)(void *ctx, const char *const *addresses, size_t count);
    void *ctx;
    void (*trace)(void *ctx, const char *room, const char *text);
} dx_agent_options;

/* Runs in this process until SIGTERM, SIGINT or an "agent.stop" command; then everything acknowledged is on
 * disk. */
DX_API DX_MUST_USE int dx_agent_run(const dx_agent_options *options, char *message);
/* Starts a background process that runs the agent and returns once it listens (or failed, with its message).
 */
DX_API DX_MUST_USE int dx_agent_start(const dx_agent_options *options, int *pid, char *message);
/* Asks the agent to stop and waits until it has. DX_E_NOT_FOUND: none runs. */
DX_API DX_MUST_USE int dx_agent_stop(const char *vault, const char *profile, int64_t timeout_ms,
                                     char *message);
/* pid of the running agent; DX_E_NOT_FOUND. */
DX_API DX_MUST_USE int dx_agent_pid(const char *vault, const char *profile, int *pid);

#ifdef __cplusplus
}
#endif
#endif
