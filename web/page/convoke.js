// The module's functions as JavaScript would have them: pictures and masks in, pixels out. Used by the page and by the
// tests alike. What the functions mean is in `src/exports.rs`.

export const BORDERS = ['zero', 'constant', 'replicate', 'reflect', 'reflect101', 'wrap'];
export const MODES = ['correlate', 'convolve'];
export const RANGES = ['clamp', 'abs', 'centre'];

/** Whether this machine runs vectors of 128 bits: whether it would accept a function that makes one. */
export function hasSimd() {
  return WebAssembly.validate(new Uint8Array([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // magic, version
    1, 5, 1, 0x60, 0, 1, 0x7b, // types: () -> v128
    3, 2, 1, 0, // functions: one of that type
    10, 8, 1, 6, 0, 0x41, 0, 0xfd, 0x0f, 0x0b, // code: i8x16.splat of 0
  ]));
}

export class Convoke {
  #wasm;

  /** From the bytes of a module. */
  static async from(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes, {});
    return new Convoke(instance.exports);
  }

  constructor(wasm) {
    this.#wasm = wasm;
    this.lanes = wasm.simd();
  }

  /** The names of all masks, with their parameters. */
  get names() {
    this.#wasm.names();
    return this.#message().split('\n');
  }

  /** Takes a picture of interleaved channels. */
  setPicture(height, width, channels, pixels) {
    const at = this.#wasm.picture(height, width, channels);
    if (at === 0) throw new Error(this.#message());
    this.length = height * width * channels;
    new Uint8Array(this.#wasm.memory.buffer, at, this.length).set(pixels);
  }

  /** Takes a mask by its name or its rows of numbers; returns its numbers. */
  setMask(text, adjust = {}) {
    const bytes = new TextEncoder().encode(text);
    const at = this.#wasm.text(bytes.length);
    if (at === 0) throw new Error('mask: the text is too long');
    new Uint8Array(this.#wasm.memory.buffer, at, bytes.length).set(bytes);
    this.#check(this.#wasm.mask());
    const rows = this.#wasm.mask_rows();
    const columns = this.#wasm.mask_columns();
    const weights = Array.from(this.#floats(this.#wasm.mask_weights(), rows * columns));
    const divisor = adjust.divisor ?? this.#wasm.mask_divisor();
    const offset = adjust.offset ?? 0;
    this.#wasm.adjust(divisor, offset);
    this.taps = rows * columns;
    return { rows, columns, weights, divisor, offset };
  }

  /** Filters the picture. The pixels are a copy; `algorithm` tells how they were made. */
  filter({ mode = 'correlate', border = 'zero', constant = 0, range = 'clamp' } = {}) {
    const numbers = [MODES.indexOf(mode), BORDERS.indexOf(border), constant, RANGES.indexOf(range)];
    if (numbers.includes(-1)) throw new Error(`no such mode, border or range: ${mode}, ${border}, ${range}`);
    const start = performance.now();
    const good = this.#wasm.filter(...numbers);
    const milliseconds = performance.now() - start;
    this.#check(good);
    const pixels = new Uint8Array(this.#wasm.memory.buffer, this.#wasm.result(), this.length).slice();
    return { pixels, milliseconds, algorithm: this.#message() };
  }

  /** What the mask sees at a pixel: values, and the weights that they meet, in the order in which they are summed. */
  look(y, x, channel) {
    this.#check(this.#wasm.look(y, x, channel));
    const inside = new Uint8Array(this.#wasm.memory.buffer, this.#wasm.window_inside(), this.taps).slice();
    return {
      values: Array.from(this.#floats(this.#wasm.window_values(), this.taps)),
      weights: Array.from(this.#floats(this.#wasm.window_weights(), this.taps)),
      inside: Array.from(inside, (byte) => byte === 1),
      above: this.#wasm.window_above(),
      left: this.#wasm.window_left(),
    };
  }

  #floats(at, length) {
    return new Float32Array(this.#wasm.memory.buffer, at, length);
  }

  #message() {
    const bytes = new Uint8Array(this.#wasm.memory.buffer, this.#wasm.message(), this.#wasm.message_len());
    return new TextDecoder().decode(bytes.slice());
  }

  #check(good) {
    if (!good) throw new Error(this.#message());
  }
}
