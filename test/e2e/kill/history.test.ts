// The judge of the kill tests: what it accepts, and what it reports as a broken promise.
import { describe, expect, test } from '@jest/globals';
import { History, payloadOf } from './history.js';
import type { Observer, Publication } from './history.js';

function scene(): { history: History; observer: Observer; receive: (publication: Publication) => void } {
  const history = new History(1);
  history.beginRound(1);
  const observer = history.observer('observer');
  const receive = (publication: Publication): void => {
    observer.receive(publication.topic, payloadOf(publication), 1);
  };
  return { history, observer, receive };
}

const send = (history: History, topic: string): Publication => history.send('publisher', 1, topic, 0);

describe('the judge of the kill tests', () => {
  test('reports a message that arrives behind a later one', () => {
    const { history, observer, receive } = scene();
    observer.mark('a', 1, 'on');
    const [first, second] = [send(history, 'a'), send(history, 'a')];
    receive(second);
    receive(first);
    expect(() => {
      history.verify();
    }).toThrow(/observer got behind number 2 the QoS 1 message 1 of publisher/);
  });

  test('accepts an earlier message that the publisher repeats, if SUBSCRIBE had no answer when it was sent first', () => {
    const { history, observer, receive } = scene();
    observer.mark('b', 1, 'on');
    observer.mark('a', 1, 'maybe');
    const [first, second] = [send(history, 'a'), send(history, 'b')];
    // The broker is killed: it has accepted the first one before SUBSCRIBE, and everything without an acknowledgement.
    history.beginRound(2);
    receive(second);
    receive(first);
    expect(() => {
      history.verify();
    }).not.toThrow();
  });

  test('expects order of a subscription that exists, whether or not it outlives the broker', () => {
    const { history, observer, receive } = scene();
    observer.mark('a', 1, 'maybe');
    observer.markExisting('a');
    const [first, second] = [send(history, 'a'), send(history, 'a')];
    receive(second);
    receive(first);
    expect(() => {
      history.verify();
    }).toThrow(/got behind number 2/);
  });

  test('reports an owed message that does not come, and one that comes without a subscription', () => {
    const { history, observer, receive } = scene();
    observer.mark('a', 1, 'on');
    const owed = send(history, 'a');
    history.acknowledged(owed);
    expect(observer.owedCount).toBe(1);
    receive(owed);
    expect(observer.owedCount).toBe(0);
    observer.mark('a', 1, 'off');
    const unwanted = send(history, 'a');
    history.acknowledged(unwanted);
    receive(unwanted);
    expect(() => {
      history.verify();
    }).toThrow(/observer was not subscribed and got the QoS 1 message 2 of publisher/);
  });
});
