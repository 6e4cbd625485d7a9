"""Answers each request with `count` items, `delay_ms` apart, and an end: calls of a tool with texts of `size` characters,
calls of an LLM with the chunks that a model's answer comes in.

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


def text_item(size: int) -> object:
    return {"type": "text", "message": {"text": "x" * size}, "meta": None}


def llm_chunk(content: str) -> object:
    message = {"role": "assistant", "content": content, "name": None, "tool_calls": [], "opaque_body": None}
    delta = {"index": 0, "message": message, "usage": None, "finish_reason": None}
    return {"model": "bench", "prompt_messages": [], "system_fingerprint": None, "delta": delta}


def answer(session_id: str, payload: object, count: int, delay: float) -> None:
    item = message(session_id, "stream", payload)
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
    data = request["data"]
    is_llm = data.get("action") == "invoke_llm"
    wanted = data.get("model_parameters" if is_llm else "tool_parameters") or {}
    payload = llm_chunk(" token") if is_llm else text_item(int(wanted.get("size", 32)))
    args = (request["session_id"], payload, int(wanted.get("count", 1)), float(wanted.get("delay_ms", 0)) / 1000)
    if args[-1] > 0:
        threading.Thread(target=answer, args=args, daemon=True).start()
    else:
        answer(*args)
