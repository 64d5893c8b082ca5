// What the parts of the broker have measured, for the administration.
import { ContainerModule } from 'inversify';
import { AuthenticationRequests } from '../../application/authentication-requests.js';
import { Committer } from '../../application/committer.js';
import { Egress } from '../../application/egress.js';
import { EventCounts } from '../../application/event-counts.js';
import { EventLoop } from '../../application/event-loop.js';
import { Ingress } from '../../application/ingress.js';
import { Links } from '../../application/links.js';
import { Measurements } from '../../application/measurements.js';
import type { MeasurementsParts } from '../../application/measurements.js';
import { LiveSettings } from '../../application/settings.js';
import { Broker } from '../../domain/broker.js';
import { Clock } from '../../ports/index.js';
import { byName } from '../injection.js';

export const measurementsModule = (): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Measurements).toResolvedValue(
      ...byName((parts: MeasurementsParts) => new Measurements(parts), {
        core: Broker,
        loop: EventLoop,
        links: Links,
        ingress: Ingress,
        egress: Egress,
        committer: Committer,
        authentication: AuthenticationRequests,
        events: EventCounts,
        settings: LiveSettings,
        clock: Clock,
      }),
    );
  });
