package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence"
)

const (
	tenantA  = "0b9f1c1e-5a1d-4c58-9d5e-3f6b1a2c4d5e"
	tenantB  = "1b9f1c1e-5a1d-4c58-9d5e-3f6b1a2c4d5f"
	issName  = "https://id.example.com/"
	audience = "https://api.example.com"
	address  = "203.0.113.7"
	agent    = "test/1.0"
)

var (
	start   = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	comparT = cmp.Comparer(func(a, b ringfence.Tenant) bool { return a == b })
)

// recorder keeps events in memory, or fails.
type recorder struct {
	mu     sync.Mutex
	events []ringfence.Event
	err    error
}

func (r *recorder) Record(ctx context.Context, e ringfence.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.events = append(r.events, e)
	return r.err
}

// take returns the events so far, and begins anew.
func (r *recorder) take() []ringfence.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.events
	r.events = nil
	return out
}

// signingKeys are one of each kind, and a stranger's of each kind; made once, since RSA keys are slow to make.
var signingKeys = sync.OnceValue(func() map[string]crypto.Signer {
	keys := map[string]crypto.Signer{}
	for _, owner := range []string{"", "other "} {
		r, _ := rsa.GenerateKey(rand.Reader, 2048)
		p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
		_, ed, _ := ed25519.GenerateKey(rand.Reader)
		for alg, k := range map[string]crypto.Signer{"RS256": r, "RS384": r, "RS512": r, "PS256": r, "PS384": r, "PS512": r,
			"ES256": p256, "ES384": p384, "ES512": p521, "EdDSA": ed} {
			keys[owner+alg] = k
		}
	}
	return keys
})

// good are the claims of a token that is in order.
func good() jwt.MapClaims {
	return jwt.MapClaims{"iss": issName, "aud": audience, "sub": "user-1", "jti": "token-1", "sid": "session-1", "device": "device-1",
		"roles": []string{"agent"}, "org_id": tenantA, "iat": start.Unix(), "nbf": start.Unix(), "exp": start.Add(5 * time.Minute).Unix()}
}

// with changes claims; nil takes one away.
func with(changes jwt.MapClaims) jwt.MapClaims {
	c := good()
	maps.Copy(c, changes)
	for k, v := range changes {
		if v == nil {
			delete(c, k)
		}
	}
	return c
}

// sign makes a token with any header.
func sign(t testing.TB, alg string, key any, header map[string]any, c jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(alg), c)
	maps.Copy(token.Header, header)
	for k, v := range header {
		if v == nil {
			delete(token.Header, k)
		}
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func edToken(t testing.TB, c jwt.Claims) string {
	return sign(t, "EdDSA", signingKeys()["EdDSA"], map[string]any{"kid": "ed"}, c)
}

func staticKeys(t testing.TB) KeySource {
	t.Helper()
	ks, err := NewStaticKeys(Key{ID: "ed", Algorithm: "EdDSA", Public: signingKeys()["EdDSA"].Public()})
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

// verifier makes a Verifier whose clock stands at start, trusting one issuer.
func verifier(t testing.TB, change func(*Options)) (*Verifier, *recorder) {
	t.Helper()
	rec := &recorder{}
	o := Options{TenantClaims: []string{"org_id"}, Recorder: rec, Now: func() time.Time { return start },
		Issuers: []TrustedIssuer{{Name: issName, Audiences: []string{audience}, Keys: staticKeys(t)}}}
	if change != nil {
		change(&o)
	}
	v, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v, rec
}

func credential(token string) ringfence.Credential {
	return ringfence.Credential{Token: token, Address: address, UserAgent: agent}
}

// refused holds that a token is refused for one reason, is recorded once with where it came from, and that nothing of the
// token stands in the error or the event.
func refused(t *testing.T, v *Verifier, rec *recorder, token string, event ringfence.EventType, reason Reason) {
	t.Helper()
	rec.take()
	id, err := v.Authorize(context.Background(), credential(token))
	r, ok := ringfence.RefusalOf(err)
	if !ok || !cmp.Equal(id, ringfence.Identity{}, comparT) {
		t.Fatalf("%+v, %v", id, err)
	}
	if r.Event.Type != event || r.Event.Detail["reason"] != string(reason) {
		t.Errorf("%s (%s) is not %s (%s)", r.Event.Type, r.Event.Detail["reason"], event, reason)
	}
	events := rec.take()
	if len(events) != 1 || !cmp.Equal(events[0], r.Event) || events[0].Address != address || events[0].UserAgent != agent {
		t.Errorf("recorded: %+v; refused: %+v", events, r.Event)
	}
	secretFree(t, token, err, events)
}

func TestAuthorize(t *testing.T) {
	v, rec := verifier(t, nil)
	id, err := v.Authorize(context.Background(), credential(edToken(t, good())))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := ringfence.ParseTenant(tenantA)
	want := ringfence.Identity{Tenant: a, User: "user-1", Session: "session-1", Token: "token-1", Device: "device-1",
		Roles: []string{"agent"}, Issued: start.Local(), Expires: start.Add(5 * time.Minute).Local()}
	if d := cmp.Diff(want, id, comparT); d != "" {
		t.Error(d)
	}
	if events := rec.take(); len(events) != 0 {
		t.Errorf("recorded: %v", events)
	}
}

func TestRefusals(t *testing.T) {
	missing, wrong, expired := ringfence.TokenMissing, ringfence.TokenInvalid, ringfence.TokenExpired
	none, malformed := ringfence.TokenWithoutTenant, ringfence.TenantMalformed
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	ed := signingKeys()["EdDSA"]
	head := func(h map[string]any) string { return sign(t, "EdDSA", ed, h, good()) }
	in := func(changes jwt.MapClaims) string { return edToken(t, with(changes)) }
	right := edToken(t, good())
	cases := map[string]struct {
		token  string
		event  ringfence.EventType
		reason Reason
	}{
		"no token":          {"", missing, ReasonAbsent},
		"long":              {right + strings.Repeat("A", 8<<10), wrong, ReasonSize},
		"words":             {"not a token", wrong, ReasonForm},
		"two parts":         {"e30.e30", wrong, ReasonForm},
		"four parts":        {right + ".e30", wrong, ReasonForm},
		"padding":           {right + "=", wrong, ReasonForm},
		"white space":       {right + " ", wrong, ReasonForm},
		"header is a list":  {"W10." + right[strings.IndexByte(right, '.')+1:], wrong, ReasonForm},
		"no signature":      {right[:strings.LastIndexByte(right, '.')+1], wrong, ReasonSignature},
		"payload null":      {raw(t, `{"alg":"EdDSA","kid":"ed"}`, `null`, ed), wrong, ReasonIssuer},
		"payload twice":     {raw(t, `{"alg":"EdDSA","kid":"ed"}`, `{"iss":"`+issName+`","iss":"x"}`, ed), wrong, ReasonForm},
		"header twice":      {raw(t, `{"alg":"none","alg":"EdDSA","kid":"ed"}`, `{}`, ed), wrong, ReasonForm},
		"bad UTF-8":         {raw(t, `{"alg":"EdDSA","kid":"ed"}`, "{\"iss\":\"\xff\"}", ed), wrong, ReasonForm},
		"deep":              {raw(t, `{"alg":"EdDSA","kid":"ed"}`, `{"x":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`}`, ed), wrong, ReasonForm},
		"critical":          {head(map[string]any{"kid": "ed", "crit": []string{"exp"}}), wrong, ReasonHeader},
		"another type":      {head(map[string]any{"kid": "ed", "typ": "logout+jwt"}), wrong, ReasonHeader},
		"kid a number":      {head(map[string]any{"kid": 7}), wrong, ReasonHeader},
		"kid empty":         {head(map[string]any{"kid": ""}), wrong, ReasonHeader},
		"kid a line":        {head(map[string]any{"kid": "ed\n"}), wrong, ReasonHeader},
		"kid long":          {head(map[string]any{"kid": strings.Repeat("k", 257)}), wrong, ReasonHeader},
		"kid unknown":       {head(map[string]any{"kid": "else"}), wrong, ReasonKey},
		"kid a path":        {head(map[string]any{"kid": "../../../../dev/null"}), wrong, ReasonKey},
		"kid SQL":           {head(map[string]any{"kid": "x' UNION SELECT 'ed"}), wrong, ReasonKey},
		"kid missing":       {head(nil), wrong, ReasonKey},
		"issuer missing":    {in(jwt.MapClaims{"iss": nil}), wrong, ReasonIssuer},
		"issuer other":      {in(jwt.MapClaims{"iss": "https://evil.example.com/"}), wrong, ReasonIssuer},
		"issuer prefix":     {in(jwt.MapClaims{"iss": strings.TrimSuffix(issName, "/")}), wrong, ReasonIssuer},
		"issuer a list":     {in(jwt.MapClaims{"iss": []string{issName}}), wrong, ReasonIssuer},
		"audience missing":  {in(jwt.MapClaims{"aud": nil}), wrong, ReasonClaims},
		"audience other":    {in(jwt.MapClaims{"aud": "https://else.example.com"}), wrong, ReasonAudience},
		"audience others":   {in(jwt.MapClaims{"aud": []string{"a", "b"}}), wrong, ReasonAudience},
		"audience a number": {in(jwt.MapClaims{"aud": 1}), wrong, ReasonClaims},
		"no expiry":         {in(jwt.MapClaims{"exp": nil}), wrong, ReasonClaims},
		"expiry a text":     {in(jwt.MapClaims{"exp": "tomorrow"}), wrong, ReasonClaims},
		"expiry absurd":     {in(jwt.MapClaims{"exp": 1e300}), wrong, ReasonClaims},
		"expiry negative":   {in(jwt.MapClaims{"exp": -1}), wrong, ReasonClaims},
		"expired":           {in(jwt.MapClaims{"exp": at(-31 * time.Second)}), expired, ReasonExpired},
		"not yet":           {in(jwt.MapClaims{"nbf": at(31 * time.Second)}), expired, ReasonNotYet},
		"issued later":      {in(jwt.MapClaims{"iat": at(31 * time.Second)}), expired, ReasonNotYet},
		"nbf a text":        {in(jwt.MapClaims{"nbf": "x"}), wrong, ReasonClaims},
		"no user":           {in(jwt.MapClaims{"sub": nil}), wrong, ReasonClaims},
		"user empty":        {in(jwt.MapClaims{"sub": ""}), wrong, ReasonClaims},
		"user a line":       {in(jwt.MapClaims{"sub": "a\nb"}), wrong, ReasonClaims},
		"session a number":  {in(jwt.MapClaims{"sid": 1}), wrong, ReasonClaims},
		"roles a text":      {in(jwt.MapClaims{"roles": "admin"}), wrong, ReasonClaims},
		"no tenant":         {in(jwt.MapClaims{"org_id": nil}), none, ReasonTenant},
		"tenant null":       {raw(t, `{"alg":"EdDSA","kid":"ed"}`, claimsJSON(t, "org_id", "null"), ed), none, ReasonTenant},
		"tenant empty":      {in(jwt.MapClaims{"org_id": ""}), none, ReasonTenant},
		"tenant spaces":     {in(jwt.MapClaims{"org_id": " \t"}), none, ReasonTenant},
		"tenants":           {in(jwt.MapClaims{"org_id": []string{tenantA, tenantB}}), none, ReasonTenant},
		"tenant in a list":  {in(jwt.MapClaims{"org_id": []string{tenantA}}), none, ReasonTenant},
		"tenant an object":  {in(jwt.MapClaims{"org_id": map[string]any{"id": tenantA}}), none, ReasonTenant},
		"tenant folded key": {in(jwt.MapClaims{"org_id": nil, "ORG_ID": tenantA}), none, ReasonTenant},
		"tenant a number":   {in(jwt.MapClaims{"org_id": 7}), malformed, ReasonTenant},
		"tenant no UUID":    {in(jwt.MapClaims{"org_id": "acme"}), malformed, ReasonTenant},
		"tenant nil UUID":   {in(jwt.MapClaims{"org_id": "00000000-0000-0000-0000-000000000000"}), malformed, ReasonTenant},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v, rec := verifier(t, nil)
			refused(t, v, rec, c.token, c.event, c.reason)
		})
	}
}

func TestAccepted(t *testing.T) {
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	ed := signingKeys()["EdDSA"]
	for name, token := range map[string]string{
		"expired within the skew":  edToken(t, with(jwt.MapClaims{"exp": at(-29 * time.Second)})),
		"not yet, within the skew": edToken(t, with(jwt.MapClaims{"nbf": at(29 * time.Second), "iat": at(29 * time.Second)})),
		"neither nbf nor iat":      edToken(t, with(jwt.MapClaims{"nbf": nil, "iat": nil})),
		"one of the audiences":     edToken(t, with(jwt.MapClaims{"aud": []string{"x", audience}})),
		"the tenant in capitals":   edToken(t, with(jwt.MapClaims{"org_id": strings.ToUpper(tenantA)})),
		"an access token's type":   sign(t, "EdDSA", ed, map[string]any{"kid": "ed", "typ": "AT+JWT"}, good()),
		"no type":                  sign(t, "EdDSA", ed, map[string]any{"kid": "ed", "typ": nil}, good()),
		"a fraction of a second":   raw(t, `{"alg":"EdDSA","kid":"ed"}`, claimsJSON(t, "exp", "1777896300.25"), ed),
	} {
		v, rec := verifier(t, nil)
		id, err := v.Authorize(context.Background(), credential(token))
		if err != nil || id.Tenant.String() != tenantA || len(rec.take()) != 0 {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
}

func TestMaxLifetime(t *testing.T) {
	v, rec := verifier(t, func(o *Options) { o.MaxLifetime = 10 * time.Minute })
	if _, err := v.Authorize(context.Background(), credential(edToken(t, good()))); err != nil {
		t.Error(err)
	}
	refused(t, v, rec, edToken(t, with(jwt.MapClaims{"exp": start.Add(time.Hour).Unix()})), ringfence.TokenInvalid, ReasonLifetime)
	refused(t, v, rec, edToken(t, with(jwt.MapClaims{"iat": nil})), ringfence.TokenInvalid, ReasonClaims)
}

func TestTenantClaims(t *testing.T) {
	v, rec := verifier(t, func(o *Options) { o.TenantClaims = []string{"org_id", "/app_metadata/org~1id"} })
	nested := func(id string) map[string]any { return map[string]any{"org/id": id} }
	for name, c := range map[string]jwt.MapClaims{
		"the first alone": good(),
		"the nested one":  with(jwt.MapClaims{"org_id": nil, "app_metadata": nested(tenantA)}),
		"both the same":   with(jwt.MapClaims{"app_metadata": nested(strings.ToUpper(tenantA))}),
	} {
		if id, err := v.Authorize(context.Background(), credential(edToken(t, c))); err != nil || id.Tenant.String() != tenantA {
			t.Errorf("%s: %v, %v", name, id.Tenant, err)
		}
	}
	refused(t, v, rec, edToken(t, with(jwt.MapClaims{"app_metadata": nested(tenantB)})), ringfence.TokenWithoutTenant, ReasonTenant)

	v, _ = verifier(t, func(o *Options) { o.ParseTenant = ringfence.ParseTenantInt })
	if id, err := v.Authorize(context.Background(), credential(edToken(t, with(jwt.MapClaims{"org_id": 42})))); err != nil || id.Tenant.String() != "42" {
		t.Errorf("%v, %v", id.Tenant, err)
	}
}

// A token without jti gets an id of what was signed, so that it can be revoked.
func TestTokenWithoutID(t *testing.T) {
	v, _ := verifier(t, nil)
	token := edToken(t, with(jwt.MapClaims{"jti": nil}))
	id, err := v.Authorize(context.Background(), credential(token))
	if err != nil || !strings.HasPrefix(id.Token, "sha256:") || len(id.Token) != len("sha256:")+32 {
		t.Fatalf("%q, %v", id.Token, err)
	}
	again, _ := v.Authorize(context.Background(), credential(token))
	if again.Token != id.Token {
		t.Errorf("%q is not %q", again.Token, id.Token)
	}
}

type revoker func(ringfence.Identity) bool

func (r revoker) Revoked(id ringfence.Identity) bool { return r(id) }

type membersFunc func(context.Context, ringfence.Tenant, string) ([]string, error)

func (f membersFunc) Member(ctx context.Context, t ringfence.Tenant, user string) ([]string, error) {
	return f(ctx, t, user)
}

func TestRevoked(t *testing.T) {
	gone := false
	v, rec := verifier(t, func(o *Options) {
		o.Revocations = revoker(func(id ringfence.Identity) bool { return gone && id.Session == "session-1" })
	})
	token := edToken(t, good())
	if _, err := v.Authorize(context.Background(), credential(token)); err != nil {
		t.Fatal(err)
	}
	gone = true
	refused(t, v, rec, token, ringfence.TokenRevoked, ReasonRevoked)
}

func TestMembership(t *testing.T) {
	roles, fails := []string{"owner"}, error(nil)
	v, rec := verifier(t, func(o *Options) {
		o.Members = membersFunc(func(_ context.Context, tenant ringfence.Tenant, user string) ([]string, error) {
			if tenant.String() != tenantA || user != "user-1" {
				t.Errorf("asked for %s, %s", tenant, user)
			}
			return roles, fails
		})
	})
	token := edToken(t, good())
	if id, err := v.Authorize(context.Background(), credential(token)); err != nil || !cmp.Equal(id.Roles, roles) {
		t.Fatalf("%v, %v", id.Roles, err) // the membership's, not the token's
	}
	roles, fails = nil, ErrNotMember
	refused(t, v, rec, token, ringfence.MembershipMissing, ReasonMembership)
	fails = errors.New("connection refused")
	refused(t, v, rec, token, ringfence.MembershipFailing, ReasonMembership)
	_, err := v.Authorize(context.Background(), credential(token))
	if !errors.Is(err, fails) {
		t.Errorf("the cause is lost: %v", err)
	}
}

// What a verified token says stands on the record of its refusal; what nobody verified does not.
func TestRefusalNamesWhoIsVerified(t *testing.T) {
	v, rec := verifier(t, nil)
	late := with(jwt.MapClaims{"exp": start.Add(-time.Hour).Unix()})
	_, _ = v.Authorize(context.Background(), credential(edToken(t, late)))
	forged := sign(t, "EdDSA", signingKeys()["other EdDSA"], map[string]any{"kid": "ed"}, late)
	_, _ = v.Authorize(context.Background(), credential(forged))
	want := []ringfence.Event{
		{Type: ringfence.TokenExpired, User: "user-1", Tenant: tenantA, Session: "session-1", Address: address, UserAgent: agent,
			Detail: map[string]string{"reason": "expired", "token_id": "token-1"}},
		{Type: ringfence.TokenInvalid, Address: address, UserAgent: agent, Detail: map[string]string{"reason": "signature"}},
	}
	if d := cmp.Diff(want, rec.take()); d != "" {
		t.Error(d)
	}
}

// Whoever hangs up is recorded all the same; a record that fails leaves the refusal standing, and says so in its cause.
func TestRecording(t *testing.T) {
	v, rec := verifier(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := v.Authorize(ctx, credential("x")); err == nil || len(rec.take()) != 1 {
		t.Errorf("hanging up hid the refusal: %v", err)
	}
	rec.err = errors.New("disk full")
	_, err := v.Authorize(context.Background(), credential("x"))
	if _, ok := ringfence.RefusalOf(err); !ok || !errors.Is(err, rec.err) {
		t.Errorf("%v", err)
	}
}

func TestOptions(t *testing.T) {
	secret, _ := NewSecret("", []byte(strings.Repeat("s", 32)))
	ok := func() Options {
		return Options{TenantClaims: []string{"org_id"}, Issuers: []TrustedIssuer{{Name: "i", Audiences: []string{"a"}, Keys: secret}}}
	}
	if _, err := New(ok()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no issuer":            func(o *Options) { o.Issuers = nil },
		"no tenant claim":      func(o *Options) { o.TenantClaims = nil },
		"an empty claim":       func(o *Options) { o.TenantClaims = []string{""} },
		"much skew":            func(o *Options) { o.Skew = 3 * time.Minute },
		"a negative limit":     func(o *Options) { o.MaxTokenBytes = -1 },
		"an issuer twice":      func(o *Options) { o.Issuers = append(o.Issuers, o.Issuers[0]) },
		"an issuer's name":     func(o *Options) { o.Issuers[0].Name = "" },
		"no audience":          func(o *Options) { o.Issuers[0].Audiences = nil },
		"no keys":              func(o *Options) { o.Issuers[0].Keys = nil },
		"RS with a secret":     func(o *Options) { o.Issuers[0].Algorithms = []string{"RS256"} },
		"HS with public keys":  func(o *Options) { o.Issuers[0].Keys = keySet{}; o.Issuers[0].Algorithms = []string{"HS256"} },
		"none as an algorithm": func(o *Options) { o.Issuers[0].Keys = keySet{}; o.Issuers[0].Algorithms = []string{"none"} },
	} {
		o := ok()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
