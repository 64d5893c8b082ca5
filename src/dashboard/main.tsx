// The dashboard: a page in a browser that calls the operations of a running broker. It asks for a token first, and
// shows what the route names.
import { render } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { call, onRefused, token } from './api.js';
import type { Caller } from './api.js';
import { asApiError } from './live/load.js';
import { forgetSamples, useSampling } from './live/samples.js';
import { PAGES } from './pages/index.js';
import { Login } from './pages/login.js';
import { useRoute } from './route.js';
import './style.css';
import { ConfirmDialog, Notices } from './view/actions.js';
import { Frame } from './view/frame.js';
import { Page } from './view/parts.js';
import { useTheme } from './view/theme.js';

function App() {
  const theme = useTheme();
  const [caller, setCaller] = useState<Caller>();
  const [isReturning, setReturning] = useState(token.get() !== undefined);
  const [why, setWhy] = useState<string>();
  const logOut = useCallback((reason?: string) => {
    token.clear();
    forgetSamples();
    setCaller(undefined);
    setWhy(reason);
  }, []);
  useEffect(() => {
    onRefused(() => {
      logOut('The broker does not accept this token. Log in with another one.');
    });
    if (token.get() === undefined) return;
    call('caller', {})
      .then(setCaller, (error: unknown) => {
        setWhy((before) => before ?? asApiError(error).message);
      })
      .finally(() => {
        setReturning(false);
      });
  }, []);
  if (isReturning) return <main class="login" aria-busy="true" />;
  if (caller === undefined) return <Login why={why} theme={theme} onLogin={setCaller} />;
  return (
    <>
      <Shown caller={caller} theme={theme} logOut={logOut} />
      <ConfirmDialog />
      <Notices />
    </>
  );
}

function Shown({
  caller,
  theme,
  logOut,
}: {
  readonly caller: Caller;
  readonly theme: ReturnType<typeof useTheme>;
  readonly logOut: () => void;
}) {
  useSampling();
  const { page, subject } = useRoute();
  const entry = PAGES.find(({ route }) => route === page);
  return (
    <Frame caller={caller} theme={theme} logOut={logOut} page={entry?.under ?? page}>
      {entry === undefined ? (
        <Page title="There is no such page">
          <a href="#/">To the overview</a>
        </Page>
      ) : (
        <entry.View key={`${page}/${subject ?? ''}`} caller={caller} subject={subject} theme={theme.shown} />
      )}
    </Frame>
  );
}

/** A fault of the page itself: better said than an empty page. */
addEventListener('error', ({ message }) => {
  const app = document.getElementById('app');
  if (app !== null && app.childElementCount === 0) app.textContent = `The dashboard has failed: ${message}`;
});

const app = document.getElementById('app');
if (app !== null) render(<App />, app);
