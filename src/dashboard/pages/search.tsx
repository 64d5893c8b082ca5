// A page of a list that is searched by the beginning of Client Identifiers, which the broker does. It waits until
// nothing is typed any more.
import { useEffect, useState } from 'preact/hooks';
import type { ItemOf } from '../api.js';
import { useList } from '../live/load.js';
import type { Listed } from '../live/load.js';
import { Field, ListTable, Page } from '../view/parts.js';
import type { Column } from '../view/parts.js';

const TYPING_MS = 300;

/** @returns the field, and what to look for. */
function usePrefix(id: string): [field: preact.JSX.Element, prefix: string] {
  const [text, setText] = useState('');
  const [prefix, setPrefix] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => {
      setPrefix(text);
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);
  const field = (
    <div class="search" role="search">
      <Field
        id={id}
        type="search"
        label="Client Identifier begins with"
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
        }}
      />
    </div>
  );
  return [field, prefix];
}

type Searched = 'clients' | 'sessions';

export function SearchPage<Name extends Searched>({
  operation,
  searchId,
  title,
  lead,
  empty,
  notFound,
  ...table
}: {
  readonly operation: Name;
  /** Of the search field. */
  readonly searchId: string;
  readonly title: string;
  readonly lead: string;
  /** What is said of a list without items, and of one in which none begins with what was typed. */
  readonly empty: string;
  readonly notFound: string;
  readonly caption: string;
  readonly columns: readonly Column<ItemOf<Name>>[];
  readonly keyOf: (item: ItemOf<Name>) => string | number;
}) {
  const [field, clientIdPrefix] = usePrefix(searchId);
  const list = useList<Searched>(operation, clientIdPrefix === '' ? {} : { clientIdPrefix }) as Listed<ItemOf<Name>>;
  return (
    <Page
      title={title}
      lead={lead}
      actions={
        <button type="button" onClick={list.reload}>
          Refresh
        </button>
      }
    >
      {field}
      <div class="card">
        <ListTable list={list} empty={clientIdPrefix === '' ? empty : notFound} {...table} />
      </div>
    </Page>
  );
}
