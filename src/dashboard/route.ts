// Where in the page one is: a part of the URL behind `#`, so that the server has one page only, and links, the history
// and bookmarks work.
import { useEffect, useState } from 'preact/hooks';

export interface Route {
  readonly page: string;
  /** Such as a Client Identifier. */
  readonly subject: string | undefined;
}

export function parseRoute(hash: string): Route {
  const [, page = '', subject] = /^#\/?([a-z]*)(?:\/(.*))?$/s.exec(hash) ?? [];
  return { page: page === '' ? 'overview' : page, subject: subject === undefined ? undefined : decode(subject) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const linkTo = (page: string, subject?: string): string =>
  `#/${page}${subject === undefined ? '' : `/${encodeURIComponent(subject)}`}`;

export const go = (page: string, subject?: string): void => {
  location.hash = linkTo(page, subject);
};

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => {
      setRoute(parseRoute(location.hash));
    };
    addEventListener('hashchange', follow);
    return () => {
      removeEventListener('hashchange', follow);
    };
  }, []);
  return route;
}
