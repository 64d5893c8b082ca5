// Whether a client may do something, and by which rule: the authorizers of the running broker say it.
import { useState } from 'preact/hooks';
import { call } from '../api.js';
import type { AnswerOf, RequestOf } from '../api.js';
import { visible } from '../format.js';
import { asApiError } from '../live/load.js';
import type { ApiError } from '../api.js';
import { Badge, Card, Code, Facts, Failure, Field, Page, Select, Table } from '../view/parts.js';

type Question = RequestOf<'acl-explain'>;
type Explanation = AnswerOf<'acl-explain'>;
type Rule = NonNullable<Explanation['rule']>;

const ACTIONS = { publish: 'publish to', subscribe: 'subscribe to', receive: 'receive' } as const;

export function Access() {
  const [question, setQuestion] = useState<Question>({ clientId: '', action: 'publish', topic: '' });
  const [answer, setAnswer] = useState<{ question: Question; explanation: Explanation }>();
  const [error, setError] = useState<ApiError>();
  const set = (part: Partial<Question>): void => {
    setQuestion({ ...question, ...part });
  };
  const ask = async (): Promise<void> => {
    setError(undefined);
    try {
      const { userName = '', ...others } = question;
      const asked = userName === '' ? others : { ...others, userName };
      setAnswer({ question: asked, explanation: await call('acl-explain', asked) });
    } catch (failure) {
      setAnswer(undefined);
      setError(asApiError(failure));
    }
  };
  const problemOf = (name: string): string | undefined => {
    const detail = error?.problems.find(({ parameter }) => parameter === name)?.detail;
    return detail === undefined ? undefined : visible(detail);
  };
  return (
    <Page title="Access" lead="Whether a client may do something, and which rule decides. Nothing is changed.">
      <form
        class="card form-row"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <Input
          id="access-client"
          label="Client Identifier"
          name="clientId"
          {...{ question, set, problemOf }}
          required
        />
        <Input id="access-user" label="User name, if any" name="userName" {...{ question, set, problemOf }} />
        <Select
          id="access-action"
          label="Would"
          value={question.action}
          options={[
            ['publish', 'publish to'],
            ['subscribe', 'subscribe to'],
            ['receive', 'receive'],
          ]}
          onChange={(action) => {
            set({ action });
          }}
        />
        <Input
          id="access-topic"
          label={question.action === 'subscribe' ? 'Topic Filter' : 'Topic Name'}
          name="topic"
          {...{ question, set, problemOf }}
          required
        />
        <div class="actions">
          <button type="submit" class="primary">
            Explain
          </button>
        </div>
      </form>
      {error !== undefined && error.problems.length === 0 && <Failure error={error} />}
      <div aria-live="polite">{answer !== undefined && <Answer {...answer} />}</div>
    </Page>
  );
}

function Input({
  id,
  label,
  name,
  question,
  set,
  problemOf,
  required,
}: {
  readonly id: string;
  readonly label: string;
  readonly name: 'clientId' | 'userName' | 'topic';
  readonly question: Question;
  readonly set: (part: Partial<Question>) => void;
  readonly problemOf: (name: string) => string | undefined;
  readonly required?: boolean;
}) {
  return (
    <Field
      id={id}
      label={label}
      required={required}
      value={question[name] ?? ''}
      problem={problemOf(name)}
      onInput={({ currentTarget }) => {
        set({ [name]: currentTarget.value });
      }}
    />
  );
}

function Answer({ question, explanation }: { readonly question: Question; readonly explanation: Explanation }) {
  const { isAllowed, rule, reason, skippedRules, skippedCount, delivery, deliveryDefault } = explanation;
  return (
    <div class="grid">
      <Card title="Answer" kind="wide">
        <p class="verdict">
          <Badge tone={isAllowed ? 'good' : 'bad'}>{isAllowed ? 'allowed' : 'denied'}</Badge>{' '}
          <Code text={question.clientId} />{' '}
          {question.userName === undefined ? (
            'without a user name'
          ) : (
            <>
              of user <Code text={question.userName} />
            </>
          )}{' '}
          {isAllowed ? 'may' : 'may not'} {ACTIONS[question.action]} <Code text={question.topic} />
        </p>
        <Facts
          of={[
            ['Decided by', rule === undefined ? undefined : visible(rule.source)],
            ['Rule', rule === undefined ? undefined : <RuleText rule={rule} />],
            ['Why', rule !== undefined || reason === undefined ? undefined : visible(reason)],
            ['Messages on other topics', deliveryDefault === undefined ? undefined : delivered(deliveryDefault)],
          ]}
        />
      </Card>
      {skippedRules.length > 0 && (
        <Rules
          title="Rules before it that do not decide"
          rules={skippedRules.map(({ rule: one, reason: why }) => [one, `it ${why}`])}
          more={skippedCount - skippedRules.length}
        />
      )}
      {delivery.length > 0 && (
        <Rules
          title="For its messages, the first that matches decides"
          rules={delivery.map((one) => [one, delivered(one.effect)])}
          more={0}
        />
      )}
    </div>
  );
}

const delivered = (effect: 'allow' | 'deny'): string => (effect === 'allow' ? 'delivered' : 'filtered out');

const RuleText = ({ rule: { effect, actions, topicFilter } }: { readonly rule: Rule }) => (
  <>
    {effect} {actions.join(', ')} <Code text={topicFilter} />
  </>
);

function Rules({
  title,
  rules,
  more,
}: {
  readonly title: string;
  readonly rules: readonly (readonly [Rule, string])[];
  readonly more: number;
}) {
  return (
    <Card title={title} kind="wide">
      <Table
        caption={title}
        items={rules.map((entry, index) => ({ entry, index }))}
        keyOf={({ index }) => index}
        columns={[
          { head: 'Where', cell: ({ entry: [rule] }) => visible(rule.source) },
          { head: 'Rule', cell: ({ entry: [rule] }) => <RuleText rule={rule} /> },
          { head: 'Effect', cell: ({ entry: [, why] }) => visible(why) },
        ]}
      />
      {more > 0 && <p class="muted">and {more} more</p>}
    </Card>
  );
}
