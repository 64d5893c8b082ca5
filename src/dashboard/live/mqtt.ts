// An MQTT client in the browser, over WebSocket. It is a part of the page of its own, loaded when the console connects.
import mqtt from 'mqtt';
import type { MqttClient } from 'mqtt';

export interface Received {
  readonly topic: string;
  readonly content: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly isRetained: boolean;
}

export interface Observer {
  readonly onConnected: () => void;
  readonly onMessage: (message: Received) => void;
  /** Once, when the connection has ended or could not be opened. */
  readonly onEnd: (why: string) => void;
}

export interface ConsoleClient {
  /** @throws Error (as a rejection) that says why the broker refuses. */
  subscribe(topicFilter: string, qos: 0 | 1 | 2): Promise<void>;
  unsubscribe(topicFilter: string): Promise<void>;
  publish(
    topic: string,
    payload: string,
    options: { readonly qos: 0 | 1 | 2; readonly retain: boolean },
  ): Promise<void>;
  end(): void;
}

export interface Credentials {
  readonly clientId: string;
  readonly userName: string;
  readonly password: string;
}

const CONNECT_MS = 10_000;

export function connect(url: string, { clientId, userName, password }: Credentials, observer: Observer): ConsoleClient {
  let why = 'the broker has closed the connection';
  let hasEnded = false;
  const client: MqttClient = mqtt.connect(url, {
    protocolVersion: 5,
    clientId,
    clean: true,
    ...(userName === '' ? {} : { username: userName }),
    ...(password === '' ? {} : { password }),
    reconnectPeriod: 0,
    connectTimeout: CONNECT_MS,
    // Its other timers run in a worker made from text, which the page forbids.
    timerVariant: 'native',
  });
  const end = (isForced = true): void => {
    if (hasEnded) return;
    hasEnded = true;
    observer.onEnd(why);
    client.end(isForced);
  };
  client.on('connect', observer.onConnected);
  client.on('message', (topic, payload, { qos, retain }) => {
    observer.onMessage({ topic, content: Uint8Array.from(payload), qos, isRetained: retain });
  });
  client.on('error', ({ message }) => {
    why = message === '' ? 'the connection could not be opened' : message;
    end();
  });
  client.on('close', () => {
    end();
  });
  return {
    subscribe: async (topicFilter, qos) => {
      await client.subscribeAsync(topicFilter, { qos });
    },
    unsubscribe: async (topicFilter) => {
      await client.unsubscribeAsync(topicFilter);
    },
    publish: async (topic, payload, options) => {
      await client.publishAsync(topic, payload, options);
    },
    end: () => {
      why = 'disconnected';
      // With DISCONNECT, as a client ends that wants to.
      end(false);
    },
  };
}
