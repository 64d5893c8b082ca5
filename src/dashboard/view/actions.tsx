// What changes something: a dialog that names what will happen and asks, and a line that says what came of it. Both are
// there once, and pages call them.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../api.js';
import type { AnswerOf, Caller, OperationName, RequestOf } from '../api.js';
import { visible } from '../format.js';
import { asApiError } from '../live/load.js';

interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button says. */
  readonly action: string;
  readonly isDanger: boolean;
}

interface Notice {
  readonly number: number;
  readonly text: string;
  readonly isError: boolean;
}

const NOTICE_MS = 8000;
let ask: (question: Question) => Promise<boolean> = () => Promise.resolve(false);
let show: (text: string, isError: boolean) => void = () => undefined;

export const confirmed = (question: Question): Promise<boolean> => ask(question);
export const notify = (text: string): void => {
  show(text, false);
};
export const warn = (text: string): void => {
  show(text, true);
};

/** Asks, calls, and says what came of it. @returns whether it was done. */
export async function act<Name extends OperationName>(
  question: Question | undefined,
  operation: Name,
  request: RequestOf<Name>,
  done: (answer: AnswerOf<Name>) => string,
): Promise<boolean> {
  if (question !== undefined && !(await confirmed(question))) return false;
  try {
    notify(done(await call(operation, request)));
    return true;
  } catch (error) {
    warn(asApiError(error).message);
    return false;
  }
}

/** A button for what needs the role `write`; others see it, and why they cannot use it. */
export function Action({
  caller,
  label,
  isDanger,
  onClick,
}: {
  readonly caller: Caller;
  readonly label: string;
  readonly isDanger?: boolean;
  readonly onClick: () => void;
}) {
  const mayWrite = caller.role === 'write';
  return (
    <button
      type="button"
      class={isDanger === true ? 'danger' : undefined}
      disabled={!mayWrite}
      title={mayWrite ? undefined : 'Your token has the role read; this needs write.'}
      onClick={onClick}
    >
      {label}
    </button>
  );
}

export function ConfirmDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const answer = useRef<(isConfirmed: boolean) => void>(() => undefined);
  const [question, setQuestion] = useState<Question>();
  useEffect(() => {
    ask = (asked) => {
      answer.current(false);
      setQuestion(asked);
      dialog.current?.showModal();
      return new Promise((resolve) => (answer.current = resolve));
    };
  }, []);
  const close = (isConfirmed: boolean): void => {
    answer.current(isConfirmed);
    dialog.current?.close();
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="confirm-title"
      aria-describedby="confirm-text"
      onClose={() => {
        answer.current(false);
      }}
    >
      <h2 id="confirm-title">{visible(question?.title ?? '')}</h2>
      <p id="confirm-text">{visible(question?.text ?? '')}</p>
      <div class="actions">
        <button
          type="button"
          onClick={() => {
            close(false);
          }}
        >
          Cancel
        </button>
        <button
          type="button"
          class={question?.isDanger === true ? 'danger' : 'primary'}
          onClick={() => {
            close(true);
          }}
        >
          {question?.action}
        </button>
      </div>
    </dialog>
  );
}

export function Notices() {
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const numbers = useRef(0);
  useEffect(() => {
    show = (text, isError) => {
      const number = numbers.current++;
      setNotices((before) => [...before.slice(-2), { number, text: visible(text), isError }]);
      setTimeout(() => {
        setNotices((before) => before.filter((one) => one.number !== number));
      }, NOTICE_MS);
    };
  }, []);
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.map(({ number, text, isError }) => (
        <p key={number} class={isError ? 'notice bad' : 'notice'}>
          {text}
        </p>
      ))}
    </div>
  );
}
