// vault/icons.ts: the page's few drawings, on a square of 24, drawn with the text's colour; and the mark of a person or space, by its key.
import { el, svg } from './dom.ts';

const PATHS = {
  vault: 'M12 3.5a8.5 8.5 0 1 0 8.5 8.5M12 8a4 4 0 1 0 4 4M20.5 3.5 12 12',
  back: 'M14.5 5.5 8 12l6.5 6.5',
  next: 'M9.5 5.5 16 12l-6.5 6.5',
  plus: 'M12 5v14M5 12h14',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  done: 'M5 12.5 10 17.5 19.5 7',
  device: 'M5 5h14v10H5zM2.5 19h19',
  app: 'M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z',
  signal: 'M12 18.5v.01M8.5 14.8a5 5 0 0 1 7 0M5.3 11.4a9.6 9.6 0 0 1 13.4 0M2.2 8a14 14 0 0 1 19.6 0',
  warn: 'M12 4 2.5 20h19zM12 10v4.5M12 17.3v.01',
  link: 'M9.5 14.5l5-5M8 11l-2.5 2.5a3.54 3.54 0 0 0 5 5L13 16M16 13l2.5-2.5a3.54 3.54 0 0 0-5-5L11 8',
  pen: 'M4 20l1-4.5L16.5 4 20 7.5 8.5 19z',
} as const;
export type IconName = keyof typeof PATHS;

/** For the eye alone: a word stands beside each. */
export const icon = (name: IconName): SVGSVGElement =>
  svg('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' }, svg('path', { d: PATHS[name] }));

/** The first letter on a colour of the key: the same on every device. */
export function mark(key: string, name: string, shape: 'person' | 'space'): HTMLElement {
  const element = el('span', { class: `mark ${shape}`, 'aria-hidden': 'true' });
  setMark(element, key, name);
  return element;
}

export function setMark(element: HTMLElement, key: string, name: string): void {
  element.style.setProperty('--hue', String(parseInt(key.slice(0, 4) || '0', 16) % 360));
  element.textContent = [...name.trim()][0]?.toLocaleUpperCase() ?? '·';
}
