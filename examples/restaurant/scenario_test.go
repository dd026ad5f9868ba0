package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/golang-jwt/jwt/v5"
)

// A scenario is one line of the reference's list, tried on a running system.
type scenario struct {
	name string
	try  func(*testing.T, *world)
}

// scenarios are all 27, by their numbers.
var scenarios = []scenario{
	1:  {"same-tenant session accepted", both(sameSession)},
	2:  {"same-tenant audio accepted", both(sameAudio)},
	3:  {"other tenant refused and closed", both(otherTenant)},
	4:  {"the refusal is in the table, every field right", refusalInTable},
	5:  {"id missing", both(badID("tenant_missing", func(m map[string]any) { delete(m["session_config"].(map[string]any), "restaurant_id") }))},
	6:  {"id null", both(badID("tenant_missing", setID(nil)))},
	7:  {"id of the wrong type", wrongType},
	8:  {"token without tenant", both(tokenWithoutTenant)},
	9:  {"case variant accepted", both(caseVariant)},
	10: {"other tenant behind case tricks refused", caseTricks},
	11: {"every one of many audio frames checked", everyFrame},
	12: {"no refusal text carries the other id", refusalTexts},
	13: {"bad tokens", both(badTokens)},
	14: {"empty and white-space id", emptyID},
	15: {"database down: kept on disk, and in the table once when it is back", databaseAway},
	16: {"database and disk down: refused all the same, the loss counted and alerted", diskAway},
	17: {"audio before session.start", both(audioFirst)},
	18: {"second session.start for another tenant on a live socket", both(secondStart)},
	19: {"a burst of violations stays bounded", burst},
	20: {"membership revoked mid-session", membershipRevoked},
	21: {"non-UUID id where UUIDs are the tenant type", both(badID("tenant_malformed", setID("restaurant-1")))},
	22: {"no token in any log", noTokenInLogs},
	23: {"counters move", countersMove},
	24: {"another tenant's session id replayed", sessionReplayed},
	25: {"duplicated JSON keys", both(duplicatedKeys)},
	26: {"oversize, binary, fragmented, compressed frames and malformed UTF-8", frames},
	27: {"token expires during the session", both(tokenExpires)},
}

// TestScenarios tries the reference's 27 scenarios on a real server, a real database and real sockets.
func TestScenarios(t *testing.T) {
	w := running(t)
	tried := 0
	for n, s := range scenarios {
		if s.try == nil {
			continue
		}
		tried++
		t.Run(fmt.Sprintf("%02d %s", n, s.name), func(t *testing.T) { s.try(t, w) })
	}
	if tried != 27 {
		t.Errorf("%d scenarios were tried", tried)
	}
}

// both tries a scenario in both modes of authentication.
func both(try func(*testing.T, *world, string)) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		for _, mode := range modes {
			try(t, w, mode)
		}
	}
}

func sameSession(t *testing.T, w *world, mode string) {
	token, _ := w.login(t, lucia, "marco")
	open(t, w.stack, mode, token).begin(lucia)
}

func sameAudio(t *testing.T, w *world, mode string) {
	token, _ := w.login(t, lucia, "marco")
	c := open(t, w.stack, mode, token)
	c.begin(lucia)
	c.send(audioMessage("A pizza Margherita and an espresso, please"))
	if got := c.next("transcript")["text"]; got != "A pizza Margherita and an espresso, please" {
		t.Errorf("heard %q", got)
	}
	order := c.next("order.detected")
	if items, _ := order["items"].([]any); len(items) != 2 {
		t.Errorf("ordered %v", order["items"])
	}
	c.next("audio")
	status, text := call(t, w.stack, "GET", "/api/orders", token, "")
	if status != 200 || !strings.Contains(text, order["order_id"].(string)) {
		t.Errorf("the order is not among the restaurant's: %d %s", status, text)
	}
	other, _ := w.login(t, sakura, "haruki")
	if status, text = call(t, w.stack, "GET", "/api/orders", other, ""); status != 200 || strings.Contains(text, order["order_id"].(string)) || strings.Contains(text, "pizza") {
		t.Errorf("the order is among another restaurant's: %d", status)
	}
}

func otherTenant(t *testing.T, w *world, mode string) {
	token, _ := w.login(t, lucia, "marco")
	for _, other := range []string{sakura, nobody} {
		c := open(t, w.stack, mode, token)
		c.send(startMessage(other))
		c.send(audioMessage("never heard"))
		if n := c.closed(1008, "session.started"); n != 0 {
			t.Error("a session was started")
		}
		c, err := dial(t, w.stack, mode, token, "?restaurant_id="+other)
		refusedBy(t, c, err)
	}
}

func refusalInTable(t *testing.T, w *world) {
	token, _ := w.login(t, marche, "jules")
	since := w.now(t)
	c := open(t, w.stack, "header", token)
	session := c.begin(marche)
	c.send(map[string]any{"type": "audio", "event_id": "e", "timestamp": "t", "audio": "aGk=", "restaurant_id": sakura})
	c.closed(1008, "")
	got := w.recorded(t, "cross_tenant", "jules", since)
	if got.Session == nil || got.Address == nil || got.Agent == nil {
		t.Fatalf("fields are missing: %+v", got)
	}
	if got.Authenticated != marche || got.Attempted != sakura || *got.Session != session || *got.Address != "127.0.0.1" || *got.Agent != agent ||
		got.Severity != "CRITICAL" || got.Created.Before(since) || time.Since(got.Created) > time.Minute {
		t.Errorf("the row is %+v, its session %s", got, *got.Session)
	}
	// An id that no restaurant has is stored as it was sent, and evidence hangs on nothing that could be deleted.
	c = open(t, w.stack, "header", token)
	c.send(startMessage(nobody))
	c.closed(1008, "")
	eventually(t, "the attempt on nobody", func() bool {
		return len(w.rows(t, "attempted_restaurant_id = $1 AND user_id = 'jules'", nobody)) > 0
	})
}

func setID(id any) func(map[string]any) {
	return func(m map[string]any) { m["session_config"].(map[string]any)["restaurant_id"] = id }
}

// badID is a session.start whose id is none: refused, closed, and on record.
func badID(event string, spoil func(map[string]any)) func(*testing.T, *world, string) {
	return func(t *testing.T, w *world, mode string) {
		t.Helper()
		user := "claire"
		token, _ := w.login(t, marche, user)
		since := w.now(t)
		c := open(t, w.stack, mode, token)
		message := startMessage(marche)
		spoil(message)
		c.send(message)
		c.send(audioMessage("never heard"))
		if n := c.closed(1008, "session.started"); n != 0 {
			t.Error("a session was started")
		}
		w.recorded(t, event, user, since.Add(-time.Second)) // folded with the other mode's
	}
}

func wrongType(t *testing.T, w *world) {
	for _, id := range []any{7, 1.5, true, []any{marche}, map[string]any{"id": marche}} {
		badID("tenant_malformed", setID(id))(t, w, "header")
	}
	badID("tenant_malformed", setID([]any{marche}))(t, w, "message")
}

func emptyID(t *testing.T, w *world) {
	for _, id := range []string{"", " ", "\t\n", "\u00a0", "\u2003"} {
		badID("tenant_missing", setID(id))(t, w, "header")
	}
	badID("tenant_missing", setID("  "))(t, w, "message")
}

func tokenWithoutTenant(t *testing.T, w *world, mode string) {
	for name, with := range map[string]map[string]any{"absent": {"restaurant_id": nil}, "empty": {"restaurant_id": ""}, "several": {"restaurant_id": []string{lucia, sakura}}} {
		since := w.now(t)
		user := "marco"
		c, err := dial(t, w.stack, mode, w.token(t, claims(lucia, user, with)), "")
		refusedBy(t, c, err)
		if name == "absent" {
			w.recorded(t, "token_without_tenant", user, since.Add(-2*time.Second))
		}
	}
}

func caseVariant(t *testing.T, w *world, mode string) {
	token, _ := w.login(t, lucia, "marco")
	open(t, w.stack, mode, token).begin(strings.ToUpper(lucia))
	open(t, w.stack, mode, w.token(t, claims(strings.ToUpper(lucia), "marco", nil))).begin(lucia)
}

func caseTricks(t *testing.T, w *world) {
	token, _ := w.login(t, lucia, "marco")
	start, _ := json.Marshal(startMessage(lucia))
	for name, text := range map[string]string{
		"in capitals":                     strings.Replace(string(start), lucia, strings.ToUpper(sakura), 1),
		"beside, under a key in capitals": strings.Replace(string(start), `"restaurant_id"`, `"Restaurant_ID":"`+sakura+`","restaurant_id"`, 1),
		"beside, with a long s":           strings.Replace(string(start), `"restaurant_id"`, `"re\u017ftaurant_id":"`+sakura+`","restaurant_id"`, 1),
		"beside, escaped":                 strings.Replace(string(start), `"restaurant_id"`, `"restaurant\u005fid":"`+sakura+`","restaurant_id"`, 1),
		"at the top":                      strings.Replace(string(start), `{`, `{"RESTAURANT_ID":"`+sakura+`",`, 1),
		"braced":                          strings.Replace(string(start), lucia, "{"+lucia+"}", 1),
	} {
		c := open(t, w.stack, "header", token)
		c.text(text)
		if n := c.closed(1008, "session.started"); n != 0 {
			t.Errorf("%s: a session was started", name)
		}
	}
}

func everyFrame(t *testing.T, w *world) {
	token, _ := w.login(t, lucia, "marco")
	const frames = 200
	speak := func(c *client, bad int) {
		for n := 1; n <= frames; n++ {
			m := audioMessage("hello " + strconv.Itoa(n))
			if n == bad {
				m["restaurant_id"] = sakura
			}
			c.send(m)
		}
	}
	for _, bad := range []int{1, 2, 99, frames} {
		c := open(t, w.stack, "header", token)
		c.begin(lucia)
		go speak(c, bad)
		if heard := c.closed(1008, "transcript"); heard >= bad {
			t.Errorf("with frame %d bad %d frames were heard", bad, heard)
		}
	}
	c := open(t, w.stack, "header", token) // the control: none is bad, and all of them are heard
	c.begin(lucia)
	go speak(c, 0)
	for n := 1; n <= frames; n++ {
		if got, want := c.next("transcript")["text"], "hello "+strconv.Itoa(n); got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
		c.next("audio")
	}
	c.send(map[string]any{"type": "session.stop", "event_id": "e", "timestamp": "t"})
	c.send(audioMessage("after the stop"))
	if n := c.closed(1008, "transcript"); n != 0 {
		t.Error("it was heard after the session's end")
	}
}

func refusalTexts(t *testing.T, w *world) {
	token, _ := w.login(t, lucia, "marco")
	var said []string
	for _, other := range []string{sakura, nobody} {
		for _, mode := range modes {
			c := open(t, w.stack, mode, token)
			c.send(startMessage(other))
			c.closed(1008, "")
			said = append(said, c.said...)
			c, err := dial(t, w.stack, mode, token, "?restaurant_id="+other)
			said = append(said, refusedBy(t, c, err))
		}
		status, text := call(t, w.stack, "GET", "/api/orders?restaurant_id="+other, token, "")
		if status != 403 {
			t.Errorf("HTTP: %d", status)
		}
		said = append(said, text)
		status, text = call(t, w.stack, "POST", "/api/orders", token, fmt.Sprintf(`{"restaurant_id":%q,"items":["ramen"]}`, other))
		if status != 403 {
			t.Errorf("HTTP, in the body: %d", status)
		}
		said = append(said, text)
	}
	all := strings.Join(said, "\n")
	for _, word := range []string{sakura, nobody, strings.ToUpper(sakura), "Sakura", "exist", "tenant"} {
		if strings.Contains(all, word) {
			t.Errorf("%q is told: %s", word, all)
		}
	}
	half := len(said) / 2 // what is told of one that exists and of one that does not is the same
	if existing, none := strings.Join(said[:half], "\n"), strings.Join(said[half:], "\n"); existing != none {
		t.Errorf("told of one that exists:\n%s\nand of none:\n%s", existing, none)
	}
}

func badTokens(t *testing.T, w *world, mode string) {
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	otherKind, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := func(with map[string]any) jwt.MapClaims { return claims(lucia, "marco", with) }
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	public := w.key.Public().(ed25519.PublicKey)
	for name, token := range map[string]string{
		"bad signature":              w.sign(t, jwt.SigningMethodEdDSA, foreign, good(nil)),
		"expired":                    w.token(t, good(map[string]any{"exp": at(-time.Minute)})),
		"not yet valid":              w.token(t, good(map[string]any{"nbf": at(time.Minute)})),
		"wrong issuer":               w.token(t, good(map[string]any{"iss": "somebody"})),
		"wrong audience":             w.token(t, good(map[string]any{"aud": "kitchen"})),
		"alg none":                   w.sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil)),
		"the public key as a secret": w.sign(t, jwt.SigningMethodHS256, []byte(public), good(nil)),
		"another kind of key":        w.sign(t, jwt.SigningMethodES256, otherKind, good(nil)),
		"no token":                   "",
	} {
		c, err := dial(t, w.stack, mode, token, "")
		refusedBy(t, c, err)
		status, _ := call(t, w.stack, "GET", "/api/orders", token, "")
		if status != 401 {
			t.Errorf("%s: HTTP answers %d", name, status)
		}
	}
	open(t, w.stack, mode, w.token(t, good(nil))).begin(lucia) // the control: nothing else was wrong
}

func databaseAway(t *testing.T, w *world) {
	token, _ := w.login(t, lucia, "lucia")
	c := open(t, w.stack, "header", token)
	c.begin(lucia)
	since := w.now(t)
	up := w.databaseDown(t)
	c.send(startMessage(sakura))
	c.closed(1008, "")
	// Whoever comes now cannot be known for a member: refused, for a fault of ours.
	eventually(t, "a refusal without a database", func() bool {
		_, err := dial(t, w.stack, "header", token, "")
		var at *refusedAt
		return errors.As(err, &at)
	})
	up()
	if got := w.recorded(t, "cross_tenant", "lucia", since); got.Attempted != sakura {
		t.Errorf("the row is %+v", got)
	}
	if n := len(w.rows(t, "event_type = 'cross_tenant' AND user_id = 'lucia' AND created_at >= $1", since)); n != 1 {
		t.Errorf("the event is in the table %d times", n)
	}
	eventually(t, "logins again", func() bool {
		status, _ := w.tryPIN(t, lucia, "lucia", w.person(t, lucia, "lucia").PIN)
		return status == 200
	})
}

func diskAway(t *testing.T, w *world) {
	token, _ := w.login(t, lucia, "anna")
	c := open(t, w.stack, "header", token)
	c.begin(lucia)
	const unrecorded = `ringfence_refusals_unrecorded_total{event="cross_tenant",severity="CRITICAL"}`
	lost := w.metric(t, unrecorded)
	up := w.databaseDown(t)
	w.diskLimit(t, "0")
	c.send(startMessage(sakura))
	c.closed(1008, "")
	eventually(t, "the loss counted", func() bool { return w.metric(t, unrecorded) == lost+1 })
	eventually(t, "the loss alerted", func() bool { return strings.Contains(w.logs(t), "lost") })
	w.diskLimit(t, "unlimited")
	up()
	eventually(t, "the trail goes on", func() bool {
		status, _ := w.tryPIN(t, lucia, "anna", w.person(t, lucia, "anna").PIN)
		return status == 200
	})
	since := w.now(t)
	token, _ = w.login(t, lucia, "anna")
	eventually(t, "a refusal in the table again", func() bool { // a disk that failed is left alone for a moment
		c := open(t, w.stack, "header", token)
		c.send(startMessage(marche))
		c.closed(1008, "")
		time.Sleep(500 * time.Millisecond)
		return len(w.rows(t, "event_type = 'cross_tenant' AND user_id = 'anna' AND created_at >= $1", since)) > 0
	})
}

// diskLimit takes the gateway's disk away, or gives it back: a limit of zero bytes lets no file be written, as a full disk does.
func (w *world) diskLimit(t *testing.T, limit string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "prlimit", "--pid", strconv.Itoa(w.gateway.cmd.Process.Pid), "--fsize="+limit+":").CombinedOutput(); err != nil {
		t.Fatalf("limiting the gateway's files: %v %s", err, out)
	}
}

func audioFirst(t *testing.T, w *world, mode string) {
	token, _ := w.login(t, sakura, "haruki")
	since := w.now(t)
	c := open(t, w.stack, mode, token)
	c.send(audioMessage("never heard"))
	if n := c.closed(1008, "transcript"); n != 0 {
		t.Error("it was heard")
	}
	w.recorded(t, "session_unknown", "haruki", since.Add(-time.Second))
}

func secondStart(t *testing.T, w *world, mode string) {
	token, _ := w.login(t, lucia, "marco")
	c := open(t, w.stack, mode, token)
	c.begin(lucia)
	c.send(audioMessage("good evening"))
	c.next("transcript")
	c.next("audio")
	c.send(startMessage(sakura))
	c.send(audioMessage("never heard"))
	if n := c.closed(1008, "session.started"); n != 0 {
		t.Error("the session was started")
	}
}

func burst(t *testing.T, w *world) {
	token, _ := w.login(t, marche, "claire")
	since := w.now(t)
	const tries = 150
	for range tries {
		if status, _ := call(t, w.stack, "GET", "/api/orders?restaurant_id="+sakura, token, ""); status != 403 {
			t.Fatalf("HTTP: %d", status)
		}
	}
	var rows, sum int
	eventually(t, "the sum of all", func() bool {
		if err := w.audit.QueryRow(t.Context(), "SELECT count(*), coalesce(sum(count), 0) FROM ringfence.trail_event WHERE event_type = 'cross_tenant' AND user_id = 'claire' AND created_at >= $1",
			since).Scan(&rows, &sum); err != nil {
			t.Fatal(err)
		}
		return sum == tries
	})
	if rows > 10 {
		t.Errorf("%d tries made %d rows", tries, rows)
	}
}

func membershipRevoked(t *testing.T, w *world) {
	if _, err := w.system.Super().Exec(t.Context(), "INSERT INTO user_restaurants (restaurant_id, user_id, name) VALUES ($1, 'temp', 'Temp')", lucia); err != nil {
		t.Fatal(err)
	}
	token := w.token(t, claims(lucia, "temp", nil))
	since := w.now(t)
	c := open(t, w.stack, "header", token)
	c.begin(lucia)
	c.send(audioMessage("I still work here"))
	c.next("transcript")
	c.next("audio")
	if _, err := w.system.Super().Exec(t.Context(), "DELETE FROM user_restaurants WHERE user_id = 'temp'"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c.closed(1008, "")
	t.Logf("cut %s after the change of membership", time.Since(began).Round(time.Millisecond))
	w.recorded(t, "token_revoked", "temp", since)
	for _, mode := range modes {
		c, err := dial(t, w.stack, mode, token, "")
		refusedBy(t, c, err)
	}
}

func noTokenInLogs(t *testing.T, w *world) {
	// A token in the URL, where it must not be, is not logged either.
	secret, _ := w.login(t, lucia, "marco")
	if status, _ := call(t, w.stack, "GET", "/api/orders?access_token="+secret+"&token="+secret, "", ""); status != 401 {
		t.Errorf("a token in the URL: %d", status)
	}
	// Nor is a PIN, right or wrong, or the pepper; six digits among others are no accident.
	const pin = "739164"
	if status, _ := w.tryPIN(t, marche, "jules", pin); status != 401 {
		t.Errorf("a wrong PIN: %d", status)
	}
	pepper, err := os.ReadFile(w.system.Peppers())
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(strings.TrimSpace(string(pepper)), ":")
	w.secret(key)
	all := w.logs(t) + w.metrics(t)
	for _, row := range w.everything(t) {
		all += row + "\n"
	}
	if !strings.Contains(all, "refused") || !strings.Contains(all, "cross_tenant") || len(w.secrets) < 20 {
		t.Fatalf("the grep looked at nothing: %d secrets", len(w.secrets))
	}
	if regexp.MustCompile(`(^|[^0-9])` + pin + `([^0-9]|$)`).MatchString(all) {
		t.Error("a PIN is told")
	}
	for _, secret := range w.secrets {
		for _, shred := range shreds(secret) {
			if strings.Contains(all, shred) {
				t.Fatalf("a part of a secret is told: %q", shred)
			}
		}
	}
}

// shreds are the parts of a secret that must stand nowhere: each of its segments' long pieces.
func shreds(secret string) []string {
	var out []string
	for part := range strings.SplitSeq(secret, ".") {
		const piece = 24
		for i := 0; i+piece <= len(part); i += piece {
			if shred := part[i : i+piece]; !strings.HasPrefix(shred, "eyJ") { // the header is the same in all tokens
				out = append(out, shred)
			}
		}
	}
	return out
}

// everything is the whole trail, and all that is kept of logins, as text.
func (w *world) everything(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, table := range []string{"trail_event", "user_pins", "pin_device", "pin_code", "pin_session", "pin_throttle", "revocation"} {
		rows, err := w.system.Super().Query(t.Context(), "SELECT x::text FROM ringfence."+table+" x")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
	}
	return all
}

func countersMove(t *testing.T, w *world) {
	const counter = `ringfence_refusals_total{event="cross_tenant",severity="CRITICAL"}`
	before := w.metric(t, counter)
	token, _ := w.login(t, lucia, "marco")
	c := open(t, w.stack, "header", token)
	c.send(startMessage(sakura))
	c.closed(1008, "")
	eventually(t, "the counter", func() bool { return w.metric(t, counter) == before+1 })
	const wrong = `ringfence_pin_attempts_total{outcome="wrong"}`
	before = w.metric(t, wrong)
	w.tryPIN(t, marche, "nobody of this name", "739164")
	if after := w.metric(t, wrong); after != before+1 {
		t.Errorf("a wrong PIN moves its counter from %g to %g", before, after)
	}
}

func sessionReplayed(t *testing.T, w *world) {
	theirs, _ := w.login(t, sakura, "haruki")
	victim := open(t, w.stack, "header", theirs)
	session := victim.begin(sakura)
	mine, _ := w.login(t, lucia, "marco")
	for _, mode := range modes {
		c := open(t, w.stack, mode, mine)
		c.begin(lucia)
		m := audioMessage("never heard")
		m["session_id"] = session
		c.send(m)
		if n := c.closed(1008, "transcript"); n != 0 {
			t.Error("it was heard")
		}
	}
	victim.send(audioMessage("still here"))
	victim.next("transcript")
}

func duplicatedKeys(t *testing.T, w *world, mode string) {
	token, _ := w.login(t, lucia, "marco")
	start, _ := json.Marshal(startMessage(lucia))
	for _, text := range []string{
		strings.Replace(string(start), `"restaurant_id"`, `"restaurant_id":"`+sakura+`","restaurant_id"`, 1),
		strings.Replace(string(start), `"type"`, `"type":"heartbeat","type"`, 1),
		strings.Replace(string(start), `{`, `{"session_config":{"restaurant_id":"`+sakura+`"},`, 1),
	} {
		c := open(t, w.stack, mode, token)
		c.text(text)
		if n := c.closed(1008, "session.started"); n != 0 {
			t.Error("a session was started")
		}
	}
}

func frames(t *testing.T, w *world) {
	token, _ := w.login(t, lucia, "marco")
	start, _ := json.Marshal(startMessage(lucia))
	foreign, _ := json.Marshal(startMessage(sakura))
	fragments := func(c *client, text []byte) {
		c.frame(ws.NewFrame(ws.OpText, false, text[:40]))
		c.frame(ws.NewFrame(ws.OpContinuation, false, text[40:80]))
		c.frame(ws.NewFrame(ws.OpContinuation, true, text[80:]))
	}
	c := open(t, w.stack, "header", token)
	fragments(c, start)
	c.next("session.started") // what is allowed is allowed in parts
	for name, f := range map[string]struct {
		code ws.StatusCode
		say  func(*client)
	}{
		"foreign, in parts": {1008, func(c *client) { fragments(c, foreign) }},
		"oversize":          {1009, func(c *client) { c.text(`{"type":"audio","audio":"` + strings.Repeat("A", 1<<20) + `"}`) }},
		"binary":            {1008, func(c *client) { c.frame(ws.NewBinaryFrame(start)) }},
		"compressed": {1002, func(c *client) {
			f := ws.NewTextFrame(start)
			f.Header.Rsv = ws.Rsv(true, false, false)
			c.frame(f)
		}},
		"malformed UTF-8": {1007, func(c *client) { c.text("{\"type\":\"heartbeat\",\"x\":\"\xc3\x28\"}") }},
		"unmasked":        {1002, func(c *client) { _ = ws.WriteFrame(c.conn, ws.NewTextFrame(start)) }},
	} {
		c := open(t, w.stack, "header", token)
		f.say(c)
		if n := c.closed(f.code, "session.started"); n != 0 {
			t.Errorf("%s: a session was started", name)
		}
	}
}

func tokenExpires(t *testing.T, w *world, mode string) {
	expires := time.Now().Add(2 * time.Second).Truncate(time.Second)
	c := open(t, w.stack, mode, w.token(t, claims(lucia, "marco", map[string]any{"exp": expires.Unix()})))
	c.begin(lucia)
	c.send(audioMessage("good evening"))
	c.next("transcript")
	c.next("audio")
	c.closed(1008, "")
	if late := time.Since(expires); late < 0 || late > time.Second {
		t.Errorf("cut %s after the token's end", late)
	}
}
