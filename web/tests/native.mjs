// The program's results, for tests to compare with, and pictures for it. Arrays go through `.npy` files of bytes.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'convoke-web-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

/** A picture of pseudo-random bytes with some runs of black and white. */
export function patch(height, width, channels) {
  let state = height * 1000 + width * 10 + channels;
  const pixels = Uint8Array.from({ length: height * width * channels }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const value = state >>> 24;
    return value < 30 ? 0 : value > 225 ? 255 : value;
  });
  return { height, width, channels, pixels };
}

/** The bytes that `convoke filter` makes of a picture. */
export function native({ height, width, channels, pixels }, mask, how) {
  const { mode = 'correlate', border = 'zero', constant = 0, range = 'clamp' } = how;
  const [input, output] = ['in.npy', 'out.npy'].map((name) => join(folder, name));
  const shape = channels === 1 ? `${height}, ${width}` : `${height}, ${width}, ${channels}`;
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117) + '\n';
  writeFileSync(input, Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(header), pixels]));
  const outside = border === 'constant' ? `constant:${constant}` : border;
  // With signs of equality, since a mask may begin with a minus.
  const options = { mask, mode, border: outside, 'out-range': range, threads: 1 };
  const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  execFileSync(process.env.CONVOKE, ['filter', input, '-o', output, '--quiet', ...words]);
  const bytes = readFileSync(output);
  return bytes.subarray(bytes.length - pixels.length);
}
