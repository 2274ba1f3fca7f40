/* dxos/kube.h: a kube: one process that serves the vault page, apps and signaling from a machine of one's own.
 *
 * Layer: public, floor 3 (libuv, OpenSSL). One TCP port for HTTP and WebSocket (by certificate: HTTPS), the same
 * number on UDP for STUN. The vault page is at halo.NAME, an app at APP.NAME (docs/spec/kube.md). A kube holds no
 * vault and no key: it serves files and passes on what it cannot read. One runs per profile; a Unix socket beside
 * the agents' says which, and is how it is asked and stopped. */
#ifndef DXOS_KUBE_H
#define DXOS_KUBE_H

#include <dxos/host.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DX_KUBE_PORT = 8100 };

typedef struct dx_kube_options {
    const char *profile;    /* NULL: "default" */
    const char *name;       /* NULL: "kube.localhost"; a word without a dot: WORD.localhost */
    const char *address;    /* to listen on, in figures; NULL: 127.0.0.1, with a certificate 0.0.0.0 */
    int port;               /* 0: the kept one, else DX_KUBE_PORT, else any free one, which is kept */
    const char *cert, *key; /* PEM files; both or neither */
    const char *sites;      /* folder of sites, one folder each; NULL: DX_WEB, else the installed one */
    const char *const
        *allowed; /* origins elsewhere ("https://HOST[:PORT]", at most 16; ends with NULL) whose pages may use
                                   signaling, read the configuration and frame the vault page; NULL: none */
    /* Called once it listens, with its status (see dx_kube_status). */
    void (*on_ready)(void *ctx, dx_bytes status);
    void (*log)(void *ctx, const char *line); /* what happens, a line each; NULL: none */
    void *ctx;
    bool log_requests; /* each request, too */
} dx_kube_options;

/* Runs in this process until SIGTERM, SIGINT or dx_kube_stop. SIGHUP reads the sites and the certificate anew. message
 * (DX_HOST_MESSAGE_MAX) tells what went wrong: DX_E_EXISTS (one runs for this profile), DX_E_INVALID, DX_E_IO,
 * DX_E_NOT_FOUND. */
DX_API DX_MUST_USE int dx_kube_run(const dx_kube_options *options, char *message);
/* Starts a background process that does so, and returns once it listens (or failed, with its message). */
DX_API DX_MUST_USE int dx_kube_start(const dx_kube_options *options, char *message);
/* Appends the running kube's status, a map (docs/spec/kube.md). DX_E_NOT_FOUND: none runs. */
DX_API DX_MUST_USE int dx_kube_status(const char *profile, dx_buf *status, char *message);
/* Asks it to stop, and waits until it has. */
DX_API DX_MUST_USE int dx_kube_stop(const char *profile, int64_t timeout_ms, char *message);

#ifdef __cplusplus
}
#endif
#endif
