import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isTopicName, topicNameProblem, utf8Length } from '../../../../src/domain/topics/topic-name.js';

const LIMITS = { maxTopicLength: 12, maxTopicLevels: 4 };

describe('a Topic Name', () => {
  test.each([
    'a',
    '/',
    'a/b',
    '/a',
    'a/',
    '//',
    ' ',
    '$SYS/a',
    'a/b/c/d',
    'é'.repeat(6),
    '😀'.repeat(3),
    'a'.repeat(12),
  ])('%j is one', (topic) => {
    expect(topicNameProblem(topic, LIMITS)).toBeUndefined();
    expect(isTopicName(topic, LIMITS)).toBe(true);
  });

  test.each(['', '+', '#', 'a/+/b', 'a+', 'a/#', 'a/b/c/d/e', 'a'.repeat(13), 'é'.repeat(7), '😀'.repeat(4)])(
    '%j is none, for a reason',
    (topic) => {
      expect(topicNameProblem(topic, LIMITS)).toEqual(expect.any(String));
      expect(isTopicName(topic, LIMITS)).toBe(false);
    },
  );
});

test('the length in UTF-8 is what an encoder makes of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    }),
  );
});
