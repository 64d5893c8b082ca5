// The kinds of plugins that `hexmq create-plugin` writes: each is a directory of templates.
export const PLUGIN_KINDS = [
  'storage',
  'authenticator',
  'authorizer',
  'interceptor',
  'event-listener',
  'listener',
  'plugin',
] as const;

export type PluginKind = (typeof PLUGIN_KINDS)[number];
