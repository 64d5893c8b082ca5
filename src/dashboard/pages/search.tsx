// A search by the beginning of Client Identifiers, which the broker does. It waits until nothing is typed any more.
import { useEffect, useState } from 'preact/hooks';
import { Field } from '../view/parts.js';

const TYPING_MS = 300;

/** @returns the field, and what to look for. */
export function usePrefix(id: string): [field: preact.JSX.Element, prefix: string] {
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
