// Runs a WebAssembly program of WASI in node, such as a file of tests, in the current folder: node ci/wasi.mjs PROGRAM ARGUMENT ...
// Its exit status becomes node's.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
const preopens = { '/': '/', '.': process.cwd() };
const wasi = new WASI({ version: 'preview1', args, env: process.env, preopens, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(args[0]));
// Rust's library names functions for threads that Debian's libc for WASI has not got. There is one thread, and there will be no other.
const ENOSYS = 52;
const env = { pthread_create: () => ENOSYS };
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  if (from === 'env' && name.startsWith('pthread_')) env[name] ??= () => 0;
}
process.exit(wasi.start(await WebAssembly.instantiate(module, { ...wasi.getImportObject(), env })));
