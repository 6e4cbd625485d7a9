/** A message of Protocol Buffers without its schema: the raw values of each field, in order. */
export interface ProtobufMessage {
  messages(field: number): ProtobufMessage[];
  text(field: number): string;
  hex(field: number): string;
  bytes(field: number): Uint8Array | undefined;
  /** A varint or fixed number of 32 or 64 bits. */
  number(field: number): bigint;
  double(field: number): number;
  has(field: number): boolean;
}

export function readProtobuf(data: Uint8Array): ProtobufMessage {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let at = 0;

  function varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  function value(wireType: bigint): bigint | Uint8Array {
    switch (wireType) {
      case 0n:
        return varint();
      case 1n:
        at += 8;
        return view.getBigUint64(at - 8, true);
      case 5n:
        at += 4;
        return BigInt(view.getUint32(at - 4, true));
      case 2n: {
        const length = Number(varint());
        at += length;
        return data.subarray(at - length, at);
      }
      default:
        throw new Error(`Unknown wire type ${wireType}`);
    }
  }

  while (at < data.length) {
    const tag = varint();
    const field = Number(tag >> 3n);
    fields.set(field, [...(fields.get(field) ?? []), value(tag & 7n)]);
  }

  const of = (field: number) => fields.get(field) ?? [];
  function bytes(field: number): Uint8Array | undefined {
    const found = of(field).at(-1);
    return typeof found === "bigint" ? undefined : found;
  }
  function number(field: number): bigint {
    const found = of(field).at(-1);
    return typeof found === "bigint" ? found : 0n;
  }

  return {
    messages: (field) => of(field).flatMap((one) => (typeof one === "bigint" ? [] : [readProtobuf(one)])),
    text: (field) => new TextDecoder().decode(bytes(field)),
    hex: (field) => bytes(field)?.toHex() ?? "",
    bytes,
    number,
    double(field) {
      const whole = new DataView(new ArrayBuffer(8));
      whole.setBigUint64(0, number(field));
      return whole.getFloat64(0);
    },
    has: (field) => fields.has(field),
  };
}
