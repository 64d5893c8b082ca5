// Who is at the other end of a connection, as far as the network can tell before anything is said.

/** A certificate that the listener has verified. */
export interface PeerCertificate {
  /** CN of the subject; `undefined` where there is none, or more than one. */
  readonly commonName: string | undefined;
  /** The whole subject as RFC 4514 writes it: `CN=meter-7,O=Plant`. */
  readonly subject: string;
  /** Subject Alternative Names with their type before a colon: `DNS:meter-7`, `URI:urn:plant:meter-7`, `email:…`, `IP:…`. */
  readonly subjectAlternativeNames: readonly string[];
  /** SHA-256 of the certificate, lower-case hexadecimal without colons. */
  readonly fingerprint: string;
}

export interface PeerInfo {
  /** For people: `127.0.0.1:51234`. Behind a proxy that is trusted, what the proxy says. */
  readonly remoteAddress: string;
  /** Without the port, an IPv4 address as IPv4; `undefined` where there is none (a Unix socket, a connection in memory). */
  readonly ipAddress?: string | undefined;
  readonly certificate?: PeerCertificate | undefined;
}
