// Bugs planted by hand, one at a time, in the sources that the simulation is made from: it has to find each of them.
// Prints what it found as JSON.
import { loadSimulation } from './bundle.mjs';

/** Every bug is found within as many seeds, and so many without a bug find nothing. */
const SEEDS = 400;

const MUTANTS = [
  {
    name: 'an early PUBACK',
    invariants: ['acknowledged is stored'],
    file: 'src/application/engine.ts',
    from: '  acknowledge(connection: ConnectionId, type: AcknowledgementType, packetId: number, reasonCode: number): void {\n    const link = this.#links.get(connection);\n    if (link === undefined || link.isEnded) return;\n    const batch = this.#gateOfStep(link);',
    to: '  acknowledge(connection: ConnectionId, type: AcknowledgementType, packetId: number, reasonCode: number): void {\n    const link = this.#links.get(connection);\n    if (link === undefined || link.isEnded) return;\n    const batch = type === PacketType.puback && !link.hasHeld ? 0 : this.#gateOfStep(link);',
  },
  {
    name: 'a lost trim',
    invariants: ['liveness', 'no repeat without DUP', 'QoS 2 comes once'],
    file: 'src/domain/session/message-queue.ts',
    from: "    else changes.record({ kind: 'queue.trim', queue: this.id, through: (lowest - 1) as Seq, append: entry.append });",
    to: "    else if (lowest % 4 > 0) changes.record({ kind: 'queue.trim', queue: this.id, through: (lowest - 1) as Seq, append: entry.append });",
  },
  {
    name: 'a forgotten inbound identifier',
    invariants: ['acknowledged is stored', 'QoS 2 comes once'],
    file: 'src/domain/session/session.ts',
    from: "    if (this.stored) this.context.changes.record({ kind: 'inbound.put', clientId: this.clientId, packetId });",
    to: '',
  },
  {
    name: 'a wrong order after paging',
    invariants: ['order'],
    file: 'src/domain/session/message-queue.ts',
    from: '    for (const stored of entries) {',
    // Each place keeps its number and has its neighbour's message.
    to: '    for (const stored of entries.length > 3 ? entries.map((one, i) => (entries[i ^ 1]?.qos === one.qos && one.qos === 1 ? { ...one, message: entries[i ^ 1]?.message ?? one.message } : one)) : entries) {',
  },
  {
    name: 'a retained message applied twice',
    // The older of two takes the place of the newer, in memory and on the disk.
    invariants: ['retained state', 'acknowledged is stored'],
    file: 'src/domain/delivery/publish-handler.ts',
    from: '      if (session.hasInbound(packet.packetId)) {',
    to: '      if (session.hasInbound(packet.packetId)) {\n        if (packet.retain) this.publisher.publish(this.publisher.accept(topic, packet.payload, 2, true, undefined, undefined), { targets: [], groups: [] });',
  },
  {
    name: 'rules that are forgotten for what was queued',
    invariants: ['only what may be received'],
    file: 'src/domain/session/outbound.ts',
    from: '      if (restrictions !== undefined && message !== undefined && !entry.released) {',
    to: '      if (restrictions !== undefined && message !== undefined && !entry.released && entry.append !== undefined) {',
  },
  {
    name: 'a level of acknowledgement that does not wait for what it promises',
    invariants: ['acknowledged is stored'],
    file: 'src/application/engine.ts',
    from: "    this.#isGated = parts.ackLevel !== 'received';",
    to: "    this.#isGated = parts.ackLevel === 'flushed';",
  },
  {
    name: 'a level of acknowledgement after which storing does not follow at once',
    invariants: ['acknowledged is stored'],
    file: 'src/application/engine.ts',
    from: '    this.committer.endOfTurn();\n',
    to: '    if (this.#isGated || this.#links.size === 0) this.committer.endOfTurn();\n',
  },
  {
    name: 'a level of acknowledgement that syncs what it need not, and not what it must',
    invariants: ['acknowledged is stored', 'nothing acknowledged is lost'],
    file: 'src/application/engine.ts',
    from: "parts.ackLevel === 'stored' ? 'stored' : 'flushed'",
    to: "parts.ackLevel === 'received' ? 'stored' : 'flushed'",
  },
  {
    name: 'an expiry that is forgotten over a restart',
    invariants: ['session expiry', 'session present'],
    file: 'src/domain/session/sessions.ts',
    from: '    session.disconnectedAtMs = record.disconnectedAtMs ?? this.context.nowMs;',
    to: '    session.disconnectedAtMs = this.context.nowMs;',
  },
  {
    name: 'an expiry that goes on while the client is connected',
    invariants: ['session expiry', 'nothing acknowledged is lost', 'acknowledged is stored'],
    file: 'src/domain/session/sessions.ts',
    from: '    if (session.expiry !== undefined) this.deadlines.clear(session.expiry);\n    session.record();',
    to: '    session.record();',
  },
  {
    name: 'a session that ends and leaves its subscriptions',
    invariants: ['liveness', 'accounting', 'no failure', 'only to subscribers'],
    file: 'src/domain/session/sessions.ts',
    from: '    for (const topicFilter of [...(session.subscriptions?.keys() ?? [])]) this.router.remove(session, topicFilter);\n',
    to: "    if (reason !== 'expired') for (const topicFilter of [...(session.subscriptions?.keys() ?? [])]) this.router.remove(session, topicFilter);\n",
  },
  {
    name: 'a member of a group that gives nothing back',
    invariants: ['nothing acknowledged is lost', 'liveness'],
    file: 'src/domain/session/outbound.ts',
    from: 'if (entry.source !== undefined && isReturned(entry)) returned.push(entry);',
    to: 'if (entry.source !== undefined && this.#queue.stored && isReturned(entry)) returned.push(entry);',
  },
  {
    name: 'a group that keeps nothing of what it gave to a member with a clean session',
    invariants: ['nothing acknowledged is lost', 'acknowledged is stored'],
    file: 'src/domain/delivery/shared-group.ts',
    from: 'return this.#waiting.stored && !member.session.stored && qosOf(member, message) === 1;',
    to: 'return false;',
  },
  {
    name: 'a member of a group that gives back what was sent to it at QoS 2',
    invariants: ['QoS 2 comes once'],
    file: 'src/domain/session/sessions.ts',
    from: '(entry) => entry.qos === 1 && (',
    to: '(entry) => !entry.released && (',
  },
  {
    name: 'a group that forgets what waits when its only member subscribes anew',
    invariants: ['nothing acknowledged is lost', 'acknowledged is stored'],
    file: 'src/domain/delivery/router.ts',
    from: '      subscription.group.join(subscription);\n      if (old !== undefined) subscription.group.leave(old);',
    to: '      if (old !== undefined) subscription.group.leave(old);\n      subscription.group.join(subscription);',
  },
];

async function search(mutation) {
  const { runSeed } = await loadSimulation(mutation);
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation } = await runSeed(seed);
    if (violation !== undefined) return { seed, ...violation };
  }
  return undefined;
}

const results = [{ name: 'no bug', found: await search(undefined), expected: [] }];
for (const { name, invariants, ...mutation } of MUTANTS)
  results.push({ name, found: await search(mutation), expected: invariants });
console.log(JSON.stringify(results, undefined, 2));
