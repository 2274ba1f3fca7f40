/* A peer that vanishes without a word: stopped (SIGSTOP), so that its kernel still acknowledges what is sent
 * and only the silence of the program tells. The link is given up, the status says why, and when the peer goes
 * on (SIGCONT) both find each other again.
 *
 * The agents' clock runs twenty times as fast as ours: this program's uv_hrtime stands before libuv's. Their
 * timers do not; it is the asking for their status that makes them look at the clock. */
#include "scene.h"

#include <uv.h>

enum { FASTER = 20, POLL_US = 50000 };

uint64_t uv_hrtime(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return FASTER * ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

static int64_t peers_of(dx_client *client) {
    dx_buf reply;
    assert_int_equal(scene_ask(client, "{\"do\": \"status\"}", NULL, NULL, &reply), DX_OK);
    int64_t peers = dx_item_int(dx_item_get(dx_buf_view(&reply), "peers"), -1);
    dx_buf_deinit(&reply);
    return peers;
}

static void wait_for_peers(dx_client *client, dx_client *other, int64_t wanted) {
    double end_ms = scene_now_ms() + SCENE_WAIT_MS;
    while (peers_of(client) != wanted) {
        if (other != NULL) {
            (void)peers_of(other);
        }
        assert_true(scene_now_ms() < end_ms);
        usleep(POLL_US);
    }
}

static void take_errors(void *ctx, bool last, dx_bytes body) {
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    (void)last;
    dx_reader_init(&reader, rows);
    for (size_t left = rows.size == 0 ? 0 : dx_read_array(&reader); left > 0; left--) {
        dx_bytes row = dx_read_item(&reader);
        dx_bytes error = dx_item_text(dx_item_get(row, "error"));
        if (error.size > 0 && error.size < 200) {
            snprintf(ctx, 200, "%.*s", (int)error.size, (const char *)error.data);
        }
    }
}

/* Of the addresses of the peer that is gone. */
static void expect_reason(dx_client *client) {
    char said[200] = "";
    double end_ms = scene_now_ms() + SCENE_WAIT_MS;
    while (said[0] == 0) {
        dx_buf reply;
        assert_int_equal(
            scene_ask(client, "{\"do\": \"peer.list\", \"space\": \"s\"}", take_errors, said, &reply), DX_OK);
        dx_buf_deinit(&reply);
        assert_true(scene_now_ms() < end_ms);
        usleep(POLL_US);
    }
    assert_non_null(strstr(said, dx_error_text(DX_E_TIMEOUT)));
}

static void test_a_stopped_peer_is_noticed_and_met_again(void **state) {
    (void)state;
    scene_invitation invited;
    char id[64];
    const char *host = scene_path("host"), *guest = scene_path("guest");
    scene_vault(host);
    dx_client *client = scene_open(guest, true, true);
    scene_do(client, "{\"do\": \"halo.create\", \"name\": \"Bob\"}", NULL, NULL, 0);
    dx_client_close(client);
    scene_agent alice = scene_agent_begin(host), bob = scene_agent_begin(guest);
    client = scene_open(host, false, false);
    dx_client *at_bob = scene_open(guest, false, false);
    scene_invite(client, &invited);
    scene_do(at_bob, invited.join, NULL, NULL, 0);
    wait_for_peers(client, at_bob, 1);

    assert_int_equal(kill(bob.pid, SIGSTOP), 0);
    double stopped_ms = scene_now_ms();
    scene_add(client, 1, id); /* writing is no reason to wait */
    wait_for_peers(client, NULL, 0);
    assert_true(scene_now_ms() - stopped_ms >
                500); /* half a second of silence, ten of the agents', is none */
    expect_reason(client);

    assert_int_equal(kill(bob.pid, SIGCONT), 0);
    wait_for_peers(client, at_bob, 1);
    char get[128];
    snprintf(get, sizeof get, "{\"do\": \"object.get\", \"space\": \"s\", \"id\": \"%s\"}", id);
    for (double end_ms = scene_now_ms() + SCENE_WAIT_MS;; usleep(POLL_US)) {
        dx_buf reply;
        assert_int_equal(scene_ask(at_bob, get, NULL, NULL, &reply), DX_OK);
        bool there = scene_reply_code(&reply) == DX_OK;
        dx_buf_deinit(&reply);
        (void)peers_of(client);
        if (there) {
            break;
        }
        assert_true(scene_now_ms() < end_ms);
    }
    dx_client_close(client);
    dx_client_close(at_bob);
    assert_int_equal(scene_agent_end(&alice, SIGTERM), 0);
    assert_int_equal(scene_agent_end(&bob, SIGTERM), 0);
}

DX_TEST_MAIN(SCENE_TEST(test_a_stopped_peer_is_noticed_and_met_again))
