// Topic matching (section 4.7 of the specification), written a second time and by other means than in the broker, so
// that a mistake there is not repeated here.

const expressions = new Map<string, RegExp>();

/** @param filter without `$share/<name>/`. */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false; // [MQTT-4.7.2-1]
  let expression = expressions.get(filter);
  if (expression === undefined) expressions.set(filter, (expression = expressionOf(filter)));
  return expression.test(topic);
}

function expressionOf(filter: string): RegExp {
  if (filter === '#') return /^.*$/;
  const [path, rest] = filter.endsWith('/#') ? [filter.slice(0, -2), '(/.*)?'] : [filter, ''];
  const levels = path
    .split('/')
    .map((level) => (level === '+' ? '[^/]*' : level.replaceAll(/[$.*?()[\]{}|\\^]/g, '\\$&')));
  return new RegExp(`^${levels.join('/')}${rest}$`);
}
