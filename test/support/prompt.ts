export const TOOL = {
  name: "f",
  description: "a function",
  parameters: { type: "object", properties: { a: { type: "number" } } },
};
/** One of each role, with parts of several kinds. */
export const CONVERSATION = [
  { role: "system", content: "be kind", name: null },
  {
    role: "user",
    name: null,
    content: [
      { type: "text", data: "what is it?" },
      {
        type: "image",
        format: "png",
        base64_data: "",
        url: "https://example.com/a.png",
        mime_type: "image/png",
        filename: "a.png",
        detail: "low",
      },
      {
        type: "document",
        format: "pdf",
        base64_data: "AA==",
        url: "",
        mime_type: "application/pdf",
        filename: "a.pdf",
      },
    ],
  },
  {
    role: "assistant",
    content: "",
    name: null,
    tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: "{}" } }],
  },
  { role: "tool", content: "42", name: null, tool_call_id: "call_1" },
];
