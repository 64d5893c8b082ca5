// The way of messages through the broker: for a topic filter or a client, for a limited time.
import { useState } from 'preact/hooks';
import { useLines } from '../live/lines.js';
import { Field, Page, Select } from '../view/parts.js';
import { LineList, StreamState } from './timeline.js';

type Seconds = '10' | '60' | '300' | '600';
const SECONDS: readonly (readonly [Seconds, string])[] = [
  ['10', '10 seconds'],
  ['60', '1 minute'],
  ['300', '5 minutes'],
  ['600', '10 minutes'],
];
type Of = 'topicFilter' | 'clientId';

export function Trace() {
  const lines = useLines();
  const [of, setOf] = useState<Of>('topicFilter');
  const [text, setText] = useState('');
  const [seconds, setSeconds] = useState<Seconds>('60');
  const isRunning = lines.state === 'open';
  return (
    <Page
      title="Message trace"
      lead="Where a message goes: received, matched, queued, sent, acknowledged or dropped, and by which rule."
      actions={<StreamState lines={lines} />}
    >
      <form
        class="card form-row"
        onSubmit={(event) => {
          event.preventDefault();
          if (text !== '') lines.start(`trace?${new URLSearchParams({ [of]: text, seconds }).toString()}`);
        }}
      >
        <Select
          id="trace-of"
          label="Trace"
          value={of}
          options={[
            ['topicFilter', 'a Topic Filter'],
            ['clientId', 'a client'],
          ]}
          onChange={setOf}
        />
        <Field
          id="trace-text"
          label={of === 'clientId' ? 'Client Identifier' : 'Topic Filter'}
          required
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
          }}
        />
        <Select id="trace-seconds" label="For" value={seconds} options={SECONDS} onChange={setSeconds} />
        <div class="actions">
          <button type="submit" class="primary">
            {isRunning ? 'Start again' : 'Start'}
          </button>
          <button type="button" disabled={!isRunning} onClick={lines.stop}>
            Stop
          </button>
        </div>
      </form>
      <div class="card">
        <LineList
          lines={lines}
          empty={
            lines.state === 'idle'
              ? 'Say what to trace, and start. A trace ends by itself, and when you leave this page.'
              : lines.state === 'open'
                ? 'No message has come yet.'
                : 'No message came.'
          }
        />
      </div>
    </Page>
  );
}
