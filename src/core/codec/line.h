/* codec/line.h: a text that stands as one line between words of ours, and stays within itself.
 *
 * Layer: floor 1, codec. What a stranger calls himself is shown beside what is true. The rule: no control
 * characters, no ends of lines or paragraphs, nothing that turns the direction of writing, nothing that is not
 * seen. Joiners (U+200C, U+200D) and variation selectors stay allowed: words and pictures are made with them. */
#ifndef DX_CODEC_LINE_H
#define DX_CODEC_LINE_H

#include <dxos/base.h>

/* Of text in UTF-8, as a strict reader gives it. The empty text is such a line. */
bool dx_line_check(dx_bytes text);

#endif
