/**
 * Where a broker is and who we are to it: plain data, from options, a context of the `nats` command, or a caller.
 */

/** Files for TLS; an empty object asks for TLS with the machine's own authorities. */
export interface TlsFiles {
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  /** For brokers with `handshake_first`. */
  handshakeFirst?: boolean;
}

/** Where a broker is and who we are to it. Given fields win over those of `context`. */
export interface BrokerAddress {
  /** `nats://host:port` or `tls://…`, also with `user:password@` or `token@`. */
  servers?: string | readonly string[];
  credsFile?: string;
  /** A file that holds an nkey seed. */
  nkeyFile?: string;
  user?: string;
  password?: string;
  token?: string;
  tls?: TlsFiles;
  /** A context of the `nats` command, by name. */
  context?: string;
  /** For users that may only hear on inboxes of their own. */
  inboxPrefix?: string;
}
