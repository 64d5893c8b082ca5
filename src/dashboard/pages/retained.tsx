// Retained messages as a tree of topics: each level is loaded when it is opened, in bounded parts.
import { useEffect, useState } from 'preact/hooks';
import { call } from '../api.js';
import type { ApiError } from '../api.js';
import { bytes, dateTime, fromBase64 } from '../format.js';
import { asApiError, useLoaded } from '../live/load.js';
import { act, Action } from '../view/actions.js';
import { Card, Code, Empty, Facts, Failure, Field, Loading, Name, Page, Payload } from '../view/parts.js';
import { isGone, lookBelow } from './topic-tree.js';
import type { Level, Levels } from './topic-tree.js';
import type { PageProps } from './page-props.js';

const PAYLOAD_BYTES = 4096;

export function Retained({ caller }: PageProps) {
  const [text, setText] = useState('#');
  const [filter, setFilter] = useState('#');
  const [turn, setTurn] = useState(0);
  const [chosen, setChosen] = useState<string>();
  return (
    <Page title="Retained messages" lead="The last message of each topic, for clients that subscribe later.">
      <form
        class="card form-row"
        onSubmit={(event) => {
          event.preventDefault();
          setFilter(text === '' ? '#' : text);
          setTurn(turn + 1);
        }}
      >
        <Field
          id="retained-filter"
          label="Topic Filter"
          hint="# leaves out topics that begin with $: ask for them by name, such as $fleet/#"
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
          }}
        />
        <div class="actions">
          <button type="submit" class="primary">
            Show
          </button>
        </div>
      </form>
      <div class="grid">
        <Card title="Topics">
          <Branch key={`${filter} ${turn}`} prefix="" filter={filter} chosen={chosen} choose={setChosen} />
        </Card>
        <Card title="Message">
          {chosen === undefined ? (
            <Empty>Choose a topic that has a message.</Empty>
          ) : (
            <Message
              key={`${chosen} ${turn}`}
              caller={caller}
              topic={chosen}
              deleted={() => {
                setChosen(undefined);
                setTurn(turn + 1);
              }}
            />
          )}
        </Card>
      </div>
    </Page>
  );
}

interface BranchProps {
  readonly prefix: string;
  readonly filter: string;
  readonly chosen: string | undefined;
  readonly choose: (topic: string) => void;
}

function Branch({ prefix, filter, chosen, choose }: BranchProps) {
  const [levels, setLevels] = useState<Levels>();
  const [error, setError] = useState<ApiError>();
  const [isLoading, setLoading] = useState(true);
  const look = (from?: Levels): void => {
    setLoading(true);
    setError(undefined);
    lookBelow(prefix, filter, from)
      .then(setLevels, (failure: unknown) => {
        // The cursor was left for too long: from the beginning.
        if (isGone(failure) && from !== undefined) look();
        else setError(asApiError(failure));
      })
      .finally(() => {
        setLoading(false);
      });
  };
  useEffect(() => {
    look();
  }, []);
  const shown = [...(levels?.levels.values() ?? [])].sort((one, other) => (one.name < other.name ? -1 : 1));
  return (
    <>
      {error !== undefined && (
        <Failure
          error={error}
          retry={() => {
            look();
          }}
        />
      )}
      {levels === undefined && error === undefined && <Loading />}
      {levels !== undefined && shown.length === 0 && <Empty>No topic has a retained message here.</Empty>}
      {shown.length > 0 && (
        <ul class="tree">
          {shown.map((level) => (
            <Twig key={level.name} level={level} filter={filter} chosen={chosen} choose={choose} />
          ))}
        </ul>
      )}
      {levels?.cursor !== undefined && (
        <p class="list-foot">
          <span>{levels.seen} topics seen, more follow</span>
          <button
            type="button"
            disabled={isLoading}
            onClick={() => {
              look(levels);
            }}
          >
            {isLoading ? 'Looking…' : 'Look further'}
          </button>
        </p>
      )}
    </>
  );
}

function Twig({ level, filter, chosen, choose }: Omit<BranchProps, 'prefix'> & { readonly level: Level }) {
  const [isOpen, setOpen] = useState(false);
  const { name, topic, message, below } = level;
  const label = name === '' ? <span class="muted">(empty level)</span> : <Name text={name} />;
  return (
    <li>
      <div class="twig">
        {below > 0 ? (
          <button
            type="button"
            class="quiet level"
            aria-expanded={isOpen}
            onClick={() => {
              setOpen(!isOpen);
            }}
          >
            <span class="arrow" aria-hidden="true" />
            {label}
            <span class="hidden">, level</span>
          </button>
        ) : null}
        {message !== undefined && (
          <button
            type="button"
            class={below > 0 ? 'quiet' : 'quiet leaf'}
            aria-pressed={chosen === topic}
            onClick={() => {
              choose(topic);
            }}
          >
            {below > 0 ? <span class="muted">message of {label}</span> : label}
            <span class="muted">{bytes(message.payloadBytes)}</span>
          </button>
        )}
      </div>
      {isOpen && <Branch prefix={`${topic}/`} filter={filter} chosen={chosen} choose={choose} />}
    </li>
  );
}

function Message({
  caller,
  topic,
  deleted,
}: Pick<PageProps, 'caller'> & {
  readonly topic: string;
  readonly deleted: () => void;
}) {
  const { data, error, reload } = useLoaded(
    () => call('retained-message', { topic, maxPayloadBytes: PAYLOAD_BYTES }),
    topic,
  );
  if (error !== undefined) return <Failure error={error} retry={reload} />;
  if (data === undefined) return <Loading />;
  const remove = async (): Promise<void> => {
    const question = {
      title: 'Delete the retained message?',
      text: `Clients that subscribe to ${topic} later get no message for it.`,
      action: 'Delete the message',
      isDanger: true,
    };
    if (await act(question, 'delete-retained', { topic }, () => 'The retained message is deleted.')) deleted();
  };
  return (
    <>
      <Facts
        of={[
          ['Topic', <Code text={topic} />],
          ['QoS', data.qos],
          ['Publisher', data.publisher === undefined ? undefined : <Name text={data.publisher} />],
          ['Accepted', data.acceptedAt === undefined ? undefined : dateTime(data.acceptedAt)],
          ['Expires', data.expiresAt === undefined ? 'never' : dateTime(data.expiresAt)],
          ['Size', bytes(data.payloadBytes ?? 0)],
        ]}
      />
      <Payload content={fromBase64(data.payload ?? '')} size={data.payloadBytes ?? 0} />
      <div class="actions">
        <Action caller={caller} label="Delete message" isDanger onClick={() => void remove()} />
      </div>
    </>
  );
}
