// apps/notes/mark.ts: the colour that a person's cursor has, whoever looks.

const HUES = 360, SATURATION = 0.6, LIGHTEST = 45, CONTRAST = 4.6;

/** Relative luminance (WCAG 2.2) of hsl. */
export function luminance(hue: number, lightness: number): number {
  const linear = (n: number): number => {
    const k = (n + hue / 30) % 12, value = lightness - SATURATION * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(0) + 0.7152 * linear(8) + 0.0722 * linear(4);
}

/** As light as white letters on it are well read: yellow has to be darker for that than blue. */
export function lightnessOf(hue: number): number {
  let percent = LIGHTEST;
  while (1.05 / (luminance(hue, percent / 100) + 0.05) < CONTRAST) percent--;
  return percent;
}

export function markOf(identityKey: string): { color: string; colorLight: string } {
  const hue = parseInt(identityKey.slice(0, 6), 16) % HUES, tone = `${hue} ${SATURATION * 100}% ${lightnessOf(hue)}%`;
  return { color: `hsl(${tone})`, colorLight: `hsl(${tone} / 0.25)` };
}
