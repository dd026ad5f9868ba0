package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

// places are where a token can come from.
var places = []string{"header", "cookie", "subprotocol", "message", "query"}

// Check fills in the defaults, reads the secrets, and reports the first thing that cannot be served.
func (c *Config) Check(env func(string) (string, bool)) error {
	c.fill()
	for _, check := range []func() error{c.checkBackend, c.checkToken, c.checkHTTP, c.checkLimits} {
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
		return fmt.Errorf("trusted_proxies: %w", err)
	}
	switch c.Tenant.Kind {
	case KindUUID, KindText, KindInt:
	default:
		return fmt.Errorf("tenant.kind: %q is none of uuid, text, int", c.Tenant.Kind)
	}
	return c.checkOrigins()
}

func (c *Config) checkBackend() error {
	u, err := url.Parse(c.Backend.URL)
	switch {
	case c.Backend.URL == "":
		return fmt.Errorf("backend.url: there is none")
	case err != nil || u.Host == "" || !slices.Contains([]string{"ws", "wss", "http", "https"}, u.Scheme):
		return fmt.Errorf("backend.url: it is no ws, wss, http or https URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("backend.url: it has a user, a query or a fragment: secrets go to backend.headers")
	}
	for name := range c.Backend.Headers {
		if !isToken(name) {
			return fmt.Errorf("backend.headers: %q is no header's name", name)
		}
	}
	if !isToken(c.Backend.IdentityPrefix) || len(c.Backend.IdentityPrefix) < 3 {
		return fmt.Errorf("backend.identity_prefix: %q cannot begin a header's name", c.Backend.IdentityPrefix)
	}
	return nil
}

func (c *Config) checkToken() error {
	for _, p := range c.Token.From {
		if !slices.Contains(places, p) {
			return fmt.Errorf("token.from: %q is no place for a token%s; there are %s", p, nearest(p, places), strings.Join(places, ", "))
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
	for _, p := range c.HTTP.Paths {
		if !strings.HasPrefix(p, "/") || strings.Count(p, "{tenant}") != 1 || !slices.Contains(strings.Split(p, "/"), "{tenant}") {
			return fmt.Errorf("http.paths: %q has no one part {tenant} between slashes", p)
		}
	}
	for _, h := range c.HTTP.Headers {
		if !isToken(h) {
			return fmt.Errorf("http.headers: %q is no header's name", h)
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
	for _, u := range []Usage{l.Tenant, l.User, l.Address} {
		if u.Sockets < 0 || u.Handshakes < 0 || u.Messages < 0 || u.Bytes < 0 || u.Messages > 1e6 || u.Handshakes > 1e6 {
			return fmt.Errorf("limits: a limit is between 0, which is none, and a million")
		}
	}
	for _, d := range []any{c.Timeouts.Handshake, c.Timeouts.Authorize, c.Timeouts.Record, c.Timeouts.Ping, c.Timeouts.Pong,
		c.Timeouts.Write, c.Timeouts.Message, c.Timeouts.Close, c.Drain.Delay, c.Drain.Spread, c.Drain.Limit} {
		if strings.HasPrefix(fmt.Sprint(d), "-") {
			return fmt.Errorf("timeouts: a time is not negative")
		}
	}
	return nil
}

func (c *Config) checkOrigins() error {
	for _, o := range c.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("origins: %q is no origin: a scheme, a host and maybe a port, with no slash behind", o)
		}
	}
	return nil
}

// Read has the secret's text read, by env or from its file.
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
		text, err := os.ReadFile(s.File)
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
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if a, errAddr := netip.ParseAddr(text); errAddr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no network", text)
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
