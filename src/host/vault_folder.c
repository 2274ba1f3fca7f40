/* host/vault_folder.c: where a vault's files are. Touches nothing. See dxos/host.h.
 *
 * Layer: floor 3, host. XDG Base Directory Specification; the socket's path is short because sockaddr_un
 * holds 108 bytes. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dxos/host.h>

static const char *from_environment(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] == '/' ? value : NULL; /* the specification: relative ones are ignored */
}

static int join(char out[static DX_PATH_MAX], const char *a, const char *b, const char *c) {
    int size = snprintf(out, DX_PATH_MAX, "%s%s%s", a, b, c);
    return size >= 0 && size < DX_PATH_MAX ? DX_OK : DX_E_INVALID;
}

/* $NAME, else the home folder's fallback; services are often started without HOME. */
static int base_folder(const char *name, const char *fallback, char out[static DX_PATH_MAX]) {
    const char *value = from_environment(name);
    if (value != NULL) {
        return join(out, value, "", "");
    }
    const char *home = from_environment("HOME");
    const struct passwd *person = home == NULL ? getpwuid(getuid()) : NULL;
    home = person != NULL && person->pw_dir != NULL && person->pw_dir[0] == '/' ? person->pw_dir : home;
    return home == NULL ? DX_E_INVALID : join(out, home, "/", fallback);
}

static bool is_profile(const char *profile) {
    size_t size = strlen(profile);
    return size > 0 && size <= 64 &&
           strspn(profile, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == size;
}

/* Appends the names of path to out, an absolute path without "/" at its end: "." and "" are nothing, ".." the
 * folder above. */
static int append_names(const char *path, char out[static DX_PATH_MAX]) {
    while (*path != 0) {
        size_t size = strcspn(path, "/"), used = strlen(out);
        if (size == 2 && path[0] == '.' && path[1] == '.') {
            char *last = strrchr(out, '/');
            *(last == NULL ? out : last) = 0;
        } else if (size > 0 && !(size == 1 && path[0] == '.')) {
            if (used + 1 + size >= DX_PATH_MAX) {
                return DX_E_INVALID;
            }
            out[used] = '/';
            memcpy(out + used + 1, path, size);
            out[used + 1 + size] = 0;
        }
        path += size;
        path += *path == '/';
    }
    return DX_OK;
}

/* The real path, so that two names of one vault meet in one socket and one guard. Of a folder that is still
 * to be made: the real path of what is there above it and the rest, so that it is the same once it is made.
 */
static int absolute(const char *path, char out[static DX_PATH_MAX]) {
    char real[PATH_MAX], above[DX_PATH_MAX];
    int error = join(above, path[0] == '/' ? "" : "./", path, "");
    size_t size = strlen(above);
    while (error == DX_OK && realpath(above, real) == NULL) {
        while (size > 0 && above[size - 1] == '/') {
            size--;
        }
        while (size > 0 && above[size - 1] != '/') {
            size--;
        }
        if (size == 0) {
            return DX_E_INVALID;
        }
        above[size] = 0;
    }
    error = error == DX_OK ? join(out, strcmp(real, "/") == 0 ? "" : real, "", "") : error;
    const char *rest = path[0] == '/' ? path + size : size >= 2 ? path + size - 2 : path;
    error = error == DX_OK ? append_names(rest, out) : error;
    return error == DX_OK && out[0] == 0 ? join(out, "/", "", "") : error;
}

int dx_vault_folder_find(const char *vault, const char *profile, dx_vault_folder *out) {
    char base[DX_PATH_MAX], state[DX_PATH_MAX], name[33];
    uint8_t hash[16];
    memset(out, 0, sizeof *out);
    profile = profile == NULL ? "default" : profile;
    if ((vault != NULL && vault[0] == 0) || !is_profile(profile)) {
        return DX_E_INVALID;
    }
    int error = DX_OK;
    if (vault == NULL) {
        error = base_folder("XDG_DATA_HOME", ".local/share", base);
        error = error == DX_OK ? join(state, base, "/dx/", profile) : error;
        vault = state;
    }
    error = error == DX_OK ? absolute(vault, out->path) : error;
    if (error != DX_OK) {
        return error;
    }
    crypto_generichash(hash, sizeof hash, (const unsigned char *)out->path, strlen(out->path), NULL, 0);
    dx_hex_encode(dx_bytes_of(hash, sizeof hash), name);
    const char *runtime = from_environment("XDG_RUNTIME_DIR");
    char folder[64];
    snprintf(folder, sizeof folder, "/tmp/dx-%lu/", (unsigned long)getuid());
    error = runtime != NULL ? join(base, runtime, "/dx/", name) : join(base, folder, name, "");
    error = error == DX_OK ? join(out->socket, base, ".sock", "") : error;
    error = error == DX_OK ? base_folder("XDG_STATE_HOME", ".local/state", state) : error;
    error = error == DX_OK ? join(base, state, "/dx/guard/", name) : error;
    error = error == DX_OK ? join(out->guard, base, "", "") : error;
    error = error == DX_OK ? join(base, state, "/dx/log/", name) : error;
    error = error == DX_OK ? join(out->log, base, ".log", "") : error;
    error = error == DX_OK ? join(out->store, out->path, "/vault.db", "") : error;
    error = error == DX_OK ? join(out->key, out->path, "/vault.key", "") : error;
    error = error == DX_OK ? join(out->pid, out->path, "/agent.pid", "") : error;
    return error == DX_OK ? join(out->listen, out->path, "/listen", "") : error;
}
