package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// Protocol says where in a protocol's messages tenant and session stand. It is data: gateway.yaml can name a preset, change
// some of its messages, or describe a protocol of its own. A type that is not listed is refused, in both directions.
type Protocol struct {
	Preset string `yaml:"preset"` // voice, openai-realtime, or opaque: frames are checked, messages are not read
	Type   string `yaml:"type"`   // path of a message's type; default "type"
	// Tenant and Session are names that hold a tenant or a session id wherever they stand in a message, however deep.
	Tenant  []string `yaml:"tenant"`
	Session []string `yaml:"session"`
	Depth   int      `yaml:"depth"`  // how deep messages may nest, 1 to 512; default 32
	Binary  string   `yaml:"binary"` // binary messages: refuse (default), session (while one is live), allow
	// Unlisted is what becomes of a back end's message of a type that is not listed: refuse (default), or drop, which
	// forwards nothing of it and counts it. A client's is always refused.
	Unlisted string             `yaml:"unlisted"`
	Client   map[string]Message `yaml:"client"` // from clients, by type
	Server   map[string]Message `yaml:"server"` // from the back end, by type
}

// Message is what the rules say of one type.
type Message struct {
	Tenant  string   `yaml:"tenant"`  // path where a tenant must stand
	Session string   `yaml:"session"` // path where a session id must stand
	Needs   string   `yaml:"needs"`   // "session": refused unless a session is live
	Effect  string   `yaml:"effect"`  // start (client), started (server), stop (both)
	Roles   []string `yaml:"roles"`   // who may send it; empty: everybody
	// Fields are paths of what not everybody may bring with it.
	Fields map[string]Field `yaml:"fields"`
	Refuse bool             `yaml:"refuse"` // takes a preset's message away
}

// Field is who may bring what stands at one path. What stands in an array has no path: the array's own is named.
type Field struct {
	Roles []string `yaml:"roles"` // who may bring it; empty: nobody
	Free  []string `yaml:"free"`  // texts that everybody may bring there
}

// presets are the protocols that are known by name.
var presets = map[string]func() Protocol{
	"voice":           voiceProtocol,
	"openai-realtime": openAIProtocol,
	"opaque":          func() Protocol { return Protocol{} },
}

type effect uint8

const (
	noEffect effect = iota
	effectStart
	effectStarted
	effectStop
)

type rule struct {
	typ     string
	tenant  scan.Path // 0: none
	session scan.Path
	needs   bool
	effect  effect
	roles   []string
	fields  []field
}

type field struct {
	path scan.Path
	Field
}

// free reports whether everybody may bring what was hit there.
func (f *field) free(sc *scan.Scanner, h *scan.Hit) bool {
	return h.Kind == scan.String && slices.ContainsFunc(f.Free, func(text string) bool { return text == string(sc.Text(*h)) })
}

// ruleset is a Protocol made ready to judge by. Immutable; shared by all sockets that began under it.
type ruleset struct {
	opaque   bool
	names    scan.Names
	typ      scan.Path
	tenants  nameSet
	sessions nameSet
	client   map[string]*rule
	server   map[string]*rule
	binary   string
	drop     bool // unlisted types of the back end are dropped
	token    *tokenRule
	scanners sync.Pool
}

// tokenRule is the message that carries a token: the first one, or a later one that renews it.
type tokenRule struct {
	typ  string
	path scan.Path
}

// nameSet is a set of indices of watched names.
type nameSet [2]uint64

func (s *nameSet) add(i int)       { s[i>>6] |= 1 << (i & 63) }
func (s *nameSet) has(i int8) bool { return s[i>>6]>>(i&63)&1 != 0 }

// compile merges a protocol with its preset and makes it ready. token is nil where no message carries one.
func compile(p Protocol, token *TokenMessage) (*ruleset, error) {
	p, err := p.merged()
	if err != nil {
		return nil, err
	}
	rs := &ruleset{opaque: p.Preset == "opaque", binary: p.Binary, drop: p.Unlisted == "drop"}
	if rs.typ, err = rs.names.At(p.Type); err != nil {
		return nil, fmt.Errorf("type: %w", err)
	}
	if err := rs.watch(&rs.tenants, p.Tenant, "tenant"); err != nil {
		return nil, err
	}
	if err := rs.watch(&rs.sessions, p.Session, "session"); err != nil {
		return nil, err
	}
	if rs.client, err = rs.messages(p.Client, "client", effectStarted); err != nil {
		return nil, err
	}
	if rs.server, err = rs.messages(p.Server, "server", effectStart); err != nil {
		return nil, err
	}
	if token != nil {
		t := tokenRule{typ: token.Type}
		if rs.client[t.typ] != nil {
			return nil, fmt.Errorf("client.%s: token.message.type is the same, and what brings a token is never forwarded", t.typ)
		}
		if t.path, err = rs.names.At(token.Path); err != nil {
			return nil, fmt.Errorf("token.message: %w", err)
		}
		rs.token = &t
	}
	rs.scanners.New = func() any { return scan.NewScanner(&rs.names, p.Depth) }
	return rs, nil
}

// merged returns the protocol with what its preset has and it does not change.
func (p Protocol) merged() (Protocol, error) {
	if p.Preset != "" {
		preset, ok := presets[p.Preset]
		if !ok {
			return p, fmt.Errorf("there is no preset %q%s", p.Preset, nearest(p.Preset, slices.Sorted(maps.Keys(presets))))
		}
		base := preset()
		p.Type, p.Binary, p.Unlisted = or(p.Type, base.Type), or(p.Binary, base.Binary), or(p.Unlisted, base.Unlisted)
		p.Tenant = append(slices.Clone(base.Tenant), p.Tenant...)
		p.Session = append(slices.Clone(base.Session), p.Session...)
		p.Client, p.Server = over(base.Client, p.Client), over(base.Server, p.Server)
	}
	p.Type, p.Binary, p.Unlisted = or(p.Type, "type"), or(p.Binary, "refuse"), or(p.Unlisted, "refuse")
	if p.Preset == "opaque" && (len(p.Client)+len(p.Server)+len(p.Tenant)+len(p.Session) > 0) {
		return p, fmt.Errorf("the preset opaque reads no messages: leave it out, or the rules for messages")
	}
	if p.Preset != "opaque" && len(p.Client) == 0 {
		return p, fmt.Errorf("no message of a client is listed: name a preset (%s) or list them", strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
	}
	if !slices.Contains([]string{"refuse", "session", "allow"}, p.Binary) {
		return p, fmt.Errorf("binary: %q is none of refuse, session, allow", p.Binary)
	}
	if p.Unlisted != "refuse" && p.Unlisted != "drop" {
		return p, fmt.Errorf("unlisted: %q is none of refuse, drop", p.Unlisted)
	}
	if p.Depth < 0 || p.Depth > 512 {
		return p, fmt.Errorf("depth: %d is not between 1 and 512", p.Depth)
	}
	return p, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func over(base, changes map[string]Message) map[string]Message {
	all := maps.Clone(base)
	if all == nil {
		all = map[string]Message{}
	}
	maps.Copy(all, changes)
	return all
}

func (rs *ruleset) watch(set *nameSet, names []string, what string) error {
	for _, name := range names {
		i, err := rs.names.Anywhere(name)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		set.add(i)
	}
	return nil
}

// messages makes one direction's rules ready; foreign is the effect that only the other direction's messages can have.
func (rs *ruleset) messages(list map[string]Message, side string, foreign effect) (map[string]*rule, error) {
	effects := map[string]effect{"": noEffect, "start": effectStart, "started": effectStarted, "stop": effectStop}
	all := map[string]*rule{}
	for _, typ := range slices.Sorted(maps.Keys(list)) {
		m := list[typ]
		if m.Refuse {
			continue
		}
		at := side + "." + typ
		e, ok := effects[m.Effect]
		if !ok || e == foreign && e != noEffect {
			return nil, fmt.Errorf("%s: effect: %q is none that a message of this side has", at, m.Effect)
		}
		if m.Needs != "" && m.Needs != "session" {
			return nil, fmt.Errorf("%s: needs: %q is not \"session\"", at, m.Needs)
		}
		if e == effectStarted && m.Session == "" {
			return nil, fmt.Errorf("%s: a message that starts a session says where its id stands", at)
		}
		r := &rule{typ: typ, needs: m.Needs != "", effect: e, roles: m.Roles}
		var err error
		if r.tenant, err = rs.at(m.Tenant); err != nil {
			return nil, fmt.Errorf("%s: tenant: %w", at, err)
		}
		if r.session, err = rs.at(m.Session); err != nil {
			return nil, fmt.Errorf("%s: session: %w", at, err)
		}
		for _, path := range slices.Sorted(maps.Keys(m.Fields)) {
			f := field{Field: m.Fields[path]}
			if f.path, err = rs.names.At(path); err != nil {
				return nil, fmt.Errorf("%s: fields: %w", at, err)
			}
			r.fields = append(r.fields, f)
		}
		all[typ] = r
	}
	return all, nil
}

func (rs *ruleset) at(path string) (scan.Path, error) {
	if path == "" {
		return 0, nil
	}
	return rs.names.At(path)
}
