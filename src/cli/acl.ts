// `hexmq acl explain`: whether a client may do something, the rule that decides, and why the rules before it do not.
import { Option } from 'commander';
import type { Command } from 'commander';
import { explainAccess } from '../composition/explain.js';
import type { AccessAction, AccessQuery, AccessRule, Explanation } from '../composition/explain.js';
import { Denied } from './report-error.js';
import { jsonOf, printable } from './printable.js';
import { loadConfig } from './load-config.js';
import type { ProcessHost } from './process-host.js';

const ACTIONS: readonly AccessAction[] = ['publish', 'subscribe', 'receive'];
/** How many rules that do not apply are printed; JSON output has all of them. */
const SKIPPED_RULES_SHOWN = 20;

interface ExplainFlags {
  readonly config?: string;
  readonly user?: string;
  readonly client: string;
  readonly action: AccessAction;
  readonly topic: string;
  readonly json?: boolean;
}

export function addAcl(program: Command, host: ProcessHost): void {
  const acl = program.command('acl').description('show what clients may do (docs/authorization.md)');
  acl
    .command('explain')
    .description(
      'show whether a client may do something, and which rule decides; exits with status 0 if it may, 3 if not',
    )
    .option('-u, --user <name>', 'user name; default: a client without a user name')
    .requiredOption('-i, --client <id>', 'client identifier')
    .addOption(new Option('-a, --action <action>', 'what the client would do').choices(ACTIONS).makeOptionMandatory())
    .requiredOption('-t, --topic <topic>', 'Topic Name; for subscribe a Topic Filter')
    .option('-c, --config <file>', 'configuration of the broker (YAML); also HEXMQ_CONFIG')
    .option('--json', 'one JSON object')
    .action((flags: ExplainFlags) => explain(flags, host));
}

/** @throws Denied */
async function explain(
  { config: path, user, client, action, topic, json = false }: ExplainFlags,
  host: ProcessHost,
): Promise<void> {
  const { config } = loadConfig(path === undefined ? {} : { config: path }, host.environment);
  const question: AccessQuery = { userName: user, clientId: client, action, topic };
  const explanation = await explainAccess(config, question);
  await host.write(
    json
      ? `${jsonOf(toJson(question, explanation))}\n`
      : describeExplanation(question, explanation, config.authorization.length > 0),
  );
  if (!explanation.isAllowed) throw new Denied();
}

const toJson = (
  { userName, clientId, action, topic }: AccessQuery,
  { isAllowed, rule, reason, skippedRules, delivery, deliveryDefault }: Explanation,
): object => ({
  decision: isAllowed ? 'allowed' : 'denied',
  userName,
  clientId,
  action,
  topic,
  rule,
  reason,
  skippedRules,
  ...(action === 'subscribe' && isAllowed ? { delivery, deliveryDefault } : {}),
});

const ACTION_PHRASE: Readonly<Record<AccessAction, string>> = {
  publish: 'publish to',
  subscribe: 'subscribe to',
  receive: 'receive',
};

function describeExplanation(
  { userName, clientId, action, topic }: AccessQuery,
  explanation: Explanation,
  hasAuthorizers: boolean,
): string {
  const { isAllowed, rule, reason, skippedRules } = explanation;
  const user = userName === undefined ? 'without a user name' : `of user ${printable(userName)}`;
  const may = `${isAllowed ? 'may' : 'may not'} ${ACTION_PHRASE[action]}`;
  const lines = [
    `${isAllowed ? 'allowed' : 'denied'}: client ${printable(clientId)} ${user} ${may} ${printable(topic)}`,
  ];
  if (rule !== undefined) lines.push(`  decided by ${describeRule(rule)}`);
  else if (isAllowed && !hasAuthorizers)
    lines.push(
      '  no authorization is configured: an authenticated client may do everything, or what its credentials permit',
    );
  else lines.push(`  ${reason}`);
  if (skippedRules.length > 0) {
    lines.push('  rules before it that do not decide:');
    for (const { rule: one, reason: because } of skippedRules.slice(0, SKIPPED_RULES_SHOWN))
      lines.push(`    ${describeRule(one)}: it ${because}`);
    if (skippedRules.length > SKIPPED_RULES_SHOWN)
      lines.push(`    and ${skippedRules.length - SKIPPED_RULES_SHOWN} more`);
  }
  return [...lines, ...describeDelivery(explanation), ''].join('\n');
}

function describeDelivery({ delivery, deliveryDefault }: Explanation): string[] {
  if (delivery.length === 0 && deliveryDefault === undefined) return [];
  const lines = delivery.map(
    ({ effect, topicFilter, source }) =>
      `    ${printable(topicFilter)}: ${effect === 'allow' ? 'delivered' : 'filtered out'} (${printable(source)})`,
  );
  if (deliveryDefault !== undefined)
    lines.push(
      `    everything else: ${deliveryDefault === 'allow' ? 'delivered' : 'filtered out'} (no rule covers it)`,
    );
  return ['  for its messages, the first of these that matches decides:', ...lines];
}

const describeRule = ({ source, effect, actions, topicFilter }: AccessRule): string =>
  `${printable(source)} (${effect} ${actions.join(', ')} ${printable(topicFilter)})`;
