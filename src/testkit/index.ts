// The public entry `hexmq/testkit`: tools for tests of adapters and of the broker. Its exports are versioned.
export { authenticatorContract } from './authenticator-contract.js';
export type {
  AuthenticatorContractOptions,
  AuthenticatorFactory,
  AuthenticatorUnderTest,
  Credentials,
} from './authenticator-contract.js';
export { authorizerContract } from './authorizer-contract.js';
export type { AuthorizerContractOptions, AuthorizerUnderTest } from './authorizer-contract.js';
export type { NotAskedReport, TestBody } from './asking.js';
export { authenticationMethodContract } from './method-contract.js';
export type { MethodClient, MethodContractOptions, MethodUnderTest } from './method-contract.js';
export { ContractViolation } from './compare.js';
export { contractSummary } from './contract-summary.js';
export type { ContractSummary } from './contract-summary.js';
export { FaultyStorage } from './faulty-storage.js';
export type { Chaos, FaultyStorageOptions, HoldPoint, Misbehaviour, StorageOperation } from './faulty-storage.js';
export { describeFailure, explain, runSeed } from './simulation/index.js';
export type { Failure, InvariantName, Outcome, SimulationOptions, Violation } from './simulation/index.js';
export { interceptorContract } from './interceptor-contract/interceptor-contract.js';
export type { InterceptorContractOptions } from './interceptor-contract/interceptor-contract.js';
export type { InterceptorSamples } from './interceptor-contract/samples.js';
export type { InterceptorUnderTest } from './interceptor-contract/subject.js';
export { networkContract } from './network-contract/index.js';
export type {
  NetworkContractOptions,
  NetworkFactory,
  NetworkPeer,
  NetworkUnderTest,
} from './network-contract/index.js';
export { pluginContract } from './plugin-contract/plugin-contract.js';
export type { PluginContractOptions } from './plugin-contract/plugin-contract.js';
export { SeededRandom } from './seeded-random.js';
export { storageContract } from './storage-contract/storage-contract.js';
export type { StorageContractOptions } from './storage-contract/storage-contract.js';
export { storageCrashContract } from './storage-crash/crash-contract.js';
export type { StorageCrashContractOptions, StoreUnderCrash } from './storage-crash/crash-contract.js';
export { runUntilKilled } from './storage-crash/program.js';
export { StorageModel } from './storage-contract/model.js';
export type { FastCheck } from './storage-contract/fast-check.js';
export type { ModelRunOptions } from './storage-contract/model-run.js';
export type { StorageFactory, StorageUnderTest } from './storage-contract/subject.js';
export { VirtualClock } from './virtual-clock.js';
