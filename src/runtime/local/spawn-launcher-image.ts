/**
 * A program of 300 bytes that stands between the daemon and a plugin, as a Linux executable without libc:
 *
 *     prctl(PR_SET_PDEATHSIG, SIGKILL)      the plugin dies with the daemon, also after a kill -9
 *     if (getppid() != DAEMON) exit(127)    …even if the daemon died before the line above
 *     prctl(PR_SET_NO_NEW_PRIVS, 1)         no set-uid program gives a plugin more than it has
 *     execve(argv[1], argv + 1, environ)    becomes the plugin: same pid, same arguments, same environment
 *     write(2, MESSAGE); exit(127)
 *
 * A launcher in JavaScript does the same in 10 ms, with a runtime that reads the plugin's environment and folder
 * for settings of its own; this one takes 0.2 ms and reads nothing. `DAEMON` is written into the image.
 */

/** What the launcher says on stderr before it exits with 127. */
export const LAUNCHER_MESSAGE = "plugd: cannot execute the program of this plugin\n";

const X64 = `
  49 89 e4               mov  r12, rsp              ; argc, argv and environ lie there
  b8 9d 00 00 00         mov  eax, 157              ; prctl
  bf 01 00 00 00         mov  edi, 1                ; PR_SET_PDEATHSIG
  be 09 00 00 00         mov  esi, 9                ; SIGKILL
  0f 05                  syscall
  b8 6e 00 00 00         mov  eax, 110              ; getppid
  0f 05                  syscall
  3d PP PP PP PP         cmp  eax, DAEMON
  75 4b                  jne  leave
  b8 9d 00 00 00         mov  eax, 157              ; prctl
  bf 26 00 00 00         mov  edi, 38               ; PR_SET_NO_NEW_PRIVS
  be 01 00 00 00         mov  esi, 1
  31 d2                  xor  edx, edx
  45 31 d2               xor  r10d, r10d
  45 31 c0               xor  r8d, r8d
  0f 05                  syscall
  49 8b 0c 24            mov  rcx, [r12]            ; argc
  49 8b 7c 24 10         mov  rdi, [r12 + 16]       ; argv[1]
  49 8d 74 24 10         lea  rsi, [r12 + 16]       ; argv + 1
  49 8d 54 cc 10         lea  rdx, [r12 + rcx*8 + 16] ; environ, behind the null that ends argv
  b8 3b 00 00 00         mov  eax, 59               ; execve
  0f 05                  syscall
  b8 01 00 00 00         mov  eax, 1                ; write
  bf 02 00 00 00         mov  edi, 2                ; stderr
  48 8d 35 13 00 00 00   lea  rsi, [rip + 19]       ; MESSAGE
  ba LL 00 00 00         mov  edx, LENGTH
  0f 05                  syscall
  b8 3c 00 00 00         mov  eax, 60               ; leave: exit
  bf 7f 00 00 00         mov  edi, 127
  0f 05                  syscall`;

/** Words of four bytes, most significant first; in the image they stand the other way round. */
const ARM64 = `
  910003f3  mov  x19, sp                ; argc, argv and environ lie there
  d2800020  mov  x0, 1                  ; PR_SET_PDEATHSIG
  d2800121  mov  x1, 9                  ; SIGKILL
  d28014e8  mov  x8, 167                ; prctl
  d4000001  svc  0
  d28015a8  mov  x8, 173                ; getppid
  d4000001  svc  0
  18000301  ldr  w1, daemon
  6b01001f  cmp  w0, w1
  54000261  b.ne leave
  d28004c0  mov  x0, 38                 ; PR_SET_NO_NEW_PRIVS
  d2800021  mov  x1, 1
  d2800002  mov  x2, 0
  d2800003  mov  x3, 0
  d2800004  mov  x4, 0
  d28014e8  mov  x8, 167                ; prctl
  d4000001  svc  0
  f9400269  ldr  x9, [x19]              ; argc
  f9400a60  ldr  x0, [x19, 16]          ; argv[1]
  91004261  add  x1, x19, 16            ; argv + 1
  8b090c22  add  x2, x1, x9, lsl 3      ; environ, behind the null that ends argv
  d2801ba8  mov  x8, 221                ; execve
  d4000001  svc  0
  d2800040  mov  x0, 2                  ; stderr
  10000101  adr  x1, text               ; MESSAGE
  d2800LL2  mov  x2, LENGTH
  d2800808  mov  x8, 64                 ; write
  d4000001  svc  0
  d2800fe0  mov  x0, 127                ; leave:
  d2800ba8  mov  x8, 93                 ; exit
  d4000001  svc  0
  PPPPPPPP  daemon: .word DAEMON`;

const LOAD_ADDRESS = 0x400000n;
const FILE_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const HEADER_BYTES = FILE_HEADER_BYTES + PROGRAM_HEADER_BYTES;

/** The executable for one daemon, or undefined for a processor that it was not written for. `arch` as Node names it. */
export function launcherImage(arch: string, daemonPid: number): Uint8Array | undefined {
  if (arch === "x64") return executable(62, x64Code(daemonPid));
  if (arch === "arm64") return executable(183, arm64Code(daemonPid));
  return undefined;
}

function x64Code(daemonPid: number): Uint8Array {
  const pid = new Uint8Array(Uint32Array.of(daemonPid).buffer).toHex();
  const bytes = X64.trim()
    .split("\n")
    .map((line) => line.trim().split("  ", 1)[0] ?? "")
    .join("")
    .replaceAll(" ", "")
    .replace("PPPPPPPP", pid)
    .replace("LL", LAUNCHER_MESSAGE.length.toString(16).padStart(2, "0"));
  return Uint8Array.fromHex(bytes);
}

function arm64Code(daemonPid: number): Uint8Array {
  // The length is an immediate that begins at bit 5 of its instruction.
  const length = ((LAUNCHER_MESSAGE.length << 5) >> 4).toString(16).padStart(2, "0");
  const words = ARM64.trim()
    .split("\n")
    .map((line) => line.trim().slice(0, 8))
    .map((word) => word.replace("PPPPPPPP", daemonPid.toString(16).padStart(8, "0")).replace("LL", length));
  return Uint8Array.from(words.flatMap((word) => [...Uint8Array.fromHex(word)].reverse()));
}

/** An ELF file (elf(5)) with one segment, which holds everything and may be read and executed. */
function executable(machine: number, code: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(LAUNCHER_MESSAGE);
  const size = HEADER_BYTES + code.length + text.length;
  const image = new Uint8Array(size);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bit, little endian, version 1
  view.setUint16(16, 2, true); // executable
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true); // version
  view.setBigUint64(24, LOAD_ADDRESS + BigInt(HEADER_BYTES), true); // entry
  view.setBigUint64(32, BigInt(FILE_HEADER_BYTES), true); // program headers begin
  view.setUint16(52, FILE_HEADER_BYTES, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, 1, true); // one of them
  view.setUint32(64, 1, true); // load
  view.setUint32(68, 5, true); // read, execute
  view.setBigUint64(80, LOAD_ADDRESS, true);
  view.setBigUint64(88, LOAD_ADDRESS, true);
  view.setBigUint64(96, BigInt(size), true); // in the file
  view.setBigUint64(104, BigInt(size), true); // in memory
  view.setBigUint64(112, 0x10000n, true); // alignment: the largest page that Linux has
  image.set(code, HEADER_BYTES);
  image.set(text, HEADER_BYTES + code.length);
  return image;
}
