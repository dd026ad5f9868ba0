// The page of the restaurants: log in by PIN, talk, order, and try to get at another restaurant. Everything it shows goes in as
// text; tokens stay in memory, and end with the page.

const $ = (id) => document.getElementById(id);
const bytes = (text) => new TextEncoder().encode(text);
const base64 = (raw) => btoa(String.fromCharCode(...raw));
const stamp = () => ({ event_id: crypto.randomUUID(), timestamp: new Date().toISOString() });

let people = [];
let me = null; // {restaurant, user, name, access, refresh, device}
let line = null; // the open call
const seen = []; // types of events that came, newest last

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

async function post(path, body, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = "Bearer " + token;
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
}

// ---- Logging in -----------------------------------------------------------------------------------------------------------

function choices() {
  const restaurants = [...new Map(people.map((p) => [p.restaurant, p.restaurant_name]))];
  $("restaurant").replaceChildren(...restaurants.map(([id, name]) => new Option(name, id)));
  choosePerson();
}

function choosePerson() {
  const here = people.filter((p) => p.restaurant === $("restaurant").value);
  $("person").replaceChildren(...here.map((p) => new Option(`${p.name} (${p.role})`, p.user)));
  hint();
}

function chosen() {
  return people.find((p) => p.restaurant === $("restaurant").value && p.user === $("person").value);
}

function hint() {
  $("hint").textContent = `${chosen().name}'s PIN here is ${chosen().pin}.`;
  $("pin").value = "";
}

async function login(event) {
  event.preventDefault();
  const p = chosen();
  const answer = await post("/login", { device: p.device, user: p.user, pin: $("pin").value });
  $("pin").value = "";
  if (!answer.ok) {
    $("login-said").className = "said bad";
    $("login-said").textContent = answer.status === 429 ? "Too many tries. Please wait." : "Not accepted. Five wrong PINs lock a person for 15 minutes.";
    return;
  }
  const got = await answer.json();
  me = { ...p, access: got.access_token, refresh: got.refresh_token };
  $("login-said").textContent = "";
  setTimeout(renew, (got.expires_in - 30) * 1000, me);
  await shown();
}

// renew exchanges the refresh token before the access token ends; the open call is told its new token.
async function renew(who) {
  if (me !== who) return;
  const answer = await post("/login/refresh", { device: me.device, refresh_token: me.refresh });
  if (!answer.ok) return logout();
  const got = await answer.json();
  Object.assign(me, { access: got.access_token, refresh: got.refresh_token });
  if (line) line.send(JSON.stringify({ type: "auth", token: me.access }));
  setTimeout(renew, (got.expires_in - 30) * 1000, me);
}

async function logout() {
  const was = me;
  me = null;
  if (line) line.close();
  line = null;
  await shown();
  if (was) await post("/login/logout", { device: was.device, refresh_token: was.refresh });
}

async function shown() {
  $("login").hidden = !!me;
  $("talk").hidden = !me;
  $("leave").hidden = !me;
  $("who").textContent = me ? `${me.name} at ${me.restaurant_name}` : "Nobody is logged in.";
  for (const b of $("attacks").querySelectorAll("button")) b.disabled = !me && b.dataset.alone !== "yes";
  if (!me) return;
  $("lines").replaceChildren();
  const menu = await (await api("/api/menu")).json();
  $("menu").textContent = "On the menu: " + menu.map((i) => i.name).join(", ") + ".";
  await orders();
  $("sentence").focus();
}

const api = (path) => fetch(path, { headers: { Authorization: "Bearer " + me.access } });

async function orders() {
  const answer = await api("/api/orders");
  if (!answer.ok) return;
  const all = await answer.json();
  $("orders").replaceChildren(...all.slice(0, 8).map((o) => {
    const li = element("li");
    li.append(element("span", "", o.items.join(", ") || "nothing"), element("span", "hint", o.status));
    return li;
  }));
}

// ---- Talking --------------------------------------------------------------------------------------------------------------

// dial opens a socket; its first message shows the token, which stands in no URL.
function dial(token) {
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/voice");
  socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "auth", token })));
  return socket;
}

const startFor = (restaurant) => ({ type: "session.start", ...stamp(), session_config: { restaurant_id: restaurant, audio_format: "pcm16", sample_rate: 16000 } });
const audioOf = (text, more) => ({ type: "audio", ...stamp(), audio: base64(bytes(text)), ...more });

function say(text, className) {
  $("lines").append(element("li", className, text));
  $("said-before").scrollTop = $("said-before").scrollHeight;
}

// call opens the line, once, and resolves when the session has started.
function call() {
  if (line) return Promise.resolve(line);
  return new Promise((resolve) => {
    const socket = dial(me.access);
    socket.addEventListener("message", (event) => {
      const m = JSON.parse(event.data);
      switch (m.type) {
        case "authenticated":
          if (!line) socket.send(JSON.stringify(startFor(me.restaurant)));
          break;
        case "session.started":
          line = socket;
          resolve(socket);
          break;
        case "transcript":
          say(m.text, "me");
          break;
        case "order.detected":
          say("Ordered: " + m.items.map((i) => i.name).join(", "), "order");
          orders();
          break;
        case "audio":
          play(Uint8Array.from(atob(m.audio), (c) => c.charCodeAt(0)));
          say(`♪ heard back ${atob(m.audio).length} bytes of sound`, "sound");
          break;
        case "error":
          say(m.message, "bad");
      }
    });
    socket.addEventListener("close", (event) => {
      if (line === socket) line = null;
      say(`The line was closed: ${event.code} ${event.reason}`, "bad");
    });
  });
}

let sound = null;

// play lets the bytes be heard, a short tone each.
function play(raw) {
  sound ??= new AudioContext();
  const tone = sound.createOscillator(), level = sound.createGain();
  tone.type = "triangle";
  level.gain.value = 0.04;
  raw.slice(0, 40).forEach((b, i) => tone.frequency.setValueAtTime(200 + b * 4, sound.currentTime + i * 0.03));
  tone.connect(level).connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + Math.min(raw.length, 40) * 0.03);
}

async function speak(event) {
  event.preventDefault();
  const text = $("sentence").value;
  $("sentence").value = "";
  (await call()).send(JSON.stringify(audioOf(text)));
}

// ---- Attacks --------------------------------------------------------------------------------------------------------------

const other = () => people.find((p) => p.restaurant !== me.restaurant).restaurant;
const foldedKey = "re\u017ftaurant_id";

// ending waits for the socket's close, and says how it ended and what it let through before.
function ending(socket) {
  return new Promise((resolve) => {
    const got = [];
    socket.addEventListener("message", (event) => got.push(JSON.parse(event.data).type));
    socket.addEventListener("close", (event) => resolve({ closed: event.code, got }));
  });
}

// script opens a session, or none, and then sends what an attack sends.
async function script(token, messages) {
  const socket = dial(token);
  const end = ending(socket);
  let next = 0;
  const step = () => {
    if (next >= messages.length || socket.readyState !== WebSocket.OPEN) return;
    const m = messages[next++];
    socket.send(typeof m === "string" || m instanceof Uint8Array ? m : JSON.stringify(m));
    if (m.type !== "session.start") step();
  };
  socket.addEventListener("message", (event) => {
    const type = JSON.parse(event.data).type;
    if (type === "authenticated" || type === "session.started") step();
  });
  setTimeout(() => socket.close(), 8000);
  return end;
}

const own = () => startFor(me.restaurant);
const json = (m) => JSON.stringify(m);
const unsigned = () => {
  const part = (o) => base64(bytes(json(o))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const now = Math.floor(Date.now() / 1000);
  return part({ alg: "none", typ: "JWT" }) + "." + part({ iss: "restaurants", aud: "voice", sub: me.user, restaurant_id: other(), iat: now, exp: now + 600 }) + ".";
};

// attacks: what is tried, what the trail will call it, and how it ended. A socket has to be closed with 1008, a request to be
// answered with 401 or 403.
const attacks = [
  { name: "Start a session for another restaurant", event: "cross_tenant", run: () => script(me.access, [startFor(other())]) },
  { name: "Start one without any restaurant", event: "tenant_missing", run: () => script(me.access, [startFor(undefined)]) },
  { name: "Start one with a blank id", event: "tenant_missing", run: () => script(me.access, [startFor("  ")]) },
  { name: "Start one with a list of ids", event: "tenant_malformed", run: () => script(me.access, [startFor([me.restaurant, other()])]) },
  { name: "Name the restaurant twice", event: "message_malformed", why: "one reader takes the first, another the last",
    run: () => script(me.access, [json(own()).replace('"restaurant_id"', `"restaurant_id":"${other()}","restaurant_id"`)]) },
  { name: "Name it under a key that looks alike", event: "cross_tenant|message_malformed|tenant_malformed", why: "a long s: some readers fold it to s",
    run: () => script(me.access, [json(own()).replace('"restaurant_id"', `"${foldedKey}":"${other()}","restaurant_id"`)]) },
  { name: "Slip another restaurant into the sound", event: "cross_tenant", run: () => script(me.access, [own(), audioOf("hello", { restaurant_id: other() })]) },
  { name: "Use another restaurant's session", event: "session_unknown|cross_tenant", run: () => script(me.access, [own(), audioOf("hello", { session_id: "00112233445566778899aabbccddeeff" })]) },
  { name: "Send sound before any session", event: "session_unknown", run: () => script(me.access, [audioOf("hello")]) },
  { name: "Change restaurants on a live line", event: "cross_tenant", run: () => script(me.access, [own(), startFor(other())]) },
  { name: "Send bytes that are no text", event: "message_malformed|message_forbidden", run: () => script(me.access, [new Uint8Array([0, 159, 146, 150])]) },
  { name: "Forge a token for another restaurant", event: "token_invalid", why: "alg none", run: () => script(unsigned(), []) },
  { name: "Read another restaurant's orders", event: "cross_tenant", why: "by HTTP", run: async () => ({ status: (await api("/api/orders?restaurant_id=" + other())).status }) },
  { name: "Order at another restaurant", event: "cross_tenant", why: "by HTTP, in the body",
    run: async () => ({ status: (await post("/api/orders", { restaurant_id: other(), items: ["ramen"] }, me.access)).status }) },
  { name: "Guess a PIN", event: "pin_failed|pin_locked|rate_limited", alone: true, run: async () => {
    const p = people.find((x) => !me || x.user !== me.user);
    return { status: (await post("/login", { device: p.device, user: p.user, pin: "0000" })).status };
  } },
  { name: "Log in from a stolen till", event: "device_unknown", alone: true, run: async () => ({ status: (await post("/login", { device: "rfd_stolen", user: "anna", pin: people[0].pin })).status }) },
  { name: "Stay on after leaving the restaurant", event: "token_revoked|membership_missing", why: "the membership is taken away in the database, mid-call, and given back",
    run: async () => {
      const ended = script(me.access, [own(), audioOf("still here")]);
      await new Promise((r) => setTimeout(r, 700));
      await post("/demo/leave", { restaurant: me.restaurant, user: me.user });
      return ended;
    } },
];

const refused = (r) => (r.closed === 1008 && !(r.got ?? []).includes("never")) || [401, 403, 429].includes(r.status);

function attackButtons() {
  for (const a of attacks) {
    const b = element("button");
    b.type = "button";
    b.dataset.event = a.event;
    b.dataset.alone = a.alone ? "yes" : "no";
    b.disabled = !a.alone;
    const result = element("span", "result", "");
    b.append(element("span", "", a.name), element("span", "why", a.why ?? ""), result);
    b.addEventListener("click", () => attack(a, b, result));
    $("attacks").append(b);
  }
}

async function attack(a, button, result) {
  button.disabled = true;
  result.className = "result";
  result.textContent = "trying";
  const before = seen.length;
  const how = await a.run();
  const told = how.closed ? `closed ${how.closed}` : `answered ${how.status}`;
  if (!refused(how)) {
    result.textContent = `LET IN: ${told}`;
    result.classList.add("bad");
  } else {
    const named = await onTrail(a.event.split("|"), before);
    result.textContent = named ? `${told}, on the trail` : `${told}, folded into an earlier event`;
    result.classList.add(named ? "good" : "warn");
  }
  button.dataset.done = "yes";
  button.disabled = false;
}

// onTrail waits until the trail shows an event of one of the types. Repeats within a second are counted, not listed.
async function onTrail(types, since) {
  for (let tries = 0; tries < 40; tries++) {
    if (seen.slice(since).some((t) => types.includes(t))) return true;
    await new Promise((r) => setTimeout(r, 100));
  }
  return false;
}

// ---- The trail ------------------------------------------------------------------------------------------------------------

// named is a restaurant's name for its id; what is no restaurant's id is shown as it was sent.
const named = (id) => people.find((p) => p.restaurant === id)?.restaurant_name ?? id;

function watch() {
  const source = new EventSource("/demo/trail");
  source.addEventListener("open", () => { $("live").textContent = "live"; });
  source.addEventListener("error", () => { $("live").textContent = "connecting"; });
  source.addEventListener("message", (message) => {
    const e = JSON.parse(message.data);
    seen.push(e.type);
    const li = element("li", e.severity);
    const facts = [e.user, e.tenant && `at ${named(e.tenant)}`, e.attempted && `tried ${named(e.attempted)}`, e.reason, e.address, e.count > 1 && `${e.count} times`].filter(Boolean).join(" · ");
    li.append(element("time", "", new Date(e.at).toLocaleTimeString()), element("span", "type", e.type), element("div", "facts", facts));
    $("events").prepend(li);
    while ($("events").children.length > 200) $("events").lastChild.remove();
  });
}

// ---------------------------------------------------------------------------------------------------------------------------

for (const key of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "⌫", "0", "✓"]) {
  const b = element("button", "", key);
  b.type = "button";
  b.tabIndex = -1;
  b.addEventListener("click", () => {
    if (key === "⌫") $("pin").value = $("pin").value.slice(0, -1);
    else if (key === "✓") $("login-form").requestSubmit();
    else if ($("pin").value.length < 6) $("pin").value += key;
  });
  $("pad").append(b);
}
$("restaurant").addEventListener("change", choosePerson);
$("person").addEventListener("change", hint);
$("login-form").addEventListener("submit", login);
$("say-form").addEventListener("submit", speak);
$("leave").addEventListener("click", logout);
attackButtons();
people = await (await fetch("/demo/people")).json();
choices();
watch();
