// node web/tests/browser.mjs [--shots FOLDER]: the page in a real browser. It loads, filters what it is told by its own
// controls, and shows the pixels of the program. CONVOKE is the program.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { serve } from '../serve.mjs';
import { chromium } from './chromium.mjs';
import { native } from './native.mjs';

const shots = process.argv[2] === '--shots' ? process.argv[3] : null;
const { server, address } = await serve(0);
const browser = await chromium();
const { send, value, until, errors } = browser;

/** Opens the page with a state and waits for the picture. */
async function visit(how, query = '') {
  await send('Page.navigate', { url: 'about:blank' });
  await send('Page.navigate', { url: `${address}${query}#${new URLSearchParams(how)}` });
  await until(`document.documentElement?.dataset.ready === ''`);
}

/** The pixels that a canvas shows, without alpha. */
async function shown(id, grey) {
  const base64 = await value(`(() => {
    const canvas = document.querySelector('#${id} canvas');
    const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let text = '';
    for (let i = 0; i < data.length; i += 4) {
      for (let c = 0; c < ${grey ? 1 : 3}; c++) text += String.fromCharCode(data[i + c]);
    }
    return [height, width, btoa(text)];
  })()`);
  return { height: base64[0], width: base64[1], channels: grey ? 1 : 3, pixels: Buffer.from(base64[2], 'base64') };
}

/** The picture as it is shown, through the program, is what is shown as the result. */
async function same(mask, how, grey = false) {
  const [before, after] = [await shown('before', grey), await shown('after', grey)];
  const wanted = native(before, mask, how);
  assert.ok(wanted.equals(after.pixels), `${mask} ${JSON.stringify(how)}: other pixels than the program's`);
  return before;
}

const text = (id) => value(`document.getElementById('${id}').textContent`);
const set = (id, to, event = 'change') => value(`(() => {
  const control = document.getElementById('${id}');
  control.value = ${JSON.stringify(to)};
  control.dispatchEvent(new Event('${event}', { bubbles: true }));
})()`);
const pick = (group, option) => value(`document.querySelector('#${group} input[value="${option}"]').click()`);

try {
  // With vectors and without.
  for (const [query, badge] of [['', /^simd128/], ['?plain', /^no simd128/]]) {
    await visit({ mask: 'gaussian,2', border: 'reflect101' }, query);
    assert.match(await text('status'), badge);
    const sample = await same('gaussian:2', { border: 'reflect101' });
    assert.deepEqual([sample.height, sample.width], [427, 640]);
  }

  // By the controls.
  await set('mask', 'emboss');
  await pick('mode', 'convolve');
  await set('border', 'constant');
  await set('constant', 200, 'input');
  await same('emboss', { mode: 'convolve', border: 'constant', constant: 200 });
  await set('border', 'wrap');
  await set('mask', 'scharr-y');
  await same('scharr-y', { mode: 'convolve', border: 'wrap', range: 'abs' });
  await pick('range', 'centre');
  await value(`document.getElementById('grey').click()`);
  await same('scharr-y', { mode: 'convolve', border: 'wrap', range: 'centre' }, true);
  await set('mask', 'motion');
  await value(`(() => {
    const angle = document.querySelectorAll('#parameters input')[1];
    angle.value = -45;
    angle.dispatchEvent(new Event('input'));
  })()`);
  await same('motion:15,-45', { mode: 'convolve', border: 'wrap' }, true);

  // Numbers of one's own.
  await set('mask', 'identity');
  await value(`(() => {
    const cell = document.querySelectorAll('#grid input')[0];
    cell.value = '-2';
    cell.dispatchEvent(new Event('input'));
  })()`);
  assert.equal(await value(`document.getElementById('mask').value`), 'own');
  await same('-2 0 0; 0 1 0; 0 0 0', { mode: 'convolve', border: 'wrap' }, true);
  await set('side', '5');
  await same('0 0 0 0 0; 0 -2 0 0 0; 0 0 1 0 0; 0 0 0 0 0; 0 0 0 0 0', { mode: 'convolve', border: 'wrap' }, true);

  // The sum under a real cursor: sobel-x over grey pixels, told apart from the module's own account of them.
  await visit({ mask: 'sobel-x', border: 'zero', range: 'abs', grey: 1 });
  const box = await value(`(() => {
    const { left, top, width, height } = document.getElementById('after').getBoundingClientRect();
    return { left, top, width, height };
  })()`);
  const [row, column] = [180, 444];
  await send('Input.dispatchMouseEvent', {
    type: 'mouseMoved', x: box.left + (column + 0.5) * box.width / 640, y: box.top + (row + 0.5) * box.height / 427,
  });
  await until(`document.getElementById('place').textContent === 'row ${row}, column ${column}'`);
  await until(`document.getElementById('total').textContent.includes('pixel')`);
  const { pixels } = await shown('before', true);
  const at = (y, x) => pixels[(row + y) * 640 + column + x];
  const sum = [-1, 0, 1].reduce((sum, y) => sum + (y === 0 ? 2 : 1) * (at(y, 1) - at(y, -1)), 0);
  const minus = (number) => String(number).replace('-', '−');
  assert.equal(await text('total'), `sum ${minus(sum)}, magnitude ${Math.abs(sum)} → pixel ${Math.min(Math.abs(sum), 255)}`);
  // And by keys.
  await value(`document.getElementById('after').focus()`);
  await send('Input.dispatchKeyEvent', { type: 'keyDown', key: 'ArrowRight' });
  await until(`document.getElementById('place').textContent === 'row ${row}, column ${column + 1}'`);

  // A picture of one's own, and a file that is none.
  await value(`(async () => {
    const canvas = new OffscreenCanvas(31, 17);
    const context = canvas.getContext('2d');
    for (let i = 0; i < 31; i++) {
      context.fillStyle = 'rgb(' + [i * 8, 255 - i * 8, (i * 37) % 256] + ')';
      context.fillRect(i, i % 5, 1, 17);
    }
    const files = new DataTransfer();
    files.items.add(new File([await canvas.convertToBlob()], 'mine.png', { type: 'image/png' }));
    dispatchEvent(new DragEvent('drop', { dataTransfer: files }));
  })()`);
  await until(`document.getElementById('size').textContent === '31×17'`);
  await same('sobel-x', { range: 'abs' }, true);
  await value(`(() => {
    const files = new DataTransfer();
    files.items.add(new File(['no picture'], 'mine.txt'));
    dispatchEvent(new DragEvent('drop', { dataTransfer: files }));
  })()`);
  await until(`document.getElementById('status').classList.contains('wrong')`);
  await value(`document.getElementById('sample').click()`);
  await until(`document.getElementById('size').textContent === '640×427'`);

  // The camera: a film that the browser draws.
  await value(`document.getElementById('camera').click()`);
  await until(`document.getElementById('camera').ariaPressed === 'true' && !document.getElementById('status').classList.contains('wrong')`);
  await value(`document.getElementById('camera').click()`);
  await same('sobel-x', { range: 'abs' }, true);

  // An address that makes no sense is the sample, filtered.
  await visit({ mask: 'nothing', at: 'x,y', border: 'no', divisor: 'zero' });
  assert.ok(!(await value(`document.getElementById('status').classList.contains('wrong')`)));

  // Nothing is wider than a phone.
  for (const width of [360, 390, 768, 1440]) {
    await send('Emulation.setDeviceMetricsOverride', { width, height: 844, deviceScaleFactor: 1, mobile: width < 500 });
    assert.equal(await value('document.documentElement.scrollWidth'), width, 'the page is as wide as the screen');
  }

  if (shots) await take(shots);
  assert.deepEqual(errors, []);
  console.log('the page filters as the program does');
} finally {
  await browser.close();
  server.close();
}

/** Pictures of the page to look at. */
async function take(folder) {
  mkdirSync(folder, { recursive: true });
  const views = {
    edges: { mask: 'sobel-x', border: 'reflect101', range: 'abs', at: '573,160', channel: 1 },
    blur: { mask: 'gaussian,2', border: 'replicate', at: '5,200', channel: 1 },
    mean: { mask: 'box,3', border: 'constant', mode: 'convolve', grey: 1, at: '0,0' },
  };
  for (const [name, how] of Object.entries(views)) {
    for (const scheme of ['light', 'dark']) {
      for (const [size, width, height] of [['desk', 1360, 900], ['phone', 390, 844]]) {
        await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }] });
        await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: size === 'phone' ? 2 : 1, mobile: size === 'phone' });
        await visit(how);
        await new Promise((resolve) => setTimeout(resolve, 800));
        const { data } = await send('Page.captureScreenshot', { captureBeyondViewport: size === 'phone' });
        writeFileSync(join(folder, `${name}-${scheme}-${size}.png`), Buffer.from(data, 'base64'));
      }
    }
  }
}
