// tests/test_notes.ts: what the notes app works out by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lightnessOf, luminance, markOf } from '../apps/notes/mark.ts';

test('a name is well read on every colour that a cursor may have', () => {
  for (let hue = 0; hue < 360; hue++) {
    const lightness = lightnessOf(hue) / 100, contrast = 1.05 / (luminance(hue, lightness) + 0.05);
    assert.ok(contrast >= 4.5 && lightness >= 0.28, `${hue}: ${contrast} at ${lightness}`);
  }
  assert.ok(Math.abs(luminance(60, 0.4) - 0.3423) < 0.001, 'as others work it out');
  assert.match(markOf('00003c'.padEnd(64, '0')).color, /^hsl\(60 60% 29%\)$/);
});
