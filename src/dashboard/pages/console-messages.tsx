// What the console has received: the last messages, the newest first.
import type { ComponentChildren } from 'preact';
import { useCallback, useRef, useState } from 'preact/hooks';
import { clock } from '../format.js';
import type { Received } from '../live/mqtt.js';
import { Badge, Code, Empty, Payload } from '../view/parts.js';

export interface Messages {
  readonly add: (message: Received) => void;
  readonly clear: () => void;
  readonly list: ComponentChildren;
}

interface Kept extends Received {
  readonly number: number;
  readonly at: Date;
  readonly size: number;
}

const MESSAGES_MAX = 200;
const PAYLOAD_BYTES = 4096;
const DRAW_MS = 200;

export function useMessages(): Messages {
  const [kept, setKept] = useState<readonly Kept[]>([]);
  const count = useRef(0);
  const arrived = useRef<Kept[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const add = useCallback((message: Received) => {
    const { content } = message;
    const part = content.slice(0, PAYLOAD_BYTES);
    arrived.current.push({
      ...message,
      content: part,
      size: content.byteLength,
      number: count.current++,
      at: new Date(),
    });
    if (arrived.current.length > MESSAGES_MAX) arrived.current.shift();
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      const added = arrived.current;
      arrived.current = [];
      setKept((before) => [...added.reverse(), ...before].slice(0, MESSAGES_MAX));
    }, DRAW_MS);
  }, []);
  const clear = useCallback(() => {
    setKept([]);
  }, []);
  const list =
    kept.length === 0 ? (
      <Empty>No message has come.</Empty>
    ) : (
      <ol class="lines" reversed>
        {kept.map(({ number, at, topic, content, size, qos, isRetained }) => (
          <li class="line" key={number}>
            <time>{clock(at)}</time>
            <div>
              <p>
                <Code text={topic} /> <Badge>QoS {qos}</Badge> {isRetained && <Badge>retained</Badge>}
              </p>
              <Payload content={content} size={size} />
            </div>
          </li>
        ))}
      </ol>
    );
  return { add, clear, list };
}
