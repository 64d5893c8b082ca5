// Topic Names: which strings are valid under the limits, and the size of a string in UTF-8.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { topicNameProblem, utf8Length } from '../../../../src/domain/topics/topic-name.js';

const LIMITS = { maxTopicLength: 12, maxTopicLevels: 4 };

describe('Topic Names', () => {
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
  ])('the Topic Name %j is valid', (topic) => {
    expect(topicNameProblem(topic, LIMITS)).toBeUndefined();
  });

  test.each(['', '+', '#', 'a/+/b', 'a+', 'a/#', 'a/b/c/d/e', 'a'.repeat(13), 'é'.repeat(7), '😀'.repeat(4)])(
    'the Topic Name %j is invalid, with a sentence that says why',
    (topic) => {
      expect(topicNameProblem(topic, LIMITS)).toEqual(expect.any(String));
    },
  );
});

test('utf8Length returns the size that an encoder produces', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    }),
  );
});
