// A trace for people: what has become of each message, also of one that was not published.
import { expect, test } from '@jest/globals';
import { MessageOutcomes } from '../../../src/cli/operate/trace-lines.js';

test('a message that is refused, or came again, has a line that says so', () => {
  const outcomes = new MessageOutcomes();
  const step = { time: '', clientId: 'a\u001b[2J', topic: 't' };
  expect(outcomes.take({ ...step, step: 'received' })).toEqual([]);
  expect(outcomes.take({ ...step, step: 'refused', reason: 'queue-full', detail: 'no room' })).toEqual([
    '= t from a\\u{1b}[2J: refused (queue-full: no room)',
  ]);
  expect(outcomes.take({ ...step, step: 'repeated' })).toEqual([
    '= t from a\\u{1b}[2J: came again, and is acknowledged alone',
  ]);
});
