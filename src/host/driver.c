/* host/driver.c: a node on a libuv loop: what arrived in a turn is one step, one commit; then its effects.
 *
 * Layer: floor 3, host. The step runs in the check phase, right after I/O was polled, so that a busy loop
 * commits in groups by itself: what arrives while one commit waits for the disk makes up the next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sodium.h>

#include "host.h"
#include "rtc.h"
#include "web_client.h"

static uint64_t wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t monotonic_ms(void) {
    return uv_hrtime() / 1000000;
}

/* --- Effects ------------------------------------------------------------------------------------- */

static void on_peer_link_event(void *ctx, const dx_event *event) {
    dx_driver_event(ctx, event);
}

static void on_peer_link_line(void *ctx, const char *line) {
    const dx_driver *driver = ctx;
    if (driver->trace != NULL) {
        driver->trace(driver->trace_ctx, "host", line);
    }
}

/* Peer links are made ready for with the first of them: most drivers live without. */
static bool carry_out_peer_link(dx_driver *driver, const dx_effect *effect) {
    if (driver->rtc == NULL && effect->kind == DX_EFFECT_LINK_OPEN && dx_rtc_is_address(effect->body)) {
        dx_rtc_options options = driver->rtc_options != NULL ? *driver->rtc_options : (dx_rtc_options){0};
        options.loop = &driver->loop;
        options.on_event = on_peer_link_event;
        options.log = on_peer_link_line;
        options.ctx = driver;
        int error = dx_rtc_open(&options, &driver->rtc);
        if (error != DX_OK) {
            dx_driver_event(driver,
                            &(dx_event){.kind = DX_EVENT_LINK_DOWN, .link = effect->link, .reason = error});
            return true;
        }
    }
    return driver->rtc != NULL && dx_rtc_effect(driver->rtc, effect);
}

static void carry_out(dx_driver *driver, const dx_effect *effect) {
    switch (effect->kind) {
    case DX_EFFECT_LINK_OPEN:
    case DX_EFFECT_LINK_SEND:
    case DX_EFFECT_LINK_CLOSE:
    case DX_EFFECT_SIGNAL_SEND:
        if (!dx_web_client_effect(driver, effect) && !carry_out_peer_link(driver, effect)) {
            dx_tcp_effect(driver, effect);
        }
        break;
    case DX_EFFECT_NOTIFY:
    case DX_EFFECT_REPLY:
        if (effect->port != 0) {
            dx_vault_socket_effect(driver, effect);
        } else if (driver->on_answer != NULL) {
            driver->on_answer(driver->answer_ctx, effect);
        }
        break;
    case DX_EFFECT_KIND_COUNT:
        break;
    }
}

/* A mirror that cannot be written costs new feeds at the next opening, and is not tried again every step. */
static void mirror_token(dx_driver *driver) {
    const uint8_t *token = dx_node_token(driver->node);
    if (token == NULL || memcmp(token, driver->token, sizeof driver->token) == 0) {
        return;
    }
    memcpy(driver->token, token, sizeof driver->token);
    if (dx_vault_guard_write(&driver->folder, token) != DX_OK && driver->trace != NULL) {
        driver->trace(driver->trace_ctx, "host", "the clone guard could not be written");
    }
}

/* --- Steps ---------------------------------------------------------------------------------------- */

static void on_idle(uv_idle_t *idle) {
    (void)idle; /* its being active makes the poll return at once */
}

static void on_timer(uv_timer_t *timer) {
    dx_driver_step(timer->data);
}

static void schedule(dx_driver *driver, uint64_t deadline_ms, uint64_t now_ms) {
    uv_idle_stop(&driver->idle);
    uv_timer_stop(&driver->timer);
    if (deadline_ms == DX_NO_DEADLINE) {
        return;
    }
    if (deadline_ms <= now_ms) {
        uv_idle_start(&driver->idle, on_idle);
        return;
    }
    uv_update_time(&driver->loop);
    uv_timer_start(&driver->timer, on_timer, deadline_ms - now_ms, 0);
}

void dx_driver_step(dx_driver *driver) {
    dx_effects effects;
    if (driver->failure != DX_OK || driver->stepping) {
        return;
    }
    uint64_t now_ms = monotonic_ms(), since_1970_ms = wall_ms();
    driver->stepping = true;
    dx_tcp_tell_written(driver);
    if (driver->rtc != NULL) {
        dx_rtc_tell_written(driver->rtc);
    }
    dx_vault_socket_tell_written(driver);
    if (driver->event_count == 0) {
        dx_driver_event(driver, &(dx_event){.kind = DX_EVENT_CLOCK});
    }
    for (size_t i = 0; i < driver->event_count; i++) {
        driver->events[i].time_ms = now_ms;
        driver->events[i].wall_ms = since_1970_ms;
        driver->events[i].body.data =
            driver->bodies.data == NULL ? NULL : driver->bodies.data + driver->starts[i];
    }
    int error = dx_node_step(driver->node, driver->events, driver->event_count, &effects);
    driver->event_count = 0;
    dx_buf_clear(&driver->bodies);
    if (error != DX_OK) {
        driver->failure = error;
        driver->stepping = false;
        uv_stop(&driver->loop);
        return;
    }
    mirror_token(driver);
    for (size_t i = 0; i < effects.count; i++) {
        carry_out(driver, &effects.items[i]);
    }
    dx_vault_socket_flush(driver); /* first who asked: on a busy machine a peer of it that wakes takes over */
    dx_tcp_flush(driver);
    if (driver->rtc != NULL) {
        dx_rtc_flush(driver->rtc);
    }
    driver->stepping = false;
    dx_vault_socket_resume(driver);
    schedule(driver, driver->event_count > 0 ? 0 : effects.deadline_ms, now_ms);
}

static void on_check(uv_check_t *check) {
    dx_driver *driver = check->data;
    if (driver->event_count > 0 || uv_is_active((uv_handle_t *)&driver->idle)) {
        dx_driver_step(driver);
    }
}

static bool make_room(dx_driver *driver) {
    if (driver->event_count < driver->event_capacity) {
        return true;
    }
    size_t capacity = driver->event_capacity == 0 ? 64 : driver->event_capacity * 2;
    dx_event *events = realloc(driver->events, capacity * sizeof *events);
    driver->events = events != NULL ? events : driver->events;
    size_t *starts = realloc(driver->starts, capacity * sizeof *starts);
    driver->starts = starts != NULL ? starts : driver->starts;
    driver->event_capacity = events != NULL && starts != NULL ? capacity : driver->event_capacity;
    return driver->event_count < driver->event_capacity;
}

void dx_driver_event(dx_driver *driver, const dx_event *event) {
    if (driver->failure != DX_OK || driver->stopping) {
        return;
    }
    bool full = driver->event_count >= DX_HOST_EVENTS_MAX ||
                driver->bodies.size + event->body.size > DX_HOST_EVENT_BYTES_MAX;
    if (full && !driver->stepping) {
        dx_driver_step(driver);
    }
    if (driver->failure != DX_OK) {
        return;
    }
    size_t start = driver->bodies.size;
    dx_buf_append(&driver->bodies, event->body.data, event->body.size);
    if (dx_buf_error(&driver->bodies) != DX_OK || !make_room(driver)) {
        driver->failure = DX_E_NO_MEMORY;
        uv_stop(&driver->loop);
        return;
    }
    driver->starts[driver->event_count] = start;
    driver->events[driver->event_count++] = *event;
    uv_idle_start(&driver->idle,
                  on_idle); /* the step follows in this turn's check, without waiting for more I/O */
}

/* --- Life ------------------------------------------------------------------------------------------- */

static void trace_line(void *ctx, const char *room, const char *text) {
    dx_driver *driver = ctx;
    driver->trace(driver->trace_ctx, room, text);
}

/* Which vault it is: the node knows only that it is damaged, and where. */
static void name_damaged(const dx_vault_folder *folder, char *message) {
    char what[DX_HOST_MESSAGE_MAX];
    snprintf(what, sizeof what, "%s", message);
    if (strstr(what, folder->path) == NULL) { /* a damaged key is named already */
        snprintf(message, DX_HOST_MESSAGE_MAX, "%.200s: %.300s", folder->store, what);
    }
}

static int open_node(dx_driver *driver, bool create, char *message) {
    dx_node_config config = {.alloc = *dx_host_alloc(),
                             .random = dx_host_random,
                             .path = driver->folder.store,
                             .create = create,
                             .models = driver->models};
    if (driver->trace != NULL) {
        config.tracer = (dx_tracer){driver, trace_line};
    }
    int error = dx_vault_key_take(&driver->folder, create, config.vault_key, message);
    if (error == DX_OK) {
        dx_vault_guard_read(&driver->folder, &config);
        mode_t before = umask(077); /* SQLite makes the vault's files, and no other thread makes any */
        error = dx_node_open(&config, &driver->node, message, DX_HOST_MESSAGE_MAX);
        umask(before);
    }
    sodium_memzero(&config.vault_key, sizeof config.vault_key);
    if (error == DX_E_BUSY) {
        dx_vault_holder_explain(&driver->folder, message);
    }
    if (error == DX_E_CORRUPT && driver->node == NULL) {
        name_damaged(&driver->folder, message);
    }
    return error;
}

int dx_driver_open(dx_driver *driver, const dx_vault_folder *folder, bool create, char *message) {
    driver->folder = *folder;
    dx_buf_init(&driver->bodies, dx_host_alloc(), 4 * DX_HOST_EVENT_BYTES_MAX);
    if (uv_loop_init(&driver->loop) != 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "no event loop could be made; too many files are open");
        return DX_E_IO;
    }
    driver->loop_open = true;
    uv_timer_init(&driver->loop, &driver->timer);
    uv_check_init(&driver->loop, &driver->check);
    uv_idle_init(&driver->loop, &driver->idle);
    driver->timer.data = driver->check.data = driver->idle.data = driver;
    driver->loop.data = driver;
    driver->next_incoming = 2;
    driver->next_port = 1;
    int error = open_node(driver, create, message);
    if (error == DX_OK) {
        mirror_token(driver);
        uv_check_start(&driver->check, on_check);
        uv_idle_start(&driver->idle, on_idle); /* a first step: the node says what it wants */
    }
    return error;
}

static void close_walk(uv_handle_t *handle, void *ctx) {
    (void)ctx;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void dx_driver_close(dx_driver *driver) {
    driver->stopping = true;
    if (driver->loop_open) {
        uv_check_stop(&driver->check);
        uv_idle_stop(&driver->idle);
        dx_tcp_stop(driver);
        dx_web_client_stop(driver);
        dx_rtc_close(driver->rtc);
        driver->rtc = NULL;
        dx_vault_socket_stop(driver);
        uv_walk(&driver->loop, close_walk, NULL);
    }
    dx_node_close(driver->node); /* before the loop ends: that may wait for a name server */
    driver->node = NULL;
    if (driver->loop_open) {
        uv_run(&driver->loop, UV_RUN_DEFAULT);
        uv_loop_close(&driver->loop);
        driver->loop_open = false;
    }
    dx_buf_deinit(&driver->bodies);
    free(driver->events);
    free(driver->starts);
}
