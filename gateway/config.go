package gateway

import (
	"time"

	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// Config is gateway.yaml. Zero values are the defaults that Load fills in; whoever builds one in Go calls Check, which does
// the same.
type Config struct {
	Listen string `yaml:"listen"` // address for clients; default 127.0.0.1:8080
	TLS    TLS    `yaml:"tls"`
	Admin  Admin  `yaml:"admin"`
	// TrustedProxies are the networks whose X-Forwarded-For is believed. Empty: nobody's is.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Origins are the origins that browsers may come from, as "https://app.example.com". A request with any other Origin is
	// refused; one without Origin is no browser's, and passes on to its token.
	Origins  []string `yaml:"origins"`
	Backend  Backend  `yaml:"backend"`
	Token    Token    `yaml:"token"`
	Tenant   Tenant   `yaml:"tenant"`
	Protocol Protocol `yaml:"protocol"`
	HTTP     HTTP     `yaml:"http"`
	Limits   Limits   `yaml:"limits"`
	Timeouts Timeouts `yaml:"timeouts"`
	Drain    Drain    `yaml:"drain"`
	// Sections of other packages: they stand in the same file, and whoever starts the gateway decodes them.
	Auth        any `yaml:"auth"`
	Trail       any `yaml:"trail"`
	NATS        any `yaml:"nats"`
	Revocations any `yaml:"revocations"`
	Metrics     any `yaml:"metrics"`
	PIN         any `yaml:"pin"`
}

// TLS is the certificate that clients see. Both files or neither; they are read again by a reload.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Admin is the listener for health and metrics.
type Admin struct {
	Listen string `yaml:"listen"` // default 127.0.0.1:9080
}

// Backend is what stands behind the gateway.
type Backend struct {
	URL          string            `yaml:"url"` // ws, wss, http or https; a client's path is put behind the URL's
	CAFile       string            `yaml:"ca_file"`
	ServerName   string            `yaml:"server_name"`
	PreserveHost *bool             `yaml:"preserve_host"` // send the client's Host; default false: the URL's
	Headers      map[string]Secret `yaml:"headers"`       // set on every request, such as a key of the back end's
	// IdentityPrefix begins the names of the headers that tell the back end who asks: Tenant, User, Session, Token,
	// Device and Roles. What a client sends under such a name is dropped. Default "X-Ringfence-".
	IdentityPrefix string `yaml:"identity_prefix"`
	ForwardToken   *bool  `yaml:"forward_token"` // pass the client's token on; default false
	// Subprotocols are what a client may agree on where its token comes by message: the answer goes out before a back
	// end can be asked. Elsewhere the back end chooses.
	Subprotocols []string `yaml:"subprotocols"`
}

// Secret is a text that is not written into the file: it is read from the environment or from a file.
type Secret struct {
	Env   string `yaml:"env"`
	File  string `yaml:"file"`
	Value string `yaml:"value"` // for what is no secret

	text string
}

// Text returns the secret's text; empty before Read.
func (s Secret) Text() string { return s.text }

// Token is where a client may show its token.
type Token struct {
	// From lists the places, the first one that holds a token wins: header, cookie, subprotocol, message, query. Default:
	// header. A query is written to logs by everything on its way: it is off unless it stands here, and never logged here.
	From        []string     `yaml:"from"`
	Cookie      string       `yaml:"cookie"`      // default "ringfence_token"
	Subprotocol string       `yaml:"subprotocol"` // prefix; default "bearer."
	Query       string       `yaml:"query"`       // default "access_token"
	Message     TokenMessage `yaml:"message"`
}

// TokenMessage is a message that carries a token: the first of a socket that showed none before, and any later one, which
// renews the socket's token (of the same tenant and user). It is never forwarded.
type TokenMessage struct {
	Type   string        `yaml:"type"`   // default "auth"
	Path   string        `yaml:"path"`   // default "token"
	Within time.Duration `yaml:"within"` // default 5s
	Reply  string        `yaml:"reply"`  // a text sent back when the token was accepted; default none
	Renew  bool          `yaml:"renew"`  // accept renewals also where no socket begins by message
}

// Tenant says what tenant keys are.
type Tenant struct {
	Kind Kind `yaml:"kind"` // uuid (default), text, int
}

// HTTP is where plain requests name a tenant. What stands there is held against the token's.
type HTTP struct {
	Query   []string `yaml:"query"`   // names of URL parameters
	Headers []string `yaml:"headers"` // names of headers
	Paths   []string `yaml:"paths"`   // patterns such as /restaurants/{tenant}/orders
	JSON    []string `yaml:"json"`    // names in JSON bodies, however deep; a body is then read whole, up to limits.body_bytes
	Refuse  []string `yaml:"refuse"`  // path prefixes that are not served at all, such as /debug
}

// Limits bound what clients can use up. 0 is the default where there is one, else no limit. MessageBytes is from 125 bytes to 1 GiB.
type Limits struct {
	Sockets      int   `yaml:"sockets"`       // of this process; default 20000
	MessageBytes Size  `yaml:"message_bytes"` // default 1MiB; with the preset openai-realtime 16MiB
	QueueBytes   Size  `yaml:"queue_bytes"`   // what may wait for one slow reader; default 256KiB
	HeaderBytes  Size  `yaml:"header_bytes"`  // default 16KiB
	BodyBytes    Size  `yaml:"body_bytes"`    // of a plain request; default 10MiB
	Tenant       Usage `yaml:"tenant"`
	User         Usage `yaml:"user"`
	Address      Usage `yaml:"address"` // an IPv4 address, or an IPv6 /64
}

// Usage is what one tenant, user or address may use at a time. 0: no limit; sockets, handshakes and messages are at most a million.
type Usage struct {
	Sockets    int     `yaml:"sockets"`
	Handshakes float64 `yaml:"handshakes"` // and plain requests, a second; three seconds' worth at once
	Messages   float64 `yaml:"messages"`   // from clients, pings and pongs too, a second; three seconds' worth at once
	Bytes      Size    `yaml:"bytes"`      // from clients, a second; three seconds' worth at once, and one message at least
}

// Timeouts are how long the gateway waits. 0 is the default; a negative one is an error.
type Timeouts struct {
	Handshake time.Duration `yaml:"handshake"` // a client's request header, and a back end's answer; default 10s
	Authorize time.Duration `yaml:"authorize"` // default 5s
	Record    time.Duration `yaml:"record"`    // for the trail, before a refusal is answered all the same; default 2s
	Ping      time.Duration `yaml:"ping"`      // silence before a ping; default 30s
	Pong      time.Duration `yaml:"pong"`      // and before a peer that does not answer it is gone; default 10s
	Write     time.Duration `yaml:"write"`     // for a reader that takes nothing, of a plain answer too; default 10s
	Message   time.Duration `yaml:"message"`   // from a message's first byte to its last, and for a plain request's body; default 60s
	Close     time.Duration `yaml:"close"`     // for the other side's close; default 5s
}

// Drain is how the process ends.
type Drain struct {
	Delay  time.Duration `yaml:"delay"`  // between readyz saying no and the listener closing; default 0
	Spread time.Duration `yaml:"spread"` // over how long sockets are closed, and clients told to come back; default 5s
	Limit  time.Duration `yaml:"limit"`  // after which what is left is cut; default 30s
}

func (c *Config) fill() {
	set(&c.Listen, "127.0.0.1:8080")
	set(&c.Admin.Listen, "127.0.0.1:9080")
	set(&c.Backend.IdentityPrefix, "X-Ringfence-")
	if len(c.Token.From) == 0 {
		c.Token.From = []string{"header"}
	}
	set(&c.Token.Cookie, "ringfence_token")
	set(&c.Token.Subprotocol, "bearer.")
	set(&c.Token.Query, "access_token")
	set(&c.Token.Message.Type, "auth")
	set(&c.Token.Message.Path, "token")
	set(&c.Token.Message.Within, 5*time.Second)
	set(&c.Tenant.Kind, KindUUID)
	set(&c.Protocol.Depth, scan.DefaultDepth)
	l := &c.Limits
	set(&l.Sockets, 20000)
	if c.Protocol.Preset == "openai-realtime" {
		set(&l.MessageBytes, 16<<20)
	}
	set(&l.MessageBytes, 1<<20)
	set(&l.QueueBytes, 256<<10)
	set(&l.HeaderBytes, 16<<10)
	set(&l.BodyBytes, 10<<20)
	t := &c.Timeouts
	set(&t.Handshake, 10*time.Second)
	set(&t.Authorize, 5*time.Second)
	set(&t.Record, 2*time.Second)
	set(&t.Ping, 30*time.Second)
	set(&t.Pong, 10*time.Second)
	set(&t.Write, 10*time.Second)
	set(&t.Message, 60*time.Second)
	set(&t.Close, 5*time.Second)
	set(&c.Drain.Spread, 5*time.Second)
	set(&c.Drain.Limit, 30*time.Second)
}

func set[T comparable](at *T, to T) {
	var zero T
	if *at == zero {
		*at = to
	}
}
