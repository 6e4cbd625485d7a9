import { constants, createGzip } from "node:zlib";

/** How the frames of one stream become bytes; each can be read when it arrives. */
export interface FrameEncoding {
  /** Of the answer. */
  readonly headers: Readonly<Record<string, string>>;
  encode(frame: string): Promise<string | Uint8Array>;
  /** What stands after the last frame. */
  end(): Promise<string | Uint8Array>;
  /** Frees what it holds; nothing can be encoded any more. Idempotent. */
  close(): void;
}

/** gzip where the client says that it reads that, else the text itself. */
export function frameEncodingFor(request: Request): FrameEncoding {
  return acceptsGzip(request.headers.get("accept-encoding") ?? "") ? gzipFrames() : plainFrames();
}

export function plainFrames(): FrameEncoding {
  return {
    headers: {},
    encode: (frame) => Promise.resolve(frame),
    end: () => Promise.resolve(""),
    close: () => undefined,
  };
}

/** `gzip` or `x-gzip` among what is accepted, and not with `q=0`. */
export function acceptsGzip(acceptEncoding: string): boolean {
  return acceptEncoding.split(",").some((given) => {
    const [name = "", ...parameters] = given.split(";").map((part) => part.trim().toLowerCase());
    return /^(x-)?gzip$/.test(name) && !parameters.some((text) => /^q=0(\.0*)?$/.test(text));
  });
}

/** One gzip stream, flushed after every frame: of several ones behind each other, many clients read the first alone. */
function gzipFrames(): FrameEncoding {
  // Frames are short and wait for nothing: speed counts more than the last bytes.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  let chunks: Uint8Array[] = [];
  gzip.on("data", (chunk: Uint8Array) => chunks.push(chunk));

  function taken(): Uint8Array {
    const bytes = Buffer.concat(chunks);
    chunks = [];
    return bytes;
  }

  function after(work: (done: () => void) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const fail = (cause?: Error) => reject(cause ?? new Error("Cannot compress: the stream is closed"));
      gzip.once("error", fail).once("close", fail);
      work(() => {
        gzip.off("error", fail).off("close", fail);
        resolve(taken());
      });
    });
  }

  return {
    headers: { "content-encoding": "gzip", vary: "accept-encoding" },
    encode: (frame) =>
      after((done) => {
        gzip.write(frame);
        gzip.flush(constants.Z_SYNC_FLUSH, done);
      }),
    end: () => after((done) => gzip.once("end", done).end()),
    close: () => void gzip.destroy(),
  };
}
