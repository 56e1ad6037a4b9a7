// The page: controls on one side, the module on the other. State is one object; a control changes it, and what
// depends on it follows: picture -> mask -> filter -> the window under the cursor. The address keeps what can be kept, so
// that a view can be sent to somebody.

import { BORDERS, Convoke, hasSimd, MODES, RANGES } from './convoke.js';
import { MASKS, spell } from './masks.js';
import { fromBlob, fromCamera, paint, planes } from './pictures.js';
import { digits, matrix, show, signed } from './sum.js';

const $ = (id) => document.getElementById(id);
const OWN = 'own';
/** Sides of masks whose numbers can be edited. */
const SIDES = [1, 3, 5, 7, 9];
const PICTURE_OF_BORDER = {
  zero: '0000|abcd|0000', constant: 'vvvv|abcd|vvvv', replicate: 'aaaa|abcd|dddd',
  reflect: 'dcba|abcd|dcba', reflect101: ' dcb|abcd|cba ', wrap: 'abcd|abcd|abcd',
};
const ABOUT_MODE = {
  correlate: 'The mask as it stands: what networks and image programs call convolution.',
  convolve: 'The mask turned by half a turn first: what mathematics calls convolution.',
};
const ABOUT_RANGE = {
  clamp: 'Below 0 is 0, above 255 is 255.', abs: 'Magnitudes: edges of both signs are bright.', centre: '128 is added: no change is grey.',
};

const state = {
  mask: 'sobel-x', values: [], own: '0 -1 0; -1 5 -1; 0 -1 0', divisor: 1,
  mode: 'correlate', border: 'reflect101', constant: 128, range: 'abs', grey: false, channel: 1, at: null,
};
let convoke, source, picture, result, mask;
let stopCamera = null;

// ---- the flow ----

function setPicture(image) {
  source = image;
  picture = planes(image, state.grey);
  if (picture.channels === 1) state.channel = 0;
  convoke.setPicture(picture.height, picture.width, picture.channels, picture.pixels);
  paint($('before').querySelector('canvas'), picture, picture.pixels);
  $('size').textContent = `${picture.width}×${picture.height}`;
  const at = state.at ?? [picture.width * 0.896, picture.height * 0.376];
  state.at = [Math.min(Math.floor(at[0]), picture.width - 1), Math.min(Math.floor(at[1]), picture.height - 1)];
  filter();
}

function readMask() {
  const named = MASKS.find((one) => one.name.startsWith(state.mask));
  const own = state.mask === OWN;
  mask = convoke.setMask(own ? state.own : spell(named.name, state.values), own ? { divisor: state.divisor } : {});
}

function filter({ live = false } = {}) {
  let outcome;
  try {
    readMask();
    outcome = convoke.filter(state);
  } catch (error) {
    return say(error.message, true);
  }
  result = outcome.pixels;
  paint($('after').querySelector('canvas'), picture, result);
  tell(outcome);
  look({ calm: live });
  if (!live) keep();
  if (!live) settle(outcome.milliseconds);
}

/** The first runs are slow: the browser is still compiling. A picture that stays is filtered again, to be timed. */
let settling = 0;
function settle(milliseconds) {
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (stopCamera) return;
    // Clocks of browsers are coarse: many runs, and their mean.
    let [total, runs, algorithm] = [0, 0, ''];
    for (; total < Math.min(30, milliseconds * 50); runs++) {
      const again = convoke.filter(state);
      total += again.milliseconds;
      ({ algorithm } = again);
      if (runs >= 200) break;
    }
    if (runs > 0) tell({ milliseconds: total / runs, algorithm });
  }, 400);
}

function tell({ milliseconds, algorithm }) {
  const megapixels = (picture.width * picture.height) / 1e6;
  const time = `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;
  $('timing').textContent = time;
  say(`${convoke.lanes > 0 ? 'simd128' : 'no simd128'} · ${algorithm} · ${megapixels.toFixed(2)} Mpx in ${time}`);
}

function say(text, wrong = false) {
  $('status').textContent = text;
  $('status').classList.toggle('wrong', wrong);
}

// ---- the window ----

function look({ calm = false } = {}) {
  if (!picture || !mask) return;
  const [x, y] = state.at;
  const seen = convoke.look(y, x, state.channel);
  const percent = (value, of) => `${(100 * value) / of}%`;
  const place = (box, left, top, columns, rows) => Object.assign(box.style, {
    left: percent(left + columns / 2, picture.width), top: percent(top + rows / 2, picture.height),
    width: percent(columns, picture.width), height: percent(rows, picture.height),
    // A window of a few pixels would be smaller than its own frame.
    minWidth: '9px', minHeight: '9px',
  });
  place($('before').querySelector('.window'), x - seen.left, y - seen.above, mask.columns, mask.rows);
  place($('after').querySelector('.window'), x, y, 1, 1);
  $('place').textContent = `row ${y}, column ${x}`;
  $('turned').textContent = state.mode === 'convolve' ? 'weights, turned' : 'weights';
  const pixel = result[(y * picture.width + x) * picture.channels + state.channel];
  show({ seen, mask, pixel, range: state.range, channel: state.channel, channels: picture.channels, calm });
}

function move(x, y) {
  state.at = [Math.min(Math.max(x, 0), picture.width - 1), Math.min(Math.max(y, 0), picture.height - 1)];
  look();
}

for (const frame of [$('before'), $('after')]) {
  const follow = (event) => {
    if (!picture || (event.pointerType === 'touch' && event.buttons === 0)) return;
    const box = frame.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const [column, row] = [Math.floor(x * picture.width), Math.floor(y * picture.height)];
    if (column !== state.at[0] || row !== state.at[1]) move(column, row);
  };
  frame.addEventListener('pointermove', follow);
  frame.addEventListener('pointerdown', follow);
  frame.addEventListener('pointerleave', () => picture && keep());
  frame.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || !picture) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    move(state.at[0] + far * step[0], state.at[1] + far * step[1]);
    keep();
  });
}

// ---- controls ----

/** A row of buttons of which one is on. They stay: one of them may have the focus. */
function choice(id, options, value, set) {
  const box = $(id);
  if (box.children.length === 0) {
    box.append(...options.map(([value, title]) => {
      const label = document.createElement('label');
      const input = Object.assign(document.createElement('input'), { type: 'radio', name: id, value });
      input.addEventListener('change', () => set(value));
      label.append(input, title);
      return label;
    }));
  }
  for (const input of box.querySelectorAll('input')) input.checked = input.value === String(value);
}

function change(changes) {
  Object.assign(state, changes);
  try {
    readMask();
  } catch (error) {
    return say(error.message, true);
  }
  controls();
  filter();
}

/** Shows the state in all controls. */
function controls() {
  const named = MASKS.find((one) => one.name.startsWith(state.mask));
  $('mask').value = state.mask;
  parameters(named);
  numbers();
  $('note').textContent = named ? '' : 'Your own: edit the numbers, choose a size.';
  choice('mode', MODES.map((mode) => [mode, mode]), state.mode, (mode) => change({ mode }));
  choice('range', RANGES.map((range) => [range, range]), state.range, (range) => change({ range }));
  $('about-mode').textContent = ABOUT_MODE[state.mode];
  $('about-range').textContent = ABOUT_RANGE[state.range];
  $('about-border').textContent = PICTURE_OF_BORDER[state.border];
  $('border').value = state.border;
  $('constant').value = state.constant;
  $('constant-label').hidden = state.border !== 'constant';
  $('grey').checked = state.grey;
  channels();
}

function channels() {
  $('channel').hidden = state.grey;
  choice('channel', [[0, 'red'], [1, 'green'], [2, 'blue']], state.channel, (channel) => {
    state.channel = channel;
    look({ calm: true });
    keep();
  });
}

/** Sliders of a named mask. They stay while one is being dragged. */
function parameters(named) {
  const wanted = named?.name ?? OWN;
  const box = $('parameters');
  if (box.dataset.of !== wanted) {
    box.dataset.of = wanted;
    box.replaceChildren(...(named?.parameters ?? []).map(({ label, min, max, step }, i) => {
      const row = document.createElement('label');
      const input = Object.assign(document.createElement('input'), { type: 'range', min, max, step });
      input.addEventListener('input', () => change({ values: state.values.map((value, at) => (at === i ? Number(input.value) : value)) }));
      row.append(label, input, document.createElement('output'));
      return row;
    }));
  }
  [...box.children].forEach((row, i) => {
    row.querySelector('input').value = state.values[i];
    row.querySelector('output').textContent = digits(state.values[i]);
  });
}

/** The mask's numbers: to be edited, or as colours if there are too many. */
function numbers() {
  const { rows, columns, weights, divisor } = mask;
  const editable = Math.max(rows, columns) <= SIDES.at(-1);
  $('grid').hidden = $('adjust').hidden = !editable;
  $('heat').hidden = editable;
  const colour = signed(weights);
  if (!editable) {
    return matrix($('heat'), rows, columns, (i) => colour(weights[i]), () => ['']);
  }
  $('divisor').value = divisor;
  $('side').value = rows === columns ? rows : '';
  const grid = $('grid');
  grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  // Inputs are kept as long as the size is the same: one of them may be in use.
  if (grid.dataset.size !== `${rows}x${columns}`) {
    grid.dataset.size = `${rows}x${columns}`;
    grid.replaceChildren(...weights.map((_, i) => {
      const input = Object.assign(document.createElement('input'), { type: 'number', step: 'any' });
      input.ariaLabel = `row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}`;
      input.addEventListener('input', edited);
      return input;
    }));
  }
  [...grid.children].forEach((input, i) => {
    if (input !== document.activeElement) input.value = Number(weights[i].toPrecision(columns > 5 ? 2 : 4));
    input.style.backgroundColor = colour(weights[i]);
  });
}

/** Takes over a changed number: the mask becomes one's own. */
function edited(event) {
  const inputs = [...$('grid').children];
  const values = inputs.map((input, i) => (input === event.target ? Number(input.value) || 0 : mask.weights[i]));
  own(mask.rows, mask.columns, values, mask.divisor);
}

function own(rows, columns, values, divisor) {
  const lines = Array.from({ length: rows }, (_, r) => values.slice(r * columns, (r + 1) * columns).join(' '));
  change({ mask: OWN, own: lines.join('; '), divisor });
}

/** The same numbers round the middle of a mask of another size. */
function resize(side) {
  const values = Array.from({ length: side * side }, (_, i) => {
    const r = Math.floor(i / side) - (side >> 1) + (mask.rows >> 1);
    const c = (i % side) - (side >> 1) + (mask.columns >> 1);
    return mask.weights[r * mask.columns + c] * (r >= 0 && c >= 0 && r < mask.rows && c < mask.columns) || 0;
  });
  own(side, side, values, mask.divisor);
}

function bind() {
  $('mask').append(...MASKS.map(({ name, title }) => new Option(title, spell(name))), new Option('My own numbers', OWN));
  $('border').append(...BORDERS.map((border) => new Option(border)));
  $('side').append(...SIDES.map((side) => new Option(`${side}×${side}`, side)));
  $('mask').addEventListener('change', () => {
    const named = MASKS.find((one) => spell(one.name) === $('mask').value);
    if (named) change({ mask: $('mask').value, values: named.parameters.map((one) => one.value), range: named.range });
    else own(mask.rows, mask.columns, mask.weights, mask.divisor);
  });
  $('side').addEventListener('change', () => resize(Number($('side').value)));
  $('divisor').addEventListener('change', () => own(mask.rows, mask.columns, mask.weights, Number($('divisor').value)));
  $('border').addEventListener('change', () => change({ border: $('border').value }));
  $('constant').addEventListener('input', () => change({ constant: Math.min(Math.max(Number($('constant').value) || 0, 0), 255) }));
  $('grey').addEventListener('change', () => {
    Object.assign(state, { grey: $('grey').checked, channel: 1 });
    if (source) setPicture(source);
    channels();
  });
  $('file').addEventListener('change', () => $('file').files[0] && open($('file').files[0]));
  $('sample').addEventListener('click', sample);
  $('camera').addEventListener('click', camera);
  addEventListener('dragover', (event) => {
    event.preventDefault();
    $('drop').hidden = false;
  });
  addEventListener('dragleave', (event) => event.relatedTarget ?? ($('drop').hidden = true));
  addEventListener('drop', (event) => {
    event.preventDefault();
    $('drop').hidden = true;
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  addEventListener('resize', redraw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}

function redraw() {
  if (!mask) return;
  numbers();
  look({ calm: true });
}

// ---- pictures ----

function endCamera() {
  stopCamera?.();
  stopCamera = null;
  $('camera').ariaPressed = 'false';
}

async function open(blob) {
  endCamera();
  try {
    setPicture(await fromBlob(blob));
  } catch (error) {
    say(`${blob.name ?? 'picture'}: ${error.message}`, true);
  }
}

async function sample() {
  await open(await (await fetch('sample.png')).blob());
}

async function camera() {
  if (stopCamera) return endCamera();
  try {
    stopCamera = await fromCamera((image) => {
      source = image;
      picture = planes(image, state.grey);
      convoke.setPicture(picture.height, picture.width, picture.channels, picture.pixels);
      paint($('before').querySelector('canvas'), picture, picture.pixels);
      state.at = [Math.min(state.at[0], picture.width - 1), Math.min(state.at[1], picture.height - 1)];
      filter({ live: true });
    });
    $('camera').ariaPressed = 'true';
  } catch (error) {
    say(`camera: ${error.message}`, true);
  }
}

// ---- the address ----

function keep() {
  const { mask, values, own, divisor, mode, border, constant, range, grey, channel, at } = state;
  const kept = { mask: [mask, ...values].join(','), mode, border, range };
  if (mask === OWN) Object.assign(kept, { own, divisor });
  if (border === 'constant') kept.constant = constant;
  if (grey) kept.grey = 1;
  else kept.channel = channel;
  if (at) kept.at = at.join(',');
  history.replaceState(null, '', `#${new URLSearchParams(kept)}`);
}

/** Takes what is right of an address, and leaves the rest. */
function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  const [name, ...values] = (kept.get('mask') ?? '').split(',');
  const named = MASKS.find((one) => spell(one.name) === name);
  if (named) state.range = named.range;
  if (named) state.values = named.parameters.map((one, i) => Math.min(Math.max(Number(values[i] ?? one.value) || one.value, one.min), one.max));
  if (named || (name === OWN && kept.has('own'))) state.mask = name;
  if (name === OWN && kept.has('own')) Object.assign(state, { own: kept.get('own'), divisor: Number(kept.get('divisor') ?? 1) });
  for (const [key, known] of Object.entries({ mode: MODES, border: BORDERS, range: RANGES })) {
    if (known.includes(kept.get(key))) state[key] = kept.get(key);
  }
  if (kept.has('constant')) state.constant = Math.min(Math.max(Number(kept.get('constant')) || 0, 0), 255);
  state.grey = kept.has('grey');
  if (['0', '1', '2'].includes(kept.get('channel'))) state.channel = Number(kept.get('channel'));
  const at = (kept.get('at') ?? '').split(',').map(Number);
  if (at.length === 2 && at.every((place) => place >= 0)) state.at = at;
}

try {
  // `?plain` takes the module without vectors, to see what they bring.
  const plain = new URLSearchParams(location.search).has('plain') || !hasSimd();
  const response = await fetch(plain ? 'plain.wasm' : 'simd128.wasm');
  if (!response.ok) throw new Error('the modules are not here; web/build makes them');
  convoke = await Convoke.from(await response.arrayBuffer());
  recall();
  bind();
  try {
    readMask();
  } catch {
    state.mask = 'identity';
  }
  controls();
  await sample();
  document.documentElement.dataset.ready = '';
} catch (error) {
  say(error.message, true);
}
