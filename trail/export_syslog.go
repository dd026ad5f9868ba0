package trail

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence"
)

// SyslogOptions say where and how events are sent to syslog.
type SyslogOptions struct {
	// Address is udp://host:514, tcp://host:601, tls://host:6514, unix:///dev/log (datagrams) or unix+stream:///path.
	Address string
	// Format writes the message; AppendCEF when nil.
	Format Format
	// Host and App name the sender; the host's own name and ringfence when empty.
	Host, App string
	// Framing tells messages apart in a stream; octet counting unless the receiver knows only lines.
	Framing Framing
	// Limit is the longest message in bytes: 8192 when zero, and 2048 over UDP. A longer one loses its detail first, then its end.
	Limit int
	// TLS is for tls:// addresses; nil is the system's roots.
	TLS *tls.Config
}

// Framing is how messages are told apart in a stream.
type Framing int

// The framings of RFC 6587.
const (
	OctetCounting Framing = iota
	Newlines
)

// Syslog is a Sink that sends events by RFC 5424. It connects at the first batch and again after an error. Safe for concurrent use.
type Syslog struct {
	o                SyslogOptions
	network, address string
	datagrams        bool
	tls              *tls.Config

	mu   sync.Mutex
	conn net.Conn
}

var _ Sink = (*Syslog)(nil)

// NewSyslog reads the address; it does not connect.
func NewSyslog(o SyslogOptions) (*Syslog, error) {
	s := &Syslog{o: o}
	u, err := url.Parse(o.Address)
	if err != nil {
		return nil, errors.New("reading the syslog address: it is no URL")
	}
	switch u.Scheme {
	case "udp":
		s.network, s.address, s.datagrams = "udp", u.Host, true
	case "tcp":
		s.network, s.address = "tcp", u.Host
	case "tls":
		s.network, s.address, s.tls = "tcp", u.Host, o.TLS
		if s.tls == nil {
			s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	case "unix":
		s.network, s.address, s.datagrams = "unixgram", u.Path, true
	case "unix+stream":
		s.network, s.address = "unix", u.Path
	default:
		return nil, fmt.Errorf("reading the syslog address: %.20q is none of udp, tcp, tls, unix, unix+stream", u.Scheme)
	}
	if s.address == "" {
		return nil, errors.New("reading the syslog address: it names no place")
	}
	if s.o.Format == nil {
		s.o.Format = AppendCEF
	}
	if s.o.Host == "" {
		s.o.Host, _ = os.Hostname()
	}
	setDefault(&s.o.App, "ringfence")
	if s.o.Limit == 0 {
		s.o.Limit = 8192
		if s.network == "udp" {
			s.o.Limit = 2048
		}
	}
	return s, nil
}

// Send implements Sink. It honours ctx; over UDP that the messages arrived is not known.
func (s *Syslog) Send(ctx context.Context, batch []Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.dial(ctx); err != nil {
		return fmt.Errorf("connecting to syslog: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { s.conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	var stream []byte
	for i := range batch {
		message := s.message(&batch[i])
		if !s.datagrams {
			stream = s.frame(stream, message)
			continue
		}
		if _, err := s.conn.Write(message); err != nil {
			return s.failed(err)
		}
	}
	if len(stream) > 0 {
		if _, err := s.conn.Write(stream); err != nil {
			return s.failed(err)
		}
	}
	return nil
}

func (s *Syslog) failed(err error) error {
	s.conn.Close()
	s.conn = nil
	return fmt.Errorf("sending to syslog: %w", err)
}

func (s *Syslog) dial(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	var err error
	if s.tls != nil {
		s.conn, err = (&tls.Dialer{Config: s.tls}).DialContext(ctx, s.network, s.address)
	} else {
		s.conn, err = (&net.Dialer{}).DialContext(ctx, s.network, s.address)
	}
	if err != nil {
		s.conn = nil
	}
	return err
}

// Close ends the connection.
func (s *Syslog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

func (s *Syslog) frame(b, message []byte) []byte {
	if s.o.Framing == Newlines {
		return append(append(b, message...), '\n')
	}
	b = strconv.AppendInt(b, int64(len(message)), 10)
	return append(append(b, ' '), message...)
}

// syslogSeverity is RFC 5424's.
func syslogSeverity(v ringfence.Severity) int {
	switch v {
	case ringfence.Info:
		return 6
	case ringfence.Warning:
		return 4
	case ringfence.Error:
		return 3
	case ringfence.Critical:
		return 2
	}
	return 5
}

// message writes an event by RFC 5424, facility 13 (log audit), within the limit.
func (s *Syslog) message(e *Event) []byte {
	b := s.render(e)
	if len(b) <= s.o.Limit {
		return b
	}
	short := e.clone()
	short.Detail = map[string]string{moreDetails: strconv.Itoa(len(e.Detail))}
	short.UserAgent = prefix(short.UserAgent, 128)
	if short := s.render(&short); len(short) <= s.o.Limit {
		return short
	}
	sum := sha256.Sum256(b)
	mark := "...[" + strconv.Itoa(len(b)) + " bytes sha256:" + hex.EncodeToString(sum[:8]) + "]"
	return append([]byte(prefix(string(b), max(s.o.Limit-len(mark), 0))), mark...)
}

func (s *Syslog) render(e *Event) []byte {
	b := append([]byte("<"), strconv.Itoa(13*8+syslogSeverity(e.Severity))...)
	b = append(b, ">1 "...)
	b = e.Created.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = append(b, " "+printable(s.o.Host, 255)+" "+printable(s.o.App, 48)+" "+strconv.Itoa(os.Getpid())+" "+printable(string(e.Type), 32)+" - "...)
	return s.o.Format(b, e)
}

// printable keeps a header's field to printable ASCII without spaces; none is "-".
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}
