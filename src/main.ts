#!/usr/bin/env bun
import { raiseRequestLimit } from "./lib/request-limit-at-start.ts";

// The only file that touches the process. What follows is loaded behind this, as it may be replaced here.
raiseRequestLimit(process);
const { runProgram } = await import("./program.ts");
process.exit(await runProgram(process));
