// Topic Names: the rules of their syntax. The decoder has checked that they are UTF-8 without U+0000; the rest is
// checked here.
export interface TopicLimits {
  /** In bytes of UTF-8. */
  readonly maxTopicLength: number;
  readonly maxTopicLevels: number;
}

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/** A sentence that says what is wrong with the topic, or `undefined` if it is valid. */
export function topicNameProblem(topic: string, limits: TopicLimits): string | undefined {
  if (topic.length === 0) return 'a Topic Name needs at least one character'; // [MQTT-4.7.3-1]
  let levels = 1;
  for (let i = 0; i < topic.length; i++) {
    const unit = topic.charCodeAt(i);
    if (unit === SLASH) levels++;
    else if (unit === PLUS || unit === HASH) return 'a Topic Name has no wildcards'; // [MQTT-3.3.2-2], [MQTT-4.7.1-1]
  }
  return topicSizeProblem(topic, levels, limits);
}

export function topicSizeProblem(topic: string, levels: number, limits: TopicLimits): string | undefined {
  if (levels > limits.maxTopicLevels) return `it has ${levels} levels, ${limits.maxTopicLevels} are allowed`;
  // A UTF-16 unit is at most three bytes of UTF-8: only long topics need the exact count.
  if (topic.length * 3 > limits.maxTopicLength && utf8Length(topic) > limits.maxTopicLength) {
    return `it is longer than ${limits.maxTopicLength} bytes`;
  }
  return undefined;
}

/** The number of UTF-8 bytes of `text`, which must be well-formed. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes, so each of its halves adds one byte; any other unit above U+07FF
    // adds two.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
