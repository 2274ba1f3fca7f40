/* host/vault_holder.c: who has a vault: its agent's socket, and the process whose lock is on the file.
 *
 * Layer: floor 3, host. The kernel is asked, not a file that may be stale: who listens on a socket
 * (SO_PEERCRED) and who holds a lock (/proc/locks; asking through a descriptor of the file and closing it
 * would drop this process's own locks, should it be the holder). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"

/* SQLite's lock bytes begin at 1 GiB ("The SQLite OS Interface", os.h: PENDING_BYTE) and are 512. */
enum { LOCK_BYTES_START = 0x40000000, LOCK_BYTES_SIZE = 512, CONNECT_TRIES = 100, CONNECT_WAIT_US = 10000 };

/* --- The agent's socket -------------------------------------------------------------------------------- */

static int connect_to(const char *path, int *fd, int *pid) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer = {.pid = 0};
    socklen_t size = sizeof peer;
    if (strlen(path) >= sizeof address.sun_path) {
        return DX_E_NOT_FOUND; /* nobody can listen there */
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0) {
        return DX_E_IO;
    }
    int error = DX_E_BUSY;
    for (int i = 0; i < CONNECT_TRIES && error == DX_E_BUSY; i++) { /* EAGAIN: too many wait to come in */
        error = connect(*fd, (const struct sockaddr *)&address, sizeof address) == 0 ? DX_OK
                : errno == EAGAIN || errno == EINTR                                  ? DX_E_BUSY
                                                                                     : DX_E_NOT_FOUND;
        if (error == DX_E_BUSY) {
            usleep(CONNECT_WAIT_US);
        }
    }
    /* In /tmp somebody else may listen in an agent's place, and would be told PINs. */
    if (error == DX_OK &&
        (getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != getuid())) {
        error = DX_E_NOT_FOUND;
    }
    if (error != DX_OK) {
        close(*fd);
        *fd = -1;
    }
    *pid = (int)peer.pid;
    return error;
}

enum { FILE_NAME_SIZE = 48, NOTE_SIZE = DX_PATH_MAX + 32 + FILE_NAME_SIZE };

/* Which file the vault is, whatever its path: a copy of the folder is another one. Empty: there is none. */
static void name_file(const dx_vault_folder *folder, char out[static FILE_NAME_SIZE]) {
    struct stat file;
    out[0] = '\0';
    if (stat(folder->store, &file) == 0) {
        snprintf(out, FILE_NAME_SIZE, "%llx:%llx", (unsigned long long)file.st_dev,
                 (unsigned long long)file.st_ino);
    }
}

void dx_vault_holder_note(const dx_vault_folder *folder) {
    char text[NOTE_SIZE], name[FILE_NAME_SIZE];
    name_file(folder, name);
    int size = snprintf(text, sizeof text, "%ld\n%s\n%s\n", (long)getpid(), folder->socket, name);
    if (dx_file_note(folder->pid, text, (size_t)size) != DX_OK) {
        unlink(folder->pid); /* half a note is worse than none */
    }
}

/* The socket the agent noted, when it is not the one this program would look for. A note that was copied with
 * its folder speaks of the agent of another vault. */
static bool noted_socket(const dx_vault_folder *folder, char out[static DX_PATH_MAX]) {
    char text[NOTE_SIZE] = {0}, name[FILE_NAME_SIZE];
    size_t size = 0;
    if (dx_file_read(folder->pid, text, sizeof text - 1, &size) != DX_OK) {
        return false;
    }
    const char *line = strchr(text, '\n');
    int length = line == NULL ? 0 : (int)strcspn(line + 1, "\n");
    if (length == 0 || length >= DX_PATH_MAX || line[1] != '/') {
        return false;
    }
    const char *noted = line + 1 + length;
    size_t noted_size = noted[0] == '\n' ? strcspn(noted + 1, "\n") : 0;
    name_file(folder, name);
    if (noted_size == 0 || noted_size != strlen(name) || strncmp(noted + 1, name, noted_size) != 0) {
        return false;
    }
    snprintf(out, DX_PATH_MAX, "%.*s", length, line + 1);
    return strcmp(out, folder->socket) != 0;
}

int dx_vault_socket_connect(const dx_vault_folder *folder, int *fd, int *pid) {
    char noted[DX_PATH_MAX];
    int error = connect_to(folder->socket, fd, pid);
    if (error == DX_E_NOT_FOUND && noted_socket(folder, noted)) {
        error = connect_to(noted, fd, pid);
    }
    return error;
}

int dx_agent_pid(const char *vault, const char *profile, int *pid) {
    dx_vault_folder folder;
    int fd = -1;
    *pid = 0;
    int error = dx_vault_folder_find(vault, profile, &folder);
    if (error == DX_OK) {
        error = dx_vault_socket_connect(&folder, &fd, pid);
    }
    if (fd >= 0) {
        close(fd);
    }
    return error == DX_OK ? DX_OK : DX_E_NOT_FOUND;
}

/* --- Processes -------------------------------------------------------------------------------------------
 */

/* "1: POSIX  ADVISORY  WRITE 4711 08:01:1234 1073741826 1073742335" (proc(5)). The device is not compared:
 * overlay file systems tell two. */
static int lock_holder(const char *path) {
    struct stat info;
    char line[256];
    int holder = 0;
    FILE *locks = stat(path, &info) == 0 ? fopen("/proc/locks", "re") : NULL;
    while (locks != NULL && holder == 0 && fgets(line, sizeof line, locks) != NULL) {
        int pid;
        unsigned long long inode, start;
        if (sscanf(line, "%*s POSIX %*s %*s %d %*x:%*x:%llu %llu", &pid, &inode, &start) == 3 &&
            inode == (unsigned long long)info.st_ino && start >= LOCK_BYTES_START &&
            start < LOCK_BYTES_START + LOCK_BYTES_SIZE && pid > 0) {
            holder = pid;
        }
    }
    if (locks != NULL) {
        fclose(locks);
    }
    return holder;
}

static void name_process(int pid, char name[static 32]) {
    char path[64];
    size_t size = 0;
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    memset(name, 0, 32);
    if (dx_file_read(path, name, 31, &size) != DX_OK) {
        name[0] = 0;
    }
    name[strcspn(name, "\n")] = 0;
}

void dx_vault_holder_explain(const dx_vault_folder *folder, char *message) {
    char name[32];
    int fd = -1, pid = 0;
    if (dx_vault_socket_connect(folder, &fd, &pid) == DX_OK) {
        close(fd);
        snprintf(message, DX_HOST_MESSAGE_MAX, "the vault is held by its agent, process %d", pid);
        return;
    }
    pid = lock_holder(folder->store);
    if (pid == 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "another process holds the vault");
        return;
    }
    name_process(pid, name);
    snprintf(message, DX_HOST_MESSAGE_MAX, "the vault is held by process %d%s%s%s", pid,
             name[0] != 0 ? " (" : "", name, name[0] != 0 ? ")" : "");
}

/* An agent's parent is process 1, which in a container may never ask how it ended. */
bool dx_process_lives(int pid) {
    char path[64], text[512] = {0};
    size_t size = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int error = dx_file_read(path, text, sizeof text - 1, &size);
    if (error == DX_E_NOT_FOUND || size == 0) {
        return kill(pid, 0) == 0 || errno == EPERM; /* no /proc here */
    }
    const char *after_name = strrchr(text, ')'); /* "PID (NAME) STATE …" */
    return after_name == NULL || after_name[1] == 0 || after_name[2] != 'Z';
}
