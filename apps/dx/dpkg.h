/* dx/dpkg.h: stanzas of dpkg's status file as objects.
 *
 * Layer: apps. deb-control(5): "Field: value" lines, continued by lines that begin with a space; a stanza
 * ends with an empty line. Names of packages come without versions and architectures; of alternatives the
 * first. */
#ifndef DX_APP_DPKG_H
#define DX_APP_DPKG_H

#include <dxos/codec.h>

/* Whether a file that begins with this line may be one of dpkg's. */
bool dx_dpkg_begins(dx_bytes line);
/* One stanza, as text, becomes {"name", "version", …, "depends": [name…], "provides": [name…]}. Writes one
 * map, or nothing when the package is not installed (*installed). DX_E_INVALID: no package, or not UTF-8; why
 * says what. */
DX_MUST_USE int dx_dpkg_stanza(dx_bytes text, dx_writer *out, bool *installed, const char **why);

#endif
