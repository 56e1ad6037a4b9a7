// Runs a WebAssembly program of WASI in node, such as a file of tests, in the current folder: node ci/wasi.mjs PROGRAM ARGUMENT ...
// Its exit status becomes node's.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
// Files have their names from the current folder, or from the top as far as the checkout is named.
const checkout = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const preopens = { '.': process.cwd(), [checkout]: checkout };
const wasi = new WASI({ version: 'preview1', args, env: process.env, preopens, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(args[0]));
// Rust's library names functions for threads that Debian's libc for WASI has not got. There is one thread, and there will be no other.
const ENOSYS = 52;
const env = { pthread_create: () => ENOSYS };
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  if (from === 'env' && name.startsWith('pthread_')) env[name] ??= () => 0;
}
process.exit(wasi.start(await WebAssembly.instantiate(module, { ...wasi.getImportObject(), env })));
