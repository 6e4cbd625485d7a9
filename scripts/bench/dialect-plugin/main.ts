/**
 * Answers on stdio with nothing in between, in the dialect that it is asked in. It beats in the SDK's words only where
 * nobody asks it to: in the other dialect they are a line that is no message. It imports nothing, for it is a package of
 * its own.
 */
import { readFileSync, writeSync } from "node:fs";
import { answer } from "./answer.ts";

function print(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;)
    try {
      at += writeSync(1, bytes, at);
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
      if (code !== "EAGAIN") process.exit(1);
      Bun.sleepSync(1);
    }
}

if (!readFileSync("manifest.yaml", "utf8").includes("protocol: plain")) {
  const beat = () => print('{"event":"heartbeat","session_id":null,"data":{}}\n\n');
  beat();
  setInterval(beat, 10_000);
}
const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) if (line !== "") for (const text of answer(line)) print(text);
}
process.exit(0);
