// Argon2, which Node does not have in this version: WebAssembly on a thread of its own, because a hash takes as long as
// a few thousand messages. The thread begins with the first hash, and keeps no process alive.
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

export interface Argon2Parameters {
  readonly salt: Uint8Array;
  readonly hashLength: number;
  readonly iterations: number;
  readonly memoryKiB: number;
  readonly parallelism: number;
}

/** The module reads it as it is: a file of its own would have to be found in a bundle as well. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { argon2id } = require(workerData);
parentPort.on('message', ({ id, options }) => {
  argon2id({ ...options, outputType: 'binary' }).then(
    (hash) => parentPort.postMessage({ id, hash }),
    (error) => parentPort.postMessage({ id, error: String(error) }),
  );
});
`;

interface Answer {
  readonly id: number;
  readonly hash?: Uint8Array;
  readonly error?: string;
}

interface Waiting {
  resolve(hash: Buffer): void;
  reject(error: Error): void;
}

class Argon2Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** @param ended called when the thread has ended, which it does after a failure only. */
  constructor(ended: () => void) {
    const workerData = createRequire(import.meta.url).resolve('hash-wasm/dist/argon2.umd.min.js');
    this.#worker = new Worker(PROGRAM, { eval: true, workerData });
    this.#worker.unref();
    const fail = (error: Error): void => {
      ended();
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    };
    this.#worker.on('error', fail);
    this.#worker.on('exit', () => {
      fail(new Error('the thread for argon2 has ended'));
    });
    this.#worker.on('message', ({ id, hash, error }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#worker.unref();
      if (hash === undefined) waiting?.reject(new Error(`argon2: ${error ?? 'no hash'}`));
      else waiting?.resolve(Buffer.from(hash));
    });
  }

  hash(password: Uint8Array, { memoryKiB: memorySize, ...parameters }: Argon2Parameters): Promise<Buffer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, options: { ...parameters, memorySize, password } });
    });
  }
}

let thread: Argon2Thread | undefined;

/** Argon2id, version 19. */
export function argon2id(password: Uint8Array, parameters: Argon2Parameters): Promise<Buffer> {
  thread ??= new Argon2Thread(() => (thread = undefined));
  return thread.hash(password, parameters);
}
