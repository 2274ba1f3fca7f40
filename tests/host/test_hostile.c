/* Bytes nobody should send, on the vault socket and on TCP: the agent lives, its memory stays bounded, and
 * who is honest is served meanwhile. Loopback only, every count bounded: host/vault_socket.c, host/tcp.c. */
#include "scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host.h"

enum { GROWTH_KIB_MAX = 48 * 1024, MANY = 400 };

static test_random dice;

static int connect_socket(const char *vault) {
    dx_vault_folder folder;
    int fd = -1, pid = 0;
    assert_int_equal(dx_vault_folder_find(vault, NULL, &folder), DX_OK);
    assert_int_equal(dx_vault_socket_connect(&folder, &fd, &pid), DX_OK);
    assert_true(pid > 0);
    return fd;
}

/* Not blocking; the kernel goes on with it. */
static int connect_tcp(const scene_agent *agent) {
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = htons((uint16_t)atoi(strrchr(agent->address, ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_true(connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    assert_true(poll(&wait, 1, SCENE_WAIT_MS) >= 0);
    return fd;
}

static void send_some(int fd, const void *bytes, size_t size) {
    for (const char *at = bytes; size > 0;) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (sent < 0 && (errno != EAGAIN || poll(&wait, 1, 200) != 1)) {
            return; /* closed, or not taken: as the agent likes */
        }
        at += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
}

static bool is_closed_within(int fd, int timeout_ms) {
    char bytes[4096];
    double end_ms = scene_now_ms() + timeout_ms;
    do {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t got =
            poll(&wait, 1, timeout_ms < 20 ? timeout_ms : 20) == 1 ? recv(fd, bytes, sizeof bytes, 0) : -1;
        if (got == 0 || (got < 0 && (wait.revents & (POLLERR | POLLHUP)) != 0)) {
            return true;
        }
    } while (scene_now_ms() < end_ms);
    return false;
}

static int by_size(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

/* Median time of an update asked by an honest program. */
static double usual_ms(dx_client *client) {
    double times[31];
    char id[64];
    for (int i = 0; i < 31; i++) {
        double start_ms = scene_now_ms();
        scene_add(client, i, id);
        times[i] = scene_now_ms() - start_ms;
    }
    qsort(times, 31, sizeof times[0], by_size);
    return times[15];
}

/* --- The vault socket --------------------------------------------------------------------------------------
 */

static void test_what_is_no_frame_closes_its_port_alone(void **state) {
    (void)state;
    static const char *const wrong[] = {"GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\xff", "\x00\x00\x00\x01\x83",
                                        "\x00\x00\x00\x02\xa0\x00"};
    static const size_t sizes[] = {18, 4, 5, 6};
    const uint8_t zeros[4] = {0}, reply[] = {0, 0, 0, 21, 0x83, 2, 0x50, 0, 0, 0, 0,    0, 0,
                                             0, 0, 0, 0,  0,    0, 0,    0, 0, 0, 0x41, 0};
    const char *vault = scene_path("v");
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *client = scene_open(vault, false, false);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int fd = connect_socket(vault);
        send_some(fd, wrong[i], sizes[i]);
        assert_true(is_closed_within(fd, SCENE_WAIT_MS));
        close(fd);
    }
    int fd = connect_socket(vault);
    send_some(fd, zeros, sizeof zeros);
    assert_true(is_closed_within(fd, SCENE_WAIT_MS));
    close(fd);
    fd = connect_socket(vault); /* well formed, but the agent's to send */
    send_some(fd, reply, sizeof reply);
    assert_true(is_closed_within(fd, SCENE_WAIT_MS));
    close(fd);
    scene_do(client, "{\"do\": \"status\"}", NULL, NULL, 0);
    dx_client_close(client);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

static void test_random_bytes_and_half_frames(void **state) {
    (void)state;
    static uint8_t bytes[70000];
    const char *vault = scene_path("v");
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *client = scene_open(vault, false, false);
    long before = scene_resident_kib(agent.pid);
    for (int i = 0; i < MANY; i++) {
        size_t size = (size_t)(test_random_next(&dice) % sizeof bytes);
        test_random_fill(&dice, bytes, size);
        if (i % 2 == 0 && size > 4) { /* a size that may be, so that the agent waits for what never comes */
            bytes[0] = 0;
            bytes[1] &= 0x3f;
        }
        int fd = connect_socket(vault);
        send_some(fd, bytes, size);
        close(fd);
    }
    scene_do(client, "{\"do\": \"status\"}", NULL, NULL, 0);
    if (!scene_is_sanitized()) {
        assert_true(scene_resident_kib(agent.pid) - before < GROWTH_KIB_MAX);
    }
    dx_client_close(client);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

static void test_no_more_ports_than_allowed(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    int fds[DX_HOST_PORTS_MAX];
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    for (int i = 0; i < DX_HOST_PORTS_MAX; i++) {
        fds[i] = connect_socket(vault);
    }
    int further = connect_socket(vault);
    assert_true(is_closed_within(further, SCENE_WAIT_MS));
    close(further);
    for (int i = 0; i < DX_HOST_PORTS_MAX; i++) {
        close(fds[i]);
    }
    int error = DX_E_IO; /* who comes before the agent has seen them go is one too many still */
    for (int i = 0; i < 50 && error != DX_OK; i++) {
        dx_buf reply;
        dx_client *client = scene_open(vault, false, false);
        error = scene_ask(client, "{\"do\": \"status\"}", NULL, NULL, &reply);
        dx_buf_deinit(&reply);
        dx_client_close(client);
    }
    assert_int_equal(error, DX_OK);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

static void add_large(dx_client *client, char id[static 64]) {
    static char json[400000];
    int size =
        snprintf(json, sizeof json, "{\"do\": \"object.add\", \"space\": \"s\", \"data\": {\"text\": \"");
    memset(json + size, 'x', 300000);
    snprintf(json + size + 300000, 16, "\"}}");
    scene_do(client, json, "id", id, 64);
}

static dx_buf frames_of(const char *json, int count) {
    dx_buf command = scene_command(json), frames;
    dx_buf_init(&frames, dx_host_alloc(), 8 << 20);
    for (int i = 0; i < count; i++) {
        uint8_t id[DX_REQUEST_SIZE];
        test_random_fill(&dice, id, sizeof id);
        dx_frame_write(DX_FRAME_TAKEN, id, dx_bytes_of("\x18\x40", 2), &frames); /* passed over */
        dx_frame_write(DX_FRAME_REQUEST, id, dx_buf_view(&command), &frames);
    }
    assert_int_equal(dx_buf_error(&frames), DX_OK);
    dx_buf_deinit(&command);
    return frames;
}

/* Asks for 600 MB of answers and reads none of them. */
static void test_a_port_that_never_reads(void **state) {
    (void)state;
    char id[64], json[256];
    const char *vault = scene_path("v");
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *client = scene_open(vault, false, false);
    add_large(client, id);
    double usual = usual_ms(client);
    long before = scene_resident_kib(agent.pid);
    snprintf(json, sizeof json, "{\"do\": \"object.get\", \"space\": \"s\", \"id\": \"%s\"}", id);
    dx_buf frames = frames_of(json, 2000);
    int fd = connect_socket(vault);
    send_some(fd, frames.data, frames.size);
    double held = usual_ms(client);
    if (!scene_is_sanitized()) {
        assert_true(scene_resident_kib(agent.pid) - before < GROWTH_KIB_MAX);
    }
    assert_true(held < 2 * usual + 10);

    /* When it does read, everything comes. */
    size_t replies = 0, received = 0;
    static uint8_t bytes[1 << 16];
    size_t one_reply = 0;
    double end_ms = scene_now_ms() + SCENE_WAIT_MS;
    for (uint8_t head[4]; received < 20u * 300000 && scene_now_ms() < end_ms;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t got = poll(&wait, 1, 100) == 1 ? recv(fd, bytes, sizeof bytes, 0) : 0;
        if (received == 0 && got >= 4) {
            memcpy(head, bytes, 4);
            one_reply = 4 + ((size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]);
        }
        received += got > 0 ? (size_t)got : 0;
        replies = one_reply == 0 ? 0 : received / one_reply;
    }
    assert_true(replies >= 19);
    if (!scene_is_sanitized()) {
        assert_true(scene_resident_kib(agent.pid) - before < GROWTH_KIB_MAX);
    }
    close(fd);
    dx_buf_deinit(&frames);
    scene_do(client, "{\"do\": \"status\"}", NULL, NULL, 0);
    dx_client_close(client);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

/* --- TCP --------------------------------------------------------------------------------------------------
 */

/* Runs in a child until it is killed: connects, says something wrong, goes. */
static pid_t spray(const scene_agent *agent) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static uint8_t bytes[20000];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            size_t size = (size_t)(test_random_next(&dice) % sizeof bytes);
            test_random_fill(&dice, bytes, size);
            int fd = connect_tcp(agent);
            if (test_random_next(&dice) % 2 == 0 && size > 2) { /* a frame that may be a preface */
                bytes[0] = 0;
                bytes[1] = 37;
            }
            send_some(fd, bytes, size);
            close(fd);
            usleep(1000);
        }
    }
    return child;
}

static void test_strangers_on_tcp(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    int status;
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *client = scene_open(vault, false, false);
    double usual = usual_ms(client);
    long before = scene_resident_kib(agent.pid);
    pid_t child = spray(&agent);
    usleep(300000);
    double held = usual_ms(client);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_true(held < 2 * usual + 10);
    if (!scene_is_sanitized()) {
        assert_true(scene_resident_kib(agent.pid) - before < GROWTH_KIB_MAX);
    }
    dx_client_close(client);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

/* More who sit silently than there are places, some a byte at a time; an invited peer comes in all the same.
 */
static void test_silent_strangers_keep_nobody_out(void **state) {
    (void)state;
    enum { SILENT = DX_HOST_LINKS_MAX + 100 };
    const char *vault = scene_path("v"), *guest = scene_path("guest");
    int fds[SILENT];
    scene_invitation invited;
    dx_client *client = scene_open(guest, true, true);
    scene_do(client, "{\"do\": \"halo.create\", \"name\": \"Bob\"}", NULL, NULL, 0);
    dx_client_close(client);
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault), bob = scene_agent_begin(guest);
    client = scene_open(vault, false, false);
    dx_client *at_bob = scene_open(guest, false, false);
    scene_invite(client, &invited);
    long before = scene_resident_kib(agent.pid);
    for (int i = 0; i < SILENT; i++) {
        fds[i] = connect_tcp(&agent);
        send_some(fds[i], "\0", (size_t)i % 2);
    }
    scene_do(client, "{\"do\": \"status\"}", NULL, NULL, 0);
    double start_ms = scene_now_ms();
    scene_do(at_bob, invited.join, NULL, NULL, 0);
    assert_true(scene_now_ms() - start_ms < 5000); /* long before the strangers' handshakes time out */
    int open_now = SILENT;
    for (int round = 0; round < 100 && open_now > DX_HOST_LINKS_MAX; round++) {
        open_now = 0;
        for (int i = 0; i < SILENT; i++) {
            open_now += !is_closed_within(fds[i], 0);
        }
        usleep(10000);
    }
    assert_true(open_now <= DX_HOST_LINKS_MAX);
    for (int i = 0; i < SILENT; i++) {
        close(fds[i]);
    }
    if (!scene_is_sanitized()) {
        assert_true(scene_resident_kib(agent.pid) - before < GROWTH_KIB_MAX);
    }
    dx_client_close(client);
    dx_client_close(at_bob);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
    assert_int_equal(scene_agent_end(&bob, SIGTERM), 0);
}

/* An address nobody listens on, one that is none, a name that leads to two: each ends with its reason, and
 * the agent stops without waiting for any. */
static void test_addresses_that_lead_nowhere(void **state) {
    (void)state;
    static const char *const addresses[] = {"tcp:127.0.0.1:1", "tcp:localhost:1", "tcp:nowhere.invalid:1",
                                            "tcp:[::1]:1", "tcp:10.255.255.1:1"};
    char json[160];
    const char *vault = scene_path("v");
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *client = scene_open(vault, false, false);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        snprintf(json, sizeof json, "{\"do\": \"peer.connect\", \"space\": \"s\", \"address\": \"%s\"}",
                 addresses[i]);
        scene_do(client, json, NULL, NULL, 0);
    }
    usleep(400000); /* some have failed and wait, some are on their way */
    scene_do(client, "{\"do\": \"peer.list\", \"space\": \"s\"}", NULL, NULL, 0);
    dx_client_close(client);
    double start_ms = scene_now_ms();
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
    assert_true(scene_now_ms() - start_ms < 15000);
}

int main(void) {
    test_random_init(&dice, 0xd1ce);
    const struct CMUnitTest tests[] = {SCENE_TEST(test_what_is_no_frame_closes_its_port_alone),
                                       SCENE_TEST(test_random_bytes_and_half_frames),
                                       SCENE_TEST(test_no_more_ports_than_allowed),
                                       SCENE_TEST(test_a_port_that_never_reads),
                                       SCENE_TEST(test_strangers_on_tcp),
                                       SCENE_TEST(test_silent_strangers_keep_nobody_out),
                                       SCENE_TEST(test_addresses_that_lead_nowhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
