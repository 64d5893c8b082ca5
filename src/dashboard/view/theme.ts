// Light or dark: as the system says, or as the reader has chosen.
import { useEffect, useState } from 'preact/hooks';

export type Choice = 'system' | 'light' | 'dark';

export interface Theme {
  readonly choice: Choice;
  /** What is seen. */
  readonly shown: 'light' | 'dark';
  readonly next: () => void;
}

const KEY = 'hexmq.theme';
const NEXT: Readonly<Record<Choice, Choice>> = { system: 'light', light: 'dark', dark: 'system' };
const dark = matchMedia('(prefers-color-scheme: dark)');

function stored(): Choice {
  const choice = localStorage.getItem(KEY);
  return choice === 'light' || choice === 'dark' ? choice : 'system';
}

export function useTheme(): Theme {
  const [choice, setChoice] = useState(stored);
  const [isSystemDark, setSystemDark] = useState(dark.matches);
  useEffect(() => {
    const follow = (): void => {
      setSystemDark(dark.matches);
    };
    dark.addEventListener('change', follow);
    return () => {
      dark.removeEventListener('change', follow);
    };
  }, []);
  const shown = choice === 'system' ? (isSystemDark ? 'dark' : 'light') : choice;
  // At once, not after the drawing: charts read their colours from it.
  document.documentElement.dataset['theme'] = shown;
  const next = (): void => {
    localStorage.setItem(KEY, NEXT[choice]);
    setChoice(NEXT[choice]);
  };
  return { choice, shown, next };
}
