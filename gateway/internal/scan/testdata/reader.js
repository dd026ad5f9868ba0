// Reads messages, a line of base64 each, as Node does, and tells in a line of JSON what it sees: null where it refuses, else the
// message's type and every restaurant_id, however deep.
const told = (v) =>
  v === null ? 'null' : typeof v === 'string' ? 's:' + v : Array.isArray(v) ? 'array' : typeof v;
const walk = (v, out) => {
  if (v === null || typeof v !== 'object') return;
  for (const key of Object.keys(v)) {
    if (!Array.isArray(v) && key === 'restaurant_id') out.push(told(v[key]));
    walk(v[key], out);
  }
};
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  let answer = null;
  try {
    const v = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(line, 'base64')));
    const ids = [];
    walk(v, ids);
    const own = v !== null && typeof v === 'object' && Object.hasOwn(v, 'type');
    answer = { type: own ? told(v.type) : '', ids: ids.sort() };
  } catch {}
  console.log(JSON.stringify(answer));
});
