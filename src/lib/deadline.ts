/** Resolves to true when the work settled in time, to false otherwise. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timeUp = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => timeUp.resolve(false), ms);
  const settled = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, timeUp.promise]);
  } finally {
    clearTimeout(timer);
  }
}
