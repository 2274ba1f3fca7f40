/* host/kube.c: the kube: web server, STUN and a control socket on one loop. See dxos/kube.h, docs/spec/kube.md.
 *
 * Layer: floor 3, host. A kube has a folder beside the vaults' ("kube.PROFILE") for its lock and the port it keeps; the lock, held by
 * the kernel for the living process, says that one runs. */
#include <dxos/kube.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "net/url.h"
#include "signal_service.h"
#include "stun_server.h"
#include "web_policy.h"
#include "web_server.h"

enum {
    STATUS_MAX = 64 * 1024,
    WORD_MAX = 16,
    TALKS_MAX = 16, /* at the control socket: with one more the oldest gives way */
    TALK_MS = 2000, /* for a word of at most seven bytes, said on this machine */
    ANSWER_MS = 5000,
    LOOK_MS = 10,
    FILES_WANTED = DX_WEB_CONNECTIONS_MAX + 128
};

static const char vault_label[] = "halo";
static const char default_name[] = "kube.localhost";

/* --- The kube's folder ---------------------------------------------------------------------------------- */

/* As a vault's, under a name no profile can have. */
static int find_folder(const char *profile, dx_vault_folder *out) {
    char path[DX_PATH_MAX];
    dx_vault_folder vault;
    int error = dx_vault_folder_find(NULL, profile, &vault);
    if (error != DX_OK) {
        return error;
    }
    const char *name = strrchr(vault.path, '/');
    int size = snprintf(path, sizeof path, "%.*s/kube.%s", (int)(name - vault.path), vault.path, name + 1);
    return size < 0 || (size_t)size >= sizeof path ? DX_E_INVALID : dx_vault_folder_find(path, NULL, out);
}

/* DX_E_EXISTS: another kube holds it. */
static int take_lock(const dx_vault_folder *folder, int *fd, char *message) {
    char path[DX_PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/lock", folder->path);
    int error = dx_file_make_folder(folder->path, true);
    *fd = error == DX_OK ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (*fd < 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%.400s: %s", path, strerror(errno));
        return DX_E_IO;
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "a kube runs already for this profile");
        close(*fd);
        *fd = -1;
        return DX_E_EXISTS;
    }
    return DX_OK;
}

static int kept_port(const dx_vault_folder *folder) {
    char text[WORD_MAX] = {0};
    size_t size = 0;
    int port = dx_file_read(folder->listen, text, sizeof text - 1, &size) == DX_OK ? atoi(text) : 0;
    return port > 0 && port < 65536 ? port : 0;
}

static void keep_port(const dx_vault_folder *folder, int port) {
    char text[WORD_MAX];
    int size = snprintf(text, sizeof text, "%d\n", port);
    if (kept_port(folder) != port && dx_file_write(folder->listen, text, (size_t)size) != DX_OK) {
        return; /* the next start picks another one, and pages are found where it says */
    }
}

/* --- A running kube ----------------------------------------------------------------------------------------- */

typedef struct kube {
    const dx_kube_options *options;
    dx_vault_folder folder;
    char name[DX_HOST_SIZE_MAX + 1], sites[DX_PATH_MAX];
    const char *address;
    int lock;
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_pipe_t control;
    dx_stun_server stun;
    dx_signal_service signal;
    dx_web_server *server;
    uint64_t started_ms;
    struct talk *talks; /* the newest first */
    int talk_count;
    bool control_stands, stopping;
} kube;

static void tell(const kube *self, const char *format, ...) DX_PRINTF(2, 3);
static void tell(const kube *self, const char *format, ...) {
    char line[DX_HOST_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (self->options->log != NULL) {
        self->options->log(self->options->ctx, line);
    }
}

static void write_origin(const kube *self, const char *label, dx_buf *out) {
    const dx_web_scene scene = {.name = self->name,
                                .is_secure = self->options->cert != NULL,
                                .port = dx_web_server_port(self->server)};
    dx_web_origin_write(out, &scene, dx_bytes_text(label));
    dx_buf_append_byte(out, '/');
}

static void write_sites(const kube *self, dx_writer *writer) {
    size_t count = dx_web_server_site_count(self->server);
    dx_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_buf origin;
        dx_buf_init(&origin, dx_host_alloc(), DX_URL_SIZE_MAX);
        write_origin(self, dx_web_server_site_label(self->server, i), &origin);
        dx_write_text_bytes(writer, dx_buf_view(&origin));
        dx_buf_deinit(&origin);
    }
}

/* docs/spec/kube.md, "Status". */
static void write_status(const kube *self, dx_buf *out) {
    const dx_web_counts *counts = dx_web_server_counts(self->server);
    char listen[80];
    dx_map_builder map;
    dx_writer writer;
    dx_map_builder_init(&map, dx_host_alloc(), STATUS_MAX);
    snprintf(listen, sizeof listen, strchr(self->address, ':') != NULL ? "[%s]:%d" : "%s:%d", self->address,
             dx_web_server_port(self->server));
    dx_write_int(dx_map_builder_key(&map, "pid"), (int64_t)getpid());
    dx_write_text(dx_map_builder_key(&map, "name"), self->name);
    dx_write_text(dx_map_builder_key(&map, "listen"), listen);
    dx_write_bool(dx_map_builder_key(&map, "secure"), self->options->cert != NULL);
    dx_write_int(dx_map_builder_key(&map, "port"), dx_web_server_port(self->server));
    dx_write_int(dx_map_builder_key(&map, "stun"), self->stun.port);
    write_sites(self, dx_map_builder_key(&map, "sites"));
    dx_write_uint(dx_map_builder_key(&map, "connections"), counts->connections);
    dx_write_uint(dx_map_builder_key(&map, "sockets"), counts->sockets);
    dx_write_uint(dx_map_builder_key(&map, "requests"), counts->requests_total);
    dx_write_uint(dx_map_builder_key(&map, "uptime_s"), (uv_now(&self->loop) - self->started_ms) / 1000);
    dx_writer_init(&writer, out);
    dx_map_builder_finish(&map, &writer);
}

static void end_talks(kube *self);

static void stop(kube *self) {
    if (self->stopping) {
        return;
    }
    self->stopping = true;
    tell(self, "stops");
    end_talks(self);
    dx_web_server_stop(self->server);
    uv_close((uv_handle_t *)&self->stun.handle, NULL);
    uv_close((uv_handle_t *)&self->control, NULL);
    uv_close((uv_handle_t *)&self->signal.timer, NULL);
    unlink(self->folder.socket);
    for (size_t i = 0; i < sizeof self->signals / sizeof self->signals[0]; i++) {
        uv_close((uv_handle_t *)&self->signals[i], NULL);
    }
}

/* --- The control socket: one word, one answer ------------------------------------------------------------------ */

typedef struct talk {
    uv_pipe_t pipe;
    uv_timer_t deadline;
    uv_write_t write;
    struct talk *next;
    kube *self;
    int handles; /* that know this memory */
    char word[WORD_MAX];
    size_t size;
    bool answering, stops;
    dx_buf answer;
} talk;

static void on_talk_closed(uv_handle_t *handle) {
    talk *one = handle->data;
    if (--one->handles > 0) {
        return;
    }
    if (one->stops) {
        stop(one->self);
    }
    dx_buf_deinit(&one->answer);
    free(one);
}

static void end_talk(talk *one) {
    talk **at = &one->self->talks;
    while (*at != NULL && *at != one) {
        at = &(*at)->next;
    }
    if (*at == one) { /* else it is on its way out */
        *at = one->next;
        one->self->talk_count--;
        uv_close((uv_handle_t *)&one->pipe, on_talk_closed);
        uv_close((uv_handle_t *)&one->deadline, on_talk_closed);
    }
}

static void end_talks(kube *self) {
    while (self->talks != NULL) {
        end_talk(self->talks);
    }
}

static void on_talk_late(uv_timer_t *timer) {
    end_talk(timer->data);
}

static void on_answered(uv_write_t *write, int status) {
    (void)status;
    end_talk(write->data);
}

static void on_talk_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    talk *one = handle->data;
    (void)suggested;
    *out = uv_buf_init(one->word + one->size, (unsigned)(sizeof one->word - one->size));
}

static void on_word(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    talk *one = stream->data;
    (void)bytes;
    one->size += size > 0 ? (size_t)size : 0;
    bool whole = one->size > 0 && one->word[one->size - 1] == '\n';
    if (one->answering || (!whole && size >= 0 && one->size < sizeof one->word)) {
        return;
    }
    one->stops = whole && one->size == 5 && memcmp(one->word, "stop\n", 5) == 0;
    bool asks = whole && one->size == 7 && memcmp(one->word, "status\n", 7) == 0;
    if ((!asks && !one->stops) || one->self->stopping) {
        end_talk(one);
        return;
    }
    one->answering = true;
    write_status(one->self, &one->answer);
    uv_buf_t out = uv_buf_init((char *)one->answer.data, (unsigned)one->answer.size);
    one->write.data = one;
    if (uv_write(&one->write, stream, &out, 1, on_answered) != 0) {
        end_talk(one);
    }
}

static void on_talk(uv_stream_t *listener, int status) {
    kube *self = listener->data;
    talk *one = status < 0 ? NULL : calloc(1, sizeof *one);
    if (one == NULL) {
        return;
    }
    one->self = self;
    one->handles = 2;
    one->next = self->talks;
    self->talks = one;
    self->talk_count++;
    dx_buf_init(&one->answer, dx_host_alloc(), STATUS_MAX);
    uv_pipe_init(&self->loop, &one->pipe, 0);
    uv_timer_init(&self->loop, &one->deadline);
    one->pipe.data = one->deadline.data = one;
    struct ucred peer;
    socklen_t size = sizeof peer;
    uv_os_fd_t fd;
    bool ours = uv_accept(listener, (uv_stream_t *)&one->pipe) == 0 &&
                uv_fileno((uv_handle_t *)&one->pipe, &fd) == 0 &&
                getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == getuid();
    if (!ours) {
        end_talk(one);
        return;
    }
    talk *oldest = one;
    while (oldest->next != NULL) {
        oldest = oldest->next;
    }
    if (self->talk_count > TALKS_MAX) {
        end_talk(oldest);
    }
    uv_timer_start(&one->deadline, on_talk_late, TALK_MS, 0);
    uv_read_start((uv_stream_t *)&one->pipe, on_talk_alloc, on_word);
}

static int listen_for_talk(kube *self, char *message) {
    const char *path = self->folder.socket;
    int error = dx_socket_folder_make(path, message);
    if (error != DX_OK) {
        return error;
    }
    unlink(path); /* the lock is ours, so a socket that is there belongs to a kube that is gone */
    int status = uv_pipe_bind(&self->control, path);
    status = status == 0 ? uv_listen((uv_stream_t *)&self->control, TALKS_MAX, on_talk) : status;
    if (status != 0 || chmod(path, 0600) != 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "cannot listen on %.400s: %s", path, uv_strerror(status));
        return DX_E_IO;
    }
    return DX_OK;
}

/* --- Beginning ---------------------------------------------------------------------------------------------------- */

/* NAME of the host rules: lower case, a name and no figures. */
static int take_name(kube *self, char *message) {
    const char *wanted = self->options->name == NULL ? default_name : self->options->name;
    bool is_word = strchr(wanted, '.') == NULL && strcmp(wanted, "localhost") != 0;
    dx_authority authority;
    int size = snprintf(self->name, sizeof self->name, "%s%s", wanted, is_word ? ".localhost" : "");
    for (char *at = self->name; *at != 0; at++) {
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + ('a' - 'A')) : *at;
    }
    if (size < 0 || (size_t)size > DX_HOST_SIZE_MAX - DX_WEB_LABEL_MAX - 1 ||
        dx_authority_parse(dx_bytes_text(self->name), &authority) != DX_OK || authority.is_figure ||
        authority.has_port) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "\"%.200s\" cannot be the name of a host", wanted);
        return DX_E_INVALID;
    }
    return DX_OK;
}

static int check_allowed(const char *const *allowed, char *message) {
    for (size_t i = 0; allowed != NULL && allowed[i] != NULL; i++) {
        if (i == DX_WEB_ALLOWED_MAX || strlen(allowed[i]) > DX_WEB_ORIGIN_MAX ||
            !dx_web_origin_check(dx_bytes_text(allowed[i]))) {
            snprintf(message, DX_HOST_MESSAGE_MAX,
                     "\"%.200s\" is not an origin such as https://app.example, or one too many", allowed[i]);
            return DX_E_INVALID;
        }
    }
    return DX_OK;
}

static int check_pair(const dx_kube_options *options, char *message) {
    if ((options->cert == NULL) == (options->key == NULL)) {
        return DX_OK;
    }
    snprintf(message, DX_HOST_MESSAGE_MAX, "a certificate and its key belong together: name both");
    return DX_E_INVALID;
}

/* Given, or DX_WEB, or beside this program, or where it was to be installed; none: a kube without pages. */
static void take_sites(kube *self) {
    char own[DX_PATH_MAX] = {0}, beside[DX_PATH_MAX + 32];
    const char *named = self->options->sites != NULL ? self->options->sites : getenv("DX_WEB");
    char *slash = readlink("/proc/self/exe", own, sizeof own - 1) > 0 ? strrchr(own, '/') : NULL;
    if (slash != NULL) {
        *slash = 0;
    }
    snprintf(beside, sizeof beside, "%s/../share/dxos/web", own);
    const char *found = named != NULL && named[0] != 0     ? named
                        : access(beside, R_OK) == 0        ? beside
                        : access(DX_WEB_FOLDER, R_OK) == 0 ? DX_WEB_FOLDER
                                                           : "";
    snprintf(self->sites, sizeof self->sites, "%s", found);
}

static int start_server(kube *self, const char *address, int port, char *message) {
    const dx_web_options options = {.loop = &self->loop,
                                    .name = self->name,
                                    .address = address,
                                    .port = port,
                                    .cert = self->options->cert,
                                    .key = self->options->key,
                                    .sites = self->sites[0] == 0 ? NULL : self->sites,
                                    .vault = vault_label,
                                    .allowed = self->options->allowed,
                                    .version = DX_VERSION,
                                    .signal = &self->signal.web,
                                    .log = self->options->log,
                                    .log_ctx = self->options->ctx,
                                    .log_requests = self->options->log_requests};
    self->address = address;
    return dx_web_server_start(&options, &self->server, message);
}

/* By certificate for everybody, otherwise for this machine: without TLS no other one's browser would be of use. */
static int start_on_port(kube *self, int port, char *message) {
    if (self->options->address != NULL) {
        return start_server(self, self->options->address, port, message);
    }
    if (self->options->cert == NULL) {
        return start_server(self, "127.0.0.1", port, message);
    }
    int error = start_server(self, "::", port, message);
    return error == DX_E_IO ? start_server(self, "0.0.0.0", port, message)
                            : error; /* a machine without IPv6 */
}

/* A name under localhost is the browser's own; STUN is asked by address. */
static int start_signaling(kube *self) {
    char stun[DX_HOST_SIZE_MAX + 32];
    bool is_local = dx_host_is_local(dx_bytes_text(self->name));
    snprintf(stun, sizeof stun, "stun:%s:%d", is_local ? "127.0.0.1" : self->name, self->stun.port);
    return dx_signal_service_start(&self->signal, self->server, &self->loop, stun);
}

static int start_all(kube *self, char *message) {
    int wanted = self->options->port, kept = kept_port(&self->folder);
    int error = start_on_port(self, wanted != 0 ? wanted : kept != 0 ? kept : DX_KUBE_PORT, message);
    if (error == DX_E_BUSY && wanted == 0) {
        error = start_on_port(self, 0, message);
    }
    if (error != DX_OK) {
        return error;
    }
    int port = dx_web_server_port(self->server);
    keep_port(&self->folder, port);
    error = dx_stun_server_start(&self->stun, &self->loop, self->address, port);
    if (error != DX_OK) { /* the page is told where; another number does as well */
        uv_close((uv_handle_t *)&self->stun.handle, NULL);
        uv_run(&self->loop, UV_RUN_NOWAIT);
        error = dx_stun_server_start(&self->stun, &self->loop, self->address, 0);
    }
    if (error != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "no UDP port could be opened for STUN: %s",
                 dx_error_text(error));
        return error;
    }
    dx_web_server_tell_stun(self->server, self->stun.port);
    error = start_signaling(self);
    if (error != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s", dx_error_text(error));
        return error;
    }
    return listen_for_talk(self, message);
}

static void on_signal(uv_signal_t *signal, int number) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    kube *self = signal->data;
    if (number != SIGHUP) {
        stop(self);
    } else if (dx_web_server_reload(self->server, message) == DX_OK) {
        tell(self, "read sites and certificate anew");
    } else {
        tell(self, "all stays as it was: %s", message);
    }
}

static void watch_signals(kube *self) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_init(&self->loop, &self->signals[i]);
        self->signals[i].data = self;
        uv_signal_start(&self->signals[i], on_signal, numbers[i]);
    }
}

static void run_until_stopped(kube *self) {
    dx_buf status;
    self->started_ms = uv_now(&self->loop);
    dx_buf_init(&status, dx_host_alloc(), STATUS_MAX);
    write_status(self, &status);
    tell(self, "listens on %s port %d, serves %s", self->address, dx_web_server_port(self->server),
         self->name);
    if (self->options->on_ready != NULL) {
        self->options->on_ready(self->options->ctx, dx_buf_view(&status));
    }
    dx_buf_deinit(&status);
    uv_run(&self->loop, UV_RUN_DEFAULT);
}

static void close_walk(uv_handle_t *handle, void *ctx) {
    (void)ctx;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static int run(kube *self, char *message) {
    if (uv_loop_init(&self->loop) != 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "no event loop could be made; too many files are open");
        return DX_E_IO;
    }
    uv_pipe_init(&self->loop, &self->control, 0);
    self->control.data = self;
    dx_signal_service_init(&self->signal);
    int error = start_all(self, message);
    if (error == DX_OK) {
        watch_signals(self);
        run_until_stopped(self);
    } else if (self->server != NULL) {
        dx_web_server_stop(self->server);
    }
    while (self->server != NULL && !dx_web_server_is_gone(self->server)) {
        uv_run(&self->loop, UV_RUN_ONCE);
    }
    if (self->server != NULL) {
        dx_web_server_free(self->server);
    }
    dx_signal_service_free(&self->signal);
    uv_walk(&self->loop, close_walk, NULL);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    uv_loop_close(&self->loop);
    return error;
}

/* As many connections as the server takes, and its own files. Where the system allows fewer, there are fewer. */
static void raise_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES_WANTED) {
        limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int dx_kube_run(const dx_kube_options *options, char *message) {
    kube *self = calloc(1, sizeof *self);
    message[0] = 0;
    dx_host_once();
    signal(SIGPIPE, SIG_IGN);
    if (self == NULL) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s", dx_error_text(DX_E_NO_MEMORY));
        return DX_E_NO_MEMORY;
    }
    self->options = options;
    int error = find_folder(options->profile, &self->folder);
    if (error != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "that cannot be the name of a profile");
    }
    error = error == DX_OK ? check_pair(options, message) : error;
    error = error == DX_OK ? check_allowed(options->allowed, message) : error;
    error = error == DX_OK ? take_name(self, message) : error;
    error = error == DX_OK ? take_lock(&self->folder, &self->lock, message) : error;
    if (error == DX_OK) {
        raise_limit();
        take_sites(self);
        error = run(self, message);
        close(self->lock);
    }
    free(self);
    return error;
}

/* --- Starting in the background ----------------------------------------------------------------------------------- */

static void on_child_ready(void *ctx, dx_bytes status) {
    (void)ctx;
    (void)status;
    dx_background_ready("listens");
}

static void log_child(void *ctx, const char *line) {
    (void)ctx;
    fprintf(stderr, "kube %ld: %s\n", (long)getpid(), line); /* the log */
}

static int run_child(void *ctx, char *message) {
    return dx_kube_run(ctx, message);
}

/* A relative path means nothing any more once the child has left this folder. */
static const char *whole_path(const char *path, char out[static DX_PATH_MAX], int *error, char *message) {
    char *real = path == NULL ? NULL : realpath(path, NULL);
    if (path != NULL && (real == NULL || strlen(real) >= DX_PATH_MAX)) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%.300s: %s", path, strerror(errno));
        *error = DX_E_NOT_FOUND;
    } else if (path != NULL) {
        memcpy(out, real, strlen(real) + 1);
    }
    free(real);
    return path == NULL ? NULL : out;
}

int dx_kube_start(const dx_kube_options *options, char *message) {
    char cert[DX_PATH_MAX], key[DX_PATH_MAX], sites[DX_PATH_MAX];
    dx_vault_folder folder;
    message[0] = 0;
    dx_host_once();
    int error = find_folder(options->profile, &folder);
    error = error == DX_OK ? check_pair(options, message) : error;
    error = error == DX_OK ? check_allowed(options->allowed, message) : error;
    dx_kube_options child = *options;
    if (error != DX_OK) {
        return error;
    }
    child.cert = whole_path(options->cert, cert, &error, message);
    child.key = whole_path(options->key, key, &error, message);
    child.sites =
        whole_path(options->sites != NULL ? options->sites : getenv("DX_WEB"), sites, &error, message);
    child.on_ready = on_child_ready;
    child.log = log_child;
    if (error != DX_OK) {
        return error;
    }
    error = dx_background_start(folder.log, run_child, &child, message);
    if (error == DX_OK) {
        message[0] = 0;
    } else if (message[0] == 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "the kube ended before it listened; see %.300s", folder.log);
    }
    return error;
}

/* --- Asking --------------------------------------------------------------------------------------------------------- */

/* Says a word to the running kube and takes its answer; pid is its process. */
static int ask(const char *profile, const char *word, dx_buf *answer, int *pid, char *message) {
    const struct timeval patience = {ANSWER_MS / 1000, 0};
    dx_vault_folder folder;
    uint8_t bytes[4096];
    ssize_t got = 0;
    int fd = -1, error = find_folder(profile, &folder);
    message[0] = 0;
    error = error == DX_OK ? dx_vault_socket_connect(&folder, &fd, pid) : error;
    if (error != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "no kube runs for this profile");
        return error;
    }
    (void)fcntl(fd, F_SETFL, 0); /* blocking, but not for ever */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool said = send(fd, word, strlen(word), MSG_NOSIGNAL) == (ssize_t)strlen(word);
    while (said && ((got = recv(fd, bytes, sizeof bytes, 0)) > 0 || (got < 0 && errno == EINTR))) {
        dx_buf_append(answer, bytes, got > 0 ? (size_t)got : 0);
    }
    close(fd);
    if (!said || got < 0 || dx_buf_error(answer) != DX_OK || dx_item_check(dx_buf_view(answer)) != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "process %d listens as the kube, but does not answer", *pid);
        return DX_E_TIMEOUT;
    }
    return DX_OK;
}

int dx_kube_status(const char *profile, dx_buf *status, char *message) {
    int pid = 0;
    return ask(profile, "status\n", status, &pid, message);
}

int dx_kube_stop(const char *profile, int64_t timeout_ms, char *message) {
    dx_buf answer;
    int pid = 0;
    dx_buf_init(&answer, dx_host_alloc(), STATUS_MAX);
    int error = ask(profile, "stop\n", &answer, &pid, message);
    dx_buf_deinit(&answer);
    for (int64_t waited = 0; error == DX_OK && dx_process_lives(pid); waited += LOOK_MS) {
        if (timeout_ms >= 0 && waited > timeout_ms) {
            snprintf(message, DX_HOST_MESSAGE_MAX, "process %d did not stop in time", pid);
            return DX_E_TIMEOUT;
        }
        usleep(LOOK_MS * 1000);
    }
    return error;
}
