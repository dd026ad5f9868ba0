package attack

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// A Reply is what one of many evaluations gave. Err says that it could not be worked out: ErrNeedsRows, ErrContextSet (ask
// again in a fresh session), or what the server answered before the expression was reached.
type Reply struct {
	Answer
	Err error
}

// EvaluateMany works out many predicates in one read-only transaction of conn, three round trips each at most, and undoes
// everything. Rows in other tables are never made. The error says that the session itself could not be used.
func EvaluateMany(ctx context.Context, conn *pgx.Conn, snap *catalog.Snapshot, limits Limits, all []Evaluation) ([]Reply, error) {
	limits = limits.withDefaults()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("evaluating witnesses: %w", err)
	}
	defer rollback(ctx, tx)
	s, err := readSession(ctx, tx, snap)
	if err != nil {
		return nil, fmt.Errorf("evaluating witnesses: %w", err)
	}
	sql := fmt.Sprintf("SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d; SAVEPOINT witness",
		limits.Statement.Milliseconds(), limits.Lock.Milliseconds())
	if _, err := query(ctx, tx, sql); err != nil {
		return nil, fmt.Errorf("evaluating witnesses: %w", err)
	}
	out := make([]Reply, len(all))
	for i, e := range all {
		out[i] = s.reply(ctx, tx, e)
	}
	return out, nil
}

// reply works out one predicate; what it set stays until the next begins.
func (s *session) reply(ctx context.Context, tx pgx.Tx, e Evaluation) Reply {
	if len(e.Others) > 0 {
		return Reply{Err: ErrNeedsRows}
	}
	statement, err := evaluationSQL(e)
	if err != nil {
		return Reply{Err: err}
	}
	prepare, unset := s.prepareSQL(e)
	rows, err := query(ctx, tx, prepare)
	if err != nil {
		return Reply{Err: fmt.Errorf("becoming role %s in the context: %w", e.Role, err)}
	}
	if len(rows) == 1 && *rows[0][0] != "t" {
		return Reply{Err: fmt.Errorf("%w: %s", ErrContextSet, unset)}
	}
	rows, err = query(ctx, tx, statement)
	out := Reply{Answer: Answer{Statement: statement}}
	switch {
	case err == nil:
		out.Truth = truthOf(rows)
	case raises(err):
		out.Truth, out.SQLState = Raised, state(err)
	default:
		out.Err = err
	}
	return out
}

// prepareSQL goes back to the savepoint and becomes the role with the settings of the context, and ends in a query whether those to be unset are so.
func (s *session) prepareSQL(e Evaluation) (sql, unset string) {
	var b strings.Builder
	b.WriteString("ROLLBACK TO SAVEPOINT witness; SET LOCAL search_path = DEFAULT; SET LOCAL row_security = on; ")
	for _, set := range s.defaults(e.Role) {
		if _, given := e.Context[set.Name]; !given && strings.Contains(set.Name, ".") {
			fmt.Fprintf(&b, "SELECT pg_catalog.set_config(%s, %s, true); ", pg.Literal(set.Name), pg.Literal(set.Value))
		}
	}
	verb := "SET LOCAL ROLE "
	if s.superuser {
		verb = "SET LOCAL SESSION AUTHORIZATION "
	}
	b.WriteString(verb + pg.Ident(e.Role) + "; ")
	tests := []string{"true"}
	for _, name := range sortedKeys(e.Context) {
		if v := e.Context[name]; v != nil {
			fmt.Fprintf(&b, "SELECT pg_catalog.set_config(%s, %s, true); ", pg.Literal(name), pg.Literal(*v))
			continue
		}
		tests = append(tests, "pg_catalog.current_setting("+pg.Literal(name)+", true) IS NULL")
		unset = name
	}
	b.WriteString("SELECT " + strings.Join(tests, " AND "))
	return b.String(), unset
}

// raises reports whether an error is the expression's own, so that the row is let through by nobody: not an end that was
// forced from outside, and not a statement that could not be understood.
func raises(err error) bool {
	code := state(err)
	if code == "" || timedOut(err) || code[:2] == "57" || code[:2] == "25" {
		return false
	}
	return code[:2] != "42" || code == insufficientPrivilege || code == undefinedSetting || code == "42P17"
}

// truthOf reads the one boolean of a result.
func truthOf(rows [][]*string) Truth {
	switch {
	case len(rows) != 1 || rows[0][0] == nil:
		return Null
	case *rows[0][0] == "t":
		return True
	}
	return False
}
