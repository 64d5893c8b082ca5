// The peer of a connection, as far as the network knows it before CONNECT.

/** A certificate that the listener has verified. */
export interface PeerCertificate {
  /** CN of the subject; `undefined` if there is none or more than one. */
  readonly commonName: string | undefined;
  /** The whole subject in the form of RFC 4514: `CN=meter-7,O=Plant`. */
  readonly subject: string;
  /**
   * Subject Alternative Names with their type before a colon: `DNS:meter-7`, `URI:urn:plant:meter-7`, `email:…`,
   * `IP:…`.
   */
  readonly subjectAlternativeNames: readonly string[];
  /** SHA-256 of the certificate, lower-case hexadecimal without colons. */
  readonly fingerprint: string;
}

/** The other side of a network connection. Only verified facts are in `ipAddress` and `certificate`. */
export interface PeerInfo {
  /** For display: `127.0.0.1:51234`. Behind a trusted proxy, the address that the proxy reports. */
  readonly remoteAddress: string;
  /**
   * Without the port; an IPv4 address in IPv4 form. `undefined` if there is none (a Unix socket, a connection in
   * memory).
   */
  readonly ipAddress?: string | undefined;
  readonly certificate?: PeerCertificate | undefined;
}
