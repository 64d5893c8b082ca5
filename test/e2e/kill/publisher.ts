// One who sends as much as its window allows for as long as it may.
import type { Chance } from './chance.js';
import type { Chronicle } from './chronicle.js';
import { payloadOf } from './chronicle.js';
import { FaithfulClient } from './faithful-client.js';

/** Most messages are small. Some are larger than what a broker copies and stores like the small ones. */
function sizeBy(chance: Chance): number {
  if (chance.happens(0.02)) return chance.between(33_000, 80_000);
  if (chance.happens(0.06)) return chance.between(1025, 5000);
  return chance.between(0, 60);
}

export class Publisher {
  readonly client: FaithfulClient;
  #isSending = false;

  constructor(
    readonly name: string,
    readonly chance: Chance,
    readonly chronicle: Chronicle,
    /** Where the next message goes. */
    readonly topic: (qos: 1 | 2) => string,
  ) {
    this.client = new FaithfulClient(name, chance.between(5, 40));
    this.client.onFault = (fault) => {
      chronicle.fault(fault);
    };
    this.client.onRoom = () => {
      if (this.#isSending) this.#fill();
    };
  }

  send(): void {
    this.#isSending = true;
    this.#fill();
  }

  pause(): void {
    this.#isSending = false;
  }

  sendOne(qos: 1 | 2): void {
    const publication = this.chronicle.send(this.name, qos, this.topic(qos), sizeBy(this.chance));
    this.client.publish({ topic: publication.topic, payload: payloadOf(publication), qos }, () => {
      this.chronicle.acknowledged(publication);
    });
  }

  #fill(): void {
    while (this.client.hasRoom) this.sendOne(this.chance.pick([1, 2]));
  }
}
