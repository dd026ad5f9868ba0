package gateway

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	ringfence "github.com/ringfencehq/ringfence"
)

// clientAddress is where a request comes from: the peer's address, or, where the peer is a trusted proxy, the last address in
// X-Forwarded-For that is none. What stands before that was written by the client and means nothing.
func (st *settings) clientAddress(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	at := peer.Addr().Unmap()
	if !st.trusts(at) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return at
		}
		if at = a.Unmap(); !st.trusts(at) {
			return at
		}
	}
	return at
}

func (st *settings) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(st.trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// originAllowed reports whether a browser may come from where the request says it does. Whoever sends no Origin is no browser.
func (st *settings) originAllowed(r *http.Request) bool {
	all := r.Header.Values("Origin")
	switch len(all) {
	case 0:
		return true
	case 1:
		return st.origins[normalOrigin(all[0])]
	}
	return false
}

// normalOrigin writes an origin as browsers do: lower case, without the scheme's own port.
func normalOrigin(o string) string {
	o = strings.ToLower(o)
	for scheme, port := range map[string]string{"https://": ":443", "http://": ":80"} {
		if strings.HasPrefix(o, scheme) {
			o = strings.TrimSuffix(o, port)
		}
	}
	return o
}

// shown is the token that a request shows, and from which place.
type shown struct {
	token string
	place string
}

// show looks for a token in the places that the configuration names, in its order. A place that holds two is refused: which
// one counts is what a guard and a server behind it disagree about.
func (c *Config) show(r *http.Request) (shown, *ringfence.Refusal) {
	for _, place := range c.Token.From {
		var all []string
		switch place {
		case "header":
			for _, v := range r.Header.Values("Authorization") {
				if kind, token, ok := strings.Cut(v, " "); ok && strings.EqualFold(kind, "Bearer") {
					all = append(all, strings.TrimSpace(token))
				}
			}
			if n := len(r.Header.Values("Authorization")); n > 1 {
				return shown{}, ambiguous()
			}
		case "cookie":
			for _, k := range r.CookiesNamed(c.Token.Cookie) {
				all = append(all, k.Value)
			}
		case "subprotocol":
			for _, p := range subprotocols(r.Header) {
				if token, ok := strings.CutPrefix(p, c.Token.Subprotocol); ok {
					all = append(all, token)
				}
			}
		case "query":
			all = r.URL.Query()[c.Token.Query]
		}
		if len(all) > 1 {
			return shown{}, ambiguous()
		}
		if len(all) == 1 && all[0] != "" {
			return shown{token: all[0], place: place}, nil
		}
	}
	return shown{}, nil
}

func ambiguous() *ringfence.Refusal {
	return ringfence.Refuse(ringfence.Event{Type: ringfence.TokenInvalid, Detail: map[string]string{"reason": "several_tokens"}}, nil)
}

// subprotocols are what a handshake offers, in its order.
func subprotocols(h http.Header) []string {
	var all []string
	for _, line := range h.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if p = strings.TrimSpace(p); p != "" {
				all = append(all, p)
			}
		}
	}
	return all
}

// hopByHop are the headers that concern one connection only, which each side makes for itself.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Content-Length", "Expect",
}

// forwarded are the headers that tell where a request came from: what a client says there is not believed.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// untrusted is what no back end sees of a client's header.
var untrusted = slices.Concat(hopByHop, forwarded)

// outHeader is what the back end sees of a client's header: what a client must not say left out, and who asks put in.
func (st *settings) outHeader(in http.Header, id ringfence.Identity, client netip.Addr, host string, secure bool) http.Header {
	out := in.Clone()
	for _, line := range in.Values("Connection") {
		for name := range strings.SplitSeq(line, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range untrusted {
		out.Del(name)
	}
	own := plainName(st.cfg.Backend.IdentityPrefix)
	for name := range out {
		if p := plainName(name); strings.HasPrefix(p, own) || strings.HasPrefix(p, "sec-websocket-") || underscored(name, untrusted) {
			delete(out, name)
		}
	}
	if f := st.cfg.Backend.ForwardToken; f == nil || !*f {
		out.Del("Authorization")
		st.dropCookie(out)
	}
	st.setIdentity(out, id)
	out.Set("X-Forwarded-For", client.String())
	out.Set("X-Forwarded-Host", host)
	out.Set("X-Forwarded-Proto", map[bool]string{true: "https", false: "http"}[secure])
	for name, secret := range st.cfg.Backend.Headers {
		for present := range out {
			if plainName(present) == plainName(name) {
				delete(out, present)
			}
		}
		out.Set(name, secret.Text())
	}
	return out
}

// plainName is a header's name as servers that turn hyphens into underscores confuse it.
func plainName(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// underscored reports whether a name is one of list only once its underscores are hyphens.
func underscored(name string, list []string) bool {
	return strings.Contains(name, "_") && slices.ContainsFunc(list, func(l string) bool { return plainName(l) == plainName(name) })
}

// dropCookie takes the token's cookie out, and leaves the others as they are.
func (st *settings) dropCookie(h http.Header) {
	if !slices.Contains(st.cfg.Token.From, "cookie") {
		return
	}
	var kept []string
	for _, line := range h.Values("Cookie") {
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(part, "=")
			if part = strings.TrimSpace(part); part != "" && strings.TrimSpace(name) != st.cfg.Token.Cookie {
				kept = append(kept, part)
			}
		}
	}
	h.Del("Cookie")
	if len(kept) > 0 {
		h.Set("Cookie", strings.Join(kept, "; "))
	}
}

// setIdentity tells the back end who asks. Values are percent-encoded: ids are what issuers make them.
func (st *settings) setIdentity(h http.Header, id ringfence.Identity) {
	roles := make([]string, len(id.Roles))
	for i, r := range id.Roles {
		roles[i] = url.PathEscape(r)
	}
	for name, value := range map[string]string{
		"Tenant": url.PathEscape(id.Tenant.String()), "User": url.PathEscape(id.User), "Session": url.PathEscape(id.Session),
		"Token": url.PathEscape(id.Token), "Device": url.PathEscape(id.Device), "Roles": strings.Join(roles, ","),
	} {
		if value != "" {
			h.Set(st.cfg.Backend.IdentityPrefix+name, value)
		}
	}
}

// target is the back end's URL for a client's request: the client's path behind the configured one, its query without a token.
func (st *settings) target(r *http.Request) *url.URL {
	u := *st.backend
	in := *r.URL
	u.Path, u.RawPath = joinPath(u.Path, in.Path), ""
	if in.RawPath != "" {
		u.RawPath = joinPath(st.backend.EscapedPath(), in.EscapedPath())
	}
	u.RawQuery = st.cleanQuery(in.RawQuery)
	return &u
}

func joinPath(a, b string) string {
	return strings.TrimSuffix(a, "/") + "/" + strings.TrimPrefix(b, "/")
}

// cleanQuery takes the token's parameter out of a query, and leaves the rest byte for byte.
func (st *settings) cleanQuery(raw string) string {
	if !slices.Contains(st.cfg.Token.From, "query") {
		return raw
	}
	var kept []string
	for part := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(name); err != nil || decoded != st.cfg.Token.Query {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// addressOf is an address as records have it.
func addressOf(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
