package pg

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// defaultApplicationName is what pg_stat_activity shows of us.
const defaultApplicationName = "ringfence"

// connectLimit bounds connecting where the connection string sets no
// connect_timeout; pgx's own default is two minutes.
const (
	connectLimit    = 30 * time.Second
	pgxConnectLimit = 2 * time.Minute
)

// defaultCancelWait is how long a cancelled statement may take to end.
const defaultCancelWait = 30 * time.Second

// Options says what kind of session Connect opens.
type Options struct {
	// ApplicationName is shown in pg_stat_activity; "" is "ringfence". It
	// replaces what the connection string says, since orphaned sessions of
	// ours are found by it.
	ApplicationName string
	// SimpleProtocol sends every query with the simple protocol: nothing is
	// prepared, and no snapshot outlives a statement. For poolers, and for
	// connections that live beside a concurrent index build.
	SimpleProtocol bool
	// CancelWait is how long, after a context is cancelled and the server was
	// asked to cancel the statement, its answer is awaited before the
	// connection is cut; 0 is 30 seconds. Cutting at once would leave the
	// statement running unseen.
	CancelWait time.Duration
	// OnNotice is told of the server's notices; nil for silence.
	OnNotice func(*pgconn.Notice)
}

// Connect opens one connection; the caller closes it. dsn is a URL or
// keyword/value string, completed as libpq does: PG* variables, service file,
// password file, TLS modes and several hosts. "" takes everything from there. The
// client encoding is always UTF8. Errors are *Error with a hint and never hold
// a password. A connection whose server goes mute ends with an error; see quietLimit.
// A *pgx.Conn is not for concurrent use.
func Connect(ctx context.Context, dsn string, opts Options) (*pgx.Conn, error) {
	cfg, err := parseConfig(dsn, opts)
	if err != nil {
		return nil, err
	}
	return connectConfig(ctx, cfg)
}

// CheckDSN says what Connect would say of a connection string before it dials.
func CheckDSN(dsn string) error {
	_, err := parseConfig(dsn, Options{})
	return err
}

// connectConfig dials; all connections of this repository start here.
func connectConfig(ctx context.Context, cfg *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, connectError(cfg, err)
	}
	return conn, nil
}

// parseConfig turns a connection string into pgx's configuration.
func parseConfig(dsn string, opts Options) (*pgx.ConnConfig, error) {
	if ambiguous(dsn) {
		return nil, parseError("it is not a valid URL")
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, explainParse(err)
	}
	quiet, err := keepalives(cfg.RuntimeParams)
	if err != nil {
		return nil, err
	}
	watchSilence(cfg, quiet)
	if err := dropClientParams(cfg); err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = defaultApplicationName
	if opts.ApplicationName != "" {
		cfg.RuntimeParams["application_name"] = opts.ApplicationName
	}
	cfg.RuntimeParams["client_encoding"] = "UTF8"
	if cfg.ConnectTimeout == pgxConnectLimit {
		cfg.ConnectTimeout = connectLimit
	}
	if opts.SimpleProtocol {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	if opts.OnNotice != nil {
		cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { opts.OnNotice(n) }
	}
	wait := opts.CancelWait
	if wait == 0 {
		wait = defaultCancelWait
	}
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: wait}
	}
	return cfg, nil
}

// ignoredParams are libpq's own parameters that change nothing about safety
// here, or are read before; sent to the server, as pgx would, they would be refused.
var ignoredParams = []string{
	"fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval",
	"keepalives_count", "tcp_user_timeout", "load_balance_hosts", "sslcompression", "gsslib",
	"gssdelegation", "sslkeylogfile", "scram_client_key", "scram_server_key",
}

// refusedParams are libpq's own that ask for a check that pgx does not do:
// passing over them in silence would be less safe than what was asked for.
var refusedParams = map[string]string{
	"sslcrl":                   "Revocation lists are not read: leave sslcrl out, or use certificates of short life.",
	"sslcrldir":                "Revocation lists are not read: leave sslcrldir out, or use certificates of short life.",
	"requirepeer":              "The socket's owner is not checked: leave requirepeer out, or use TLS with sslmode=verify-full.",
	"requiressl":               "Use sslmode=require in its place.",
	"hostaddr":                 "Write the address as host; with sslmode=verify-full the certificate must then name the address.",
	"ssl_min_protocol_version": "Leave it out: TLS 1.2 is the lowest version used.",
	"ssl_max_protocol_version": "Leave it out.",
}

// dropClientParams takes what is not for the server out of the start-up packet.
func dropClientParams(cfg *pgx.ConnConfig) error {
	for _, name := range ignoredParams {
		delete(cfg.RuntimeParams, name)
	}
	for name, hint := range refusedParams {
		if _, ok := cfg.RuntimeParams[name]; ok {
			return &Error{Doing: "reading the connection string: " + name + " is not supported", Hint: hint}
		}
	}
	switch gss := cfg.RuntimeParams["gssencmode"]; gss {
	case "", "disable", "prefer":
		delete(cfg.RuntimeParams, "gssencmode")
	default:
		return &Error{
			Doing: "reading the connection string: gssencmode=require is not supported",
			Hint:  "Use TLS with sslmode=verify-full in its place.",
		}
	}
	return nil
}

// ambiguous tells a URL in which a character of the password that should have
// been percent-encoded has split it elsewhere: there the rest of the password
// would be taken for a host, port or path, and shown as such. URLs of other
// schemes are told too: as keyword/value strings they would be misread.
func ambiguous(dsn string) bool {
	scheme, rest, isURL := strings.Cut(dsn, "://")
	if !isURL || strings.Contains(scheme, "=") {
		return false
	}
	if scheme != "postgres" && scheme != "postgresql" {
		return true
	}
	authority, beyond := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, beyond = rest[:end], rest[end:]
	}
	return strings.Count(authority, "@") > 1 || strings.Contains(beyond, "@")
}
