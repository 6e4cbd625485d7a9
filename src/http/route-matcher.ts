/** Tells whether a method and path belong to a route, without running anything. For slow paths only. */
export function createRouteMatcher(
  routes: readonly { readonly method: string; readonly path: string }[],
): (method: string, path: string) => boolean {
  const patterns = routes.map(({ method, path }) => ({ method, pattern: patternOf(path) }));
  return (method, path) => patterns.some((route) => route.method === method && route.pattern.test(path));
}

function patternOf(path: string): RegExp {
  const source = path
    .split("/")
    .map((part) => {
      if (part.startsWith(":")) return "[^/]+";
      return part === "*" ? ".*" : part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
    })
    .join("/");
  return new RegExp(`^${source}$`);
}
