// The log as it is written, by level, client and event.
import { useEffect, useState } from 'preact/hooks';
import { useLines } from '../live/lines.js';
import { Field, Page, Select } from '../view/parts.js';
import { LineList, StreamState } from './timeline.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export function Events() {
  const lines = useLines();
  const [level, setLevel] = useState<(typeof LEVELS)[number]>('info');
  const [clientId, setClientId] = useState('');
  const [event, setEvent] = useState('');
  const open = (): void => {
    const query = new URLSearchParams({
      level,
      ...(clientId === '' ? {} : { clientId }),
      ...(event === '' ? {} : { event }),
    });
    lines.start(`events?${query.toString()}`);
  };
  useEffect(open, []);
  return (
    <Page
      title="Events"
      lead="The log of the broker as it is written, the newest first."
      actions={<StreamState lines={lines} />}
    >
      <form
        class="card form-row"
        onSubmit={(submitted) => {
          submitted.preventDefault();
          open();
        }}
      >
        <Select id="events-level" label="At least" value={level} options={LEVELS} onChange={setLevel} />
        <Field
          id="events-client"
          label="Client Identifier"
          value={clientId}
          onInput={({ currentTarget }) => {
            setClientId(currentTarget.value);
          }}
        />
        <Field
          id="events-event"
          label="Event"
          value={event}
          onInput={({ currentTarget }) => {
            setEvent(currentTarget.value);
          }}
        />
        <div class="actions">
          <button type="submit" class="primary">
            {lines.state === 'open' ? 'Apply' : 'Start'}
          </button>
          <button type="button" disabled={lines.state !== 'open'} onClick={lines.stop}>
            Stop
          </button>
          <button type="button" class="quiet" onClick={lines.clear}>
            Clear
          </button>
        </div>
      </form>
      <div class="card">
        <LineList lines={lines} empty="No such event has been logged since this page was opened." />
      </div>
    </Page>
  );
}
