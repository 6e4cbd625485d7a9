import { expect, test } from "bun:test";
import { ApiError } from "../../../src/cli/api-error.ts";
import { decodeEnvelope } from "../../../src/cli/envelope.ts";

function failure(text: string): ApiError {
  try {
    decodeEnvelope(text);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error("decodeEnvelope() did not fail");
}

test("decodeEnvelope() gives the data of a success, and its text to the digit", () => {
  const answer = decodeEnvelope('{"code":0,"message":"success","data":{"n":12345678901234567890,"x":1.0}}\n');
  expect(answer?.raw).toBe('{"n":12345678901234567890,"x":1.0}');
  expect(decodeEnvelope('{ "data": [1], "code": 0, "message": "ok" }')).toEqual({ value: [1], raw: "[1]" });
});

test("decodeEnvelope() knows what is no envelope", () => {
  for (const text of ["", "nope", "[]", "null", '{"code":"not_found","message":"route not found"}'])
    expect(decodeEnvelope(text)).toBeUndefined();
});

test("decodeEnvelope() throws what the daemon says went wrong", () => {
  const error = failure(
    JSON.stringify({
      code: -400,
      message: JSON.stringify({
        message: "bad package",
        error_type: "PluginDaemonBadRequestError",
        args: null,
      }),
      data: null,
    }),
  );
  expect(error.message).toBe("bad package");
  expect(error.code).toBe(-400);
  expect(error.errorType).toBe("PluginDaemonBadRequestError");
  expect(error.plugin).toBeUndefined();
});

test("decodeEnvelope() unpacks a plugin's own error from its two layers of JSON", () => {
  const error = failure(
    '{"code":-500,"message":"{\\"message\\":\\"{\\\\\\"args\\\\\\":{},\\\\\\"error_type\\\\\\":\\\\\\"InvokeRateLimitError\\\\\\",\\\\\\"message\\\\\\":\\\\\\"quota\\\\\\"}\\",\\"error_type\\":\\"PluginInvokeError\\",\\"args\\":null}","data":null}',
  );
  expect(error.plugin).toEqual({ error_type: "InvokeRateLimitError", message: "quota", args: {} });
});

test("decodeEnvelope() shows the text of a PluginInvokeError that is no JSON", () => {
  const message = JSON.stringify({ message: "file is too large", error_type: "PluginInvokeError" });
  expect(failure(JSON.stringify({ code: -500, message, data: null })).plugin).toEqual({
    error_type: "PluginInvokeError",
    message: "file is too large",
  });
});

test("decodeEnvelope() shows the message as it is where it is no JSON", () => {
  expect(failure('{"code":-500,"message":"oops","data":null}').message).toBe("oops");
});

test("ApiError.hint says how to get an unsigned package in", () => {
  const error = new ApiError("…the plugin you want to install has a bad signature", {
    code: -400,
    errorType: "",
  });
  expect(error.hint).toContain("FORCE_VERIFYING_SIGNATURE=false");
  expect(new ApiError("something else", { code: -400, errorType: "" }).hint).toBeUndefined();
});
