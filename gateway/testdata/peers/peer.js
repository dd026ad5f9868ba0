// A peer that is not ours: npm's ws. "serve" echoes and prints its port; "dial PORT N" connects N times and prints, a line of JSON
// each, what it was told and how it closed.
const ws = require('ws');
const tell = (data, binary) => (binary ? '2:' : '1:') + data.toString('latin1');
const options = { perMessageDeflate: false, maxPayload: 16 << 20 };
if (process.argv[2] === 'serve') {
  const server = new ws.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  server.on('listening', () => console.log(server.address().port));
  server.on('connection', (c) => {
    c.on('message', (data, binary) => c.send(data, { binary }));
    c.on('error', () => {});
  });
} else {
  const [port, n] = process.argv.slice(3).map(Number);
  const dial = (i) => {
    if (i === n) return;
    const c = new ws.WebSocket(`ws://127.0.0.1:${port}/${i}`, options);
    const got = [];
    let code = 0;
    c.on('message', (data, binary) => got.push(tell(data, binary)));
    c.on('error', (e) => {
      code = { WS_ERR_INVALID_UTF8: 1007, WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009, WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009 }[e.code] || 1002;
    });
    c.on('close', (said) => {
      console.log(JSON.stringify({ got, code: code || said }));
      dial(i + 1);
    });
  };
  dial(0);
}
