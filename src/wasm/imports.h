/* wasm/imports.h: all that the wasm module asks of the page that loads it (import module "dxos").
 *
 * Layer: floor 3' (wasm). Together with tools/wasm-imports.allow this is the whole list; a build that imports
 * anything else fails. Pointers are offsets into the module's memory and are borrowed for the call; texts are
 * UTF-8 without terminator. */
#ifndef DX_WASM_IMPORTS_H
#define DX_WASM_IMPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WASM_IMPORT(name) __attribute__((import_module("dxos"), import_name(#name))) name

enum { DISK_FAILED = -1, DISK_FULL = -2 };

/* A handle >= 0; DISK_FAILED when the file is not there and may not be created. */
int WASM_IMPORT(disk_open)(const char *path, size_t path_size, int create);
void WASM_IMPORT(disk_close)(int handle);
/* Bytes read: fewer than size only at the end of the file. */
int WASM_IMPORT(disk_read)(int handle, void *out, size_t size, double offset);
int WASM_IMPORT(disk_write)(int handle, const void *data, size_t size, double offset);
int WASM_IMPORT(disk_truncate)(int handle, double size);
/* Returns when everything written is durable. */
int WASM_IMPORT(disk_sync)(int handle);
double WASM_IMPORT(disk_size)(int handle);
/* 0 also when there was none. */
int WASM_IMPORT(disk_delete)(const char *path, size_t path_size);
/* 1 or 0. */
int WASM_IMPORT(disk_exists)(const char *path, size_t path_size);

/* Cryptographic randomness, all of size bytes. */
void WASM_IMPORT(random_fill)(void *out, size_t size);
/* One line for people from the core's tracer. */
void WASM_IMPORT(trace_line)(const char *room, size_t room_size, const char *text, size_t text_size);

#endif
