// QoS 2 comes once: no client receives a QoS 2 message twice, whatever crashes lie between, and of a shared group only
// one member gets it ([MQTT-4.3.3-1], [MQTT5-4.8.2-4], [MQTT5-4.8.2-5]).
import type { Evidence } from '../evidence/evidence.js';
import { groupQueueOf } from '../evidence/shared-groups.js';
import type { Departure, Observations, Reception } from '../observations.js';
import type { Fail } from '../violation.js';

export class Qos2Once implements Observations {
  /** The member that a group's message was sent to at QoS 2, by shared subscription and tag. */
  readonly #sentTo = new Map<string, string>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  /** A message that was sent to a member at QoS 2 stays with that member, whatever happens to the member. */
  departed(departure: Departure): void {
    if (departure.kind !== 'publish') return;
    const { packet, publication, connection, tag } = departure;
    if (packet.qos === 0 || packet.retain || publication === undefined || publication.mayBeForgotten) return;
    const { name } = connection.client;
    const subscriptions = new Set(
      connection.client
        .possibleMatches(publication)
        .map(({ topicFilter, shareName }) => (shareName === undefined ? '' : topicFilter)),
    );
    const [topicFilter = ''] = subscriptions;
    // With several subscriptions an observer cannot tell which one it comes by.
    if (subscriptions.size !== 1 || topicFilter === '') return;
    const key = `${topicFilter} ${tag}`;
    const keeper = this.#sentTo.get(key) ?? name;
    if (keeper !== name) this.fail(`${name} gets ${tag} by ${topicFilter}, which ${keeper} was sent at QoS 2`);
    if (packet.qos === 2) this.#sentTo.set(key, keeper);
  }

  /**
   * A crash has lost what the level allows: what waits in its group again, or may be published again, no member keeps,
   * nor does the one that it was given to when another returned it, if the disk has it with the other one still.
   */
  crashed(mayLose: boolean): void {
    if (!mayLose) return;
    const { disk, publications } = this.evidence;
    for (const [key, keeper] of this.#sentTo) {
      const [topicFilter = '', tag = ''] = key.split(' ');
      const isUnpublished = publications.get(tag)?.acknowledgedAt === undefined;
      if (isUnpublished || disk.has(groupQueueOf(topicFilter), tag) || this.#isWithAnother(topicFilter, keeper, tag))
        this.#sentTo.delete(key);
    }
  }

  #isWithAnother(topicFilter: string, keeper: string, tag: string): boolean {
    const { disk, groups } = this.evidence;
    const members = groups.all.get(topicFilter) ?? [];
    return members.some(({ name, queue }) => name !== keeper && disk.has(queue, tag));
  }

  received({ client, connection, packet, publication }: Reception): void {
    const { tag } = publication;
    const { excused, qos2Receptions } = client.received;
    if (packet.qos !== 2 || publication.mayBeForgotten || (excused.get(tag) ?? 0) >= (connection?.incarnation ?? 0))
      return;
    const times = (qos2Receptions.get(tag) ?? 0) + 1;
    qos2Receptions.set(tag, times);
    const sources = new Set(
      client
        .possibleMatches(publication)
        .map(({ shareName, filter }) => (shareName === undefined ? '' : `${shareName}/${filter}`)),
    );
    if (times > sources.size) this.fail(`${client.name} has taken ${tag} ${times} times`);
  }
}
