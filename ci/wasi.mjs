// Runs a WebAssembly program of WASI in node, such as a file of tests, in the current folder: node ci/wasi.mjs PROGRAM ARGUMENT ...
// Its exit status becomes node's.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args, env: process.env, preopens: { '/': process.cwd() }, returnOnExit: true });
// Debian's libc for WASI is older than the two functions of it that Rust's library names. There is one thread, which nobody joins.
const ENOSYS = 52;
const env = { pthread_join: () => ENOSYS, pthread_detach: () => ENOSYS };
const { instance } = await WebAssembly.instantiate(await readFile(args[0]), { ...wasi.getImportObject(), env });
process.exit(wasi.start(instance));
