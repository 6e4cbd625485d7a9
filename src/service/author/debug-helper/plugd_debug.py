"""Breakpoints, logs and reload for a plugin under development.

Add one line to the plugin, best as the first of main.py:

    import plugd_debug

It connects to the daemon that the SDK connects to (REMOTE_INSTALL_URL, or REMOTE_INSTALL_HOST and REMOTE_INSTALL_PORT,
and REMOTE_INSTALL_KEY, from the environment or from .env), beside the SDK's own connection. Then

    from plugd_debug import plugd_breakpoint
    plugd_breakpoint()

stops here and shows file, line and local variables to whoever watches the plugin ("plugd logs author/name -f"), until
"plugd debug continue author/name". What the plugin logs goes there, too. When a file changes the plugin is started
anew, unless PLUGD_DEBUG_WATCH=0.

Without REMOTE_INSTALL_KEY, as in a plugin that is installed, all of it does nothing. Only the standard library is used,
Python 3.11 or later; the SDK is not changed in any way.
"""

from __future__ import annotations

import _thread
import collections
import datetime
import json
import logging
import os
import re
import select
import socket
import sys
import time

__all__ = ["plugd_breakpoint"]

_MAX_DEPTH = 4
_MAX_ENTRIES = 30
_MAX_TEXT = 500
_MAX_VARIABLES = 60
_MAX_CHARS = 48 * 1024
_MAX_LOG_CHARS = 8 * 1024
_MAX_WAITING = 1000
_BEAT_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_BREAKPOINT_CONNECT_SECONDS = 3.0
_SCAN_SECONDS = 0.4
_WATCHED = (".py", ".yaml", ".yml")
_SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", ".plugd"}


def _original(module, name):
    """The function of the standard library, also where gevent has put its own in its place."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        try:
            return monkey.get_original(module.__name__, name)
        except Exception:
            pass
    return getattr(module, name)


# The connection is served by a thread of the system, which goes on whatever greenlets do; so nothing of gevent's may
# be called there. This module may be imported before or after the SDK has called gevent in.
_start_thread = _original(_thread, "start_new_thread")
_Socket = _original(socket, "socket")
_getaddrinfo = _original(socket, "getaddrinfo")
_select = _original(select, "select")
_sleep = _original(time, "sleep")


class _Settings:
    """Where the daemon is, and who we are. `key` is None where nothing is configured."""

    def __init__(self):
        values = {**_read_env_file(), **{name.upper(): value for name, value in os.environ.items()}}
        self.key = values.get("REMOTE_INSTALL_KEY") or None
        self.host = values.get("REMOTE_INSTALL_HOST") or "localhost"
        port = values.get("REMOTE_INSTALL_PORT") or "5003"
        url = values.get("REMOTE_INSTALL_URL")
        if url:
            found = re.fullmatch(r"(?:\w+://)?(?:\[([^\]]+)\]|([^:/]+)):(\d+)/?", url.strip())
            if found:
                self.host, port = found[1] or found[2], found[3]
        self.port = int(port) if port.isdigit() else 5003
        self.plugin_id = _read_plugin_id()
        # Set by "plugd plugin dev", which watches and starts the plugin itself.
        self.reload_exit = values.get("PLUGD_RELOAD_EXIT")
        self.watch = self.reload_exit is None and values.get("PLUGD_DEBUG_WATCH", "1") != "0"


def _read_env_file():
    values = {}
    try:
        with open(".env", encoding="utf-8") as file:
            for line in file:
                name, equals, value = line.strip().removeprefix("export ").partition("=")
                if equals and not name.startswith("#"):
                    values[name.strip().upper()] = value.strip().strip("\"'")
    except (OSError, UnicodeDecodeError):
        pass
    return values


def _read_plugin_id():
    """author/name of manifest.yaml; two keys do not need a parser of YAML."""
    try:
        with open("manifest.yaml", encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return None
    found = [re.search(rf"^{key}:\s*[\"']?([\w-]+)", text, re.MULTILINE) for key in ("author", "name")]
    return f"{found[0][1]}/{found[1][1]}" if all(found) else None


class _Connection:
    """The helper's own connection to the daemon, in a thread of its own. It never raises into the plugin."""

    def __init__(self, settings):
        self.settings = settings
        self.connected = False
        # Counts what was connected and told to go on, so that whoever waits sees that it happened.
        self.generation = 0
        self.continued = 0
        self.waiting = collections.deque(maxlen=_MAX_WAITING)
        self.reloaded = os.environ.pop("PLUGD_DEBUG_RELOADED", None) is not None
        self.wake_reader, self.wake_writer = os.pipe()
        os.set_blocking(self.wake_reader, False)
        os.set_blocking(self.wake_writer, False)

    def start(self):
        _start_thread(self._run, ())

    def send(self, message):
        """Never blocks; with too much waiting the oldest is dropped."""
        self.waiting.append(message)
        try:
            os.write(self.wake_writer, b"x")
        except OSError:
            pass  # full: it will wake up all the same

    def _run(self):
        delay = 0.2
        while True:
            try:
                if self._serve():
                    delay = 0.2
            except Exception:
                pass  # the daemon is away, or does not want us: the plugin goes on, and we try again
            self.connected = False
            self.generation += 1
            _sleep(delay)
            delay = min(delay * 2, 5.0)

    def _serve(self):
        """True when the daemon had taken us."""
        sock = self._connect()
        try:
            settings = self.settings
            self._write(
                sock,
                {
                    "type": "auth",
                    "api_key": settings.key,
                    "plugin_id": settings.plugin_id,
                    "channel": "helper",
                },
            )
            buffer = b""
            welcome = False
            beat_at = time.monotonic() + _BEAT_SECONDS
            while True:
                ready, _, _ = _select([sock, self.wake_reader], [], [], max(0.0, beat_at - time.monotonic()))
                if sock in ready:
                    data = sock.recv(65536)
                    if not data:
                        return welcome
                    buffer += data
                    *lines, buffer = buffer.split(b"\n")
                    for line in lines:
                        kind = _type_of(line)
                        if kind == "auth_success":
                            welcome = True
                            self.connected = True
                            if self.reloaded:
                                self.reloaded = False
                                self.waiting.append(
                                    {"type": "reload", "status": "success", "message": "Plugin reloaded successfully"}
                                )
                        elif kind == "auth_failed":
                            return welcome
                        elif kind == "continue":
                            self.continued += 1
                        elif kind == "reload":
                            _reload(self.settings)
                if self.wake_reader in ready:
                    try:
                        os.read(self.wake_reader, 65536)
                    except OSError:
                        pass
                if welcome:
                    while self.waiting:
                        self._write(sock, self.waiting.popleft())
                if time.monotonic() >= beat_at:
                    self._write(sock, {"type": "heartbeat_ack"})
                    beat_at = time.monotonic() + _BEAT_SECONDS
        finally:
            sock.close()

    def _connect(self):
        error = OSError("no address")
        for family, kind, protocol, _, address in _getaddrinfo(
            self.settings.host, self.settings.port, 0, socket.SOCK_STREAM
        ):
            sock = _Socket(family, kind, protocol)
            try:
                sock.settimeout(_CONNECT_SECONDS)
                sock.connect(address)
                return sock
            except OSError as cause:
                error = cause
                sock.close()
        raise error

    @staticmethod
    def _write(sock, message):
        sock.sendall(json.dumps(message, default=repr).encode() + b"\n")


def _type_of(line):
    try:
        message = json.loads(line)
        return message.get("type") if isinstance(message, dict) else None
    except ValueError:
        return None


def plugd_breakpoint():
    """Stops this call until an operator says "continue"; the rest of the plugin goes on."""
    if _connection is None:
        _warn_once("plugd_breakpoint() does nothing: there is no REMOTE_INSTALL_KEY, or no manifest.yaml")
        return
    frame = sys._getframe(1)
    message = {
        "type": "breakpoint",
        "file": _shown_path(frame.f_code.co_filename),
        "line": frame.f_lineno,
        "variables": _shown_variables(frame.f_locals),
    }
    session_id = _session_id()
    if session_id is not None:
        message["session_id"] = session_id
    give_up = time.monotonic() + _BREAKPOINT_CONNECT_SECONDS
    # time.sleep of this moment: gevent's lets other greenlets run, heartbeats among them.
    while not _connection.connected and time.monotonic() < give_up:
        time.sleep(0.05)
    if not _connection.connected:
        _warn_once("plugd_breakpoint() goes on: the daemon does not answer")
        return
    generation, continued = _connection.generation, _connection.continued
    _connection.send(message)
    while _connection.generation == generation and _connection.continued == continued:
        time.sleep(0.05)


def _session_id():
    """Of the call that this is part of, as far as the SDK tells."""
    try:
        module = sys.modules.get("dify_plugin.core.session_context")
        session = module.get_current_session() if module else None
        if session is not None:
            return str(session.session_id)
        frame = sys._getframe(2)
        for _ in range(3):
            if frame is None:
                break
            owner = frame.f_locals.get("self")
            session = getattr(owner, "session", None)
            if isinstance(getattr(session, "session_id", None), str):
                return session.session_id
            frame = frame.f_back
    except Exception:
        pass
    return None


def _shown_path(path):
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return path
    return path if relative.startswith("..") else relative


def _shown_variables(variables):
    shown = {}
    left = _MAX_CHARS
    for name, value in list(variables.items()):
        if name.startswith("__"):
            continue
        try:
            safe = _shown(value, 0)
            size = len(json.dumps(safe))
        except Exception:
            safe, size = "<cannot be shown>", 20
        left -= size + len(name)
        if left < 0 or len(shown) >= _MAX_VARIABLES:
            shown["…"] = f"{len(variables) - len(shown)} more"
            break
        shown[name] = safe
    return shown


def _shown(value, depth):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else repr(value)
    if isinstance(value, str):
        # Half of a pair is no text that could be sent.
        text = value[:_MAX_TEXT].encode("utf-8", "replace").decode()
        return text if len(value) <= _MAX_TEXT else f"{text}… ({len(value)} characters)"
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if depth < _MAX_DEPTH and isinstance(value, dict):
        entries = [(str(key)[:100], _shown(inner, depth + 1)) for key, inner in list(value.items())[:_MAX_ENTRIES]]
        return dict(entries) if len(value) <= _MAX_ENTRIES else {**dict(entries), "…": f"{len(value)} entries"}
    if depth < _MAX_DEPTH and isinstance(value, (list, tuple, set, frozenset)):
        items = [_shown(inner, depth + 1) for inner in list(value)[:_MAX_ENTRIES]]
        return items if len(value) <= _MAX_ENTRIES else [*items, f"… ({len(value)} items)"]
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _forward_logs(connection):
    """Every record that passes the level of its logger. No handler is added, so what is printed stays as it was."""
    make = logging.getLogRecordFactory()

    def forwarding(*args, **kwargs):
        record = make(*args, **kwargs)
        try:
            # The SDK logs each request with its credentials, and on standard output its handler forwards by itself.
            if not record.name.startswith("dify_plugin") and not _is_forwarded(record.name, connection.settings):
                moment = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
                connection.send(
                    {
                        "type": "log",
                        "level": record.levelname.lower(),
                        "message": record.getMessage()[:_MAX_LOG_CHARS],
                        "timestamp": moment.isoformat(timespec="milliseconds"),
                    }
                )
        except Exception:
            pass
        return record

    logging.setLogRecordFactory(forwarding)


def _is_forwarded(name, settings):
    if settings.reload_exit is None:
        return False
    logger = logging.getLogger(name)
    while logger is not None:
        for handler in logger.handlers:
            if type(handler.formatter).__module__.startswith("dify_plugin"):
                return True
        logger = logger.parent if logger.propagate else None
    return False


def _watch(connection):
    before = _scan()
    while True:
        _sleep(_SCAN_SECONDS)
        try:
            now = _scan()
            changed = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
            before = now
            if not changed:
                continue
            problem = _first_problem(changed)
            if problem is None:
                _reload(connection.settings)
            else:
                print(f"plugd_debug: not reloaded: {problem}", file=sys.__stderr__, flush=True)
                connection.send({"type": "reload", "status": "error", "message": problem})
        except Exception:
            pass


def _scan():
    found = {}
    for folder, folders, names in os.walk("."):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in names:
            if name.endswith(_WATCHED):
                path = os.path.join(folder, name)
                try:
                    stat = os.stat(path)
                except OSError:
                    continue
                found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


def _first_problem(paths):
    """A plugin that cannot be compiled would not come back."""
    for path in paths:
        if not path.endswith(".py") or not os.path.exists(path):
            continue
        try:
            with open(path, "rb") as file:
                compile(file.read(), path, "exec")
        except (SyntaxError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
    return None


def _reload(settings):
    if settings.reload_exit is not None:
        os._exit(int(settings.reload_exit))
    os.environ["PLUGD_DEBUG_RELOADED"] = "1"
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


_warned = False


def _warn_once(text):
    global _warned
    if not _warned:
        _warned = True
        logging.getLogger("plugd_debug").warning(text)


def _begin():
    try:
        settings = _Settings()
        if settings.key is None or settings.plugin_id is None:
            return None
        connection = _Connection(settings)
        connection.start()
        _forward_logs(connection)
        if settings.watch:
            _start_thread(_watch, (connection,))
        return connection
    except Exception as error:
        # Whatever it is, the plugin is worth more.
        logging.getLogger("plugd_debug").warning("plugd_debug does nothing: %r", error)
        return None


_connection = _begin()
