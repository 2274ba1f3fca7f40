/* bench/mesh.c: peer links measured: two processes on loopback, their signals over a pair of sockets. JSON lines:
 *   mesh.open        from LINK_OPEN of the offering side to its LINK_UP, one link after another
 *   mesh.up, .down   bytes one way, as fast as credit of 8 MB allows; CPU seconds of both processes together
 *   mesh.round_trip  64 bytes there and back, one at a time
 *   mesh.idle        what each process holds for each of many links that stand and are silent
 * Layer: measuring programs; sees the host's private headers. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host.h"
#include "rtc.h"

enum {
    OPENINGS = 20,
    TOTAL_MB = 200,
    CREDIT = 8 << 20,
    PIECE = 256 * 1024,
    ROUND_TRIPS = 3000,
    WARM_UP = 300,
    ROUND_TRIP_SIZE = 64,
    IDLE_LINKS = 200,
    LINKS_MAX = 512,
    WAIT_S = 60,
};

/* What the two processes tell each other. */
typedef enum word {
    WORD_SIGNAL,  /* of a link */
    WORD_ANSWER,  /* open a link that answers */
    WORD_CLOSE,   /* close it */
    WORD_ECHO,    /* send back what comes */
    WORD_SINK,    /* take so many bytes, then report */
    WORD_SOURCE,  /* send so many bytes, then report */
    WORD_MEASURE, /* report */
    WORD_REPORT,  /* CPU microseconds, resident kB */
    WORD_END,
} word;

typedef struct frame {
    word word;
    uint64_t link;
    uint64_t numbers[2];
    uint32_t size;
} frame;

typedef struct side {
    uv_loop_t loop;
    uv_poll_t poll;
    uv_timer_t turn;
    dx_rtc *rtc;
    int fd;
    dx_buf heard;
    bool up[LINKS_MAX], ended;
    int mode; /* WORD_ECHO, WORD_SINK */
    uint64_t link, received, wanted, to_send, sent, written;
    bool report_due, reported;
    uint64_t report[2];
} side;

static void fail(const char *what) {
    fprintf(stderr, "bench-mesh: %s\n", what);
    exit(1);
}

static double seconds(void) {
    return (double)uv_hrtime() / 1e9;
}

static uint64_t cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static uint64_t resident_kb(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1) {
        fail("no /proc/self/statm");
    }
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* --- Between the processes ------------------------------------------------------------------------------- */

static void say(side *self, frame head, const void *body) {
    uint8_t bytes[sizeof head + DX_RTC_SIGNAL_MAX];
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, body == NULL ? bytes : body, body == NULL ? 0 : head.size);
    for (size_t at = 0, size = sizeof head + head.size; at < size;) {
        ssize_t written = write(self->fd, bytes + at, size - at);
        if (written < 0 && errno == EAGAIN) { /* libuv has made it so */
            (void)poll(&(struct pollfd){.fd = self->fd, .events = POLLOUT}, 1, -1);
        } else if (written <= 0) {
            fail("the other process is gone");
        }
        at += written > 0 ? (size_t)written : 0;
    }
}

static void carry_out(side *self, dx_effect_kind kind, uint64_t link, dx_bytes body) {
    const dx_effect effect = {.kind = kind, .link = link, .body = body};
    (void)dx_rtc_effect(self->rtc, &effect);
}

static void send_more(side *self) {
    static const uint8_t piece[PIECE] = {1};
    while (self->sent < self->to_send && self->sent < self->written + CREDIT) {
        uint64_t left = self->to_send - self->sent;
        size_t size = left < PIECE ? (size_t)left : PIECE;
        carry_out(self, DX_EFFECT_LINK_SEND, self->link, dx_bytes_of(piece, size));
        self->sent += size;
    }
}

static void hear(side *self, const frame *head, const uint8_t *body) {
    switch (head->word) {
    case WORD_SIGNAL:
        carry_out(self, DX_EFFECT_SIGNAL_SEND, head->link, dx_bytes_of(body, head->size));
        break;
    case WORD_ANSWER:
        carry_out(self, DX_EFFECT_LINK_OPEN, head->link, dx_bytes_text("rtc:answer"));
        break;
    case WORD_CLOSE:
        carry_out(self, DX_EFFECT_LINK_CLOSE, head->link, dx_bytes_of(NULL, 0));
        break;
    case WORD_ECHO:
    case WORD_SINK:
        self->mode = (int)head->word;
        self->received = 0;
        self->wanted = head->numbers[0];
        break;
    case WORD_SOURCE:
        self->link = head->link;
        self->sent = self->written = 0;
        self->to_send = head->numbers[0];
        break;
    case WORD_MEASURE:
        self->report_due = true;
        break;
    case WORD_REPORT:
        memcpy(self->report, head->numbers, sizeof self->report);
        self->reported = true;
        break;
    case WORD_END:
    default:
        self->ended = true;
        break;
    }
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    side *self = poll->data;
    uint8_t bytes[65536];
    frame head;
    (void)events;
    ssize_t size = status == 0 ? read(self->fd, bytes, sizeof bytes) : 0;
    if (size <= 0) {
        self->ended = true;
        uv_poll_stop(poll);
        return;
    }
    dx_buf_append(&self->heard, bytes, (size_t)size);
    while (self->heard.size >= sizeof head) {
        memcpy(&head, self->heard.data, sizeof head);
        if (self->heard.size < sizeof head + head.size) {
            break;
        }
        hear(self, &head, self->heard.data + sizeof head);
        dx_buf_consume(&self->heard, sizeof head + head.size);
    }
}

static void on_event(void *ctx, const dx_event *event) {
    side *self = ctx;
    if (event->kind == DX_EVENT_SIGNAL) {
        say(self, (frame){.word = WORD_SIGNAL, .link = event->link, .size = (uint32_t)event->body.size},
            event->body.data);
    } else if (event->kind == DX_EVENT_LINK_UP) {
        self->up[event->link % LINKS_MAX] = true;
    } else if (event->kind == DX_EVENT_LINK_DOWN && !self->ended && event->reason != DX_E_UNREACHABLE) {
        fprintf(stderr, "%.*s\n", (int)event->body.size, (const char *)event->body.data);
        fail("a link was lost");
    } else if (event->kind == DX_EVENT_LINK_WRITABLE) {
        self->written += event->size;
    } else if (event->kind == DX_EVENT_LINK_DATA) {
        self->received += event->body.size;
        if (self->mode == WORD_ECHO) {
            carry_out(self, DX_EFFECT_LINK_SEND, event->link, event->body);
        }
    }
}

static void on_turn(uv_timer_t *timer) {
    (void)timer;
}

/* As a driver does after each turn of its loop. */
static void turn(side *self) {
    uv_run(&self->loop, UV_RUN_ONCE);
    dx_rtc_tell_written(self->rtc);
    send_more(self);
    dx_rtc_flush(self->rtc);
    if (self->report_due || (self->mode == WORD_SINK && self->wanted > 0 && self->received >= self->wanted)) {
        self->report_due = false;
        self->wanted = 0;
        say(self, (frame){.word = WORD_REPORT, .numbers = {cpu_us(), resident_kb()}}, NULL);
    }
}

#define TURN_UNTIL(self, condition)                                                                          \
    for (double until = seconds() + WAIT_S; !(condition);) {                                                 \
        if (seconds() > until) {                                                                             \
            fail("nothing happens: " #condition);                                                            \
        }                                                                                                    \
        turn(self);                                                                                          \
    }

static void begin(side *self, int fd) {
    const dx_rtc_options options = {.loop = &self->loop, .on_event = on_event, .ctx = self, .loopback = true};
    int room = 4 << 20; /* all signals there are, so that neither waits for the other to read */
    dx_host_once();
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    self->fd = fd;
    dx_buf_init(&self->heard, dx_host_alloc(), 16 << 20);
    if (uv_loop_init(&self->loop) != 0 || uv_poll_init(&self->loop, &self->poll, fd) != 0 ||
        dx_rtc_open(
            &(dx_rtc_options){
                .loop = options.loop, .on_event = options.on_event, .ctx = options.ctx, .loopback = true},
            &self->rtc) != DX_OK) {
        fail("no loop");
    }
    uv_timer_init(&self->loop, &self->turn);
    uv_timer_start(&self->turn, on_turn, 100, 100);
    self->poll.data = self;
    uv_poll_start(&self->poll, UV_READABLE, on_readable);
}

static void finish(side *self) {
    dx_rtc_close(self->rtc);
    uv_close((uv_handle_t *)&self->poll, NULL);
    uv_close((uv_handle_t *)&self->turn, NULL);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    uv_loop_close(&self->loop);
    dx_buf_deinit(&self->heard);
    close(self->fd);
}

/* --- Measurements ----------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void open_link(side *self, uint64_t link) {
    say(self, (frame){.word = WORD_ANSWER, .link = link}, NULL);
    carry_out(self, DX_EFFECT_LINK_OPEN, link, dx_bytes_text("rtc:offer"));
    dx_rtc_flush(self->rtc);
}

static void ask_report(side *self) {
    self->reported = false;
    say(self, (frame){.word = WORD_MEASURE}, NULL);
    TURN_UNTIL(self, self->reported);
}

static void measure_openings(side *self) {
    double took_ms[OPENINGS];
    for (uint64_t i = 0; i < OPENINGS; i++) {
        double began = seconds();
        open_link(self, 1 + i);
        TURN_UNTIL(self, self->up[1 + i]);
        took_ms[i] = (seconds() - began) * 1e3;
        if (i > 0) {
            carry_out(self, DX_EFFECT_LINK_CLOSE, 1 + i, dx_bytes_of(NULL, 0));
        }
    }
    qsort(took_ms, OPENINGS, sizeof took_ms[0], compare);
    printf("{\"bench\":\"mesh.open\",\"links\":%d,\"p50_ms\":%.1f,\"max_ms\":%.1f}\n", OPENINGS,
           took_ms[OPENINGS / 2], took_ms[OPENINGS - 1]);
}

static void measure_bytes(side *self, bool down) {
    const uint64_t total = (uint64_t)TOTAL_MB * 1000000;
    ask_report(self);
    uint64_t before_us = cpu_us() + self->report[0];
    double began = seconds();
    self->received = 0;
    self->mode = WORD_SINK;
    self->wanted = 0;
    self->reported = false;
    if (down) {
        say(self, (frame){.word = WORD_SOURCE, .link = 1, .numbers = {total}}, NULL);
        TURN_UNTIL(self, self->received >= total);
    } else {
        say(self, (frame){.word = WORD_SINK, .numbers = {total}}, NULL);
        hear(self, &(frame){.word = WORD_SOURCE, .link = 1, .numbers = {total}}, NULL);
        send_more(self);
        dx_rtc_flush(self->rtc);
        TURN_UNTIL(self, self->reported);
        self->to_send = 0;
    }
    double took = seconds() - began;
    ask_report(self);
    double cpu = (double)(cpu_us() + self->report[0] - before_us) / 1e6;
    printf("{\"bench\":\"mesh.%s\",\"bytes\":%llu,\"wall_s\":%.3f,\"mb_per_s\":%.1f,\"cpu_s_both\":%.3f,"
           "\"ms_per_mb_each\":%.2f}\n",
           down ? "down" : "up", (unsigned long long)total, took, (double)TOTAL_MB / took, cpu,
           cpu * 1e3 / TOTAL_MB / 2);
}

static void measure_round_trips(side *self) {
    static double took_us[ROUND_TRIPS];
    const uint8_t bytes[ROUND_TRIP_SIZE] = {0};
    say(self, (frame){.word = WORD_ECHO}, NULL);
    ask_report(self);
    self->mode = 0;
    for (int i = -WARM_UP; i < ROUND_TRIPS; i++) {
        self->received = 0;
        double began = seconds();
        carry_out(self, DX_EFFECT_LINK_SEND, 1, dx_bytes_of(bytes, sizeof bytes));
        dx_rtc_flush(self->rtc);
        TURN_UNTIL(self, self->received >= sizeof bytes);
        if (i >= 0) {
            took_us[i] = (seconds() - began) * 1e6;
        }
    }
    qsort(took_us, ROUND_TRIPS, sizeof took_us[0], compare);
    printf("{\"bench\":\"mesh.round_trip\",\"bytes\":%d,\"ops\":%d,\"p50_us\":%.0f,\"p99_us\":%.0f}\n",
           ROUND_TRIP_SIZE, ROUND_TRIPS, took_us[ROUND_TRIPS / 2], took_us[ROUND_TRIPS * 99 / 100]);
}

static void measure_idle(side *self) {
    ask_report(self);
    uint64_t here_kb = resident_kb(), there_kb = self->report[1];
    double began = seconds();
    for (uint64_t i = 0; i < IDLE_LINKS; i++) {
        open_link(self, 100 + i);
    }
    for (uint64_t i = 0; i < IDLE_LINKS; i++) {
        TURN_UNTIL(self, self->up[100 + i]);
    }
    double took = seconds() - began;
    for (double until = seconds() + 3; seconds() < until;) { /* until usrsctp is calm */
        turn(self);
    }
    ask_report(self);
    uint64_t before_us = cpu_us() + self->report[0];
    began = seconds();
    for (double until = began + 5; seconds() < until;) {
        turn(self);
    }
    ask_report(self);
    double busy_ms = (double)(cpu_us() + self->report[0] - before_us) / 1e3 / (seconds() - began);
    printf(
        "{\"bench\":\"mesh.idle\",\"links\":%d,\"kb_per_link_offering\":%.0f,\"kb_per_link_answering\":%.0f,"
        "\"all_open_ms\":%.0f,\"cpu_ms_per_s_both\":%.1f}\n",
        IDLE_LINKS, (double)(resident_kb() - here_kb) / IDLE_LINKS,
        (double)(self->report[1] - there_kb) / IDLE_LINKS, took * 1e3, busy_ms);
}

int main(void) {
    static side self;
    int ends[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        fail("no pair of sockets");
    }
    pid_t child = fork();
    begin(&self, ends[child == 0]);
    close(ends[child != 0]);
    if (child == 0) {
        while (!self.ended) {
            turn(&self);
        }
        finish(&self);
        return 0;
    }
    measure_openings(&self);
    measure_bytes(&self, false);
    measure_bytes(&self, true);
    measure_round_trips(&self);
    measure_idle(&self);
    say(&self, (frame){.word = WORD_END}, NULL);
    finish(&self);
    return 0;
}
