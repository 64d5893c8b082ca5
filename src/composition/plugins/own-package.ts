// A plugin imports `hexmq/plugin` and `hexmq/ports`. Where hexmq is installed for the whole machine, or in an image, no
// such package is beside the plugin; then it gets the one that runs.
import { register } from 'node:module';

/** In a thread of its own, so it is a text: Node loads it as a module. */
const HOOK = `
let root;
export function initialize(data) { root = data; }
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !/^hexmq(\\/|$)/.test(specifier)) throw error;
    return next(specifier, { ...context, parentURL: root });
  }
}`;

let isOffered = false;

/** From now on, modules that find no package `hexmq` get this one. */
export function offerOwnPackage(): void {
  if (isOffered) return;
  isOffered = true;
  try {
    register(`data:text/javascript,${encodeURIComponent(HOOK)}`, { data: import.meta.url });
  } catch {
    // Not possible everywhere, as in Jest: there the package has to be installed.
  }
}
