// What plugins are offered of a broker that does not exist yet when they are created: it needs what they bind. A
// service can be injected at once and used when the broker starts.
import type { Container, ServiceIdentifier } from 'inversify';
import { portName } from './plugin-ports.js';

export class LateServices {
  readonly #wanted = new Map<ServiceIdentifier, object | undefined>();

  /** The service itself; `undefined` before the broker was put together. */
  find<T extends object>(token: ServiceIdentifier<T>): T | undefined {
    return this.#wanted.get(token) as T | undefined;
  }

  /** From now on `connect` looks for it. */
  want(token: ServiceIdentifier<object>): void {
    if (!this.#wanted.has(token)) this.#wanted.set(token, undefined);
  }

  /**
   * A stand-in that passes every call on, and throws an Error at each before the broker was put together.
   * @param port what it stands for, in that error.
   * @param own makes the service of one plugin, when it is used first.
   */
  service<T extends object>(port: ServiceIdentifier, token: ServiceIdentifier<T>, own = (service: T): T => service): T {
    this.want(token);
    let real: T | undefined;
    return new Proxy({} as T, {
      get: (_stand, property) => {
        const service = this.find(token);
        // Whether something is a promise may be looked at at any time.
        if (service === undefined) return property === 'then' ? undefined : notYet(port, property);
        real ??= own(service);
        const value: unknown = Reflect.get(real, property);
        return typeof value === 'function' ? (value.bind(real) as unknown) : value;
      },
    });
  }

  /** Puts the services of a whole broker behind the stand-ins. */
  async connect(container: Container): Promise<void> {
    for (const token of this.#wanted.keys()) this.#wanted.set(token, (await container.getAsync(token)) as object);
  }
}

const notYet = (token: ServiceIdentifier, property: PropertyKey) => (): never => {
  throw new Error(
    `${portName(token)}.${String(property)}: the broker is not there yet, expected a call in start() or later`,
  );
};
