package migrations

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// A Run is what the migrations made.
type Run struct {
	Failed  []Failure // statements that did not run, in order
	touched map[string][]touch
}

// Progress is told of each file before it runs.
type Progress func(done, all int, file string)

// A touch is one statement that made, changed or dropped an object.
type touch struct {
	Place
	sql string // in lower case
}

// Execute runs the files in order on conn, which must be a superuser's session on a database of our own: one transaction a file and
// a savepoint a statement, so that one failure does not hide what follows; what cannot run in a transaction runs alone. A
// statement that fails is reported and left out. progress, which may be nil, is told of each file.
func Execute(ctx context.Context, conn *pgx.Conn, files []File, progress Progress) (*Run, error) {
	if err := startTrace(ctx, conn); err != nil {
		return nil, err
	}
	r := &runner{conn: conn, run: &Run{touched: map[string][]touch{}}, privileges: map[string]string{}}
	for i, f := range files {
		if progress != nil {
			progress(i, len(files), f.Name)
		}
		if err := r.file(ctx, f); err != nil {
			return nil, fmt.Errorf("running %s: %w", f.Name, err)
		}
	}
	return r.run, endTrace(ctx, conn)
}

type runner struct {
	conn       *pgx.Conn
	run        *Run
	inTx       bool
	privileges map[string]string
}

func (r *runner) file(ctx context.Context, f File) error {
	for _, s := range f.Statements {
		if control(s.SQL) {
			continue
		}
		err := r.statement(ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var refused *pgconn.PgError
		switch {
		case errors.As(err, &refused) && bearable(s.SQL, refused):
		case errors.As(err, &refused):
			r.run.Failed = append(r.run.Failed, Failure{s.Place, refused.Message + " (SQLSTATE " + refused.Code + ")"})
		case err != nil:
			return err
		}
	}
	if err := r.commit(ctx); err != nil {
		return err
	}
	return r.exec(ctx, "RESET ROLE; RESET ALL")
}

// statement runs one statement behind a savepoint, or alone where it must, and notes what it touched.
func (r *runner) statement(ctx context.Context, s Statement) error {
	err := r.guarded(ctx, s.SQL)
	switch pg.SQLState(err) {
	case "25001", "55P04": // cannot run in a transaction; uses an enum's value that this transaction added
		if err := r.commit(ctx); err != nil {
			return err
		}
		err = r.exec(ctx, s.SQL)
	}
	if err != nil {
		return err
	}
	return r.note(ctx, s)
}

func (r *runner) guarded(ctx context.Context, sql string) error {
	if !r.inTx {
		if err := r.exec(ctx, "BEGIN"); err != nil {
			return err
		}
		r.inTx = true
	}
	if err := r.exec(ctx, "SAVEPOINT ringfence_statement"); err != nil {
		return err
	}
	if err := r.exec(ctx, sql); err != nil {
		return errors.Join(err, r.exec(ctx, "ROLLBACK TO SAVEPOINT ringfence_statement"))
	}
	return r.exec(ctx, "RELEASE SAVEPOINT ringfence_statement")
}

// commit ends the file's transaction. A deferred constraint may fail here: then what the file made is gone, and that is said.
func (r *runner) commit(ctx context.Context) error {
	if !r.inTx {
		return nil
	}
	r.inTx = false
	return r.exec(ctx, "COMMIT")
}

// exec sends one statement, or several of our own, by the simple protocol: what a migration says is not ours to prepare.
func (r *runner) exec(ctx context.Context, sql string) error {
	_, err := r.conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

var (
	controls  = regexp.MustCompile(`(?is)^(begin|start\s+transaction|commit|end|rollback|abort)(\s+(work|transaction))?$`)
	makesRole = regexp.MustCompile(`(?is)^create\s+(role|user|group)\s`)
)

// control reports whether a statement only begins or ends a transaction: a file is one here.
func control(sql string) bool { return controls.MatchString(strings.TrimSpace(sql)) }

// bearable reports whether a statement failed only because the roles of the database were made beforehand.
func bearable(sql string, err *pgconn.PgError) bool {
	return err.Code == "42710" && makesRole.MatchString(sql)
}
