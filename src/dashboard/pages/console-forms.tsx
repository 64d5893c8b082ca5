// What the console's client does: subscribe, and publish.
import { useState } from 'preact/hooks';
import type { ConsoleClient } from '../live/mqtt.js';
import { notify, warn } from '../view/actions.js';
import { Code, Field, Select } from '../view/parts.js';

export type QosText = '0' | '1' | '2';
export const QOS: readonly QosText[] = ['0', '1', '2'];
export const qosOf = (text: QosText): 0 | 1 | 2 => Number(text) as 0 | 1 | 2;

const saying = (run: Promise<void>, done: () => void): void => {
  run.then(done, (error: unknown) => {
    warn(error instanceof Error ? error.message : String(error));
  });
};

export function SubscribeForm({ client }: { readonly client: ConsoleClient }) {
  const [filter, setFilter] = useState('');
  const [qos, setQos] = useState<QosText>('0');
  const [filters, setFilters] = useState<readonly string[]>([]);
  return (
    <>
      <form
        class="form-row"
        onSubmit={(event) => {
          event.preventDefault();
          saying(client.subscribe(filter, qosOf(qos)), () => {
            setFilters([...filters.filter((one) => one !== filter), filter]);
          });
        }}
      >
        <Field
          id="console-filter"
          label="Topic Filter"
          required
          value={filter}
          onInput={({ currentTarget }) => {
            setFilter(currentTarget.value);
          }}
        />
        <Select id="console-subscribe-qos" label="QoS" value={qos} options={QOS} onChange={setQos} />
        <div class="actions">
          <button type="submit" class="primary">
            Subscribe
          </button>
        </div>
      </form>
      <ul class="chips">
        {filters.map((one) => (
          <li key={one}>
            <Code text={one} />
            <button
              type="button"
              class="quiet"
              onClick={() => {
                saying(client.unsubscribe(one), () => {
                  setFilters(filters.filter((other) => other !== one));
                });
              }}
            >
              Unsubscribe
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

export function PublishForm({ client }: { readonly client: ConsoleClient }) {
  return (
    <MessageForm
      id="console-publish"
      action="Publish"
      publish={({ topic, payload, qos, retain }) => {
        saying(client.publish(topic, payload, { qos, retain }), () => {
          notify('The message is published.');
        });
      }}
    />
  );
}

export interface Draft {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

export function MessageForm({
  id,
  action,
  isDisabled,
  publish,
}: {
  readonly id: string;
  readonly action: string;
  readonly isDisabled?: boolean;
  readonly publish: (draft: Draft) => void;
}) {
  const [topic, setTopic] = useState('');
  const [payload, setPayload] = useState('');
  const [qos, setQos] = useState<QosText>('0');
  const [retain, setRetain] = useState(false);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        publish({ topic, payload, qos: qosOf(qos), retain });
      }}
    >
      <Field
        id={`${id}-topic`}
        label="Topic Name"
        required
        value={topic}
        onInput={({ currentTarget }) => {
          setTopic(currentTarget.value);
        }}
      />
      <div class="field">
        <label for={`${id}-payload`}>Payload</label>
        <textarea
          id={`${id}-payload`}
          rows={3}
          spellcheck={false}
          value={payload}
          onInput={({ currentTarget }) => {
            setPayload(currentTarget.value);
          }}
        />
      </div>
      <div class="form-row">
        <Select id={`${id}-qos`} label="QoS" value={qos} options={QOS} onChange={setQos} />
        <label class="check">
          <input
            type="checkbox"
            checked={retain}
            onChange={({ currentTarget }) => {
              setRetain(currentTarget.checked);
            }}
          />
          Retain
        </label>
        <div class="actions">
          <button type="submit" class="primary" disabled={isDisabled}>
            {action}
          </button>
        </div>
      </div>
    </form>
  );
}
