// The built command, as a process whose start can be timed and whose memory can be watched.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = resolve(ROOT, 'dist/src/cli/main.js');
const READY = /\bhexmq \S+ ready: tcp ([\d.]+):(\d+)/m;
const SAMPLE_INTERVAL_MS = 50;

/**
 * @typedef {object} Memory in bytes
 * @property {number} resident
 * @property {number} mapped the part of it that is mapped files: pages of the store that the kernel takes back when it
 * needs the memory
 * @property {number} peak the most that was resident since the start
 */

export class BrokerProcess {
  #child;
  #ended;
  #stderr = '';

  constructor(child) {
    this.#child = child;
    this.host = '';
    this.port = 0;
    /** From the start of the process to its ready line. */
    this.readyMs = 0;
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr += text;
    });
    this.#ended = new Promise((done) => {
      child.on('close', done);
    });
  }

  /**
   * @param {string | undefined} directory of file storage; `undefined` for memory storage
   * @param {{ readonly limits?: Readonly<Record<string, number>>, readonly nodeArguments?: readonly string[],
   * readonly environment?: Readonly<Record<string, string>> }} [options] `limits`: by the names of their environment
   * variables; `environment`: variables that name the storage, in place of the directory
   */
  static async start(directory, { limits = {}, nodeArguments = [], environment } = {}) {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: build it first (npm run build)`);
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('HEXMQ_'));
    const given = Object.entries(limits).map(([name, value]) => [`HEXMQ_LIMITS_${name}`, String(value)]);
    const startedAt = performance.now();
    const child = spawn(
      process.execPath,
      [
        ...nodeArguments,
        MAIN,
        'start',
        '--port',
        '0',
        ...(environment === undefined ? storageFlags(directory) : []),
        '--log-level',
        'error',
      ],
      {
        env: { ...Object.fromEntries([...inherited, ...given]), ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const broker = new BrokerProcess(child);
    await broker.#ready(startedAt);
    return broker;
  }

  /** @returns {Memory} */
  get memory() {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
    return { resident: bytes('VmRSS'), mapped: bytes('RssFile'), peak: bytes('VmHWM') };
  }

  /** CPU time of the process so far, in the kernel's steps of 10,000 microseconds. */
  get cpuMicroseconds() {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  }

  /**
   * Samples the memory until the returned function is called, which returns the peak of resident memory and of the
   * memory without mapped files.
   */
  watchMemory() {
    let [resident, own] = [0, 0];
    const timer = setInterval(() => {
      const memory = this.memory;
      resident = Math.max(resident, memory.resident);
      own = Math.max(own, memory.resident - memory.mapped);
    }, SAMPLE_INTERVAL_MS);
    return () => {
      clearInterval(timer);
      return { resident, own };
    };
  }

  /** Kills the process, as a crash would. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async stop() {
    this.#child.kill('SIGTERM');
    await this.#ended;
    if (this.#child.exitCode !== 0)
      throw new Error(`the broker ended with ${this.#child.signalCode ?? this.#child.exitCode}\n${this.#stderr}`);
  }

  async #ready(startedAt) {
    let stdout = '';
    const said = new Promise((done) => {
      this.#child.stdout.setEncoding('utf8').on('data', (text) => {
        stdout += text;
        const match = READY.exec(stdout);
        if (match !== null) done(match);
      });
    });
    const match = await Promise.race([said, this.#ended]);
    this.readyMs = performance.now() - startedAt;
    if (!Array.isArray(match)) throw new Error(`the broker ended before it was ready\n${this.#stderr}`);
    [, this.host, this.port] = match;
    this.port = Number(this.port);
  }
}

const storageFlags = (directory) =>
  directory === undefined ? ['--storage', 'memory'] : ['--storage', 'file', '--data', directory];

export const mebibytes = (bytes) => (bytes / 1024 / 1024).toFixed(0);
