/* tests/host/web_scene.h: a web server in a process of its own, with a small site, an echo behind its WebSocket and short
 * patience; and a client of raw sockets that sees every byte.
 *
 * Layer: tests; Linux only. */
#ifndef DX_TESTS_HOST_WEB_SCENE_H
#define DX_TESTS_HOST_WEB_SCENE_H

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "host.h"
#include "net/websocket.h"
#include "web_server.h"

enum { WEB_BIG_SIZE = 3 * 1024 * 1024, WEB_WAIT_MS = 5000 };

typedef struct web_scene {
    char folder[64];
    int pid, port;
    char cert[96], key[96];
} web_scene;

static inline double web_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

/* --- The site ---------------------------------------------------------------------------------------- */

static inline void web_write(const web_scene *scene, const char *name, const void *data, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", scene->folder, name);
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = 0;
        (void)mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void web_write_text(const web_scene *scene, const char *name, const char *text) {
    web_write(scene, name, text, strlen(text));
}

static inline uint8_t web_big_byte(size_t at) {
    return (uint8_t)(at * 7 + at / 251);
}

static inline void web_make_site(web_scene *scene) {
    char path[256];
    snprintf(scene->folder, sizeof scene->folder, "/tmp/dx-web-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    web_write_text(scene, "web/halo/index.html", "<!doctype html><title>vault</title>");
    web_write_text(scene, "web/halo/main-6D4E2BQA.js",
                   "export const plain = 'a longer text that is not compressed at all';");
    web_write_text(scene, "web/halo/main-6D4E2BQA.js.br", "not really brotli");
    web_write_text(scene, "web/halo/main-6D4E2BQA.js.gz", "not gzip");
    web_write_text(scene, "web/halo/empty.txt", "");
    web_write_text(scene, "web/halo/sub/index.html", "below");
    web_write_text(scene, "web/halo/alone.br", "only so");
    web_write_text(scene, "web/halo/.hidden", "not for you");
    web_write_text(scene, "web/tasks/index.html", "<!doctype html><title>tasks</title>");
    web_write_text(scene, "web/secret.txt", "beside the sites");
    uint8_t *big = malloc(WEB_BIG_SIZE);
    assert_non_null(big);
    for (size_t i = 0; i < WEB_BIG_SIZE; i++) {
        big[i] = web_big_byte(i);
    }
    web_write(scene, "web/tasks/big.bin", big, WEB_BIG_SIZE);
    free(big);
    snprintf(path, sizeof path, "%s/web/halo/link.txt", scene->folder);
    assert_int_equal(symlink("../secret.txt", path), 0);
    snprintf(path, sizeof path, "%s/web/halo/out", scene->folder);
    assert_int_equal(symlink("/etc", path), 0);
    snprintf(path, sizeof path, "%s/web/linked", scene->folder);
    assert_int_equal(symlink("/etc", path), 0);
    snprintf(path, sizeof path, "%s/web/halo/pipe", scene->folder);
    assert_int_equal(mkfifo(path, 0600), 0);
}

/* --- A certificate of one's own -------------------------------------------------------------------------- */

static inline void web_make_certificate(web_scene *scene, const char *names) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_true(key != NULL && cert != NULL);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test",
                               -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, names);
    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    snprintf(scene->cert, sizeof scene->cert, "%s/cert.pem", scene->folder);
    snprintf(scene->key, sizeof scene->key, "%s/key.pem", scene->folder);
    FILE *file = fopen(scene->cert, "w");
    assert_true(file != NULL && PEM_write_X509(file, cert) == 1 && fclose(file) == 0);
    file = fopen(scene->key, "w");
    assert_true(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                fclose(file) == 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* --- The server's process ----------------------------------------------------------------------------------- */

static dx_web_server *web_served;
static int web_guests;

/* An echo: "full" closes it, "flood" sends until the server has enough, all else comes back. */
static inline int web_echo_open(void *ctx, uint64_t socket, const char *peer) {
    (void)ctx;
    (void)socket;
    DX_ASSERT(strcmp(peer, "127.0.0.1") == 0);
    return ++web_guests > 100 ? DX_E_LIMIT : DX_OK;
}

static inline void web_echo_message(void *ctx, uint64_t socket, dx_bytes message) {
    static const uint8_t block[60000];
    (void)ctx;
    if (dx_bytes_equal(message, dx_bytes_text("full"))) {
        web_guests = 1000;
    } else if (dx_bytes_equal(message, dx_bytes_text("bye"))) {
        dx_web_socket_close(web_served, socket, 4001, "as you say");
    }
    for (int i = 0; dx_bytes_equal(message, dx_bytes_text("flood")) && i < 200; i++) {
        dx_web_socket_send(web_served, socket, dx_bytes_of(block, sizeof block));
    }
    dx_web_socket_send(web_served, socket, message);
}

static inline void web_echo_close(void *ctx, uint64_t socket, bool in_order) {
    (void)ctx;
    (void)in_order;
    dx_web_socket_send(web_served, socket, dx_bytes_text("nobody hears this"));
    web_guests--;
}

static inline void web_echo_metrics(void *ctx, dx_buf *out) {
    (void)ctx;
    dx_buf_append(out, "echo_guests 7\n", 14);
}

static const dx_web_service web_echo = {NULL, web_echo_open, web_echo_message, web_echo_close,
                                        web_echo_metrics};

static inline void web_on_signal(uv_signal_t *signal, int number) {
    char message[DX_HOST_MESSAGE_MAX];
    if (number == SIGHUP) {
        (void)!dx_web_server_reload(web_served, message);
    } else {
        uv_unref((uv_handle_t *)signal);
        dx_web_server_stop(web_served);
    }
}

static inline void web_serve(const dx_web_options *wanted, int report) {
    char message[DX_HOST_MESSAGE_MAX];
    uv_loop_t loop;
    uv_signal_t term, hup;
    dx_web_options options = *wanted;
    options.loop = &loop;
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&loop);
    int error = dx_web_server_start(&options, &web_served, message);
    if (error == DX_OK) {
        dx_web_server_tell_stun(web_served, 3478);
    }
    int port = error == DX_OK ? dx_web_server_port(web_served) : error;
    if (write(report, &port, sizeof port) != sizeof port || error != DX_OK) {
        fprintf(stderr, "# %s\n", message);
        _exit(2);
    }
    uv_signal_init(&loop, &term);
    uv_signal_init(&loop, &hup);
    uv_signal_start(&term, web_on_signal, SIGTERM);
    uv_signal_start(&hup, web_on_signal, SIGHUP);
    uv_unref((uv_handle_t *)&hup);
    uv_run(&loop, UV_RUN_DEFAULT);
    bool gone = dx_web_server_is_gone(web_served);
    dx_web_server_free(web_served);
    uv_close((uv_handle_t *)&hup, NULL);
    uv_close((uv_handle_t *)&term, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(gone && uv_loop_close(&loop) == 0 ? 0 : 3);
}

static inline void web_start(web_scene *scene, bool secure, bool with_echo) {
    static const dx_web_patience hurry = {300, 500, 500, 200, 150, 450, 20};
    static const char *const allowed[] = {"https://wallet.example", NULL};
    char sites[96];
    int ends[2];
    snprintf(sites, sizeof sites, "%s/web", scene->folder);
    const dx_web_options options = {.name = "kube.localhost",
                                    .address = "127.0.0.1",
                                    .cert = secure ? scene->cert : NULL,
                                    .key = secure ? scene->key : NULL,
                                    .sites = sites,
                                    .vault = "halo",
                                    .allowed = allowed,
                                    .version = "1.2.3",
                                    .signal = with_echo ? &web_echo : NULL,
                                    .patience = &hurry};
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    scene->pid = fork();
    assert_true(scene->pid >= 0);
    if (scene->pid == 0) {
        alarm(60);
        close(ends[0]);
        web_serve(&options, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &scene->port, sizeof scene->port), sizeof scene->port);
    close(ends[0]);
    assert_true(scene->port > 0);
}

/* The server's exit code; it must end by itself. */
static inline int web_stop(web_scene *scene) {
    int status = 0;
    kill(scene->pid, SIGTERM);
    for (double end_ms = web_now_ms() + WEB_WAIT_MS; waitpid(scene->pid, &status, WNOHANG) == 0;) {
        if (web_now_ms() > end_ms) {
            kill(scene->pid, SIGKILL);
            waitpid(scene->pid, &status, 0);
            return -1;
        }
        usleep(2000);
    }
    scene->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void web_remove(const web_scene *scene) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", scene->folder);
    assert_int_equal(system(command), 0);
}

/* --- A client ------------------------------------------------------------------------------------------------ */

static inline int web_connect(const web_scene *scene) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)scene->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline void web_say(int fd, const void *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            return; /* closed: what it said before is there to be read */
        }
        data = (const char *)data + sent;
        size -= (size_t)sent;
    }
}

/* What comes until the connection ends, or timeout_ms pass without a byte; terminated. Size, and whether it ended. */
static inline size_t web_hear(int fd, char *out, size_t room, int timeout_ms, bool *ended) {
    size_t size = 0;
    *ended = false;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (size + 1 >= room || poll(&wait, 1, timeout_ms) != 1) {
            break;
        }
        ssize_t got = recv(fd, out + size, room - 1 - size, 0);
        if (got <= 0) {
            *ended = true;
            break;
        }
        size += (size_t)got;
    }
    out[size] = 0;
    return size;
}

#endif
