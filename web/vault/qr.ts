// vault/qr.ts: a text as a QR code, drawn as one path: dark on white also at night, as many cameras read it no other way.
import { encode } from 'uqr';
import { svg } from './dom.ts';

/** The white around it that readers look for. */
const QUIET = 4;

/** A square for each run of dark modules of a line. */
export function qrPath(text: string): { path: string; size: number } {
  const { data, size } = encode(text, { ecc: 'L', border: QUIET });
  let path = '';
  data.forEach((line, y) => {
    for (let x = 0; x < size; x++) {
      const from = x;
      while (line[x]) x++;
      if (x > from) path += `M${from} ${y}h${x - from}v1h${from - x}z`;
    }
  });
  return { path, size };
}

export function qrCode(text: string, label: string): SVGSVGElement {
  const { path, size } = qrPath(text);
  return svg('svg', { class: 'qr', viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': label, 'shape-rendering': 'crispEdges' },
    svg('rect', { class: 'qr-paper', width: size, height: size }), svg('path', { class: 'qr-ink', d: path }));
}
