// The contract of the authenticator port for Authentication Methods of MQTT 5, as tests: one test for each law. The
// adapter's author provides the client's side of the method.
import type { Authenticator, ClientId, Exchange, ExchangeAnswer, ExchangeRequest } from '../ports/index.js';
import { NotAsked, reportTo, testOf, thenDisposed } from './asking.js';
import type { NotAskedReport, TestBody } from './asking.js';
import { ContractViolation, ensure, show } from './compare.js';

/** A client in one exchange. */
export interface MethodClient {
  /** What it sends with CONNECT; `undefined` if it sends nothing. */
  first(): Uint8Array | undefined;
  /** What it answers to a challenge. */
  answer(challenge: Uint8Array | undefined): Uint8Array | undefined;
  /** Whether it is content with the data that comes with the acceptance. Left out if it does not care. */
  accepts?(data: Uint8Array | undefined): boolean;
}

/** What the adapter's author provides, newly created for each test. */
export interface MethodUnderTest {
  readonly authenticator: Authenticator;
  readonly method: string;
  /** A client that is allowed. */
  readonly good: () => MethodClient;
  /** The user that it is. Default: the answer may leave it out. */
  readonly userName?: string;
  /** A client with a wrong secret. */
  readonly wrong: () => MethodClient;
  /** A client whose user does not exist. Left out if there is no such thing. */
  readonly unknown?: () => MethodClient;
  /** Removes what `create` made. The authenticator has been stopped. */
  dispose(): Promise<void>;
}

/** What the contract needs to test an authenticator with methods. */
export interface MethodContractOptions {
  readonly name: string;
  readonly factory: { create(): Promise<MethodUnderTest> };
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: TestBody) => void;
  /** Told of each law that was not asked. Default: a line on standard error. */
  readonly notAsked?: NotAskedReport;
}

/** An exchange that takes more is refused by the broker. */
const ROUNDS_MAX = 16;

const GARBAGE: readonly (Uint8Array | undefined)[] = [
  undefined,
  new Uint8Array(),
  Uint8Array.of(0),
  Uint8Array.of(0xc3, 0x28),
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
  new Uint8Array(16 * 1024).fill(0x2c),
  new Uint8Array(16 * 1024).fill(0x3d),
];

interface Played {
  readonly answer: ExchangeAnswer;
  /** What the client sent. */
  readonly sent: readonly (Uint8Array | undefined)[];
}

/** Declares the contract's tests. */
export function authenticationMethodContract(options: MethodContractOptions): void {
  const {
    name,
    factory,
    describe,
    test,
    notAsked = reportTo(`authentication method contract: ${options.name}`),
  } = options;
  const law = (text: string, body: (under: MethodUnderTest) => Promise<void>): void => {
    const ask = async (): Promise<void> => {
      const under = await factory.create();
      const dispose = async (): Promise<void> => {
        await under.authenticator.stop?.().catch(() => undefined);
        await under.dispose();
      };
      await thenDisposed(dispose, () => body(under));
    };
    test(text, testOf(text, notAsked, ask));
  };
  describe(`authentication method contract: ${name}`, () => {
    outcomeLaws(law);
    robustnessLaws(law);
  });
}

type Law = (text: string, body: (under: MethodUnderTest) => Promise<void>) => void;

function outcomeLaws(law: Law): void {
  law('the method is declared, and a good client is allowed, as the user that it is', async (under) => {
    const { authenticator, method, good, userName } = under;
    ensure(authenticator.methods?.includes(method) === true, `methods must have ${method}`);
    const client = good();
    const { answer } = await play(begin(under), client);
    ensure(answer.decision === 'allow', `a good client must be allowed, got ${show(answer)}`);
    ensure(userName === undefined || answer.userName === userName, `the user must be ${show(userName)}`);
    ensure(client.accepts?.(answer.data) ?? true, 'the client must accept the data that comes with the answer');
  });

  law('a client with a wrong secret is denied, before and after a good one', async (under) => {
    for (const [client, decision] of [
      [under.wrong(), 'deny'],
      [under.good(), 'allow'],
      [under.wrong(), 'deny'],
    ] as const) {
      const { answer } = await play(begin(under), client);
      ensure(answer.decision === decision, `expected ${decision}, got ${show(answer)}`);
    }
  });

  law('an unknown user is denied as late as a wrong secret, and not in other words', async (under) => {
    const { unknown } = under;
    if (unknown === undefined) throw new NotAsked('the factory provides no `unknown`');
    const [wrong, other] = [await play(begin(under), under.wrong()), await play(begin(under), unknown())];
    ensure(other.answer.decision === 'deny', `an unknown user must be denied, got ${show(other.answer)}`);
    ensure(wrong.sent.length === other.sent.length, 'an unknown user must not show in the number of packets');
    ensure(
      wrong.answer.decision === 'deny' && wrong.answer.reason === other.answer.reason,
      'an unknown user must not show in the reason',
    );
  });

  law('exchanges at the same time do not know of each other', async (under) => {
    const clients = [under.good(), under.wrong(), under.good()];
    const exchanges = clients.map(() => begin(under));
    const answers = await Promise.all(exchanges.map((exchange, i) => play(exchange, clients[i] as MethodClient)));
    const decisions = answers.map(({ answer }) => answer.decision);
    ensure(decisions.join() === 'allow,deny,allow', `expected allow, deny, allow, got ${decisions.join(', ')}`);
  });

  law('what a good client has sent proves nothing in another exchange', async (under) => {
    const { sent } = await play(begin(under), under.good());
    if (sent.length < 2) throw new NotAsked('the method has no challenge');
    const { answer } = await play(begin(under), replay(sent));
    ensure(answer.decision === 'deny', `a replay must be denied, got ${show(answer)}`);
  });
}

function robustnessLaws(law: Law): void {
  law('data that means nothing is answered, and never with allow', async (under) => {
    for (const data of GARBAGE) {
      const { answer } = await play(begin(under), { first: () => data, answer: () => data });
      ensure(answer.decision === 'deny', `${show(data)} must be denied, got ${show(answer)}`);
      const late = await play(begin(under), { first: () => under.good().first(), answer: () => data });
      ensure(late.answer.decision === 'deny', `${show(data)} after a good beginning must be denied`);
    }
  });

  law('an exchange may end at any time, and others go on', async (under) => {
    const [unused, begun] = [begin(under), begin(under)];
    unused.end?.();
    await next(begun, under.good().first());
    begun.end?.();
    const { answer } = await play(begin(under), under.good());
    ensure(answer.decision === 'allow', `a good client must be allowed, got ${show(answer)}`);
  });
}

const replay = (sent: readonly (Uint8Array | undefined)[]): MethodClient => {
  let at = 1;
  return { first: () => sent[0], answer: () => sent[at++] };
};

function begin({ authenticator, method }: MethodUnderTest): Exchange {
  const request: ExchangeRequest = {
    clientId: 'contract' as ClientId,
    protocolVersion: 5,
    userName: undefined,
    password: undefined,
    listener: 'contract',
    peer: { remoteAddress: '127.0.0.1:50000', ipAddress: '127.0.0.1' },
    authenticationMethod: method,
    isRenewal: false,
  };
  const exchange = authenticator.exchange?.(request);
  if (exchange === undefined) throw new ContractViolation('an authenticator with methods must have exchange');
  return exchange;
}

/** The whole exchange, up to its last answer. */
async function play(exchange: Exchange, client: MethodClient): Promise<Played> {
  const sent = [client.first()];
  for (;;) {
    const answer = await next(exchange, sent.at(-1));
    if (answer.decision !== 'continue') {
      exchange.end?.();
      return { answer, sent };
    }
    ensure(sent.length < ROUNDS_MAX, `an exchange must end within ${String(ROUNDS_MAX)} packets of the client`);
    sent.push(client.answer(answer.data));
  }
}

/** One answer. The data is a view that is overwritten afterwards, as that of a network buffer may be. */
async function next(exchange: Exchange, data: Uint8Array | undefined): Promise<ExchangeAnswer> {
  const view = data?.slice();
  let answer: ExchangeAnswer;
  try {
    answer = await exchange.next(view);
  } catch (error) {
    throw new ContractViolation(`${show(data)} must be answered, but was rejected with ${String(error)}`, {
      cause: error,
    });
  }
  view?.fill(0xee);
  return answer;
}
