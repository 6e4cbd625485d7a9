import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLineWriter } from "../../src/lib/line-writer.ts";
import { until } from "../support/processes.ts";

let folder: string;
let open: number[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "plugd-lines-"));
});
afterEach(() => {
  for (const fd of open) closeSync(fd);
  open = [];
  rmSync(folder, { recursive: true });
});

/** A pipe that is full after 64 KiB and tells so, as that of a service manager. */
function createPipe() {
  const path = join(folder, "pipe");
  if (Bun.spawnSync(["mkfifo", path]).exitCode !== 0) throw new Error("There is no mkfifo");
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  open.push(fd);
  const buffer = Buffer.alloc(1024 * 1024);
  let text = "";
  return {
    fd,
    text: () => text,
    read() {
      try {
        text += buffer.toString("utf8", 0, readSync(fd, buffer));
      } catch {
        // Nothing is there yet.
      }
    },
  };
}

const LINE = `${"x".repeat(99)}\n`;
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `${i}:${LINE}`);

test("createLineWriter() writes lines in order, together", async () => {
  const path = join(folder, "log");
  const fd = openSync(path, "w");
  open.push(fd);
  const writer = createLineWriter(fd);
  for (const line of ["a\n", "ü\n"]) writer.write(line);
  await until("they are there", () => readFileSync(path, "utf8") === "a\nü\n");
  writer.write("b\n");
  writer.flushSync();
  expect(readFileSync(path, "utf8")).toBe("a\nü\nb\n");
});

test("createLineWriter() loses nothing at a pipe that is full for a while", async () => {
  const pipe = createPipe();
  const writer = createLineWriter(pipe.fd);
  const lines = numbered(3000);
  for (const line of lines) writer.write(line);
  await until("all is read", () => {
    pipe.read();
    return pipe.text().length >= lines.join("").length;
  });
  expect(pipe.text()).toBe(lines.join(""));
});

test("createLineWriter() refuses lines when too much waits, and takes them again later", async () => {
  const pipe = createPipe();
  const writer = createLineWriter(pipe.fd, { maxWaitingChars: 1000 });
  const fill = () => {
    for (let i = 0; i < 10_000; i++) writer.write(LINE);
  };
  expect(fill).toThrow("The reader of the log is too slow");
  await until("it takes lines again", () => {
    pipe.read();
    try {
      writer.write("last\n");
      return true;
    } catch {
      return false;
    }
  });
  await until("the last is there", () => {
    pipe.read();
    return pipe.text().endsWith("last\n");
  });
});

test("createLineWriter() writes the rest in order at the end, in the middle of a full pipe", async () => {
  const pipe = createPipe();
  const writer = createLineWriter(pipe.fd);
  const lines = numbered(1000);
  for (const line of lines) writer.write(line);
  await until("the pipe was full", () => {
    pipe.read();
    return pipe.text() !== "";
  });
  writer.write("last\n");
  writer.flushSync();
  pipe.read();
  pipe.read();
  expect(pipe.text()).toBe(`${lines.join("")}last\n`);
});

test("createLineWriter() does not keep the process when its reader takes nothing, or is gone", async () => {
  const pipe = createPipe();
  const writer = createLineWriter(pipe.fd);
  for (const line of numbered(3000)) writer.write(line);
  const began = performance.now();
  writer.flushSync();
  expect(performance.now() - began).toBeLessThan(2000);

  const closed = createLineWriter(1_000_000);
  closed.write("nobody\n");
  closed.flushSync();
});
