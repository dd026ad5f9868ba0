package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/bounded"
)

// places are where a token can come from.
var places = []string{"header", "cookie", "subprotocol", "message", "query"}

// Check fills in the defaults, reads the secrets, and reports the first thing that cannot be served, by its key. env looks a
// variable of the environment up, as os.LookupEnv does. It changes c, and is called before c is shared.
func (c *Config) Check(env func(string) (string, bool)) error {
	c.fill()
	for _, check := range []func() error{c.checkListen, c.checkBackend, c.checkToken, c.checkHTTP, c.checkLimits} {
		if err := check(); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(c.Backend.Headers) {
		s := c.Backend.Headers[name]
		if err := s.Read(env); err != nil {
			return fmt.Errorf("backend.headers.%s: %w", name, err)
		}
		c.Backend.Headers[name] = s
	}
	if _, err := compile(c.Protocol, c.tokenMessage()); err != nil {
		return fmt.Errorf("protocol: %w", err)
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return fmt.Errorf("tls: cert_file and key_file come together")
	}
	if _, err := prefixes(c.TrustedProxies); err != nil {
		return fmt.Errorf("trusted_proxies%w", err)
	}
	switch c.Tenant.Kind {
	case KindUUID, KindText, KindInt:
	default:
		return fmt.Errorf("tenant.kind: %q is none of uuid, text, int", c.Tenant.Kind)
	}
	return c.checkOrigins()
}

// CheckFiles says whether the certificates that the file names can be used; New and Reload want them.
func (c *Config) CheckFiles() error {
	if _, err := c.TLS.certificate(); err != nil {
		return err
	}
	_, err := backendTLS(c.Backend)
	return err
}

func (c *Config) checkListen() error {
	for key, address := range map[string]string{"listen": c.Listen, "admin.listen": c.Admin.Listen} {
		if _, port, err := net.SplitHostPort(address); err != nil || !isPort(port) {
			return fmt.Errorf("%s: %q is no address and port such as 127.0.0.1:8080", key, address)
		}
	}
	return nil
}

// isPort reports whether a port can be served or reached; none is the scheme's own.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil
}

func (c *Config) checkBackend() error {
	u, err := url.Parse(c.Backend.URL)
	switch {
	case c.Backend.URL == "":
		return fmt.Errorf("backend.url: there is none")
	case err != nil || u.Host == "" || !isPort(u.Port()) || !slices.Contains([]string{"ws", "wss", "http", "https"}, u.Scheme):
		return fmt.Errorf("backend.url: it is no ws, wss, http or https URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("backend.url: it has a user, a query or a fragment: secrets go to backend.headers")
	}
	for name := range c.Backend.Headers {
		if !isToken(name) {
			return fmt.Errorf("backend.headers: %q is no header's name", name)
		}
		if c.isOwn(name) {
			return fmt.Errorf("backend.headers.%s: the gateway sets it itself", name)
		}
	}
	for i, p := range c.Backend.Subprotocols {
		if !isToken(p) {
			return fmt.Errorf("backend.subprotocols[%d]: %q is no sub-protocol's name", i, p)
		}
	}
	if !isToken(c.Backend.IdentityPrefix) || len(c.Backend.IdentityPrefix) < 3 {
		return fmt.Errorf("backend.identity_prefix: %q cannot begin a header's name", c.Backend.IdentityPrefix)
	}
	return nil
}

// isOwn reports whether a header is one that a file cannot set: of a connection, of a handshake, or who asks.
func (c *Config) isOwn(name string) bool {
	name = plainName(name)
	return name == "host" || strings.HasPrefix(name, "sec-websocket-") || strings.HasPrefix(name, plainName(c.Backend.IdentityPrefix)) ||
		slices.ContainsFunc(hopByHop, func(h string) bool { return plainName(h) == name })
}

func (c *Config) checkToken() error {
	for i, p := range c.Token.From {
		if !slices.Contains(places, p) {
			return fmt.Errorf("token.from[%d]: %q is no place for a token%s; there are %s", i, p, nearest(p, places), strings.Join(places, ", "))
		}
	}
	if c.Protocol.Preset == "opaque" && (slices.Contains(c.Token.From, "message") || c.Token.Message.Renew) {
		return fmt.Errorf("token.from: the preset opaque reads no messages, so none can bring a token")
	}
	if !isToken(c.Token.Cookie) || !isToken(c.Token.Subprotocol) {
		return fmt.Errorf("token: cookie and subprotocol are HTTP tokens")
	}
	return nil
}

// tokenMessage returns the message that brings tokens, or nil where none may.
func (c *Config) tokenMessage() *TokenMessage {
	if slices.Contains(c.Token.From, "message") || c.Token.Message.Renew {
		return &c.Token.Message
	}
	return nil
}

func (c *Config) checkHTTP() error {
	for i, p := range c.HTTP.Paths {
		if !strings.HasPrefix(p, "/") || strings.Count(p, "{tenant}") != 1 || !slices.Contains(strings.Split(p, "/"), "{tenant}") {
			return fmt.Errorf("http.paths[%d]: %q has no one part {tenant} between slashes", i, p)
		}
	}
	if i := slices.Index(c.HTTP.Query, ""); i >= 0 {
		return fmt.Errorf("http.query[%d]: it is empty", i)
	}
	for i, p := range c.HTTP.Refuse {
		if !strings.HasPrefix(p, "/") || strings.Trim(p, "/") == "" {
			return fmt.Errorf("http.refuse[%d]: %q is no path that begins with a slash", i, p)
		}
	}
	for i, h := range c.HTTP.Headers {
		if !isToken(h) {
			return fmt.Errorf("http.headers[%d]: %q is no header's name", i, h)
		}
	}
	_, err := bodyNames(c.HTTP.JSON)
	return err
}

func (c *Config) checkLimits() error {
	l := c.Limits
	if l.MessageBytes > 1<<30 || l.MessageBytes < 125 {
		return fmt.Errorf("limits.message_bytes: it is not between 125 bytes and 1GiB")
	}
	if l.Sockets < 0 {
		return fmt.Errorf("limits.sockets: it is negative")
	}
	for key, u := range map[string]Usage{"tenant": l.Tenant, "user": l.User, "address": l.Address} {
		for name, n := range map[string]float64{"sockets": float64(u.Sockets), "handshakes": u.Handshakes, "messages": u.Messages} {
			if !(n >= 0 && n <= 1e6) {
				return fmt.Errorf("limits.%s.%s: a limit is between 0, which is none, and a million", key, name)
			}
		}
	}
	if l.HeaderBytes < 1<<10 {
		return fmt.Errorf("limits.header_bytes: it is under 1KiB, which no token fits in")
	}
	t := c.Timeouts
	for key, d := range map[string]time.Duration{
		"timeouts.handshake": t.Handshake, "timeouts.authorize": t.Authorize, "timeouts.record": t.Record, "timeouts.ping": t.Ping,
		"timeouts.pong": t.Pong, "timeouts.write": t.Write, "timeouts.message": t.Message, "timeouts.close": t.Close,
		"token.message.within": c.Token.Message.Within, "drain.delay": c.Drain.Delay, "drain.spread": c.Drain.Spread, "drain.limit": c.Drain.Limit,
	} {
		if d < 0 {
			return fmt.Errorf("%s: a time is not negative", key)
		}
		if 0 < d && d < time.Millisecond {
			return fmt.Errorf("%s: %s is under a millisecond", key, d)
		}
	}
	return nil
}

func (c *Config) checkOrigins() error {
	for i, o := range c.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || !isPort(u.Port()) || u.Path != "" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("origins[%d]: %q is no origin: a scheme, a host and maybe a port, with no slash behind", i, o)
		}
	}
	return nil
}

// Read has the secret's text read, by env (os.LookupEnv) or from its file, without the line's end. An error names what is wrong,
// and never the text: not exactly one source, a source that is not there, a text that cannot stand in a header.
func (s *Secret) Read(env func(string) (string, bool)) error {
	given := 0
	for _, v := range []string{s.Env, s.File, s.Value} {
		if v != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return fmt.Errorf("it wants one of env, file and value")
	case s.Env != "":
		text, ok := env(s.Env)
		if !ok || text == "" {
			return fmt.Errorf("the environment has no %s", s.Env)
		}
		s.text = text
	case s.File != "":
		text, err := bounded.ReadFile(s.File, maxConfig)
		if err != nil {
			return fmt.Errorf("reading the secret: %w", err)
		}
		s.text = strings.TrimRight(string(text), "\r\n")
	default:
		s.text = s.Value
	}
	if !isHeaderValue(s.text) {
		return fmt.Errorf("its text cannot stand in a header")
	}
	return nil
}

// prefixes reads networks; a lone address is a network of one.
func prefixes(list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for i, text := range list {
		p, err := netip.ParsePrefix(text)
		if a, errAddr := netip.ParseAddr(text); errAddr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("[%d]: %q is no network", i, text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// statusText is the whole of what an answer over HTTP says.
func statusText(code int) string { return http.StatusText(code) + "\n" }
