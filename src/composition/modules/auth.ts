// Who a client is and what it may do: the adapters that the configuration names, each within its time limit, and the
// parts that call them.
import { ContainerModule } from 'inversify';
import type { BindToFluentSyntax, ResolutionContext } from 'inversify';
import { AccessAdapters } from '../../application/access-adapters.js';
import type { AccessAdaptersParts } from '../../application/access-adapters.js';
import { Admission } from '../../application/admission.js';
import { AuthenticationRequests } from '../../application/authentication-requests.js';
import type { AuthenticationRequestsParts } from '../../application/authentication-requests.js';
import { Authentication } from '../../application/authentication.js';
import { Authorization } from '../../application/authorization.js';
import { EventLoop } from '../../application/event-loop.js';
import { LoginThrottle } from '../../application/login-throttle.js';
import { Reauthorization } from '../../application/reauthorization.js';
import type { ReauthorizationParts } from '../../application/reauthorization.js';
import { LiveSettings } from '../../application/settings.js';
import { authenticatorWithTimeout, authorizerWithTimeout } from '../../application/access-timeouts.js';
import { Authenticator, Authorizer, Clock } from '../../ports/index.js';
import type { AdapterComponents } from '../adapter-table.js';
import { authenticationOf } from '../config-defaults.js';
import { formatPath } from '../config-path.js';
import type { AuthenticatorConfig, AuthorizerConfig, Config } from '../config.js';
import {
  all,
  at,
  byName,
  Components,
  Emit,
  EndOfTurn,
  LifecyclePart,
  ListenerAuthenticator,
  OwnAuthentication,
} from '../injection.js';
import { AdapterFactory, AUTHENTICATOR, AUTHORIZER } from '../plugins/adapters.js';
import { callOf, reportSlowStart, settled } from '../settling.js';

interface RenewalDependencies extends Omit<ReauthorizationParts, 'applyPermissions'> {
  readonly loop: EventLoop;
}

interface AccessDependencies extends Pick<AccessAdaptersParts, 'authentication' | 'authorization'> {
  readonly components: AdapterComponents;
}

export const authModule = (config: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    config.authentication.forEach((entry, index) => {
      bindAuthenticator(bind(Authenticator), entry, ['authentication', index]);
    });
    config.listeners.forEach((listener, index) => {
      authenticationOf(listener)?.forEach((entry, position) => {
        const path = ['listeners', index, 'authentication', position];
        bindAuthenticator(bind(ListenerAuthenticator), entry, path, listener.name);
      });
    });
    config.authorization.forEach((entry, index) => {
      bindAuthorizer(bind(Authorizer), entry, ['authorization', index]);
    });
    const own = config.listeners.filter((listener) => authenticationOf(listener) !== undefined);
    bind(OwnAuthentication).toConstantValue(own.map(({ name }) => name));
    bind(Authentication).toDynamicValue(resolveAuthentication);
    bind(Authorization).toResolvedValue(
      (authorizers: Authorizer[] = []) => new Authorization(authorizers),
      [all(Authorizer)],
    );
    bind(LoginThrottle).toResolvedValue(
      (authentication, components) =>
        new LoginThrottle(config.failedAttempts, {
          ...components,
          remembers: (request) => authentication.remembers(request),
        }),
      [Authentication, Components],
    );
    bind(Admission).toResolvedValue(
      (authentication, authorization, throttle) => new Admission(authentication, authorization, throttle),
      [Authentication, Authorization, LoginThrottle],
    );
    bind(AccessAdapters).toResolvedValue(
      ...byName(({ components, ...parts }: AccessDependencies) => new AccessAdapters({ ...parts, ...components }), {
        authentication: Authentication,
        authorization: Authorization,
        components: Components,
      }),
    );
    bind(LifecyclePart).toService(AccessAdapters);
    bind(Reauthorization).toResolvedValue(
      ...byName(createReauthorization, {
        authorization: Authorization,
        loop: EventLoop,
        clock: Clock,
        settings: LiveSettings,
        atEndOfTurn: EndOfTurn,
        emit: Emit,
      }),
    );
    bind(AuthenticationRequests).toResolvedValue(
      ...byName((parts: AuthenticationRequestsParts) => new AuthenticationRequests(parts), {
        admission: Admission,
        reauthorization: Reauthorization,
        loop: EventLoop,
      }),
    );
  });

const createReauthorization = ({ loop, ...parts }: RenewalDependencies): Reauthorization =>
  new Reauthorization({
    ...parts,
    applyPermissions: (connection, permissions) => {
      loop.enqueue({ kind: 'permissions', connection, permissions });
    },
  });

function bindAuthenticator(
  binding: BindToFluentSyntax<Authenticator>,
  entry: AuthenticatorConfig,
  path: readonly PropertyKey[],
  listener?: string,
): void {
  const { adapter } = entry;
  const key = formatPath(path);
  binding
    .toResolvedValue((adapters) => adapters.create(AUTHENTICATOR, entry, path), [AdapterFactory])
    .onActivation(async (context, authenticator) => {
      const components = await context.getAsync(Components);
      return startSettled(authenticatorWithTimeout(authenticator, entry, components), adapter, key, components);
    })
    .when(at(key, listener));
}

function bindAuthorizer(
  binding: BindToFluentSyntax<Authorizer>,
  entry: AuthorizerConfig,
  path: readonly PropertyKey[],
): void {
  const { adapter } = entry;
  const key = formatPath(path);
  binding
    .toResolvedValue((adapters) => adapters.create(AUTHORIZER, entry, path), [AdapterFactory])
    .onActivation(async (context, authorizer) => {
      const components = await context.getAsync(Components);
      return startSettled(authorizerWithTimeout(authorizer, entry, components), adapter, key, components);
    })
    .when(at(key));
}

/** An adapter that hangs when it starts is named. */
function startSettled<T extends Authenticator | Authorizer>(
  inner: T,
  adapter: string,
  key: string,
  { emit }: AdapterComponents,
): T {
  if (inner.start === undefined) return inner;
  const start = inner.start.bind(inner);
  return { ...inner, start: () => settled(start(), callOf('start', adapter, key), { notice: reportSlowStart(emit) }) };
}

/**
 * A dynamic value, because which listeners have authenticators of their own is itself bound, and may have been rebound.
 */
async function resolveAuthentication(context: ResolutionContext): Promise<Authentication> {
  const authenticators = await context.getAllAsync(Authenticator, { optional: true });
  const perListener = context.get(OwnAuthentication).map(async (name) => {
    const own = await context.getAllAsync(ListenerAuthenticator, { name, optional: true });
    return [name, own] as const;
  });
  return new Authentication(authenticators, new Map(await Promise.all(perListener)));
}
