// Login attempts that are delayed. Their number is bounded, for each address and in all; where there is no room, it is
// shared fairly by user name. Of several attempts with one name the latest makes room for a name that has fewer. An
// invented name is used once; so a name that comes back after it found no room goes before names that are new.

/** One delayed attempt. */
export interface WaitingAttempt {
  /** `undefined` for a client without one, such as a client in the same process; such clients share no limit. */
  readonly address: string | undefined;
  readonly userName: string | undefined;
  /** Whether its name has failed of late: it does not come before new ones then. */
  readonly hasFailed: boolean;
  /** It makes room for another attempt. */
  readonly displace: () => void;
}

interface AddressQueue {
  /** In order of arrival; whether its name had found no room before. */
  readonly attempts: Map<WaitingAttempt, boolean>;
  readonly perName: Map<string | undefined, number>;
}

export class WaitingAttempts {
  readonly #queues = new Map<string | undefined, AddressQueue>();
  /** Names that found no room, by their address, in the order of the latest time. */
  readonly #comeBack = new Set<string>();
  #size = 0;

  constructor(
    readonly max: number,
    readonly maxPerAddress: number,
    /** Names that found no room are remembered up to this number. */
    readonly maxTracked: number,
  ) {}

  get size(): number {
    return this.#size;
  }

  /** @returns false if there is no room for this attempt. */
  add(attempt: WaitingAttempt): boolean {
    const isBack = this.#comeBack.delete(keyOf(attempt)) && !attempt.hasFailed;
    const own = this.#queues.get(attempt.address);
    const isFullHere = attempt.address !== undefined && (own?.attempts.size ?? 0) >= this.maxPerAddress;
    if (isFullHere || this.#size >= this.max) {
      const other = isFullHere ? undefined : this.#largerThan(own);
      const victim =
        other === undefined ? victimBeside(own, attempt.userName, isBack) : latestOf(other, mostOf(other), false);
      if (victim === undefined) {
        this.#remember(attempt);
        return false;
      }
      this.remove(victim);
      this.#remember(victim);
      victim.displace();
    }
    const queue = this.#queueOf(attempt.address);
    queue.attempts.set(attempt, isBack);
    queue.perName.set(attempt.userName, countOf(queue, attempt.userName) + 1);
    this.#size++;
    return true;
  }

  remove(attempt: WaitingAttempt): void {
    const queue = this.#queues.get(attempt.address);
    if (queue?.attempts.delete(attempt) !== true) return;
    this.#size--;
    const count = countOf(queue, attempt.userName) - 1;
    if (count > 0) queue.perName.set(attempt.userName, count);
    else queue.perName.delete(attempt.userName);
    if (queue.attempts.size === 0) this.#queues.delete(attempt.address);
  }

  #queueOf(address: string | undefined): AddressQueue {
    let queue = this.#queues.get(address);
    if (queue === undefined) {
      queue = { attempts: new Map(), perName: new Map() };
      this.#queues.set(address, queue);
    }
    return queue;
  }

  /** The address with the most attempts, if it has at least two more than this one. */
  #largerThan(own: AddressQueue | undefined): AddressQueue | undefined {
    let largest: AddressQueue | undefined;
    let most = (own?.attempts.size ?? 0) + 1;
    for (const queue of this.#queues.values()) {
      if (queue.attempts.size <= most) continue;
      largest = queue;
      most = queue.attempts.size;
    }
    return largest;
  }

  #remember(attempt: WaitingAttempt): void {
    this.#comeBack.add(keyOf(attempt));
    for (const oldest of this.#comeBack) {
      if (this.#comeBack.size <= this.maxTracked) break;
      this.#comeBack.delete(oldest);
    }
  }
}

/** The attempt at the same address that makes room for one with this name. */
function victimBeside(
  queue: AddressQueue | undefined,
  userName: string | undefined,
  isBack: boolean,
): WaitingAttempt | undefined {
  if (queue === undefined) return undefined;
  const most = mostOf(queue);
  const own = countOf(queue, userName);
  if (most > own + 1) return latestOf(queue, most, false);
  return isBack && own === 0 ? latestOf(queue, most, true) : undefined;
}

/** The latest attempt among those of names with so many; `onlyNew`: none of a name that came back. */
function latestOf(queue: AddressQueue, count: number, onlyNew: boolean): WaitingAttempt | undefined {
  let latest: WaitingAttempt | undefined;
  for (const [attempt, isBack] of queue.attempts)
    if (countOf(queue, attempt.userName) === count && !(onlyNew && isBack)) latest = attempt;
  return latest;
}

function mostOf({ perName }: AddressQueue): number {
  let most = 0;
  for (const count of perName.values()) most = Math.max(most, count);
  return most;
}

const countOf = ({ perName }: AddressQueue, userName: string | undefined): number => perName.get(userName) ?? 0;

/** A User Name cannot contain U+0000 [MQTT-1.5.3-2]. */
const keyOf = ({ address = '', userName = '' }: WaitingAttempt): string => `${address}\0${userName}`;
