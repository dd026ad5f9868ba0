package clone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// tools are PostgreSQL's programs of one major version.
type tools struct{ pgDump, pgRestore string }

func findTools(ctx context.Context, major int) (tools, error) {
	d, err := pg.Program(ctx, "pg_dump", major)
	if err != nil {
		return tools{}, err
	}
	r, err := pg.Program(ctx, "pg_restore", major)
	return tools{pgDump: d, pgRestore: r}, err
}

// dump writes the schema to memory: an archive may hold a foreign server's password, which must reach no disk.
func (t tools) dump(ctx context.Context, dsn string) ([]byte, error) {
	target, password, err := withoutPassword(dsn)
	if err != nil {
		return nil, err
	}
	args := []string{"--schema-only", "--format=custom", "--no-subscriptions", "--no-tablespaces", "--no-password", "--lock-wait-timeout=5s"}
	if target != "" {
		args = append(args, "--dbname="+target)
	}
	cmd := exec.CommandContext(ctx, t.pgDump, args...)
	cmd.Env = append(os.Environ(), "PGAPPNAME=ringfence")
	if password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	}
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return nil, &pg.Error{Doing: "reading the schema with pg_dump", Err: fmt.Errorf("%w: %s", err, firstLine(complaints.String())),
			Hint: "pg_dump needs to lock every table in ACCESS SHARE mode: connect as a role that may read the tables, such as their owner."}
	}
	return out.Bytes(), nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// left are kinds of entries that are not restored: they reach out to other servers, or hold their passwords.
var left = regexp.MustCompile(`^\d+; \d+ \d+ (USER MAPPING|SUBSCRIPTION|SUBSCRIPTION TABLE) `)

// restore fills the copy. Single objects may fail, an extension that is not on the machine for one: the comparison of the
// catalogues shows them.
func (t tools) restore(ctx context.Context, server *pg.Embedded, database string, dump []byte) error {
	list := exec.CommandContext(ctx, t.pgRestore, "--list")
	list.Stdin = bytes.NewReader(dump)
	contents, err := list.Output()
	if err != nil {
		return fmt.Errorf("reading the archive's contents: %w", err)
	}
	dir, err := os.MkdirTemp("", "ringfence-clone-")
	if err != nil {
		return fmt.Errorf("filling the copy: %w", err)
	}
	defer os.RemoveAll(dir)
	chosen := filepath.Join(dir, "contents")
	if err := os.WriteFile(chosen, []byte(choose(string(contents))), 0o600); err != nil {
		return fmt.Errorf("filling the copy: %w", err)
	}
	cmd := exec.CommandContext(ctx, t.pgRestore, "--use-list="+chosen, "--dbname="+database, "--no-password", "--no-tablespaces")
	cmd.Env = append(os.Environ(), "PGHOST="+server.SocketDir(), "PGPORT="+strconv.Itoa(server.Port()), "PGUSER="+pg.Superuser, "PGSSLMODE=disable")
	cmd.Stdin = bytes.NewReader(dump)
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return fmt.Errorf("filling the copy: %w", err)
		}
	}
	return ctx.Err()
}

func choose(contents string) string {
	var b strings.Builder
	for line := range strings.Lines(contents) {
		if !left.MatchString(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// keywordPassword finds the password of a keyword/value string, quoted or not.
var keywordPassword = regexp.MustCompile(`(^|\s)password\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)`)

// withoutPassword takes the password out of a connection string: a program's arguments can be read by everybody on the machine.
func withoutPassword(dsn string) (target, password string, err error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "", "", &pg.Error{Doing: "reading the connection string"}
	}
	if !strings.Contains(dsn, "://") {
		return strings.TrimSpace(keywordPassword.ReplaceAllString(dsn, "$1")), cfg.Password, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", "", &pg.Error{Doing: "reading the connection string: it is not a valid URL"}
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	q.Del("password")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String(), cfg.Password, nil
}
