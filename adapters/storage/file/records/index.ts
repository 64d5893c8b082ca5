// What each record of the store says, as bytes, and the version of all of it. `test/contract` has each record as a hex
// dump, so that none changes unnoticed. A record that has to change raises FORMAT_VERSION, and the code that reads the
// old one is written beside it.
export * from './client-records.js';
export * from './message-records.js';
export * from './queue-records.js';
export * from './store-records.js';
