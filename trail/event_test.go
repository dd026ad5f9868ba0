package trail

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence"
)

func sample() Event {
	return Event{
		Event: ringfence.Event{
			Type: ringfence.CrossTenant, Severity: ringfence.Critical, User: "u1", Tenant: "a", AttemptedTenant: "ünï",
			Session: "s", Address: "192.0.2.1", UserAgent: "curl/8", Detail: map[string]string{"operation": "audio", "reason": "x"},
		},
		ID: ID{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80}, Row: ID{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80}, Node: "n", Epoch: 12, Sequence: 3,
		Created: time.UnixMicro(1700000000000001).UTC(), Count: 2,
		First: time.UnixMicro(1700000000000000).UTC(), Last: time.UnixMicro(1700000000000009).UTC(), Previous: Hash{9},
	}
}

// The encoding and its hash are fixed for good: a changed one could not verify what is stored.
func TestCanonicalIsFixed(t *testing.T) {
	e := sample()
	const want = "cb10dd92609bcca404b88aa5d4769d8eedec71d67047e6330257f2f447df84f8"
	if got := e.Digest().String(); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	if got := len(e.AppendCanonical(nil)); got != 219 {
		t.Errorf("%d bytes", got)
	}
}

func TestDecodeEncoded(t *testing.T) {
	e := sample()
	e.Hash = e.Digest()
	got, err := Decode(e.AppendCanonical(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Error(diff)
	}
}

// Every change of a field changes the hash, also where one field ends and the next begins.
func TestHashCoversEverything(t *testing.T) {
	changes := map[string]func(*Event){
		"id": func(e *Event) { e.ID[15]++ }, "node": func(e *Event) { e.Node = "m" }, "epoch": func(e *Event) { e.Epoch++ },
		"sequence": func(e *Event) { e.Sequence++ }, "created": func(e *Event) { e.Created = e.Created.Add(time.Microsecond) },
		"type": func(e *Event) { e.Type = ringfence.TokenMissing }, "severity": func(e *Event) { e.Severity = ringfence.Info },
		"user": func(e *Event) { e.User = "" }, "tenant": func(e *Event) { e.Tenant = "b" },
		"attempted": func(e *Event) { e.AttemptedTenant = "" }, "session": func(e *Event) { e.Session = "t" },
		"address": func(e *Event) { e.Address = "192.0.2.2" }, "agent": func(e *Event) { e.UserAgent = "" },
		"count": func(e *Event) { e.Count++ }, "first": func(e *Event) { e.First = e.Last }, "last": func(e *Event) { e.Last = e.First },
		"previous": func(e *Event) { e.Previous[31]++ }, "fact": func(e *Event) { e.Detail["reason"] = "y" },
		"one fact less":   func(e *Event) { delete(e.Detail, "reason") },
		"moved border":    func(e *Event) { e.User, e.Tenant = "u1a", "" },
		"moved in detail": func(e *Event) { e.Detail = map[string]string{"operationaudio": "", "reason": "x"} },
	}
	e := sample()
	seen := map[Hash]string{e.Digest(): "the original"}
	for name, change := range changes {
		e := sample()
		change(&e)
		if other, ok := seen[e.Digest()]; ok {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[e.Digest()] = name
	}
}

func TestClean(t *testing.T) {
	long := strings.Repeat("ä", 200)
	got := Clean(ringfence.Event{
		Type: ringfence.TokenInvalid, User: "a\x00b", Tenant: "plain ✓", AttemptedTenant: long, Session: "bad\xffutf8",
		Address: "[2001:db8::1]:443", UserAgent: "x\r\nSet-Cookie: y\u202e",
		Detail: map[string]string{
			"operation": "audio", "access_token": "abc", "pin": "1234", "url": "/a?token=secret1&x=1", "header": "Bearer abcdef123456",
			"jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "dsn_like": "postgres://app:hunter2@db/x",
			"token_id": "jti-7", "refresh_token_id": "r-7",
		},
	})
	want := ringfence.Event{
		Type: ringfence.TokenInvalid, Severity: ringfence.Error, User: "a\uFFFDb…[3 bytes sha256:]", Tenant: "plain ✓",
		AttemptedTenant: strings.Repeat("ä", 109) + "…[400 bytes sha256:]", Session: "bad\uFFFDutf8…[8 bytes sha256:]",
		Address: "2001:db8::1", UserAgent: "x\uFFFD\uFFFDSet-Cookie: y\uFFFD…[19 bytes sha256:]",
		Detail: map[string]string{
			"operation": "audio", "access_token": redacted, "pin": redacted, "url": "/a?[redacted]&x=1", "header": redacted,
			"jwt": redacted, "dsn_like": redacted, "token_id": "jti-7", "refresh_token_id": redacted,
		},
	}
	got.User, got.AttemptedTenant = withoutSum(t, got.User), withoutSum(t, got.AttemptedTenant)
	got.Session, got.UserAgent = withoutSum(t, got.Session), withoutSum(t, got.UserAgent)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// withoutSum takes the digits of a mark's hash out.
func withoutSum(t *testing.T, s string) string {
	t.Helper()
	head, tail, ok := strings.Cut(s, "sha256:")
	if !ok || len(tail) != 17 {
		t.Errorf("%q carries no hash", s)
		return s
	}
	return head + "sha256:]"
}

// Different texts stay different, however they are shortened and cleaned.
func TestCleanKeepsApart(t *testing.T) {
	long := strings.Repeat("x", maxID)
	seen := map[string]string{}
	for _, s := range []string{"a\x01", "a\x02", "a\uFFFD", "a\xff", long, long + "a", long + "b", long[1:] + "\n"} {
		got := bound(s, maxID)
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q both become %q", s, other, got)
		}
		seen[got] = s
	}
}

func TestDetailIsBounded(t *testing.T) {
	facts := map[string]string{}
	for i := range 100 {
		facts[strings.Repeat("k", 100)+string(rune('A'+i))] = strings.Repeat("v", 10000)
	}
	got := boundDetail(facts)
	if len(got) != maxDetails || got[moreDetails] != "85" {
		t.Errorf("%d facts, %q more", len(got), got[moreDetails])
	}
}

// FuzzClean: whatever a client sends, the cleaned event keeps its bounds, is encoded within maxEncoded, and decodes to
// itself.
func FuzzClean(f *testing.F) {
	f.Add("a", "b", "k", "v")
	f.Add("\x00\xff\u202e", strings.Repeat("ß", 500), "token", "eyJabcdef.ghi.jkl")
	f.Fuzz(func(t *testing.T, user, agent, key, value string) {
		detail := map[string]string{key: value, key + "2": user}
		for i := range 20 {
			detail[key+strings.Repeat("x", i*10)] = value + agent
		}
		e := sample()
		e.Event = Clean(ringfence.Event{
			Type: ringfence.CrossTenant, User: user, Tenant: agent, AttemptedTenant: value, Session: key, Address: user,
			UserAgent: agent, Detail: detail,
		})
		e.Hash = e.Digest()
		b := e.AppendCanonical(nil)
		if len(b) > maxEncoded {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatal(diff)
		}
		for _, text := range []string{got.User, got.UserAgent, got.AttemptedTenant, got.Session, got.Address} {
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\r\n") {
				t.Fatalf("%q is not clean", text)
			}
		}
	})
}

// FuzzDecode: what decodes encodes to the same bytes, so that two readers cannot see two events in one record.
func FuzzDecode(f *testing.F) {
	e := sample()
	f.Add(e.AppendCanonical(nil))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.AppendCanonical(nil), b) || e.Hash != e.Digest() {
			t.Fatal("decoding is not one to one")
		}
	})
}

func TestIDs(t *testing.T) {
	wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &idClock{now: func() time.Time { return wall }}
	var last ID
	for i := range 20000 {
		wall = wall.Add(time.Duration(rand.N(3000)-1000) * time.Microsecond)
		id, created, _ := c.tick()
		if id.Compare(last) <= 0 {
			t.Fatalf("id %d is not above the one before", i)
		}
		if id[6]>>4 != 7 || id[8]>>6 != 2 || created.Truncate(time.Millisecond) != id.Time() {
			t.Fatalf("%s is no UUIDv7 of %v", id, created)
		}
		back, err := ParseID(id.String())
		if err != nil || back != id {
			t.Fatalf("%s reads as %s: %v", id, back, err)
		}
		last = id
	}
	for _, bad := range []string{"", "x", strings.Repeat("0", 36), "0188f3a0-0000-7000-8000-00000000000g"} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) took it", bad)
		}
	}
}

func TestNextRow(t *testing.T) {
	e := sample()
	e.Hash = e.Digest()
	row := e.NextRow()
	other := e
	other.Hash[0]++
	e.Row = row
	if row == sample().Row || row.Time() != sample().Row.Time() || row == other.NextRow() || row == e.NextRow() {
		t.Error("keys do not tell events and attempts apart within their millisecond")
	}
}
