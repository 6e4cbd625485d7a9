import { parseSpecifier, satisfies } from "./specifier.ts";
import { parseVersion } from "./version.ts";

/** Values of the variables of PEP 508 for one interpreter, by name, such as `python_full_version`. */
export type MarkerEnvironment = Readonly<Record<string, string>>;

/** A marker of PEP 508 as a tree. */
export type Marker =
  | { readonly kind: "and" | "or"; readonly left: Marker; readonly right: Marker }
  | { readonly kind: "compare"; readonly left: Operand; readonly operator: string; readonly right: Operand };

interface Operand {
  readonly variable: boolean;
  /** Name of the variable, or the text of the literal. */
  readonly text: string;
}

/** Names that old packages use. */
const ALIASES: Readonly<Record<string, string>> = {
  "os.name": "os_name",
  "sys.platform": "sys_platform",
  "platform.version": "platform_version",
  "platform.machine": "platform_machine",
  "platform.python_implementation": "platform_python_implementation",
  python_implementation: "platform_python_implementation",
};
const VARIABLES = new Set([
  "os_name",
  "sys_platform",
  "platform_machine",
  "platform_python_implementation",
  "platform_release",
  "platform_system",
  "platform_version",
  "python_version",
  "python_full_version",
  "implementation_name",
  "implementation_version",
  "extra",
]);
const VERSION_VARIABLES = new Set([
  "python_version",
  "python_full_version",
  "implementation_version",
  "platform_release",
]);
const TOKEN =
  /\s*(?:(\(|\))|(===|==|!=|<=|>=|~=|<|>)|"([^"]*)"|'([^']*)'|(not\s+in\b)|([A-Za-z_][A-Za-z0-9_.]*))/y;

type Token =
  | { readonly kind: "paren" | "operator" | "word"; readonly text: string }
  | { readonly kind: "string"; readonly text: string };

/** Real markers have a dozen. What nests or goes on beyond this would run out of stack, here or where it is evaluated. */
const MAX_TOKENS = 1000;

/** Undefined where the text is no marker, or too long for one. */
export function parseMarker(text: string): Marker | undefined {
  const tokens = tokenize(text);
  if (!tokens) return undefined;
  let at = 0;
  const peek = () => tokens[at];
  const takeWord = (word: string) => {
    const token = peek();
    if (token?.kind !== "word" || token.text !== word) return false;
    at++;
    return true;
  };

  function parseOr(): Marker | undefined {
    let left = parseAnd();
    while (left && takeWord("or")) {
      const right = parseAnd();
      left = right && { kind: "or", left, right };
    }
    return left;
  }
  function parseAnd(): Marker | undefined {
    let left = parseAtom();
    while (left && takeWord("and")) {
      const right = parseAtom();
      left = right && { kind: "and", left, right };
    }
    return left;
  }
  function parseAtom(): Marker | undefined {
    if (peek()?.text === "(" && peek()?.kind === "paren") {
      at++;
      const inner = parseOr();
      const close = tokens?.[at++];
      return close?.kind === "paren" && close.text === ")" ? inner : undefined;
    }
    const left = operandOf(tokens?.[at++]);
    const operator = operatorOf(tokens?.[at++]);
    const right = operandOf(tokens?.[at++]);
    return left && operator && right ? { kind: "compare", left, operator, right } : undefined;
  }

  const marker = parseOr();
  return at === tokens.length ? marker : undefined;
}

/** Extras that the environment does not name are the empty text. */
export function evaluateMarker(marker: Marker, environment: MarkerEnvironment): boolean {
  switch (marker.kind) {
    case "and":
      return evaluateMarker(marker.left, environment) && evaluateMarker(marker.right, environment);
    case "or":
      return evaluateMarker(marker.left, environment) || evaluateMarker(marker.right, environment);
    case "compare":
      return compare(marker.left, marker.operator, { right: marker.right, environment });
    default:
      return marker satisfies never;
  }
}

/**
 * Does a requirement with this marker count here? One that cannot be read counts: the tool that installs it will
 * judge for itself.
 */
export function markerApplies(text: string | undefined, environment: MarkerEnvironment): boolean {
  if (text === undefined || text.trim() === "") return true;
  const marker = parseMarker(text);
  return marker === undefined || evaluateMarker(marker, environment);
}

function compare(
  left: Operand,
  operator: string,
  rest: { readonly right: Operand; readonly environment: MarkerEnvironment },
): boolean {
  const { right, environment } = rest;
  const [a, b] = [valueOf(left, environment), valueOf(right, environment)];
  if (operator === "in") return b.includes(a);
  if (operator === "not in") return !b.includes(a);
  const variable = left.variable ? left.text : right.text;
  if (VERSION_VARIABLES.has(variable)) {
    // `'3.8' <= python_version` reads the other way round.
    const outcome = left.variable
      ? compareAsVersions(a, operator, b)
      : compareAsVersions(b, mirrored(operator), a);
    if (outcome !== undefined) return outcome;
  }
  return compareAsTexts(
    variable === "extra" ? normalizeName(a) : a,
    operator,
    variable === "extra" ? normalizeName(b) : b,
  );
}

function compareAsVersions(value: string, operator: string, bound: string): boolean | undefined {
  const version = parseVersion(value);
  const clauses = parseSpecifier(`${operator}${bound}`);
  return version && clauses ? satisfies(version, clauses) : undefined;
}

function compareAsTexts(a: string, operator: string, b: string): boolean {
  switch (operator) {
    case "==":
    case "===":
      return a === b;
    case "!=":
      return a !== b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
    default:
      return false;
  }
}

function mirrored(operator: string): string {
  const pairs: Readonly<Record<string, string>> = { "<": ">", ">": "<", "<=": ">=", ">=": "<=" };
  return pairs[operator] ?? operator;
}

function valueOf(operand: Operand, environment: MarkerEnvironment): string {
  return operand.variable ? (environment[operand.text] ?? "") : operand.text;
}

function tokenize(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  const trimmed = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const match = TOKEN.exec(trimmed);
    if (!match) return undefined;
    const [, paren, operator, double, single, notIn, word] = match;
    if (paren !== undefined) tokens.push({ kind: "paren", text: paren });
    else if (operator !== undefined) tokens.push({ kind: "operator", text: operator });
    else if (notIn !== undefined) tokens.push({ kind: "operator", text: "not in" });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else tokens.push({ kind: "string", text: double ?? single ?? "" });
    if (tokens.length > MAX_TOKENS) return undefined;
  }
  return tokens;
}

function operandOf(token: Token | undefined): Operand | undefined {
  if (token?.kind === "string") return { variable: false, text: token.text };
  if (token?.kind !== "word") return undefined;
  const name = ALIASES[token.text] ?? token.text;
  return VARIABLES.has(name) ? { variable: true, text: name } : undefined;
}

function operatorOf(token: Token | undefined): string | undefined {
  if (token?.kind === "operator") return token.text;
  return token?.kind === "word" && token.text === "in" ? "in" : undefined;
}

/** A name as package indexes compare it: lower case, runs of `-`, `_` and `.` as one `-` (PEP 503). */
export function normalizeName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, "-");
}
