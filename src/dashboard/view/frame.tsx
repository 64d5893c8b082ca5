// What is around every page: the navigation, who is logged in, the state of the connection to the broker.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Caller } from '../api.js';
import { useLive } from '../live/samples.js';
import { linkTo } from '../route.js';
import { Icon } from './icons.js';
import type { IconName } from './icons.js';
import { Name } from './parts.js';
import type { Theme } from './theme.js';

const LINKS: readonly (readonly [page: string, label: string, icon: IconName])[] = [
  ['overview', 'Overview', 'chart'],
  ['clients', 'Clients', 'plug'],
  ['sessions', 'Sessions', 'people'],
  ['queues', 'Queues', 'stack'],
  ['retained', 'Retained', 'tree'],
  ['trace', 'Trace', 'route'],
  ['events', 'Events', 'list'],
  ['storage', 'Storage', 'disk'],
  ['access', 'Access', 'key'],
  ['console', 'Console', 'terminal'],
];

interface FrameProps {
  readonly caller: Caller;
  readonly theme: Theme;
  readonly logOut: () => void;
  readonly page: string;
  readonly children: ComponentChildren;
}

export function Frame({ caller, theme, logOut, page, children }: FrameProps) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    setOpen(false);
  }, [page]);
  return (
    <div class="frame">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="side">
        <div class="brand">
          <Icon name="brand" />
          <span>hexmq</span>
          <button
            type="button"
            class="menu"
            aria-expanded={isOpen}
            aria-controls="navigation"
            onClick={() => {
              setOpen(!isOpen);
            }}
          >
            <Icon name={isOpen ? 'close' : 'menu'} />
            <span class="hidden">Menu</span>
          </button>
        </div>
        <div id="navigation" class={isOpen ? 'open' : undefined}>
          <nav aria-label="Pages">
            <ul>
              {LINKS.map(([name, label, icon]) => (
                <li key={name}>
                  <a
                    href={linkTo(name)}
                    onClick={() => {
                      setOpen(false);
                    }}
                    aria-current={page === name ? 'page' : undefined}
                  >
                    <Icon name={icon} />
                    {label}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <Foot caller={caller} theme={theme} logOut={logOut} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Trouble />
        {children}
      </main>
    </div>
  );
}

function Foot({ caller, theme, logOut }: Pick<FrameProps, 'caller' | 'theme' | 'logOut'>) {
  return (
    <div class="foot">
      <p class="who">
        <Name text={caller.name} />
        <span class="muted">role {caller.role}</span>
      </p>
      <div class="actions">
        <ThemeButton theme={theme} />
        <button
          type="button"
          class="quiet"
          onClick={() => {
            logOut();
          }}
        >
          Log out
        </button>
      </div>
    </div>
  );
}

export const ThemeButton = ({ theme }: { readonly theme: Theme }) => (
  <button type="button" class="quiet" onClick={theme.next}>
    <Icon name={theme.choice === 'system' ? 'halves' : theme.choice === 'dark' ? 'moon' : 'sun'} />
    <span>
      {theme.choice === 'system' ? 'Auto' : theme.choice === 'dark' ? 'Dark' : 'Light'}
      <span class="hidden"> colours</span>
    </span>
  </button>
);

/** What every reader has to know, whatever page is open. */
function Trouble() {
  const { error, status } = useLive();
  const storage = status?.storage;
  const text =
    error !== undefined
      ? `No news from the broker: ${error.message} The page tries again every few seconds.`
      : storage?.isWriting === false
        ? `Storage cannot be written, acknowledgements wait${storage.error === undefined ? '.' : `: ${storage.error}`}`
        : storage?.isReading === false
          ? `Storage cannot be read, and deliveries wait${storage.error === undefined ? '.' : `: ${storage.error}`}`
          : undefined;
  return (
    <div role="status" aria-live="polite">
      {text !== undefined && <p class="trouble">{text}</p>}
    </div>
  );
}
