// What waits for what. The core records first and promises second: each change that it records bears a ticket, and each
// effect that promises something names the ticket it leaves after. Nothing else in the broker decides whether an answer
// waits.
//
//   answer                    promises                                                       leaves after
//   CONNACK (accepted)        the session, its end before it, the will [MQTT-3.1.2-8]          the change that says so
//   SUBACK, UNSUBACK          the subscriptions as they are now [MQTT-3.8.4-1]                this step
//   PUBACK, PUBREC            the message is stored for every queue that it went to           this step
//                             [MQTT-4.3.2-2], [MQTT-4.3.3-2]
//   PUBREC for a repeat       the same about the first one, of an earlier connection perhaps  all recorded so far
//   PUBREL, PUBCOMP           the other side's Packet Identifier is settled [MQTT-4.3.3-1]    this step
//   PUBLISH at QoS 2          it never comes twice: its queue entry, or the publisher's       the entry
//                             Packet Identifier where there is no entry [MQTT-4.3.3-1]
//   PUBLISH at QoS 0 and 1    nothing: it may be lost, or come twice                          NOW
//   PINGRESP, DISCONNECT,     nothing                                                         NOW
//   CONNACK (refused)
//   outcome of a command      what was done, or not found, stays so                           all recorded so far
//
// Promises to one connection leave in the order in which they were made [MQTT-4.6.0-2], [MQTT-4.6.0-3]: see
// `ClientOutput.promise`.

/**
 * The position of a change in the journal: an effect that bears it leaves once this and all earlier changes are
 * durable.
 */
export type Ticket = number;

/** Smaller than every ticket of a change: nothing to wait for. */
export const NOW: Ticket = 0;
