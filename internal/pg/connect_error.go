package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// parseFaults are the faults that pgx names when it cannot read a connection
// string, and what we say. Its own text is never passed on: it quotes the
// string, and of a malformed one nobody can tell which part is the password.
var parseFaults = []struct{ marker, reason, hint string }{
	{"failed to parse as URL", "it is not a valid URL", ""},
	{"failed to parse as keyword/value", "it is not a valid keyword/value string", ""},
	{"failed to read service", "its service cannot be read", "Check that the service stands in the file PGSERVICEFILE names, or in ~/.pg_service.conf."},
	{"failed to configure TLS", "its TLS settings cannot be used", "Check sslmode, and that the files of sslrootcert, sslcert and sslkey can be read."},
	{"invalid connect_timeout", "its connect_timeout is not a number", "Give seconds as a whole number."},
	{"invalid port", "its port is not a number from 1 to 65535", ""},
	{"could not match", "it names several hosts and another number of ports", "Give one port for all hosts, or one for each."},
	{"target_session_attrs", "its target_session_attrs is unknown", "Use any, read-write, read-only, primary, standby or prefer-standby."},
	{"protocol_version", "its protocol versions cannot be used", ""},
	{"channel_binding", "its channel_binding is unknown", "Use disable, prefer or require."},
	{"require_auth", "its require_auth is invalid", ""},
	{"sslcertmode", "its sslcertmode is invalid", "Use disable, allow or require."},
}

const quotingHint = "Write postgres://user@host:5432/database or \"host=… dbname=…\"; in a URL, percent-encode / ? # @ : % within user, password and other values, or keep the password in a password file."

// parseError is the error for a string that cannot be read.
func parseError(reason string) *Error {
	return &Error{Doing: "reading the connection string: " + reason, Hint: quotingHint}
}

// explainParse names the fault without pgx's text. The marker is looked for in
// what stands behind the quoted string only, as long as that can be told.
func explainParse(err error) *Error {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		text = text[i:]
	}
	for _, f := range parseFaults {
		if strings.Contains(text, f.marker) {
			e := parseError(f.reason)
			if f.hint != "" {
				e.Hint = f.hint
			}
			return e
		}
	}
	return parseError("it cannot be used")
}

// connectError says where it was going and what to do, with the password, if
// the server or the network library should have repeated it, taken out.
func connectError(cfg *pgx.ConnConfig, err error) *Error {
	where := net.JoinHostPort(cfg.Host, fmt.Sprint(cfg.Port))
	if strings.HasPrefix(cfg.Host, "/") {
		where = "the socket in " + cfg.Host
	}
	return &Error{
		Doing: fmt.Sprintf("connecting to %s as %s, database %s", where, cfg.User, cfg.Database),
		Hint:  connectHint(err),
		Err:   &redacted{err: err, password: cfg.Password},
	}
}

// redacted keeps an error's chain for errors.As and takes a password out of its
// text.
type redacted struct {
	err      error
	password string
}

func (r *redacted) Error() string {
	text := r.err.Error()
	var refused *pgconn.ConnectError
	if errors.As(r.err, &refused) {
		text = refused.Unwrap().Error() // the prefix repeats what Doing says
	}
	if r.password == "" {
		return text
	}
	return strings.ReplaceAll(text, r.password, "…")
}

func (r *redacted) Unwrap() error { return r.err }

// stateHints are by SQLSTATE.
var stateHints = map[string]string{
	"28P01": "Check the user and the password (PGPASSWORD, the password file, or the connection string).",
	"28000": "The server's pg_hba.conf does not admit this user, database, address or lack of TLS; check these four.",
	"3D000": "Check the database's name; psql -l lists those there are.",
	"53300": "All connections are taken: wait, or raise the role's or the server's limit.",
	"57P03": "The server is starting or stopping: try again in a moment.",
	"08P01": "A pooler refused the session: use the server's direct host and port.",
	"42501": "The role lacks CONNECT on this database: GRANT CONNECT ON DATABASE … TO …",
	"42704": "The server does not know a setting of the connection string.",
}

// connectHint says what to do about an error of connecting.
func connectHint(err error) string {
	if hint, ok := stateHints[SQLState(err)]; ok {
		return hint
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "The host's name does not resolve: check its spelling and the network."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Nothing listens there: check host and port, and that the server runs."
	case errors.Is(err, syscall.ENOENT):
		return "There is no such socket: check the directory and port, or give a host."
	case errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err):
		return "No answer in time: check the network and firewalls, or set connect_timeout."
	case errors.Is(err, context.Canceled):
		return ""
	}
	return "Check host, port, user, database and sslmode."
}
