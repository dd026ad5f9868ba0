package pg

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Path is what stands between us and the server. The zero value is unknown,
// and unknown is not good news.
type Path int

// The three answers.
const (
	PathUnknown Path = iota
	PathDirect
	PathPooler
)

// String gives "unknown", "direct" or "pooler".
func (p Path) String() string {
	switch p {
	case PathDirect:
		return "direct"
	case PathPooler:
		return "pooler"
	}
	return "unknown"
}

// PathReport is DetectPath's answer.
type PathReport struct {
	Path Path
	// Why names the evidence, for a person.
	Why string
	// Hint says how to connect directly; "" where the path is direct.
	Hint string
}

// probeSetting is a setting that no server and no pooler knows: a server takes
// it from the start-up packet's options, a pooler refuses or swallows it.
const probeSetting = "ringfence.path_probe"

// DetectPath tells by two signs on the wire whether a pooler is in the path.
// The process number announced at start-up is the pooler's, not that of the
// server process that answers; and start-up options do not arrive. One sign is
// enough for a pooler, direct needs both, all else is unknown. conn must be
// idle; a second connection is opened for the second sign and closed again.
func DetectPath(ctx context.Context, conn *pgx.Conn) PathReport {
	r := pidSign(ctx, conn)
	if r.Path == PathDirect {
		r = merge(r, optionsSign(ctx, conn.Config()))
	}
	if r.Path != PathDirect {
		r.Hint = directHint(conn.Config())
	}
	return r
}

// merge takes the second sign where it is worse.
func merge(first, second PathReport) PathReport {
	if second.Path != PathDirect {
		return second
	}
	return PathReport{Path: PathDirect, Why: first.Why + "; " + second.Why}
}

// pidSign compares the announced process number with the answering one,
// outside and inside a transaction.
func pidSign(ctx context.Context, conn *pgx.Conn) PathReport {
	announced := conn.PgConn().PID()
	if announced == 0 {
		return PathReport{Why: "no process number was announced at start-up"}
	}
	const script = "SELECT pg_catalog.pg_backend_pid(); BEGIN; SELECT pg_catalog.pg_backend_pid(); ROLLBACK"
	// Two messages: in transaction pooling they may reach two server processes.
	for _, sql := range []string{"SELECT pg_catalog.pg_backend_pid()", script} {
		results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		if err != nil {
			return PathReport{Why: fmt.Sprintf("asking for the server's process number: %v", err)}
		}
		for _, pid := range pids(results) {
			if pid != strconv.FormatUint(uint64(announced), 10) {
				return PathReport{Path: PathPooler, Why: fmt.Sprintf("process %d was announced at start-up, process %s answers", announced, pid)}
			}
		}
	}
	return PathReport{Path: PathDirect, Why: fmt.Sprintf("process %d was announced at start-up and answers", announced)}
}

// pids collects the single values of all results.
func pids(results []*pgconn.Result) []string {
	var all []string
	for _, r := range results {
		for _, row := range r.Rows {
			all = append(all, string(row[0]))
		}
	}
	return all
}

// optionsSign opens a connection with a setting in its start-up options and
// looks whether it arrived.
func optionsSign(ctx context.Context, cfg *pgx.ConnConfig) PathReport {
	token := rand.Text()
	cfg.RuntimeParams["options"] = strings.TrimSpace(cfg.RuntimeParams["options"] + " -c " + probeSetting + "=" + token)
	conn, err := connectConfig(ctx, cfg)
	if SQLState(err) == "08P01" {
		return PathReport{Path: PathPooler, Why: "start-up options were refused (08P01)"}
	}
	if err != nil {
		return PathReport{Why: fmt.Sprintf("whether start-up options arrive could not be tried: %v", err)}
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var got string
	const ask = "SELECT coalesce(pg_catalog.current_setting('" + probeSetting + "', true), '')"
	if err := conn.QueryRow(ctx, ask, pgx.QueryExecModeSimpleProtocol).Scan(&got); err != nil {
		return PathReport{Why: fmt.Sprintf("whether start-up options arrive could not be tried: %v", err)}
	}
	if got != token {
		return PathReport{Path: PathPooler, Why: "start-up options did not arrive"}
	}
	return PathReport{Path: PathDirect, Why: "start-up options arrive"}
}

// directHint guesses the direct form of a pooler's address: hosted services
// mark the pooler in the first label or by its port.
func directHint(cfg *pgx.ConnConfig) string {
	label, domain, _ := strings.Cut(cfg.Host, ".")
	direct := strings.TrimSuffix(label, "-pooler")
	if domain != "" {
		direct += "." + domain
	}
	switch {
	case direct != cfg.Host:
		return fmt.Sprintf("Connect directly: host %s, port 5432.", direct)
	case cfg.Port != 5432:
		return fmt.Sprintf("Connect directly: host %s, port 5432 (here port %d), or the address the server itself listens on.", cfg.Host, cfg.Port)
	}
	return "Connect to the address the server itself listens on, not to the pooler's."
}
