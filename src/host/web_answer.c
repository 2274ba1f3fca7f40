/* host/web_answer.c: what a web server answers: files of sites, the kube's own pages, refusals.
 *
 * Layer: floor 3, host. docs/spec/kube.md lists the addresses. Every answer carries the fields of web_policy.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "web_connection.h"

enum {
    HEAD_MAX = 8192,
    BODY_MAX = 4096,
    METRICS_MAX = 64 * 1024,
    PATH_MAX_HERE = DX_HTTP_TARGET_SIZE_MAX + 1,
    DATE_SIZE = 32
};

/* One answer in the making. */
typedef struct answer {
    dx_web_connection *connection;
    const dx_http_head *request; /* NULL: it could not be read */
    dx_web_scene scene;
    dx_bytes label; /* of the site that was asked; size 0: none */
    dx_buf head;
    int status;
    size_t size; /* of its body */
} answer;

/* --- The head ------------------------------------------------------------------------------------------ */

/* RFC 9110 §5.6.7; not strftime, which speaks the person's language. */
static void write_date(dx_buf *out) {
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    char text[DATE_SIZE];
    struct tm at;
    if (gmtime_r(&now, &at) == NULL) {
        return;
    }
    snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * at.tm_wday,
             at.tm_mday % 100, months + 3 * at.tm_mon, (at.tm_year + 1900) % 10000, at.tm_hour % 100,
             at.tm_min % 100, at.tm_sec % 100);
    dx_http_field_write(out, "Date", text);
}

static void begin(answer *self, int status, bool is_page) {
    self->status = status;
    dx_http_response_begin(&self->head, status);
    write_date(&self->head);
    dx_web_policy_write(&self->head, &self->scene, self->label, is_page);
    if (!self->connection->keep_alive) {
        dx_http_field_write(&self->head, "Connection", "close");
    }
}

static void log_answer(const answer *self) {
    static const char *const methods[] = {"GET", "HEAD", "other", "other"};
    const dx_http_head *request = self->request;
    char line[512];
    dx_bytes host = request == NULL ? dx_bytes_text("?") : request->host.host;
    dx_bytes target = request == NULL ? dx_bytes_text("") : request->target;
    const uint8_t *question =
        target.size == 0 ? NULL
                         : memchr(target.data, '?', target.size); /* may hold what is nobody's business */
    size_t size = question == NULL ? target.size : (size_t)(question - target.data);
    snprintf(line, sizeof line, "%s %s %.*s%.*s %d %zu", self->connection->peer,
             request == NULL ? "?" : methods[request->method], (int)(host.size < 100 ? host.size : 100),
             (const char *)host.data, (int)(size < 200 ? size : 200), (const char *)target.data, self->status,
             self->size);
    dx_web_log(self->connection->server, line);
}

static void finish(answer *self, dx_bytes body) {
    dx_web_connection *connection = self->connection;
    dx_web_counts *counts = &connection->server->counts;
    bool is_head = self->request != NULL && self->request->method == DX_HTTP_HEAD;
    dx_http_head_end(&self->head);
    self->size = body.size;
    dx_web_stream_send(&connection->stream, dx_buf_view(&self->head));
    dx_web_stream_send(&connection->stream, is_head ? (dx_bytes){0} : body);
    counts->bytes_total += self->head.size + (is_head ? 0 : body.size);
}

static void answer_text(answer *self, int status, const char *type, dx_bytes text) {
    begin(self, status, false);
    dx_http_field_write(&self->head, "Content-Type", type);
    dx_http_field_write(&self->head, "Cache-Control", "no-store");
    dx_http_field_write_number(&self->head, "Content-Length", text.size);
    finish(self, text);
}

/* A refusal in words. Fields that some of them need come with it. */
static void refuse(answer *self, int status, const char *why) {
    char text[256];
    snprintf(text, sizeof text, "%d %s%s%s\n", status, dx_http_reason(status), why[0] == 0 ? "" : ": ", why);
    begin(self, status, false);
    if (status == 405) {
        dx_http_field_write(&self->head, "Allow", "GET, HEAD");
    } else if (status == 426) {
        dx_http_field_write(&self->head, "Upgrade", "websocket");
        dx_http_field_write(&self->head, "Sec-WebSocket-Version", "13");
    } else if (status == 503) {
        dx_http_field_write(&self->head, "Retry-After", "60");
    } else if (status == 431) {
        /* One site can set cookies for all names of the kube, more than are let go as they come. */
        dx_http_field_write(&self->head, "Clear-Site-Data", "\"cookies\"");
    }
    dx_http_field_write(&self->head, "Content-Type", "text/plain; charset=utf-8");
    dx_http_field_write(&self->head, "Cache-Control", "no-store");
    dx_http_field_write_number(&self->head, "Content-Length", strlen(text));
    finish(self, dx_bytes_text(text));
}

/* --- Files -------------------------------------------------------------------------------------------------- */

static dx_web_coding choose_coding(const dx_http_head *request, const dx_web_file *file) {
    if (file->bodies[DX_WEB_BROTLI].data != NULL && dx_http_accepts_coding(request, "br")) {
        return DX_WEB_BROTLI;
    }
    return file->bodies[DX_WEB_GZIP].data != NULL && dx_http_accepts_coding(request, "gzip") ? DX_WEB_GZIP
                                                                                             : DX_WEB_PLAIN;
}

static void answer_file(answer *self, const dx_web_file *file) {
    static const char *const codings[DX_WEB_CODING_COUNT] = {NULL, "br", "gzip"};
    dx_web_connection *connection = self->connection;
    dx_web_coding coding = choose_coding(self->request, file);
    dx_bytes body = file->bodies[coding];
    bool is_same = dx_http_matches_tag(self->request, file->tags[coding]);
    begin(self, is_same ? 304 : 200, file->is_page);
    dx_http_field_write(&self->head, "ETag", file->tags[coding]);
    dx_http_field_write(&self->head, "Cache-Control",
                        file->is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (file->bodies[DX_WEB_BROTLI].data != NULL || file->bodies[DX_WEB_GZIP].data != NULL) {
        dx_http_field_write(&self->head, "Vary", "Accept-Encoding");
    }
    if (is_same) {
        finish(self, (dx_bytes){0});
        return;
    }
    dx_http_field_write(&self->head, "Content-Type", file->type);
    if (codings[coding] != NULL) {
        dx_http_field_write(&self->head, "Content-Encoding", codings[coding]);
    }
    dx_http_field_write_number(&self->head, "Content-Length", body.size);
    finish(self, (dx_bytes){0});
    self->size = body.size;
    if (self->request->method == DX_HTTP_GET) {
        connection->sites = dx_web_sites_hold(connection->server->sites);
        connection->body = body;
    }
}

static void answer_site(answer *self, const char *path) {
    const dx_web_site *site = dx_web_site_find(self->connection->server->sites, self->label);
    const dx_web_file *file = site == NULL ? NULL : dx_web_file_find(site, path);
    if (file == NULL) {
        refuse(self, 404, site == NULL ? "no such site here" : "");
    } else {
        answer_file(self, file);
    }
}

/* --- Pages of the kube's own ----------------------------------------------------------------------------------- */

/* NAME itself, and addresses in figures: the way to the vault. */
static void answer_own(answer *self, const char *path) {
    char where[DX_HOST_SIZE_MAX + 96] = {0};
    dx_buf origin;
    const char *vault = self->scene.vault;
    if (vault == NULL || strcmp(path, "/") != 0 ||
        dx_web_site_find(self->connection->server->sites, dx_bytes_text(vault)) == NULL) {
        refuse(self, 404, "");
        return;
    }
    dx_buf_init(&origin, dx_host_alloc(), sizeof where - 2);
    dx_web_origin_write(&origin, &self->scene, dx_bytes_text(vault));
    snprintf(where, sizeof where, "%.*s/", (int)origin.size,
             origin.size > 0 ? (const char *)origin.data : "");
    dx_buf_deinit(&origin);
    begin(self, 307, false);
    dx_http_field_write(&self->head, "Location", where);
    dx_http_field_write(&self->head, "Cache-Control", "no-store");
    dx_http_field_write_number(&self->head, "Content-Length", 0);
    finish(self, (dx_bytes){0});
}

/* The host as a page writes it in an address. */
static void host_text(const dx_authority *host, char out[static DX_HOST_SIZE_MAX + 3]) {
    snprintf(out, DX_HOST_SIZE_MAX + 3, host->is_six ? "[%.*s]" : "%.*s", (int)host->host.size,
             (const char *)host->host.data);
}

/* Where everything is, as seen from the host that was asked: who came by an address in figures is told figures. */
static void answer_configuration(answer *self) {
    char body[BODY_MAX], host[DX_HOST_SIZE_MAX + 3], port[8] = "", stun[DX_HOST_SIZE_MAX + 32] = "",
                                                     vault[DX_HOST_SIZE_MAX + 96] = "";
    const dx_web_options *options = &self->connection->server->options;
    const dx_web_scene *scene = &self->scene;
    bool is_local = dx_host_is_local(dx_bytes_text(scene->name));
    host_text(&self->request->host, host);
    if (scene->port != (scene->is_secure ? 443 : 80)) {
        snprintf(port, sizeof port, ":%d", scene->port);
    }
    if (self->connection->server->stun_port !=
        0) { /* names under localhost are the browser's own; STUN is asked by address */
        snprintf(stun, sizeof stun, "stun:%.255s:%d",
                 self->request->host.is_figure ? host
                 : is_local                    ? "127.0.0.1"
                                               : scene->name,
                 self->connection->server->stun_port);
    }
    if (scene->vault != NULL) {
        dx_buf origin;
        dx_buf_init(&origin, dx_host_alloc(), sizeof vault - 1);
        dx_web_origin_write(&origin, scene, dx_bytes_text(scene->vault));
        snprintf(vault, sizeof vault, "%.*s", (int)origin.size,
                 origin.size > 0 ? (const char *)origin.data : "");
        dx_buf_deinit(&origin);
    }
    int size = snprintf(body, sizeof body,
                        "{\"version\": \"%.64s\", \"name\": \"%s\", \"vault\": %s%s%s, \"signal\": "
                        "\"%s://%s%s/.well-known/dx/signal\", "
                        "\"stun\": %s%s%s, \"ice\": [%s%s%s]}\n",
                        options->version, scene->name, vault[0] != 0 ? "\"" : "null", vault,
                        vault[0] != 0 ? "\"" : "", scene->is_secure ? "wss" : "ws", host, port,
                        stun[0] != 0 ? "\"" : "null", stun, stun[0] != 0 ? "\"" : "",
                        stun[0] != 0 ? "{\"urls\": [\"" : "", stun, stun[0] != 0 ? "\"]}" : "");
    DX_ASSERT(size > 0 && (size_t)size < sizeof body);
    begin(self, 200, false);
    dx_bytes origin = dx_http_field_find(self->request, "origin");
    if (origin.size > 0 && origin.size < DX_HOST_SIZE_MAX + 32 &&
        dx_web_origin_is_ours(origin, &self->request->host, scene)) {
        char allowed[DX_HOST_SIZE_MAX + 32];
        snprintf(allowed, sizeof allowed, "%.*s", (int)origin.size, (const char *)origin.data);
        dx_http_field_write(&self->head, "Access-Control-Allow-Origin", allowed);
    }
    dx_http_field_write(&self->head, "Vary", "Origin");
    dx_http_field_write(&self->head, "Content-Type", "application/json");
    dx_http_field_write(&self->head, "Cache-Control", "no-store");
    dx_http_field_write_number(&self->head, "Content-Length", (uint64_t)size);
    finish(self, dx_bytes_of(body, (size_t)size));
}

static void append_row(dx_buf *out, const char *format, ...) DX_PRINTF(2, 3);
static void append_row(dx_buf *out, const char *format, ...) {
    char row[128];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(row, sizeof row, format, arguments);
    va_end(arguments);
    dx_buf_append(out, row, (size_t)size);
}

/* Counters in the form Prometheus reads; told on this machine only. */
static void answer_metrics(answer *self) {
    const dx_web_counts *counts = &self->connection->server->counts;
    const struct {
        const char *name, *type;
        uint64_t value;
    } rows[] = {{"dx_web_connections", "gauge", counts->connections},
                {"dx_web_connections_total", "counter", counts->connections_total},
                {"dx_web_connections_refused_total", "counter", counts->refused_total},
                {"dx_web_sockets", "gauge", counts->sockets},
                {"dx_web_sockets_total", "counter", counts->sockets_total},
                {"dx_web_requests_total", "counter", counts->requests_total},
                {"dx_web_sent_bytes_total", "counter", counts->bytes_total},
                {"dx_web_sites", "gauge", counts->sites},
                {"dx_web_files", "gauge", counts->files}};
    const dx_web_service *service = self->connection->server->options.signal;
    dx_buf body;
    if (!self->connection->is_local) {
        refuse(self, 403, "told on this machine only");
        return;
    }
    dx_buf_init(&body, dx_host_alloc(), METRICS_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        append_row(&body, "# TYPE %s %s\n", rows[i].name, rows[i].type);
        append_row(&body, "%s %llu\n", rows[i].name, (unsigned long long)rows[i].value);
    }
    append_row(&body, "# TYPE dx_web_answers_total counter\n");
    for (int i = 1; i < 6; i++) {
        append_row(&body, "dx_web_answers_total{class=\"%dxx\"} %llu\n", i,
                   (unsigned long long)counts->status_total[i]);
    }
    if (service != NULL && service->metrics != NULL) {
        service->metrics(service->ctx, &body);
    }
    answer_text(self, 200, "text/plain; version=0.0.4; charset=utf-8", dx_buf_view(&body));
    dx_buf_deinit(&body);
}

/* --- Signaling ---------------------------------------------------------------------------------------------------- */

static void answer_signal(answer *self) {
    const dx_http_head *request = self->request;
    size_t origins = dx_http_field_count(request, "origin");
    int status = 0;
    if (!dx_websocket_is_asked(request)) {
        refuse(self, 426, "this is a WebSocket");
    } else if (dx_websocket_request_check(request, &status) != DX_OK) {
        refuse(self, status, "not an opening of RFC 6455");
    } else if (origins > 1 || (origins == 1 && !dx_web_origin_is_ours(dx_http_field_find(request, "origin"),
                                                                      &request->host, &self->scene))) {
        refuse(self, 403, "that origin is not this kube's"); /* a program that is no browser sends none */
    } else if (self->connection->server->options.signal == NULL) {
        refuse(self, 503, "this server has no signaling service");
    } else {
        self->status = 101;
        dx_web_open_socket(self->connection, request);
    }
}

/* --- Who gets what ---------------------------------------------------------------------------------------------------- */

static void answer_path(answer *self, dx_web_place place, const char *path) {
    if (strcmp(path, "/healthz") == 0) {
        answer_text(self, 200, "text/plain; charset=utf-8", dx_bytes_text("ok\n"));
    } else if (strcmp(path, "/metrics") == 0) {
        answer_metrics(self);
    } else if (strcmp(path, "/.well-known/dx/config") == 0) {
        answer_configuration(self);
    } else if (strcmp(path, "/.well-known/dx/signal") == 0) {
        answer_signal(self);
    } else if (place == DX_WEB_SITE) {
        answer_site(self, path);
    } else {
        answer_own(self, path);
    }
}

static void answer_request(answer *self) {
    char path[PATH_MAX_HERE];
    const dx_http_head *request = self->request;
    dx_web_place place =
        dx_web_place_of(request->host.host, request->host.is_figure, self->scene.name, &self->label);
    if (place == DX_WEB_FOREIGN) {
        self->connection->keep_alive = false;
        refuse(self, 421, "that name is not served here");
    } else if (request->method == DX_HTTP_UNKNOWN) {
        refuse(self, 501, "");
    } else if (request->method == DX_HTTP_KNOWN) {
        refuse(self, 405, "");
    } else if (dx_path_decode(request->target, path, sizeof path) != DX_OK) {
        refuse(self, 400, "not a path");
    } else {
        answer_path(self, place, path);
    }
}

void dx_web_answer(dx_web_connection *connection, const dx_http_head *request, int status) {
    dx_web_server *server = connection->server;
    bool is_secure = server->tls != NULL;
    answer self = {.connection = connection,
                   .request = request,
                   .scene = {.name = server->options.name,
                             .vault = server->options.vault,
                             .allowed = server->options.allowed,
                             .is_secure = is_secure,
                             .port = server->port}};
    dx_buf_init(&self.head, dx_host_alloc(), HEAD_MAX);
    if (request != NULL) {
        self.scene.port = request->host.has_port ? request->host.port : is_secure ? 443 : 80;
    }
    if (status != 0) {
        refuse(&self, status, "");
    } else {
        answer_request(&self);
    }
    server->counts.status_total[self.status / 100]++;
    if (server->options.log_requests) {
        log_answer(&self);
    }
    dx_buf_deinit(&self.head);
}
