/** Bun's direct stream: what is written goes to the socket without a queue of ours in between. */
export interface DirectController {
  write(chunk: string | Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
  close(): void;
}

/** Writes and sends it; resolves when the socket has taken it, so that a slow client holds back whoever awaits this. */
export async function writeOut(controller: DirectController, chunk: string | Uint8Array): Promise<void> {
  const written = controller.write(chunk);
  if (typeof written !== "number") await written;
  const flushed = controller.flush();
  if (typeof flushed !== "number") await flushed;
}
