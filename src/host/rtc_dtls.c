/* host/rtc_dtls.c: DTLS 1.2 over datagrams. See rtc_dtls.h.
 *
 * Layer: floor 3, host. OpenSSL reads and writes through a BIO of our own that keeps datagrams apart: a memory BIO
 * would glue them together. A ClientHello may come in several of them (Chromium's does); OpenSSL puts it together. */
#include "rtc_dtls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/* AES first: it is hardware on both sides, and everybody's default otherwise differs. The last is for peers whose
 * certificate is RSA. */
#define CIPHERS                                                                                              \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"             \
    "ECDHE-RSA-AES128-GCM-SHA256"

enum {
    CERTIFICATE_DAYS = 30,                    /* nobody asks: the fingerprint is what counts */
    CERTIFICATE_BACK_S = 24 * 3600,           /* clocks differ */
    HANDSHAKE_MTU = DX_RTC_DATAGRAM_MAX - 50, /* handshake records leave room for anybody's tunnel */
    RECORD_MAX = SSL3_RT_MAX_PLAIN_LENGTH,
};

struct dx_rtc_identity {
    SSL_CTX *ssl;
    BIO_METHOD *method;
    uint8_t fingerprint[DX_RTC_FINGERPRINT_SIZE];
};

struct dx_rtc_dtls {
    SSL *ssl;
    dx_rtc_dtls_owner owner;
    void *ctx;
    dx_bytes arrived; /* the datagram being received, until OpenSSL took it */
    uint8_t expected[DX_RTC_FINGERPRINT_SIZE];
    const char *reason;
    int error; /* sticky */
    bool ready, impostor;
};

/* --- Datagrams as a BIO -------------------------------------------------------------------------------- */

static int write_datagram(BIO *bio, const char *data, int size) {
    dx_rtc_dtls *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size > 0) {
        dtls->owner.on_datagram(dtls->ctx, dx_bytes_of(data, (size_t)size));
    }
    return size;
}

static int read_datagram(BIO *bio, char *out, int room) {
    dx_rtc_dtls *dtls = BIO_get_data(bio);
    size_t size = dtls->arrived.size;
    BIO_clear_retry_flags(bio);
    if (size == 0 || room <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size = size < (size_t)room ? size : (size_t)room;
    memcpy(out, dtls->arrived.data, size);
    dtls->arrived = dx_bytes_of(NULL, 0);
    return (int)size;
}

static long control_datagrams(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT: /* the owner waits, by dx_rtc_dtls_wait_ms */
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return HANDSHAKE_MTU;
    default:
        return 0;
    }
}

static int open_bio(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *make_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
    if (method != NULL) {
        BIO_meth_set_write(method, write_datagram);
        BIO_meth_set_read(method, read_datagram);
        BIO_meth_set_ctrl(method, control_datagrams);
        BIO_meth_set_create(method, open_bio);
    }
    return method;
}

/* --- Certificates -------------------------------------------------------------------------------------- */

static bool fingerprint_of(const X509 *certificate, uint8_t out[static DX_RTC_FINGERPRINT_SIZE]) {
    unsigned size = DX_RTC_FINGERPRINT_SIZE;
    return X509_digest(certificate, EVP_sha256(), out, &size) == 1 && size == DX_RTC_FINGERPRINT_SIZE;
}

/* In place of OpenSSL's own: no authority stands behind a certificate here, only its fingerprint. */
static int check_certificate(X509_STORE_CTX *store, void *ctx) {
    (void)ctx;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    dx_rtc_dtls *dtls = SSL_get_app_data(ssl);
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    uint8_t seen[DX_RTC_FINGERPRINT_SIZE];
    dtls->impostor = certificate == NULL || !fingerprint_of(certificate, seen) ||
                     CRYPTO_memcmp(seen, dtls->expected, sizeof seen) != 0;
    if (dtls->impostor) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    }
    return dtls->impostor ? 0 : 1;
}

static bool sign_certificate(X509 *certificate, EVP_PKEY *key) {
    ASN1_INTEGER *serial = X509_get_serialNumber(certificate);
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, X509_VERSION_3) == 1 && ASN1_INTEGER_set(serial, 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -(long)CERTIFICATE_BACK_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)CERTIFICATE_DAYS * 24 * 3600) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer", -1, -1, 0) ==
               1 &&
           X509_set_issuer_name(certificate, name) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0;
}

static bool set_up(dx_rtc_identity *identity, X509 *certificate, EVP_PKEY *key) {
    SSL_CTX *ssl = identity->ssl;
    if (ssl == NULL || identity->method == NULL || certificate == NULL || key == NULL ||
        !sign_certificate(certificate, key) || !fingerprint_of(certificate, identity->fingerprint)) {
        return false;
    }
    SSL_CTX_set_options(ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ssl, check_certificate, NULL);
    return SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ssl, CIPHERS) == 1 && SSL_CTX_set1_groups_list(ssl, "X25519:P-256") == 1 &&
           SSL_CTX_use_certificate(ssl, certificate) == 1 && SSL_CTX_use_PrivateKey(ssl, key) == 1;
}

int dx_rtc_identity_make(dx_rtc_identity **out) {
    *out = NULL;
    dx_rtc_identity *identity = calloc(1, sizeof *identity);
    if (identity == NULL) {
        return DX_E_NO_MEMORY;
    }
    ERR_clear_error();
    identity->ssl = SSL_CTX_new(DTLS_method());
    identity->method = make_method();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool made = set_up(identity, certificate, key);
    X509_free(certificate); /* the context has its own hold on both */
    EVP_PKEY_free(key);
    if (!made) {
        dx_rtc_identity_free(identity);
        return DX_E_IO;
    }
    *out = identity;
    return DX_OK;
}

void dx_rtc_identity_free(dx_rtc_identity *identity) {
    if (identity != NULL) {
        SSL_CTX_free(identity->ssl);
        BIO_meth_free(identity->method);
        free(identity);
    }
}

const uint8_t *dx_rtc_identity_fingerprint(const dx_rtc_identity *identity) {
    return identity->fingerprint;
}

/* --- Life ------------------------------------------------------------------------------------------------ */

static unsigned int choose_wait(SSL *ssl, unsigned int last_us) {
    (void)ssl;
    unsigned int next_us = last_us == 0 ? DX_RTC_DTLS_WAIT_MS * 1000u : last_us * 2;
    return next_us < DX_RTC_DTLS_WAIT_MAX_MS * 1000u ? next_us : DX_RTC_DTLS_WAIT_MAX_MS * 1000u;
}

int dx_rtc_dtls_begin(dx_rtc_identity *identity, bool client,
                      const uint8_t fingerprint[static DX_RTC_FINGERPRINT_SIZE],
                      const dx_rtc_dtls_owner *owner, void *ctx, dx_rtc_dtls **out) {
    *out = NULL;
    dx_rtc_dtls *dtls = calloc(1, sizeof *dtls);
    SSL *ssl = dtls == NULL ? NULL : SSL_new(identity->ssl);
    BIO *bio = ssl == NULL ? NULL : BIO_new(identity->method);
    if (bio == NULL) {
        SSL_free(ssl);
        free(dtls);
        return DX_E_NO_MEMORY;
    }
    dtls->ssl = ssl;
    dtls->owner = *owner;
    dtls->ctx = ctx;
    dtls->reason = "";
    memcpy(dtls->expected, fingerprint, sizeof dtls->expected);
    BIO_set_data(bio, dtls);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, dtls);
    SSL_set_mtu(ssl, HANDSHAKE_MTU);
    DTLS_set_timer_cb(ssl, choose_wait);
    if (client) {
        SSL_set_connect_state(ssl);
    } else {
        SSL_set_accept_state(ssl);
    }
    *out = dtls;
    return DX_OK;
}

void dx_rtc_dtls_free(dx_rtc_dtls *dtls) {
    if (dtls != NULL) {
        SSL_free(dtls->ssl);
        free(dtls);
    }
}

/* --- The handshake and what follows ------------------------------------------------------------------------ */

static int fail(dx_rtc_dtls *dtls, int error, const char *reason) {
    dtls->error = error;
    dtls->reason = reason;
    return error;
}

/* What OpenSSL answered, as an error of ours; it reads no further for now where that is DX_OK. */
static int judge(dx_rtc_dtls *dtls, int result) {
    switch (SSL_get_error(dtls->ssl, result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return DX_OK;
    case SSL_ERROR_ZERO_RETURN:
        return fail(dtls, DX_E_UNREACHABLE, "the peer closed the connection");
    default:
        break;
    }
    if (dtls->impostor) {
        return fail(dtls, DX_E_VERIFY,
                    "the other side's certificate is not the one its description names; "
                    "somebody may stand in between");
    }
    int code = ERR_GET_REASON(ERR_peek_error());
    return fail(dtls, DX_E_PROTOCOL,
                code > SSL_AD_REASON_OFFSET ? "the other side refused to encrypt"
                                            : "no encryption could be agreed on with the other side");
}

static int shake_hands(dx_rtc_dtls *dtls) {
    if (dtls->error != DX_OK || dtls->ready) {
        return dtls->error;
    }
    ERR_clear_error();
    int result = SSL_do_handshake(dtls->ssl);
    dtls->ready = result == 1;
    return dtls->ready ? DX_OK : judge(dtls, result);
}

int dx_rtc_dtls_start(dx_rtc_dtls *dtls) {
    return SSL_is_server(dtls->ssl) ? dtls->error : shake_hands(dtls);
}

int dx_rtc_dtls_receive(dx_rtc_dtls *dtls, dx_bytes datagram) {
    static uint8_t record[RECORD_MAX]; /* one thread, and the owner takes it at once */
    if (dtls->error != DX_OK || datagram.size == 0) {
        return dtls->error;
    }
    dtls->arrived = datagram;
    int error = shake_hands(dtls);
    while (error == DX_OK && dtls->ready) {
        ERR_clear_error();
        int size = SSL_read(dtls->ssl, record, sizeof record);
        if (size <= 0) {
            error = judge(dtls, size);
            break;
        }
        dtls->owner.on_data(dtls->ctx, dx_bytes_of(record, (size_t)size));
    }
    dtls->arrived = dx_bytes_of(NULL, 0);
    return error;
}

void dx_rtc_dtls_send(dx_rtc_dtls *dtls, dx_bytes data) {
    if (dtls->ready && dtls->error == DX_OK && data.size > 0 && data.size <= RECORD_MAX) {
        ERR_clear_error();
        (void)SSL_write(dtls->ssl, data.data, (int)data.size); /* what is lost is repeated above */
    }
}

void dx_rtc_dtls_finish(dx_rtc_dtls *dtls) {
    if (dtls->ready && dtls->error == DX_OK) {
        ERR_clear_error();
        (void)SSL_shutdown(dtls->ssl);
        dtls->error = DX_E_STATE;
    }
}

int dx_rtc_dtls_tick(dx_rtc_dtls *dtls) {
    if (dtls->error != DX_OK || dtls->ready) {
        return dtls->error;
    }
    ERR_clear_error();
    int result = DTLSv1_handle_timeout(dtls->ssl) < 0 ? -1 : 1;
    return result == 1 ? DX_OK : judge(dtls, result);
}

int64_t dx_rtc_dtls_wait_ms(dx_rtc_dtls *dtls) {
    struct timeval left;
    if (dtls->error != DX_OK || dtls->ready || DTLSv1_get_timeout(dtls->ssl, &left) != 1) {
        return -1;
    }
    return (int64_t)left.tv_sec * 1000 + (left.tv_usec + 999) / 1000;
}

bool dx_rtc_dtls_is_ready(const dx_rtc_dtls *dtls) {
    return dtls->ready && dtls->error == DX_OK;
}

const char *dx_rtc_dtls_reason(const dx_rtc_dtls *dtls) {
    return dtls->reason;
}
