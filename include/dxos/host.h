/* dxos/host.h: a node on an operating system: vault folder, event loop, links, agent.
 *
 * Layer: public, floor 3 (libuv, POSIX). Programs use the client alone (dxos/client.h), which comes with it. One
 * process owns a vault at a time; SQLite's lock on the file says so. Everything runs on the caller's thread. */
#ifndef DXOS_HOST_H
#define DXOS_HOST_H

#include <dxos/client.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DX_PATH_MAX = 1024 };

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

/* --- The agent ------------------------------------------------------------------------------------ */

typedef struct dx_agent_options {
    const char *vault, *profile;
    const char *listen; /* HOST:PORT, PORT 0: picked once and kept; NULL: the kept one, else 127.0.0.1:0 */
    /* Called once it listens: pid and the addresses peers may dial. */
    void (*on_ready)(void *ctx, const char *const *addresses, size_t count);
    void *ctx;
    void (*trace)(void *ctx, const char *room, const char *text);
    dx_model_registry models; /* beside the built-in ones */
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
