// Permission data from tokens, HTTP answers and documents.
import { describe, expect, test } from '@jest/globals';
import { readPermissions } from '../../../src/ports/permission-data.js';

const METER = { clientId: 'meter-7', userName: 'ann' };
const rules = (data: unknown, subject: Parameters<typeof readPermissions>[1] = METER) =>
  readPermissions(data, subject, 'test').rules.map(
    ({ effect, actions: [action], topicFilter }) => `${effect} ${action} ${topicFilter}`,
  );

describe('permissions as data', () => {
  test('permission data becomes rules, denials first', () => {
    expect(
      rules({
        publish: ['plant/#', 'a'],
        subscribe: ['+/state'],
        deny: { publish: ['plant/+/firmware'], subscribe: ['secret/#'] },
      }),
    ).toEqual([
      'deny publish plant/+/firmware',
      'deny subscribe secret/#',
      'allow publish plant/#',
      'allow publish a',
      'allow subscribe +/state',
    ]);
    expect(rules({})).toEqual([]);
  });

  test('rules from permission data have a source, and subscribe includes receive', () => {
    expect(readPermissions({ publish: ['a'], deny: { subscribe: ['b', 'c'] } }, METER, 'claim x').rules).toEqual([
      { effect: 'deny', actions: ['subscribe', 'receive'], topicFilter: 'b', source: 'claim x, deny.subscribe[0]' },
      { effect: 'deny', actions: ['subscribe', 'receive'], topicFilter: 'c', source: 'claim x, deny.subscribe[1]' },
      { effect: 'allow', actions: ['publish'], topicFilter: 'a', source: 'claim x, publish[0]' },
    ]);
  });

  test('%c is replaced by the Client Identifier and %u by the user name', () => {
    expect(rules({ publish: ['devices/%c/up/%u'], deny: { subscribe: ['%u'] } })).toEqual([
      'deny subscribe ann',
      'allow publish devices/meter-7/up/ann',
    ]);
    // A placeholder inside a name is not replaced.
    expect(rules({ publish: ['%c/a'] }, { clientId: '%u$&', userName: 'root' })).toEqual(['allow publish %u$&/a']);
  });

  test.each(['+', '#', 'a/b', 'x+', ''])('permission data is refused if a placeholder would become %p', (name) => {
    expect(() => rules({ publish: ['devices/%c'] }, { clientId: name, userName: 'ann' })).toThrow(
      /^publish\[0\] has %c, expected a Client Identifier without/,
    );
    expect(() => rules({ deny: { publish: ['%u'] } }, { clientId: 'c', userName: name })).toThrow(
      /^deny\.publish\[0\] has %u, expected a user name without/,
    );
    expect(rules({ publish: ['devices'] }, { clientId: name, userName: name })).toEqual(['allow publish devices']);
  });

  test('permission data is refused if a name would put a $ first, or if there is no name', () => {
    expect(() => rules({ subscribe: ['%c/#'] }, { clientId: '$SYS', userName: undefined })).toThrow(
      'subscribe[0] has %c',
    );
    expect(rules({ subscribe: ['a/%c'] }, { clientId: '$SYS', userName: undefined })).toEqual([
      'allow subscribe a/$SYS',
    ]);
    expect(() => rules({ subscribe: ['%u/#'] }, { clientId: 'c', userName: undefined })).toThrow('subscribe[0] has %u');
  });

  test.each([
    ['no mapping', ['a'], 'expected a mapping of publish, subscribe'],
    ['null', null, 'expected a mapping'],
    ['an action that is none', { publsh: [] }, '"publsh" is unknown, expected publish, subscribe'],
    ['an action that is none, denied', { deny: { pub: [] } }, 'deny."pub" is unknown'],
    ['denials that are no mapping', { deny: ['a'] }, 'deny: expected a mapping'],
    ['a filter outside a list', { publish: 'a' }, 'publish: expected a list of Topic Filters'],
    ['a filter that is no text', { publish: ['a', 5] }, 'publish[1] is not a valid Topic Filter'],
    ['an empty filter', { publish: [''] }, 'publish[0] is not a valid Topic Filter'],
    ['# before the end', { publish: ['a/#/b'] }, 'publish[0] is not a valid Topic Filter'],
    ['# in a level of others', { publish: ['a#'] }, 'publish[0] is not a valid Topic Filter'],
    ['+ in a level of others', { publish: ['a/b+/c'] }, 'publish[0] is not a valid Topic Filter'],
    ['U+0000', { publish: ['a\0'] }, 'publish[0] is not a valid Topic Filter'],
    ['a filter longer than names are', { publish: ['a'.repeat(16_384)] }, 'publish[0] is not a valid Topic Filter'],
    ['a shared subscription', { subscribe: ['$share/g/a'] }, 'begins with $share/'],
    [
      'more than a thousand filters',
      { publish: Array.from({ length: 1001 }, () => 'a') },
      '1001 filters, expected at most 1000',
    ],
  ])('permission data with %s is refused with the reason', (_what, data, problem) => {
    expect(() => rules(data)).toThrow(TypeError);
    expect(() => rules(data)).toThrow(problem);
  });

  test('every valid filter is accepted', () => {
    const filters = ['#', '+', '/', '//', 'a/+/b/#', '+/+', '/#', ' ', '$SYS/#', 'ü/€'];
    expect(rules({ subscribe: filters })).toEqual(filters.map((filter) => `allow subscribe ${filter}`));
  });

  test('an error message does not quote an invalid filter', () => {
    expect(() => rules({ publish: ['secret+'] })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});
