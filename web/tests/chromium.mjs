// A headless Chromium, spoken to by the DevTools protocol over two pipes: no library, no port.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Starts one with a page of its own; `send` a command to the page, `close` it in the end. */
export async function chromium(program = 'chromium') {
  const profile = mkdtempSync(join(tmpdir(), 'convoke-chromium-'));
  const process_ = spawn(program, [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--remote-debugging-pipe', `--user-data-dir=${profile}`,
    // A picture of its own instead of a camera, which nobody is asked for.
    '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
    'about:blank',
  ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const [, , , input, output] = process_.stdio;

  const waiting = new Map();
  const errors = [];
  let rest = '';
  output.setEncoding('utf8').on('data', (data) => {
    const messages = (rest + data).split('\0');
    rest = messages.pop();
    for (const { id, result, error, method, params } of messages.map((text) => JSON.parse(text))) {
      if (method === 'Runtime.exceptionThrown') errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === 'Runtime.consoleAPICalled' && params.type === 'error') errors.push(params.args.map((one) => one.value).join(' '));
      const [resolve, reject] = waiting.get(id) ?? [];
      waiting.delete(id);
      if (error) reject?.(new Error(error.message));
      else resolve?.(result);
    }
  });
  const fail = (why) => {
    for (const [, reject] of waiting.values()) reject(new Error(why));
    waiting.clear();
  };
  process_.on('error', (error) => fail(`${program}: ${error.message}`));
  process_.on('exit', (code) => fail(`${program} ended with ${code}`));

  let last = 0;
  let sessionId;
  const send = (method, params = {}) => new Promise((resolve, reject) => {
    const id = ++last;
    waiting.set(id, [resolve, reject]);
    input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  });

  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  ({ sessionId } = await send('Target.attachToTarget', { targetId, flatten: true }));
  await send('Runtime.enable');
  await send('Page.enable');

  /** The value of an expression in the page; promises are waited for. */
  const value = async (expression) => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  /** Waits until an expression is true. */
  const until = async (expression) => {
    for (let attempt = 0; attempt < 600; attempt++) {
      if (await value(expression)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`this did not become true: ${expression}; ${errors.join('; ')}`);
  };
  const close = async () => {
    const ended = new Promise((resolve) => process_.once('exit', resolve));
    sessionId = undefined;
    await Promise.race([send('Browser.close').catch(() => {}), ended]);
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { send, value, until, errors, close };
}
