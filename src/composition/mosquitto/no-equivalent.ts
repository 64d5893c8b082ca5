// The options of mosquitto.conf that have no equivalent, and why.

const BRIDGE = 'bridges are not supported; a bridge of Mosquitto can connect to hexmq';
const LOG = 'the log goes to standard error; logging.level sets how much';
const NO_PSK = 'pre-shared keys are not supported';
const STORED = 'what is acknowledged is stored already';
const PLUGIN = 'plugins of Mosquitto cannot be used; http, jwt and mongodb are built in';

/** Options of a bridge, beside those that begin with `bridge_`, `remote_` and `local_`. */
const BRIDGE_OPTIONS = [
  'connection',
  'address',
  'addresses',
  'topic',
  'cleansession',
  'clientid',
  'idle_timeout',
  'keepalive_interval',
  'notifications',
  'notifications_local_only',
  'notification_topic',
  'password',
  'restart_timeout',
  'round_robin',
  'start_type',
  'threshold',
  'try_private',
  'username',
];

const REASONS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    allow_duplicate_messages: 'a client gets one copy of a message',
    auth_plugin: PLUGIN,
    auth_plugin_deny_special_chars: PLUGIN,
    autosave_interval: STORED,
    autosave_on_changes: STORED,
    auto_id_prefix: 'the prefix is always auto-',
    bind_interface: 'write the address of the interface as host of the listener',
    capath: 'put the certificates into one file, and name it as tls.ca',
    check_retain_source: 'a retained message stays, as with false',
    clientid_prefixes: 'there is no such check',
    connection_messages: 'logging.level: warn leaves out connects and disconnects',
    dhparamfile: 'it is not needed',
    http_dir: 'hexmq serves no files',
    log_dest: LOG,
    log_facility: LOG,
    log_timestamp: LOG,
    log_timestamp_format: LOG,
    log_type: LOG,
    max_inflight_bytes: 'there is no such limit',
    max_topic_alias: 'it is about MQTT 5 alone',
    memory_limit: 'memory is bounded by the other limits',
    mount_point: 'there are no mount points',
    persistence_file: 'the directory is for hexmq alone',
    pid_file: 'start hexmq with --pid-file, or with HEXMQ_PID_FILE',
    plugin: PLUGIN,
    psk_file: NO_PSK,
    psk_hint: NO_PSK,
    queue_qos0_messages: 'QoS 0 is not kept for clients that are away',
    set_tcp_nodelay: 'it is always on',
    socket_domain: 'write an address of that family as host of the listener',
    tls_engine: 'there are no engines',
    tls_engine_kpass_sha1: 'there are no engines',
    tls_keyform: 'there are no engines',
    upgrade_outgoing_qos: 'QoS is never raised',
    use_username_as_clientid: 'mustMatch: clientId of certificate, or jwt, mongodb and http tie the two',
    user: 'start hexmq as this user',
    websockets_headers_size: 'it is 8 KiB',
    websockets_log_level: LOG,
  }),
);

/** @returns why the option has no equivalent; `undefined` if it is not known at all. */
export function whyLeftOut(option: string): string | undefined {
  if (BRIDGE_OPTIONS.includes(option) || /^(bridge|remote|local)_/.test(option)) return BRIDGE;
  if (/^(auth|plugin)_opt_/.test(option)) return PLUGIN;
  return REASONS.get(option);
}
