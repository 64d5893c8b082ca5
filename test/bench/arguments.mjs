// The arguments of a program: `--name value`, each with a default.
import { parseArgs } from 'node:util';

/**
 * Numbers where the default is a number, text where it is text, lists of numbers (`20,1000`) where it is a list.
 * @template {Record<string, number | string | number[]>} Defaults
 * @param {Defaults} defaults
 * @returns {Defaults}
 */
export function argumentsOf(defaults) {
  const options = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [
      name,
      { type: /** @type {const} */ ('string'), default: String(value) },
    ]),
  );
  const { values } = parseArgs({ options });
  const read = ([name, value]) => {
    const given = values[name];
    if (Array.isArray(value)) return [name, given.split(',').map((each) => numberOf(name, each))];
    return [name, typeof value === 'number' ? numberOf(name, given) : given];
  };
  return Object.fromEntries(Object.entries(defaults).map(read));
}

function numberOf(name, text) {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} must be a whole number, got "${text}"`);
  return number;
}
