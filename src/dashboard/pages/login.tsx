// Who is there: a token of `hexmq token`, or the client certificate that the browser has shown.
import { useState } from 'preact/hooks';
import { call, token } from '../api.js';
import type { ApiError, Caller } from '../api.js';
import { asApiError } from '../live/load.js';
import { ThemeButton } from '../view/frame.js';
import { Icon } from '../view/icons.js';
import { Field } from '../view/parts.js';
import type { Theme } from '../view/theme.js';

export function Login({
  why,
  theme,
  onLogin,
}: {
  readonly why: string | undefined;
  readonly theme: Theme;
  readonly onLogin: (caller: Caller) => void;
}) {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState(why);
  const [isBusy, setBusy] = useState(false);
  const logIn = async (given: string | undefined): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      const caller = await call('caller', {}, given);
      if (given !== undefined) token.set(given);
      onLogin(caller);
    } catch (error) {
      setProblem(explain(asApiError(error), given));
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <div class="card">
        <div class="brand">
          <Icon name="brand" />
          <span>hexmq</span>
        </div>
        <h1>Log in</h1>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (text.trim() !== '') void logIn(text.trim());
          }}
        >
          <Field
            id="token"
            label="Token"
            type="password"
            value={text}
            autoFocus
            required
            hint="From hexmq token. It stays in this tab, until you log out or close it."
            problem={problem ?? (text === '' ? why : undefined)}
            onInput={({ currentTarget }) => {
              setText(currentTarget.value);
            }}
          />
          <div class="actions">
            <button type="submit" class="primary" disabled={isBusy}>
              {isBusy ? 'Logging in…' : 'Log in'}
            </button>
            <button type="button" class="quiet" disabled={isBusy} onClick={() => void logIn(undefined)}>
              Use a client certificate
            </button>
          </div>
        </form>
      </div>
      <ThemeButton theme={theme} />
    </main>
  );
}

function explain({ kind, message }: ApiError, given: string | undefined): string {
  if (kind !== 'unauthorized') return message;
  return given === undefined
    ? 'The browser has shown no certificate that the broker accepts.'
    : 'The broker does not know this token.';
}
