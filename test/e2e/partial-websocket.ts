// WebSocket messages that do not end, byte by byte, for clients that hold a broker up.

export const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: mqtt',
  '\r\n',
].join('\r\n');

/** A binary message that does not end, or a part of it: masked with zeros, at most 65,535 bytes. */
export const fragment = (payload: Uint8Array, isFirst: boolean): Buffer =>
  Buffer.concat([
    Buffer.from([isFirst ? 2 : 0, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]),
    payload,
  ]);
