package ringfence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// session is a row of roleSQL.
type session struct {
	role, login             string
	super, bypass           bool
	pid                     uint32
	conforming              bool
	defaulted, defaults     []string
	owned, become, becoming []string
}

// askSession reads a session's row, in one round trip that leaves nothing behind on the server.
func askSession(ctx context.Context, conn *pgx.Conn, names []string) (session, error) {
	var s session
	err := conn.QueryRow(ctx, roleSQL, pgx.QueryExecModeExec, names).Scan(&s.role, &s.login, &s.super, &s.bypass, &s.pid,
		&s.conforming, &s.defaulted, &s.defaults, &s.owned, &s.become, &s.becoming)
	if err != nil {
		return session{}, fmt.Errorf("checking the session's role: %w", err)
	}
	return s, nil
}

// faults are reasons not to serve, each with what to run.
func (s session) faults() []string {
	var all []string
	role := pgx.Identifier{s.role}.Sanitize()
	if s.super {
		all = append(all, fmt.Sprintf("role %s is a superuser: run ALTER ROLE %s NOSUPERUSER NOBYPASSRLS, or connect as a role of the application's own", role, role))
	}
	if s.bypass && !s.super {
		all = append(all, fmt.Sprintf("role %s has BYPASSRLS: run ALTER ROLE %s NOBYPASSRLS", role, role))
	}
	if len(s.owned) > 0 && !s.super {
		all = append(all, fmt.Sprintf("role %s owns, or inherits the owner of, %s, whose policies do not hold owners: run ALTER TABLE %s FORCE ROW LEVEL SECURITY, or connect as a role that is no member of the owner", role, some(s.owned), s.owned[0]))
	}
	for _, name := range s.defaulted {
		all = append(all, defaultFault(name, s.defaults))
	}
	if !s.conforming {
		all = append(all, "standard_conforming_strings is off: statements are not read as they are written; run ALTER DATABASE … SET standard_conforming_strings = on")
	}
	return all
}

// defaultFault says where a context outside any transaction comes from.
func defaultFault(name string, where []string) string {
	if len(where) == 0 {
		return fmt.Sprintf("%s has a value outside any transaction: take it out of postgresql.conf and the start-up options; behind a pooler, another client has set it for the session", name)
	}
	var commands []string
	for _, w := range where {
		commands = append(commands, "ALTER "+w+" RESET "+name)
	}
	return fmt.Sprintf("%s has a value outside any transaction: run %s", name, strings.Join(commands, "; "))
}

// doubts are ways past row security that the session has only after it becomes another role.
func (s session) doubts() []string {
	var all []string
	if len(s.become) > 0 && !s.super {
		all = append(all, fmt.Sprintf("the session can become %s, which row security does not hold: run REVOKE %s FROM %s", some(s.become), pgx.Identifier{s.become[0]}.Sanitize(), pgx.Identifier{s.login}.Sanitize()))
	}
	if len(s.becoming) > 0 && !s.super {
		all = append(all, fmt.Sprintf("the session can become %s, the owner of tables whose policies do not hold owners: run ALTER TABLE … FORCE ROW LEVEL SECURITY on them", some(s.becoming)))
	}
	return all
}

// some names a few of many.
func some(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

// askFingerprint hashes the policies.
func askFingerprint(ctx context.Context, conn *pgx.Conn) (string, error) {
	// Simple protocol, one message: behind a pooler all of it reaches one server process, and nothing is prepared.
	results, err := conn.PgConn().Exec(ctx, "begin read only; set local search_path = pg_catalog; "+fingerprintSQL+"; commit").ReadAll()
	if err != nil {
		if conn.PgConn().TxStatus() != 'I' {
			_, _ = conn.PgConn().Exec(ctx, "rollback").ReadAll()
		}
		return "", fmt.Errorf("reading the policies' fingerprint: %w", err)
	}
	if len(results) != 4 || len(results[2].Rows) != 1 {
		return "", errors.New("reading the policies' fingerprint: an unexpected answer")
	}
	return string(results[2].Rows[0][0]), nil
}

// check makes a report on one connection.
func (p *Pool) check(ctx context.Context, conn *pgx.Conn) (*CheckReport, session, error) {
	s, err := askSession(ctx, conn, p.names)
	if err != nil {
		return nil, s, err
	}
	r := &CheckReport{Role: s.role, Login: s.login, Faults: s.faults(), Doubts: s.doubts(), At: time.Now()}
	if r.Fingerprint, err = askFingerprint(ctx, conn); err != nil {
		return nil, s, err
	}
	switch {
	case len(p.cfg.Fingerprints) == 0:
	case slices.Contains(p.cfg.Fingerprints, r.Fingerprint):
		r.Expected = Yes
	default:
		r.Expected = No
		r.Doubts = append(r.Doubts, "the policies are not the expected ones: run ringfence drift to see what changed")
	}
	return r, s, nil
}

// Check looks at the role and the policies now, records what is new, and returns the report. The error is a fault of the
// role (a Refusal), or says that the database could not be asked. Open makes it, and the pool repeats it every
// Config.CheckEvery; each new connection's role is looked at too, but for the connections of a pooler.
func (p *Pool) Check(ctx context.Context) (CheckReport, error) {
	conn, err := p.acquire(ctx, p.conns)
	if err != nil {
		return CheckReport{}, err
	}
	r, _, err := p.check(ctx, conn.Conn())
	p.giveBack(conn)
	if err != nil {
		return CheckReport{}, err
	}
	p.adopt(ctx, r)
	return *r, p.verdict(r)
}

// adopt makes a report the one that counts, and records what the last one did not have.
func (p *Pool) adopt(ctx context.Context, r *CheckReport) {
	last := p.state.Swap(r)
	if last == nil {
		last = &CheckReport{}
	}
	if len(r.Faults) > 0 && !slices.Equal(r.Faults, last.Faults) {
		_ = p.record(ctx, roleEvent(ctx, r.Role, Critical, r.Faults))
	}
	if r.Expected == No && last.Fingerprint != r.Fingerprint {
		_ = p.record(ctx, event(ctx, PolicyForeign, map[string]string{"fingerprint": r.Fingerprint}))
	}
	if become := r.becomes(); len(become) > 0 && !slices.Equal(become, last.becomes()) {
		_ = p.record(ctx, roleEvent(ctx, r.Role, Warning, become))
	}
}

func roleEvent(ctx context.Context, role string, severity Severity, why []string) Event {
	e := event(ctx, RoleForbidden, map[string]string{"role": role, "reason": strings.Join(why, "; ")})
	e.Severity = severity
	return e
}

// watch repeats Check until the pool is closed. Where the database cannot be asked the last report counts: nothing is
// served then either.
func (p *Pool) watch(ctx context.Context) {
	defer close(p.watching)
	ticker := time.NewTicker(p.cfg.CheckEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		limited, cancel := context.WithTimeout(ctx, rollbackLimit)
		if _, err := p.Check(limited); err != nil && ctx.Err() == nil {
			p.log.Error("ringfence: " + describe(err))
		}
		cancel()
	}
}

// describe tells a refusal's cause, which its own text keeps back: for logs.
func describe(err error) string {
	if r, ok := RefusalOf(err); ok && r.Unwrap() != nil {
		return r.Error() + ": " + r.Unwrap().Error()
	}
	return err.Error()
}
