package gateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	ringfence "github.com/ringfencehq/ringfence"
)

func start(tenant string) string {
	return fmt.Sprintf(`{"type":"session.start","event_id":"e","session_config":{"restaurant_id":%s}}`, tenant)
}

// The same tenant is let through, in any letter case: a session, its audio, its end.
func TestOwnTenant(t *testing.T) {
	r := newRig(t, voiceRules, voice)
	for _, tenant := range []string{mine, strings.ToUpper(mine)} {
		p := r.open(mine + ".anna.t1")
		for _, step := range []struct{ say, want string }{
			{start(`"` + tenant + `"`), `{"type":"session.started","session_id":"e"}`},
			{`{"type":"audio","audio":"AAAA"}`, `{"type":"transcript","text":"heard"}`},
			{`{"type":"audio","audio":"AAAA","session_id":"e","restaurant_id":"` + tenant + `"}`, `{"type":"transcript","text":"heard"}`},
			{`{"type":"heartbeat"}`, `{"type":"transcript","text":"heard"}`},
			{`{"type":"session.stop"}`, `{"type":"transcript","text":"heard"}`},
		} {
			_ = p.text("%s", step.say)
			if got, err := p.message(); got != step.want {
				t.Errorf("%s: %q, %v", step.say, got, err)
			}
		}
		p.conn.Close()
	}
	r.want()
}

// refused are messages of a client that close the socket, and what is recorded of each. Each has a twin that is let through
// in TestOwnTenant.
var refused = []struct {
	name    string
	say     string
	event   ringfence.EventType
	tried   string
	session bool // said in a live session
}{
	{"another tenant", start(`"` + theirs + `"`), ringfence.CrossTenant, theirs, false},
	{"another tenant, upper case", start(`"` + strings.ToUpper("aaaaaaaa-2222-4333-8444-555555555555") + `"`), ringfence.CrossTenant, "AAAAAAAA-2222-4333-8444-555555555555", false},
	{"no tenant", `{"type":"session.start","session_config":{"audio_format":"pcm16"}}`, ringfence.TenantMissing, "", false},
	{"no configuration", `{"type":"session.start"}`, ringfence.TenantMissing, "", false},
	{"null", start(`null`), ringfence.TenantMissing, "", false},
	{"empty", start(`""`), ringfence.TenantMissing, "", false},
	{"white space", start(`" \t\u00a0\u200b"`), ringfence.TenantMissing, " \t\u00a0\u200b", false},
	{"a number", start(`7`), ringfence.TenantMalformed, "7", false},
	{"a list", start(`["` + mine + `"]`), ringfence.TenantMalformed, "[", false},
	{"an object", start(`{"id":"` + mine + `"}`), ringfence.TenantMalformed, "{", false},
	{"true", start(`true`), ringfence.TenantMalformed, "true", false},
	{"no UUID", start(`"berlin"`), ringfence.TenantMalformed, "berlin", false},
	{"braces", start(`"{` + mine + `}"`), ringfence.TenantMalformed, "{" + mine + "}", false},
	{"the nil UUID", start(`"00000000-0000-0000-0000-000000000000"`), ringfence.TenantMalformed, "00000000-0000-0000-0000-000000000000", false},
	{"a space behind", start(`"` + mine + ` "`), ringfence.TenantMalformed, mine + " ", false},
	{"another tenant, escaped", start(`"\u0031` + theirs[1:] + `"`), ringfence.CrossTenant, theirs, false},
	{"another tenant in an audio message", `{"type":"audio","audio":"AA","restaurant_id":"` + theirs + `"}`, ringfence.CrossTenant, theirs, true},
	{"another tenant deep inside", `{"type":"audio","x":[{"y":{"restaurant_id":"` + theirs + `"}}]}`, ringfence.CrossTenant, theirs, true},
	{"another tenant in a message of no known type", `{"type":"x","restaurant_id":"` + theirs + `"}`, ringfence.CrossTenant, theirs, false},
	{"a second start for another tenant", start(`"` + theirs + `"`), ringfence.CrossTenant, theirs, true},
	{"a key twice", `{"type":"session.start","session_config":{"restaurant_id":"` + theirs + `","restaurant_id":"` + mine + `"}}`, ringfence.MessageMalformed, "", false},
	{"a key in other case", `{"type":"session.start","session_config":{"restaurant_id":"` + mine + `","Restaurant_ID":"` + theirs + `"}}`, ringfence.MessageMalformed, "", false},
	{"a key with the long s", `{"type":"session.start","session_config":{"restaurant_id":"` + mine + `","reſtaurant_id":"` + theirs + `"}}`, ringfence.MessageMalformed, "", false},
	{"the configuration twice", `{"type":"session.start","session_config":{"restaurant_id":"` + theirs + `"},"session_config":{"restaurant_id":"` + mine + `"}}`, ringfence.MessageMalformed, "", false},
	{"audio before the session", `{"type":"audio","audio":"AA"}`, ringfence.SessionUnknown, "", false},
	{"stop before the session", `{"type":"session.stop"}`, ringfence.SessionUnknown, "", false},
	{"a session that is not there", `{"type":"audio","audio":"AA","session_id":"nobodys"}`, ringfence.SessionUnknown, "", true},
	{"a session id that is no text", `{"type":"audio","audio":"AA","session_id":7}`, ringfence.SessionUnknown, "", true},
	{"an unknown type", `{"type":"debug.dump"}`, ringfence.MessageForbidden, "", false},
	{"a server's type", `{"type":"session.started","session_id":"e"}`, ringfence.MessageForbidden, "", false},
	{"no type", `{"audio":"AA"}`, ringfence.MessageMalformed, "", false},
	{"a type that is no text", `{"type":1}`, ringfence.MessageMalformed, "", false},
	{"no JSON", `session.start`, ringfence.MessageMalformed, "", false},
	{"a list of messages", `[{"type":"heartbeat"}]`, ringfence.MessageMalformed, "", false},
	{"two messages in one", `{"type":"heartbeat"}{"type":"heartbeat"}`, ringfence.MessageMalformed, "", false},
}

// Each is recorded once, with every field, before it is answered by 1008; the answer names no id; nothing of it, nor what
// follows it, reaches the back end.
func TestRefusedMessages(t *testing.T) {
	heard := make(chan string, 100)
	r := newRig(t, voiceRules, func(p *peer) {
		listenTo(p, heard)
	})
	for i, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			session := ""
			token := mine + ".anna.t1"
			var p *peer
			if c.session {
				session = fmt.Sprint("own-", i)
				p = r.started(token, session)
			} else {
				p = r.open(token)
			}
			before := len(r.trail.all())
			b := masked(0x81, c.say)
			_ = p.write(append(b, masked(0x81, `{"type":"heartbeat","event_id":"later"}`)...))
			reason := p.wantClose(t, 1008)
			if strings.Contains(reason, "-") || strings.Contains(reason, "restaurant") {
				t.Errorf("the answer says %q", reason)
			}
			got := r.trail.all()[before:]
			if len(got) != 1 {
				t.Fatalf("%d events: %v", len(got), got)
			}
			e := got[0]
			if e.Detail["reason"] == "" || e.Detail["operation"] != "message" || e.Detail["from"] != "client" || e.Detail["route"] != "/ws" {
				t.Errorf("detail: %v", e.Detail)
			}
			if e.Session != "" && session == "" {
				session = e.Session
			}
			if strings.Contains(c.say, "nobodys") {
				session = "nobodys"
			} else if strings.Contains(c.say, `"session_id":7`) {
				session = "7"
			}
			e.Detail = nil
			want := ringfence.Event{Type: c.event, User: "anna", Tenant: mine, AttemptedTenant: c.tried, Session: session, Address: "127.0.0.1", UserAgent: ""}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Error(diff)
			}
		})
	}
	close(heard)
	for text := range heard {
		if strings.Contains(text, "later") || strings.Contains(text, theirs) {
			t.Errorf("the back end heard %s", text)
		}
	}
}

// listenTo is voice, and tells what it heard.
func listenTo(p *peer, heard chan<- string) {
	for {
		text, err := p.message()
		if err != nil {
			return
		}
		select {
		case heard <- text:
		default:
		}
		if strings.Contains(text, "session.start") {
			_, after, _ := strings.Cut(text, `"event_id":"`)
			id, _, _ := strings.Cut(after, `"`)
			_ = p.text(`{"type":"session.started","session_id":"%s"}`, id)
		}
	}
}

// Another tenant's session id is refused as such, another user's as unknown, whoever's socket is named.
func TestReplayedSession(t *testing.T) {
	r := newRig(t, voiceRules, voice)
	victim := r.started(theirs+".vera.t9", "victims")
	mate := r.started(mine+".bert.t2", "mates")
	thief := r.started(mine+".anna.t1", "own")
	_ = thief.text(`{"type":"audio","audio":"AA","session_id":"victims"}`)
	thief.wantClose(t, 1008)
	thief = r.started(mine+".anna.t1", "own2")
	_ = thief.text(`{"type":"audio","audio":"AA","session_id":"mates"}`)
	thief.wantClose(t, 1008)
	r.want(ringfence.CrossTenant, ringfence.SessionUnknown)
	if e := r.trail.all()[0]; e.Session != "victims" || e.AttemptedTenant != theirs || e.Tenant != mine {
		t.Errorf("%+v", e)
	}
	for _, p := range []*peer{victim, mate} { // whose sessions they are go on
		_ = p.text(`{"type":"audio","audio":"AA"}`)
		if _, err := p.message(); err != nil {
			t.Error(err)
		}
	}
}

// The store decides, not what was fixed at the start: a session that was ended or that belongs to somebody else by now is refused.
func TestSessionsEndElsewhere(t *testing.T) {
	for name, change := range map[string]func(*Sessions){
		"ended": func(s *Sessions) { s.End("own") },
		"moved to another tenant": func(s *Sessions) {
			s.End("own")
			tenant, _ := ringfence.ParseTenant(theirs)
			if _, err := s.begin("own", Owner{Tenant: tenant, User: "vera"}); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, voiceRules, voice)
			p := r.started(mine+".anna.t1", "own")
			_ = p.text(`{"type":"audio","audio":"AA"}`)
			if _, err := p.message(); err != nil {
				t.Fatal(err)
			}
			change(r.gw.Sessions())
			_ = p.text(`{"type":"audio","audio":"AA"}`)
			p.wantClose(t, 1008)
			r.want(ringfence.SessionUnknown)
		})
	}
}

// What the back end says is held against the token too: another tenant's id does not reach the client.
func TestBackendThatLeaks(t *testing.T) {
	for say, event := range map[string]ringfence.EventType{
		`{"type":"transcript","text":"x","restaurant_id":"` + theirs + `"}`:       ringfence.CrossTenant,
		`{"type":"order.detected","orders":[{"restaurant_id":"` + theirs + `"}]}`: ringfence.CrossTenant,
		`{"type":"transcript","session_id":"victims"}`:                            ringfence.CrossTenant,
		`{"type":"session.started","session_id":"victims"}`:                       ringfence.CrossTenant,
		`{"type":"transcript","session_id":"never seen"}`:                         ringfence.SessionUnknown,
		`{"type":"session.started","session_id":""}`:                              ringfence.SessionUnknown,
		`{"type":"session.started"}`:                                              ringfence.SessionUnknown,
		`{"type":"admin.notice"}`:                                                 ringfence.MessageForbidden,
		`{"type":"transcript","text":"x","text":"y"}`:                             ringfence.MessageMalformed,
		`{"type":"transcript","restaurant_id":null}`:                              ringfence.TenantMissing,
	} {
		t.Run(say, func(t *testing.T) {
			r := newRig(t, voiceRules, voice)
			r.started(theirs+".vera.t9", "victims")
			p := r.started(mine+".anna.t1", "own")
			_ = p.text(`{"type":"heartbeat","say":"%s"}`, base64.StdEncoding.EncodeToString([]byte(say)))
			p.wantClose(t, 1008)
			all := r.trail.all()
			if len(all) == 0 || all[len(all)-1].Type != event {
				t.Fatalf("%v", all)
			}
			if e := all[len(all)-1]; e.Detail["from"] != "backend" || e.Tenant != mine {
				t.Errorf("%+v", e)
			}
		})
	}
}

// Binary messages name nothing: they pass where the rules say so, in a live session.
func TestBinary(t *testing.T) {
	r := newRig(t, voiceRules, voice)
	p := r.started(mine+".anna.t1", "own")
	_ = p.say(2, "\x00\x01")
	p.wantClose(t, 1008)
	r.want(ringfence.MessageForbidden)

	r = newRig(t, "protocol: {preset: voice, binary: session}", voice)
	p = r.started(mine+".anna.t1", "own")
	_ = p.say(2, "\x00\x01")
	if got, err := p.message(); err != nil {
		t.Errorf("%q, %v", got, err)
	}
	p = r.open(mine + ".anna.t1")
	_ = p.say(2, "\x00\x01")
	p.wantClose(t, 1008)
	r.want(ringfence.SessionUnknown)
}

// Fragments are judged when they are whole: an id cut in two is an id.
func TestFragmentsAreJudgedWhole(t *testing.T) {
	r := newRig(t, voiceRules, voice)
	p := r.open(mine + ".anna.t1")
	text := start(`"` + theirs + `"`)
	at := strings.Index(text, theirs) + 10
	_ = p.write(append(masked(0x01, text[:at]), masked(0x80, text[at:])...))
	p.wantClose(t, 1008)
	r.want(ringfence.CrossTenant)
}

// The refusal is on record before the client is answered, and stands where it cannot be recorded.
func TestRecordedFirst(t *testing.T) {
	hold := make(chan struct{})
	r := newRig(t, voiceRules, voice, func(o *Options) { o.Recorder.(*fakeRecorder).hold = hold })
	p := r.open(mine + ".anna.t1")
	_ = p.text("%s", start(`"`+theirs+`"`))
	answered := make(chan string, 1)
	go func() { _, err := p.message(); answered <- fmt.Sprint(err) }()
	select {
	case got := <-answered:
		t.Fatalf("answered before it was recorded: %s", got)
	case <-time.After(50 * time.Millisecond):
	}
	close(hold)
	if got := <-answered; !strings.Contains(got, "1008") {
		t.Error(got)
	}

	var counted unrecorded
	r = newRig(t, voiceRules, voice, func(o *Options) {
		o.Recorder.(*fakeRecorder).err = errors.New("no disk")
		o.Stats = &counted
	})
	p = r.open(mine + ".anna.t1")
	_ = p.text("%s", start(`"`+theirs+`"`))
	p.wantClose(t, 1008)
	if counted.n.Load() != 1 {
		t.Errorf("%d losses are counted", counted.n.Load())
	}
}

// One function decides: a token gets the same answer, and the same record, wherever it is shown.
func TestParityOfPlaces(t *testing.T) {
	yaml := voiceRules + "\ntoken: {from: [header, cookie, subprotocol, query, message]}"
	tokens := map[string]ringfence.EventType{
		"an-expired-one": ringfence.TokenExpired, "a-forged-one": ringfence.TokenInvalid, "a-revoked-one": ringfence.TokenRevoked,
		"a-strangers": ringfence.MembershipMissing, "none.anna.t1": ringfence.TokenWithoutTenant,
	}
	for token, event := range tokens {
		for _, place := range places {
			t.Run(token+" by "+place, func(t *testing.T) {
				r := newRig(t, yaml, voice)
				r.auth.refuse = map[string]ringfence.EventType{"an-expired-one": ringfence.TokenExpired, "a-forged-one": ringfence.TokenInvalid, "a-revoked-one": ringfence.TokenRevoked, "a-strangers": ringfence.MembershipMissing}
				p := r.show(place, token)
				if place == "message" {
					_ = p.text(`{"type":"auth","token":"%s"}`, token)
					p.wantClose(t, 1008)
				} else if want := statusOf(event); p.answer.StatusCode != want {
					t.Errorf("answered with %d, want %d", p.answer.StatusCode, want)
				}
				e := r.trail.all()
				if len(e) != 1 || e[0].Type != event || e[0].Address != "127.0.0.1" || e[0].Detail["operation"] != "handshake" {
					t.Errorf("%+v", e)
				}
				if r.backend.asked() > 0 {
					t.Error("the back end was asked")
				}
				if logs := r.logs.String(); strings.Contains(logs, token) {
					t.Errorf("the token is in the log: %s", logs)
				}
			})
		}
	}
	for _, place := range places {
		t.Run("good by "+place, func(t *testing.T) {
			r := newRig(t, yaml, voice)
			token := mine + ".anna.t1"
			p := r.show(place, token)
			if p.answer.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("answered with %d", p.answer.StatusCode)
			}
			if place == "message" {
				_ = p.text(`{"type":"auth","token":"%s"}`, token)
			}
			_ = p.text("%s", start(`"`+mine+`"`))
			if got, err := p.message(); !strings.Contains(got, "session.started") {
				t.Errorf("%q, %v", got, err)
			}
			if h := r.backend.last(t); strings.Contains(fmt.Sprint(h.Header, h.URL), token) {
				t.Errorf("the back end sees the token: %v %v", h.URL, h.Header)
			}
			if strings.Contains(r.logs.String(), token) {
				t.Error("the token is in the log")
			}
			r.want()
		})
	}
}

// show shakes hands with the token in one place; by message nothing is shown yet.
func (r *rig) show(place, token string) *peer {
	o := dialOptions{path: "/ws?x=1", header: http.Header{}}
	switch place {
	case "header":
		o.header.Set("Authorization", "bearer "+token)
	case "cookie":
		o.header.Set("Cookie", "a=b; ringfence_token="+token)
	case "subprotocol":
		o.header["Sec-Websocket-Protocol"] = []string{"bearer." + token + ", voice.v1"}
	case "query":
		o.path += "&access_token=" + token
	}
	return shake(r.t, r.address, o)
}
