// Granted QoS: SUBACK grants the requested QoS, or refuses what is over the limits, and a message is delivered at the
// lower of its own QoS and the highest that was granted to a matching subscription [MQTT-3.8.4-6], [MQTT-3.3.5-1].
import type { Evidence } from '../evidence/evidence.js';
import { ReasonCode } from '../../../protocol/reason-codes.js';
import { isRefusal } from '../evidence/publishing.js';
import { matches } from '../evidence/topic-match.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

type Delivery = Extract<Departure, { readonly kind: 'publish' }>;

export class GrantedQos implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind === 'suback') {
      const { intervals, packet, connection } = departure;
      this.#checkLimits(departure);
      for (const [i, { qos, topicFilter }] of (intervals ?? []).entries())
        if (packet.reasonCodes[i] !== qos && !isRefusal(packet.reasonCodes[i]))
          this.fail(`${connection.client.name}: ${topicFilter} q${qos} is granted ${packet.reasonCodes[i]}`);
    } else if (departure.kind === 'publish') {
      if (departure.packet.retain) this.#checkRetained(departure);
      else this.#check(departure);
    }
  }

  /** A filter is refused because there are as many subscriptions as there may be, and then with a code that says so. */
  #checkLimits({ connection, packet }: Extract<Departure, { readonly kind: 'suback' }>): void {
    const { client, connect } = connection;
    const { maxSubscriptionsPerClient = Infinity, maxSubscriptions = Infinity } = this.evidence.options.most;
    const { least, most } = client.subscriptionCount;
    const refusals = packet.reasonCodes.filter(isRefusal);
    const all = [...this.evidence.clients.values()].reduce((sum, one) => sum + one.subscriptionCount.least, 0);
    if (least > maxSubscriptionsPerClient || all > maxSubscriptions)
      this.fail(`${client.name} has ${least} subscriptions, all have ${all}: more than there may be`);
    if (refusals.length === 0) return;
    // Others may have given up theirs since.
    if (most < maxSubscriptionsPerClient && maxSubscriptions === Infinity)
      this.fail(`${client.name} is refused a subscription and has ${most}`);
    const expected = connect.protocolVersion === 5 ? ReasonCode.quotaExceeded : ReasonCode.unspecifiedError;
    if (refusals.some((code) => code !== expected)) this.fail(`${client.name} is refused with ${refusals.join(' ')}`);
  }

  #check({ connection, packet, publication, tag }: Delivery): void {
    const { client } = connection;
    if (publication === undefined) return;
    const granted = client.possibleMatches(publication).map(({ qos }) => qos);
    if (granted.length === 0) return;
    const most = Math.min(publication.qos, Math.max(...granted));
    if (packet.qos > most) this.fail(`${client.name} gets ${tag} at QoS ${packet.qos}, at most ${most} was granted`);
    // A message that was published again may have been accepted again, under other subscriptions.
    if (client.hasShared || (publication.receivedCount !== 1 && publication.qos !== 2)) return;
    const certain = client.certainOwnMatches(publication).map(({ qos }) => qos);
    const owed = Math.min(publication.qos, Math.max(0, ...certain));
    if (packet.qos < owed) this.fail(`${client.name} gets ${tag} at QoS ${packet.qos}, ${owed} was granted`);
  }

  #checkRetained({ connection, packet, publication, tag }: Delivery): void {
    const { client } = connection;
    if (publication?.firstReceivedAt === undefined) return;
    const mayBeShared = client.mayGetAsPublished(publication);
    const granted = client.history
      .filter(({ shareName }) => shareName === undefined || mayBeShared)
      .filter(({ filter }) => matches(filter, publication.topic))
      .map(({ qos }) => qos);
    const most = Math.min(publication.qos, Math.max(...granted));
    if (packet.qos > most)
      this.fail(`${client.name} gets the retained ${tag} at QoS ${packet.qos}, at most ${most} was granted`);
  }
}
