"""Answers each request with `count` text items of `size` characters, `delay_ms` apart, and an end.

It speaks the SDK's line protocol with nothing in between, so that whoever relays its output is what is measured.
"""
import json
import sys
import threading
import time

OUT = sys.stdout.buffer
LOCK = threading.Lock()
BLOCK_BYTES = 65536


def write(data: bytes) -> None:
    with LOCK:
        OUT.write(data)
        OUT.flush()


def message(session_id: str, kind: str, data: object) -> bytes:
    body = {"event": "session", "session_id": session_id, "data": {"type": kind, "data": data}}
    return json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


def answer(session_id: str, count: int, size: int, delay: float) -> None:
    item = message(session_id, "stream", {"type": "text", "message": {"text": "x" * size}, "meta": None})
    end = message(session_id, "end", {})
    if delay > 0:
        due = time.monotonic()
        for _ in range(count):
            write(item)
            due += delay
            time.sleep(max(0.0, due - time.monotonic()))
        write(end)
        return
    step = max(1, BLOCK_BYTES // len(item))
    while count > step:
        write(item * step)
        count -= step
    write(item * count + end)


def beat() -> None:
    while True:
        write(b'{"event":"heartbeat","session_id":null,"data":{}}\n\n')
        time.sleep(10)


threading.Thread(target=beat, daemon=True).start()
for line in sys.stdin.buffer:
    if line.isspace():
        continue
    request = json.loads(line)
    wanted = request["data"].get("tool_parameters") or {}
    args = (request["session_id"], int(wanted.get("count", 1)), int(wanted.get("size", 32)))
    delay = float(wanted.get("delay_ms", 0)) / 1000
    if delay > 0:
        threading.Thread(target=answer, args=(*args, delay), daemon=True).start()
    else:
        answer(*args, 0.0)
