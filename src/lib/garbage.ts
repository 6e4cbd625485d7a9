/**
 * Collects garbage when so much has been let go of. The collector does not see how large buffers are: left alone, it lets
 * those of a large package pile up.
 */
export function createGarbageCount(limitBytes: number): (letGoBytes: number) => void {
  let bytes = 0;
  return (letGoBytes) => {
    bytes += letGoBytes;
    if (bytes <= limitBytes) return;
    bytes = 0;
    Bun.gc(true);
  };
}
