// node web/tests/pixels.mjs: both modules against the program. Every named mask, both modes, every border, grey and RGB:
// the bytes must be equal. CONVOKE is the program.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { BORDERS, Convoke, hasSimd, MODES } from '../page/convoke.js';
import { MASKS } from '../page/masks.js';
import { native, patch } from './native.mjs';

const here = new URL('.', import.meta.url).pathname;
const load = (name) => Convoke.from(readFileSync(`${here}../page/${name}.wasm`));
const modules = { plain: await load('plain'), simd128: await load('simd128') };
assert.ok(hasSimd(), 'this node has no simd128');
assert.deepEqual([modules.plain.lanes, modules.simd128.lanes], [0, 4]);

let compared = 0;
/** Both modules and the program, on one problem. */
function check(picture, mask, how) {
  const { height, width, channels, pixels } = picture;
  const wanted = native(picture, mask, how);
  for (const [name, module] of Object.entries(modules)) {
    module.setPicture(height, width, channels, pixels);
    module.setMask(mask);
    const got = module.filter(how).pixels;
    const at = got.findIndex((value, i) => value !== wanted[i]);
    const what = `${name}: ${mask} on ${height}x${width}x${channels}, ${JSON.stringify(how)}`;
    assert.equal(at, -1, `${what}: value ${at} is ${got[at]} and should be ${wanted[at]}`);
    compared++;
  }
}

// The masks that the page offers are the library's, all of them.
const stem = (name) => name.split(/[:[]/)[0];
assert.deepEqual(modules.plain.names.map(stem), MASKS.map((mask) => stem(mask.name)));

// Both larger than any vector and odd; the widest of these masks reaches out of the picture on all sides.
const pictures = [patch(23, 37, 1), patch(19, 21, 3)];
const masks = MASKS.map((mask) => mask.example).concat(['box:4', 'gaussian:2.3,6', 'motion:4,-60', '3 1 4; 1 5 -9', '0.1 0.7 -0.3']);
for (const picture of pictures) {
  for (const mask of masks) {
    for (const mode of MODES) {
      for (const border of BORDERS) check(picture, mask, { mode, border, constant: 200 });
    }
  }
  for (const range of ['abs', 'centre']) {
    for (const mask of ['sobel-x', 'laplacian', 'gaussian:1.5']) check(picture, mask, { range, border: 'reflect101' });
  }
}

// Sizes of one pixel, one row and one column.
for (const [height, width] of [[1, 1], [1, 9], [9, 1], [3, 4]]) {
  for (const border of BORDERS) check(patch(height, width, 1), 'gaussian:1.5', { border, constant: 7 });
}

// The compiler's saturating narrow (rust-lang/rust#157456, llvm/llvm-project#201780). The LLVM of Rust 1.95 takes
// `min(x, 255) as u8` of sixteen unsigned lanes for an instruction that reads its lanes as signed: from 32768 on the
// result was 0. Symmetric whole masks without factors end in just that, if their sums fill 16 bits.
const ramp = { height: 9, width: 80, channels: 1, pixels: Uint8Array.from({ length: 720 }, (_, i) => (i * 37 + (i >> 3)) % 256) };
for (const mask of ['0 50 0; 50 50 50; 0 50 0', '30 0 30; 0 90 0; 30 0 30', '200', '100 100', '50; 50; 50; 50', '50 50; 50 50']) {
  for (const border of BORDERS) {
    check(ramp, mask, { border, constant: 255 });
    for (const module of Object.values(modules)) assert.equal(module.filter().algorithm, 'narrow', 'it tests nothing else');
  }
}

// What the page shows under the cursor adds up to the pixel.
for (const [name, module] of Object.entries(modules)) {
  const { height, width, channels, pixels } = pictures[1];
  module.setPicture(height, width, channels, pixels);
  for (const mask of ['sobel-x', '3 1 4; 1 5 -9', 'box:5']) {
    const { divisor } = module.setMask(mask);
    for (const mode of MODES) {
      for (const border of BORDERS) {
        const got = module.filter({ mode, border, constant: 200 }).pixels;
        for (const [y, x, channel] of [[0, 0, 0], [height - 1, width - 1, 2], [7, 9, 1]]) {
          const { values, weights } = module.look(y, x, channel);
          const sum = values.reduce((sum, value, i) => sum + value * weights[i], 0) / divisor;
          const wanted = Math.min(Math.max(sum, 0), 255);
          const difference = Math.abs(got[(y * width + x) * channels + channel] - wanted);
          assert.ok(difference <= 0.5 + 1e-9, `${name}: ${mask} ${mode} ${border} at ${y},${x}: off by ${difference}`);
        }
      }
    }
  }
}

// Bad input is a message, and what was there stays.
for (const module of Object.values(modules)) {
  const before = module.filter().pixels;
  assert.throws(() => module.setMask('blur'), /must be a name/);
  assert.throws(() => module.setMask('1 2; 3'), /row 2/);
  assert.throws(() => module.setMask('gaussian:-1'), /positive sigma/);
  assert.throws(() => module.setMask('1'.padEnd(2 << 20)), /too long/);
  assert.throws(() => module.setPicture(0, 5, 1, []), /must have 1 to 4 channels/);
  assert.throws(() => module.setPicture(65536, 65536, 1, []), /must have 1 to 4 channels/);
  assert.throws(() => module.setPicture(5, 5, 5, []), /must have 1 to 4 channels/);
  assert.throws(() => module.look(1e6, 0, 0), /outside/);
  assert.throws(() => module.filter({ border: 'none' }), /no such/);
  module.setMask('1', { divisor: 0 });
  assert.throws(() => module.filter(), /divisor/);
  module.setMask('box:5');
  assert.deepEqual(module.filter({ mode: 'convolve', border: 'wrap' }).pixels.length, before.length);
}

console.log(`both modules: ${compared} pictures are the program's, byte for byte`);
