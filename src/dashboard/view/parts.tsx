// The pieces that pages are made of: headings, cards, facts, tables, and what is shown while there is nothing to show.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ApiError } from '../api.js';
import { payload, visible } from '../format.js';
import type { Listed } from '../live/load.js';

interface Children {
  readonly children?: ComponentChildren;
}

/** The heading takes the focus when the page changes, so that a screen reader says where one is. */
export function Page({
  title,
  lead,
  actions,
  children,
}: Children & { readonly title: string; readonly lead?: ComponentChildren; readonly actions?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${visible(title)} · hexmq`;
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <>
      <header class="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            <Name text={title} />
          </h1>
          {lead !== undefined && <p class="lead">{lead}</p>}
        </div>
        {actions !== undefined && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

export function Card({
  title,
  aside,
  children,
  kind,
}: Children & { readonly title: string; readonly aside?: ComponentChildren; readonly kind?: 'wide' | 'chart' }) {
  const id = `card-${title.toLowerCase().replace(/[^a-z]+/g, '-')}`;
  return (
    <section class={`card ${kind ?? ''}`} aria-labelledby={id}>
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** A name that a client has chosen: as text in one line, apart from what is around it. */
export const Name = ({ text }: { readonly text: string }) => <bdi class="name">{visible(text)}</bdi>;

export const Code = ({ text }: { readonly text: string }) => <code class="name">{visible(text)}</code>;

export type Tone = 'good' | 'warn' | 'bad' | 'plain';

export const Badge = ({ tone = 'plain', children }: Children & { readonly tone?: Tone }) => (
  <span class={`badge ${tone}`}>{children}</span>
);

export function Stat({
  label,
  value,
  note,
  tone,
}: {
  readonly label: string;
  readonly value: string;
  readonly note?: string | undefined;
  readonly tone?: Tone;
}) {
  return (
    <div class={`stat ${tone ?? ''}`}>
      <dt>{label}</dt>
      <dd>
        <span class="value">{value}</span>
        {note !== undefined && <span class="note">{note}</span>}
      </dd>
    </div>
  );
}

/** Names and values; those without a value are left out. */
export const Facts = ({
  of,
  columns,
}: {
  readonly of: readonly (readonly [string, ComponentChildren])[];
  /** Whether they stand beside each other. */
  readonly columns?: boolean;
}) => (
  <dl class={columns === true ? 'facts columns' : 'facts'}>
    {of
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
  </dl>
);

export interface Column<Item> {
  readonly head: string;
  readonly cell: (item: Item) => ComponentChildren;
  readonly isNumber?: boolean;
}

/** On a phone each row is a card, and the roles keep it a table for screen readers. */
export function Table<Item>({
  caption,
  columns,
  items,
  keyOf,
}: {
  readonly caption: string;
  readonly columns: readonly Column<Item>[];
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string | number;
}) {
  return (
    <table role="table">
      <caption class="hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ head, isNumber }) => (
            <th key={head} role="columnheader" scope="col" class={isNumber === true ? 'number' : undefined}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {items.map((item) => (
          <tr key={keyOf(item)} role="row">
            {columns.map(({ head, cell, isNumber }) => (
              <td key={head} role="cell" data-label={head} class={isNumber === true ? 'number' : undefined}>
                <div>{cell(item)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A table of a list that is loaded page by page. */
export function ListTable<Item>({
  list,
  empty,
  ...table
}: {
  readonly list: Listed<Item>;
  readonly empty: string;
  readonly caption: string;
  readonly columns: readonly Column<Item>[];
  readonly keyOf: (item: Item) => string | number;
}) {
  const { items, error, isLoading, hasMore, more, reload } = list;
  return (
    <>
      {items.length > 0 && <Table {...table} items={items} />}
      {items.length === 0 && !isLoading && error === undefined && <Empty>{empty}</Empty>}
      {error !== undefined && <Failure error={error} retry={reload} />}
      {isLoading && items.length === 0 && <Loading />}
      <p class="list-foot">
        <span role="status">{items.length === 0 ? '' : `${items.length} shown${hasMore ? ', more follow' : ''}`}</span>
        {hasMore && (
          <button type="button" disabled={isLoading} onClick={more}>
            {isLoading ? 'Loading…' : 'Show more'}
          </button>
        )}
      </p>
    </>
  );
}

export const Empty = ({ children }: Children) => <p class="empty">{children}</p>;

export const Loading = () => (
  <div class="loading" role="status">
    <span class="hidden">Loading</span>
    <span class="bar" />
    <span class="bar" />
    <span class="bar" />
  </div>
);

/** What an error means for the reader. */
function meaningOf({ kind, message }: ApiError): string {
  switch (kind) {
    case 'gone':
      return 'The list was left for too long and cannot be continued.';
    case 'unknown-operation':
      return 'This broker does not offer that: its version is older than this page.';
    default:
      return visible(message);
  }
}

export const Failure = ({ error, retry }: { readonly error: ApiError; readonly retry?: () => void }) => (
  <div class="failure" role="alert">
    <p>{meaningOf(error)}</p>
    {retry !== undefined && (
      <button type="button" onClick={retry}>
        Try again
      </button>
    )}
  </div>
);

export function Payload({ content, size }: { readonly content: Uint8Array; readonly size: number }) {
  const isPart = content.byteLength < size;
  const { kind, text } = payload(content, isPart);
  if (kind === 'empty') return <span class="muted">{size === 0 ? 'empty' : 'not shown'}</span>;
  return (
    <figure class="payload">
      <pre class={kind} tabIndex={0} aria-label={kind === 'hex' ? 'Payload in hexadecimal' : 'Payload'}>
        {text}
        {isPart && '…'}
      </pre>
    </figure>
  );
}

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly problem?: string | undefined;
}

/** A labelled input; `id` ties its parts together. */
export function Field({ label, hint, problem, id, type = 'text', ...input }: FieldProps & { id: string } & InputProps) {
  const described = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(problem === undefined ? [] : [`${id}-problem`]),
  ];
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        {...({ type } as object)}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        aria-describedby={described.length === 0 ? undefined : described.join(' ')}
        aria-invalid={problem === undefined ? undefined : true}
        {...input}
      />
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {problem !== undefined && (
        <p class="problem" id={`${id}-problem`} role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

interface InputProps {
  readonly type?: 'text' | 'password' | 'search';
  readonly value: string;
  readonly required?: boolean | undefined;
  readonly disabled?: boolean;
  readonly autoFocus?: boolean;
  readonly onInput: (event: { readonly currentTarget: HTMLInputElement }) => void;
}

export function Select<Word extends string>({
  id,
  label,
  value,
  options,
  onChange,
}: {
  readonly id: string;
  readonly label: string;
  readonly value: Word;
  readonly options: readonly (Word | readonly [Word, string])[];
  readonly onChange: (word: Word) => void;
}) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={({ currentTarget }) => {
          onChange(currentTarget.value as Word);
        }}
      >
        {options.map((option) => {
          const [word, shown] = typeof option === 'string' ? [option, option] : option;
          return (
            <option key={word} value={word}>
              {shown}
            </option>
          );
        })}
      </select>
    </div>
  );
}
