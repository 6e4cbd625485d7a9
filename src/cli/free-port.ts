/** A port of this machine that was free a moment ago. The daemon takes 0 for "the default", as the reference does. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}
