// vault/qr.ts: a text as a QR code, drawn as one path: dark on white also at night, as many cameras read it no other way.
import qrcode from 'qrcode-generator';
import { svg } from './dom.ts';

/** The white around it that readers look for. */
const QUIET = 4;

/** A square for each run of dark modules of a line. */
export function qrPath(text: string): { path: string; size: number } {
  const code = qrcode(0, 'L');
  code.addData(text);
  code.make();
  const modules = code.getModuleCount(), isDark = (x: number, y: number) => x < modules && code.isDark(y, x);
  let path = '';
  for (let y = 0; y < modules; y++) {
    for (let x = 0; x < modules; x++) {
      const from = x;
      while (isDark(x, y)) x++;
      if (x > from) path += `M${QUIET + from} ${QUIET + y}h${x - from}v1h${from - x}z`;
    }
  }
  return { path, size: modules + 2 * QUIET };
}

export function qrCode(text: string, label: string): SVGSVGElement {
  const { path, size } = qrPath(text);
  return svg('svg', { class: 'qr', viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': label, 'shape-rendering': 'crispEdges' },
    svg('rect', { class: 'qr-paper', width: size, height: size }), svg('path', { class: 'qr-ink', d: path }));
}
