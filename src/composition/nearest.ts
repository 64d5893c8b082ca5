// Suggestions for mistyped words, for the parts of the composition.
export { suggestion } from '../application/nearest.js';
