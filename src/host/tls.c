/* host/tls.c: TLS over bytes. See tls.h.
 *
 * Layer: floor 3, host (OpenSSL 3). OpenSSL keeps errors in a queue of the thread: it is emptied before each call that is
 * asked for its error. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <dxos/host.h>

#include "tls.h"

enum { READ_SIZE = 16 * 1024 }; /* one record */

struct dx_tls_context {
    SSL_CTX *ssl;
};

struct dx_tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    bool ended;
    const char *reason;
};

/* --- Contexts -------------------------------------------------------------------------------------- */

static const char *last_error(void) {
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    return reason == NULL ? "unknown" : reason;
}

static dx_tls_context *make_context(const SSL_METHOD *method) {
    dx_tls_context *context = calloc(1, sizeof *context);
    SSL_CTX *ssl = context == NULL ? NULL : SSL_CTX_new(method);
    if (ssl == NULL || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(ssl);
        free(context);
        return NULL;
    }
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    context->ssl = ssl;
    return context;
}

/* Of what a browser offers, HTTP/1.1 is what is spoken here; who offers only others is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *offered, unsigned size, void *ctx) {
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)ctx;
    if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, offered, size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int refuse(dx_tls_context *context, int error, const char *what, const char *path, const char *why,
                  char *message) {
    snprintf(message, DX_HOST_MESSAGE_MAX, "%s %.300s: %s", what, path, why);
    dx_tls_context_free(context);
    return error;
}

int dx_tls_context_serve(const char *cert, const char *key, dx_tls_context **out, char *message) {
    dx_tls_context *context = make_context(TLS_server_method());
    *out = NULL;
    if (context == NULL) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s", dx_error_text(DX_E_NO_MEMORY));
        return DX_E_NO_MEMORY;
    }
    if (access(cert, R_OK) != 0 || access(key, R_OK) != 0) {
        return refuse(context, DX_E_NOT_FOUND, "cannot read", access(cert, R_OK) != 0 ? cert : key,
                      "is it there, and yours?", message);
    }
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context->ssl, cert) != 1) {
        return refuse(context, DX_E_INVALID, "no certificate in PEM in", cert, last_error(), message);
    }
    if (SSL_CTX_use_PrivateKey_file(context->ssl, key, SSL_FILETYPE_PEM) != 1) {
        return refuse(context, DX_E_INVALID, "no private key in PEM for that certificate in", key,
                      last_error(), message);
    }
    SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, NULL);
    *out = context;
    return DX_OK;
}

int dx_tls_context_dial(dx_tls_context **out) {
    dx_tls_context *context = make_context(TLS_client_method());
    *out = context;
    if (context == NULL) {
        return DX_E_NO_MEMORY;
    }
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_default_verify_paths(context->ssl) != 1) {
        dx_tls_context_free(context);
        *out = NULL;
        return DX_E_IO;
    }
    return DX_OK;
}

void dx_tls_context_free(dx_tls_context *context) {
    if (context != NULL) {
        SSL_CTX_free(context->ssl);
        free(context);
    }
}

/* --- Connections ------------------------------------------------------------------------------------- */

/* The name that the certificate must hold. Figures are no name: they are not told in the handshake (RFC 6066 §3). */
static bool expect_name(SSL *ssl, const char *name) {
    uint8_t figures[16];
    bool is_figure = inet_pton(AF_INET, name, figures) == 1 || inet_pton(AF_INET6, name, figures) == 1;
    if (is_figure) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

int dx_tls_begin(dx_tls_context *context, const char *name, dx_tls **out) {
    dx_tls *tls = calloc(1, sizeof *tls);
    *out = tls;
    if (tls == NULL) {
        return DX_E_NO_MEMORY;
    }
    tls->reason = "";
    tls->ssl = SSL_new(context->ssl);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL ||
        (name != NULL && !expect_name(tls->ssl, name))) {
        SSL_free(tls->ssl);
        BIO_free(tls->in);
        BIO_free(tls->out);
        free(tls);
        *out = NULL;
        return DX_E_NO_MEMORY;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    if (name != NULL) {
        SSL_set_connect_state(tls->ssl);
        (void)SSL_do_handshake(tls->ssl); /* the first word is the client's */
    } else {
        SSL_set_accept_state(tls->ssl);
    }
    return DX_OK;
}

void dx_tls_free(dx_tls *tls) {
    if (tls != NULL) {
        SSL_free(tls->ssl);
        free(tls);
    }
}

bool dx_tls_is_ready(const dx_tls *tls) {
    return SSL_is_init_finished(tls->ssl) != 0;
}

bool dx_tls_has_ended(const dx_tls *tls) {
    return tls->ended;
}

const char *dx_tls_reason(const dx_tls *tls) {
    return tls->reason;
}

static int broken(dx_tls *tls) {
    long verdict = SSL_get_verify_result(tls->ssl);
    tls->reason = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : last_error();
    return verdict != X509_V_OK ? DX_E_VERIFY : DX_E_PROTOCOL;
}

int dx_tls_receive(dx_tls *tls, dx_bytes wire, dx_buf *plain) {
    if (wire.size > INT32_MAX || BIO_write(tls->in, wire.data, (int)wire.size) != (int)wire.size) {
        return DX_E_NO_MEMORY;
    }
    for (;;) {
        uint8_t room[READ_SIZE];
        ERR_clear_error();
        int size = SSL_read(tls->ssl, room, sizeof room); /* the handshake goes on in here */
        if (size > 0) {
            dx_buf_append(plain, room, (size_t)size);
            if (dx_buf_error(plain) != DX_OK) {
                return dx_buf_error(plain);
            }
            continue;
        }
        int error = SSL_get_error(tls->ssl, size);
        tls->ended = tls->ended || error == SSL_ERROR_ZERO_RETURN;
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN ? DX_OK : broken(tls);
    }
}

int dx_tls_send(dx_tls *tls, dx_bytes plain) {
    if (!dx_tls_is_ready(tls)) {
        return DX_E_STATE;
    }
    if (plain.size == 0) {
        return DX_OK;
    }
    ERR_clear_error();
    bool taken =
        plain.size <= INT32_MAX && SSL_write(tls->ssl, plain.data, (int)plain.size) == (int)plain.size;
    return taken ? DX_OK : broken(tls);
}

void dx_tls_finish(dx_tls *tls) {
    if (dx_tls_is_ready(tls)) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
    }
}

void dx_tls_take(dx_tls *tls, dx_buf *wire) {
    char *bytes = NULL;
    long size = BIO_get_mem_data(tls->out, &bytes);
    if (size > 0) {
        dx_buf_append(wire, bytes, (size_t)size);
        (void)BIO_reset(tls->out);
    }
}
