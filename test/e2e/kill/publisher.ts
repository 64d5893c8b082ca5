// A client that publishes as fast as its window allows, until it is paused.
import type { Chance } from './chance.js';
import type { History } from './history.js';
import { payloadOf } from './history.js';
import { MqttClient } from '../../clients/mqtt-client.js';

/** Most messages are small. Some exceed the sizes from which a broker copies and stores payloads differently. */
function sizeBy(chance: Chance): number {
  if (chance.happens(0.02)) return chance.between(33_000, 80_000);
  if (chance.happens(0.06)) return chance.between(1025, 5000);
  return chance.between(0, 60);
}

export class Publisher {
  readonly client: MqttClient;
  #isSending = false;

  constructor(
    readonly name: string,
    readonly chance: Chance,
    readonly history: History,
    /** The topic of the next message. */
    readonly topic: (qos: 1 | 2) => string,
  ) {
    this.client = new MqttClient(name, chance.between(5, 40));
    this.client.onFault = (fault) => {
      history.addViolation(fault);
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
    const publication = this.history.send(this.name, qos, this.topic(qos), sizeBy(this.chance));
    this.client.publish({ topic: publication.topic, payload: payloadOf(publication), qos }, () => {
      this.history.acknowledged(publication);
    });
  }

  #fill(): void {
    while (this.client.hasRoom) this.sendOne(this.chance.pick([1, 2]));
  }
}
