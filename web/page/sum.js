// The sum under the cursor, as the lecture draws it: the pixels under the mask, the weights, their products, and the sum
// that they make, one product after the other.

const $ = (id) => document.getElementById(id);
const still = matchMedia('(prefers-reduced-motion: reduce)');
/** Milliseconds in which a sum is formed, whatever the number of products. */
const DURATION = 1400;
/** Sums of more products are shown as they end. */
const MOST_STEPS = 400;
/** Cells narrower than this, in CSS pixels, show colours without digits. */
const READABLE = 25;

let timer = 0;

/** Digits that fit in a cell; a minus as wide as a plus. */
export function digits(value, places = 2) {
  const text = Number.isInteger(value) ? String(value) : Number(value.toFixed(places)).toString();
  return text.replace('-', '−');
}

/** Draws a matrix into a canvas: `fill` and `label` of a cell's index, `lit` the index of the cell in hand. */
export function matrix(canvas, rows, columns, fill, label, lit = -1) {
  const box = canvas.getBoundingClientRect();
  const scale = devicePixelRatio;
  [canvas.width, canvas.height] = [box.width, box.height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = canvas.getContext('2d');
  const cell = Math.min(canvas.width / columns, canvas.height / rows);
  const gap = cell > 14 * scale ? 1.5 * scale : 0;
  const [left, top] = [(canvas.width - cell * columns) / 2, (canvas.height - cell * rows) / 2];
  const style = getComputedStyle(canvas);
  const [mono, ink, accent] = [style.getPropertyValue('--mono'), style.color, style.getPropertyValue('--accent')];
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let i = 0; i < rows * columns; i++) {
    const [x, y] = [left + cell * (i % columns), top + cell * Math.floor(i / columns)];
    context.fillStyle = fill(i);
    // Without gaps, cells overlap a little, so that no seams show.
    const side = gap > 0 ? cell - gap : cell + 0.5;
    if (gap === 0) {
      context.fillRect(x, y, side, side);
      continue;
    }
    context.beginPath();
    context.roundRect(x + gap / 2, y + gap / 2, side, side, 3 * scale);
    context.fill();
    if (i === lit) {
      context.strokeStyle = accent;
      context.lineWidth = 2 * scale;
      context.stroke();
    }
    if (cell < READABLE * scale) continue;
    const [text, colour] = label(i);
    const size = Math.min(cell * 0.34, (cell * 1.45) / Math.max(text.length, 1), 17 * scale);
    context.font = `${size}px ${mono}`;
    context.fillStyle = colour ?? ink;
    context.fillText(text, x + cell / 2, y + cell / 2);
  }
}

/** Colours of signed numbers: one hue above zero, another below, stronger the larger. */
export function signed(values) {
  const style = getComputedStyle(document.documentElement);
  const [plus, minus] = ['--plus', '--minus'].map((name) => style.getPropertyValue(name));
  const most = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return (value) => `rgb(${value < 0 ? minus : plus} / ${value === 0 ? 0.05 : 0.12 + 0.68 * Math.abs(value / most)})`;
}

/** The colour of a pixel's value in a channel of `channels`. */
export function shade(value, channel, channels) {
  const level = Math.round(value);
  return channels === 1 ? `rgb(${level} ${level} ${level})` : `rgb(${[0, 1, 2].map((c) => (c === channel ? level : level * 0.12)).join(' ')})`;
}

/**
 * Shows a sum being formed. `seen` is what the mask sees, `mask` its numbers, `pixel` what the filter made of it,
 * `range` how, and `channel` of `channels` which.
 */
export function show({ seen, mask, pixel, range, channel, channels, calm }) {
  clearTimeout(timer);
  const { values, weights, inside } = seen;
  const { rows, columns, divisor } = mask;
  const products = values.map((value, i) => value * weights[i]);
  const [weightColour, productColour] = [weights, products].map(signed);
  const [canvasValues, canvasWeights, canvasProducts] = ['values', 'weights', 'products'].map($);
  const dark = (value) => (channels > 1 ? channel === 1 && value > 150 : value > 140);

  const frame = (count) => {
    const lit = count < values.length ? count - 1 : -1;
    matrix(canvasValues, rows, columns, (i) => shade(values[i], channel, channels),
      (i) => [inside[i] ? digits(values[i]) : `(${digits(values[i])})`, dark(values[i]) ? '#000' : '#fff'], lit);
    matrix(canvasWeights, rows, columns, (i) => weightColour(weights[i]), (i) => [digits(weights[i])], lit);
    matrix(canvasProducts, rows, columns, (i) => (i < count ? productColour(products[i]) : 'transparent'),
      (i) => [i < count ? digits(products[i], 1) : ''], lit);
    const sum = products.slice(0, count).reduce((sum, product) => sum + product, 0);
    $('total').ariaBusy = String(count < values.length);
    $('total').innerHTML = count < values.length ? `sum so far: ${digits(sum)}` : outcome(sum);
  };
  const outcome = (sum) => {
    let text = `sum ${digits(sum)}`;
    const value = sum / divisor;
    if (divisor !== 1) text += ` ÷ ${digits(divisor)} = ${digits(value)}`;
    if (range === 'abs') text += `, magnitude ${digits(Math.abs(value))}`;
    if (range === 'centre') text += `, + 128 = ${digits(value + 128)}`;
    return `${text} → <span>pixel <strong>${pixel}</strong><i style="background:${shade(pixel, channel, channels)}"></i></span>`;
  };

  const terms = products.flatMap((_, i) => (weights[i] === 0 ? [] : [`${digits(values[i])}·${digits(weights[i])}`.replace(/·(−.*)/, '·($1)')]));
  $('terms').textContent = terms.length > 25 ? `${terms.length} products` : terms.join(' + ');

  if (calm || still.matches || values.length > MOST_STEPS) return frame(values.length);
  const started = performance.now();
  const step = () => {
    const count = Math.min(values.length, 1 + Math.floor(((performance.now() - started) / DURATION) * values.length));
    frame(count);
    if (count < values.length) timer = setTimeout(step, Math.max(16, DURATION / values.length));
  };
  step();
}
