import { flag, ignored, integer, list, optionalText } from "../setting.ts";

/** What the older name of the line limit is when nobody has touched it; a stock compose file passes exactly this. */
export const UNTOUCHED_STDIO_MAX_BUFFER_SIZE = 5_242_880;

/** lifecycle.md 10.6. */
export const localRuntimeSettings = {
  PLUGIN_LOCAL_LAUNCHING_CONCURRENT: integer({
    meaning: "Plugins that are prepared and started at the same time",
    default: 2,
    zeroIsDefault: true,
  }),
  PLUGIN_INSTALL_TIMEOUT: integer({
    meaning: "Longest time that one installation may take",
    unit: "minutes",
    default: 15,
    zeroIsDefault: true,
  }),
  PYTHON_ENV_INIT_TIMEOUT: integer({
    meaning: "Time without any output after which the installation of dependencies is given up",
    unit: "seconds",
    default: 120,
    zeroIsDefault: true,
  }),
  PYTHON_INTERPRETER_PATH: optionalText({
    meaning: "Python that plugins run on (the reference's default is /usr/bin/python3)",
    shownDefault: "the best match for each plugin among those found",
  }),
  UV_PATH: optionalText({
    meaning: "The uv program that builds environments; without any uv, python -m venv and pip do",
    shownDefault: "searched",
  }),
  PYTHON_COMPILE_ALL_EXTRA_ARGS: optionalText({
    meaning: "Further arguments of python -m compileall, separated by spaces",
  }),
  PIP_MIRROR_URL: optionalText({ meaning: "Package index that is used in place of PyPI" }),
  PIP_MIRROR_AUTO_DETECT: flag({
    meaning: "Look at start for a package index that answers faster than PyPI",
    default: true,
  }),
  PIP_MIRROR_CANDIDATES: list({
    meaning: "The indexes that are tried, separated by commas",
    default: ["https://mirrors.aliyun.com/pypi/simple/", "https://pypi.tuna.tsinghua.edu.cn/simple/"],
  }),
  PIP_MIRROR_AUTO_DETECT_TIMEOUT: integer({
    meaning: "Time for that search",
    unit: "seconds",
    default: 5,
    zeroIsDefault: true,
  }),
  PIP_EXTRA_ARGS: optionalText({ meaning: "Further arguments of uv and pip, separated by spaces" }),
  PIP_VERBOSE: flag({ meaning: "Let uv and pip log what they do", default: true }),
  PLUGIN_IGNORE_UV_LOCK: flag({
    meaning: "Resolve dependencies anew where a lock file exists",
    default: false,
  }),
  PLUGIN_RUNTIME_MAX_BUFFER_SIZE: integer({
    meaning: "Longest line that a plugin may send; a longer one ends its call",
    unit: "bytes",
    default: 33_554_432,
    zeroIsDefault: true,
  }),
  PLUGIN_STDIO_MAX_BUFFER_SIZE: integer({
    meaning: "Older name of that limit, which wins when it is neither 0 nor the default",
    unit: "bytes",
    default: UNTOUCHED_STDIO_MAX_BUFFER_SIZE,
  }),
  UV_INDEX_NEXUS_USERNAME: optionalText({ meaning: "Handed to uv" }),
  UV_INDEX_NEXUS_PASSWORD: optionalText({ meaning: "Handed to uv", secret: true }),
  SSL_CERT_FILE: optionalText({ meaning: "Handed to uv: certificates to trust" }),
  REQUESTS_CA_BUNDLE: optionalText({ meaning: "Handed to uv: certificates to trust" }),
  TIKTOKEN_CACHE_DIR: optionalText({ meaning: "Handed to plugins: folder of token tables" }),
  PIP_PREFER_BINARY: ignored("Without effect in the reference, too"),
  PLUGIN_RUNTIME_BUFFER_SIZE: ignored("Initial size of a buffer; ours grows as needed"),
  PLUGIN_STDIO_BUFFER_SIZE: ignored("Initial size of a buffer; ours grows as needed"),
};
