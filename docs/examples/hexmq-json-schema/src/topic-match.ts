// Whether a topic matches a Topic Filter, by the rules of MQTT (section 4.7).

/** A Topic Filter, split once. */
export class TopicMatch {
  readonly #levels: readonly string[];

  constructor(topicFilter: string) {
    this.#levels = topicFilter.split('/');
  }

  matches(topic: string): boolean {
    const filter = this.#levels;
    // Topics that begin with $ are not matched by a wildcard at the beginning.
    if (topic.startsWith('$') && (filter[0] === '#' || filter[0] === '+')) return false;
    const levels = topic.split('/');
    for (const [i, level] of filter.entries()) {
      if (level === '#') return true;
      if (i >= levels.length || (level !== '+' && level !== levels[i])) return false;
    }
    return filter.length === levels.length;
  }
}
