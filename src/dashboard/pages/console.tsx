// A simple MQTT client: it connects to a WebSocket listener as any client does, and may do what the broker allows it.
// Beside it, publishing through the administration, which no permissions limit.
import { useEffect, useRef, useState } from 'preact/hooks';
import { visible } from '../format.js';
import type { ConsoleClient } from '../live/mqtt.js';
import { useLive } from '../live/samples.js';
import type { Status } from '../live/samples.js';
import { Badge, Card, Empty, Failure, Field, Loading, Page, Select } from '../view/parts.js';
import { useMessages } from './console-messages.js';
import type { Messages } from './console-messages.js';
import { PublishForm, SubscribeForm } from './console-forms.js';
import { OperatorPublish } from './console-operator.js';
import type { PageProps } from './page-props.js';

type Listener = Status['listeners'][number];
type State = 'idle' | 'connecting' | 'connected';

/** With the name by which the browser has reached this page. */
export const urlOf = ({ type = 'ws', address, path = '/mqtt' }: Listener, host: string): string =>
  `${type}://${host}:${/:(\d+)$/.exec(address)?.[1] ?? ''}${path}`;

export function Console({ caller }: PageProps) {
  const { status, error } = useLive();
  if (status === undefined)
    return <Page title="Console">{error === undefined ? <Loading /> : <Failure error={error} />}</Page>;
  const listeners = status.listeners.filter(({ type }) => type === 'ws' || type === 'wss');
  return (
    <Page title="Console" lead="A client in this browser, for a look at topics and a message now and then.">
      {listeners.length === 0 ? (
        <Card title="Connection">
          <Empty>
            The console needs a WebSocket listener, and this broker has none. In the configuration:{' '}
            <code>{'listeners: [{ type: ws, port: 8083 }]'}</code>
          </Empty>
        </Card>
      ) : (
        <Client listeners={listeners} />
      )}
      <OperatorPublish caller={caller} />
    </Page>
  );
}

function Client({ listeners }: { readonly listeners: readonly Listener[] }) {
  const client = useRef<ConsoleClient | undefined>(undefined);
  const [state, setState] = useState<State>('idle');
  const [why, setWhy] = useState<string>();
  const messages = useMessages();
  useEffect(() => () => client.current?.end(), []);
  const connect = async (url: string, credentials: Parameters<typeof import('../live/mqtt.js').connect>[1]) => {
    setState('connecting');
    setWhy(undefined);
    try {
      const { connect: open } = await import('../live/mqtt.js');
      client.current = open(url, credentials, {
        onConnected: () => {
          setState('connected');
        },
        onMessage: messages.add,
        onEnd: (reason) => {
          client.current = undefined;
          setState('idle');
          setWhy(reason);
        },
      });
    } catch (error) {
      setState('idle');
      setWhy(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div class="grid">
      <Connection
        listeners={listeners}
        state={state}
        why={why}
        connect={(url, credentials) => void connect(url, credentials)}
        disconnect={() => client.current?.end()}
      />
      <Card title="Subscribe and publish">
        {state !== 'connected' || client.current === undefined ? (
          <Empty>Connect first.</Empty>
        ) : (
          <>
            <SubscribeForm client={client.current} />
            <PublishForm client={client.current} />
          </>
        )}
      </Card>
      <MessageList messages={messages} />
    </div>
  );
}

interface ConnectionProps {
  readonly listeners: readonly Listener[];
  readonly state: State;
  readonly why: string | undefined;
  readonly connect: (url: string, credentials: { clientId: string; userName: string; password: string }) => void;
  readonly disconnect: () => void;
}

const randomId = (): string => `console-${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? ''}`;

function Connection({ listeners, state, why, connect, disconnect }: ConnectionProps) {
  const [name, setName] = useState(listeners[0]?.listener ?? '');
  const [given, setGiven] = useState({ clientId: randomId(), userName: '', password: '' });
  const listener = listeners.find((one) => one.listener === name) ?? listeners[0];
  const url = listener === undefined ? '' : urlOf(listener, location.hostname);
  const isMixed = location.protocol === 'https:' && url.startsWith('ws:');
  const input = (key: keyof typeof given) => ({
    value: given[key],
    disabled: state !== 'idle',
    onInput: ({ currentTarget }: { readonly currentTarget: HTMLInputElement }) => {
      setGiven({ ...given, [key]: currentTarget.value });
    },
  });
  return (
    <Card title="Connection" aside={<Badge tone={state === 'connected' ? 'good' : 'plain'}>{state}</Badge>}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          connect(url, given);
        }}
      >
        <Select
          id="console-listener"
          label="Listener"
          value={name}
          options={listeners.map((one) => [one.listener, urlOf(one, location.hostname)] as const)}
          onChange={setName}
        />
        <Field id="console-client" label="Client Identifier" required {...input('clientId')} />
        <Field id="console-user" label="User name" {...input('userName')} />
        <Field id="console-password" label="Password" type="password" {...input('password')} />
        {isMixed && <p class="hint">A page over HTTPS can only reach wss listeners.</p>}
        <div class="actions">
          {state === 'idle' ? (
            <button type="submit" class="primary" disabled={isMixed}>
              Connect
            </button>
          ) : (
            <button type="button" onClick={disconnect}>
              Disconnect
            </button>
          )}
        </div>
      </form>
      <p role="status">{why !== undefined && state === 'idle' ? visible(why) : ''}</p>
    </Card>
  );
}

function MessageList({ messages }: { readonly messages: Messages }) {
  return (
    <Card
      title="Messages"
      kind="wide"
      aside={
        <button type="button" class="quiet" onClick={messages.clear}>
          Clear
        </button>
      }
    >
      {messages.list}
    </Card>
  );
}
