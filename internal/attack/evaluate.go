package attack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// Truth is what PostgreSQL made of an expression.
type Truth string

// The four answers. Raised is an answer too: what raises lets no row through.
const (
	True   Truth = "true"
	False  Truth = "false"
	Null   Truth = "null"
	Raised Truth = "raised"
)

// ErrContextSet says that a witness wants a setting unset that this session has set before: take a fresh session.
var ErrContextSet = errors.New("the setting has been set in this session and cannot be unset again")

// ErrNeedsRows says that a witness rests on rows in other tables, which a read-only evaluation cannot make.
var ErrNeedsRows = errors.New("the witness rests on rows in other tables")

// An Evaluation is one predicate to be worked out by PostgreSQL on one row in one context.
type Evaluation struct {
	Role     string
	Relation *catalog.Relation
	Expr     string               // as pg_get_expr prints it under search_path = pg_catalog (catalog.Tree.Text)
	Query    string               // a query for one boolean, where not empty in place of Expr and Row
	Row      map[string]*string   // values in text form; columns that are absent are NULL
	Rows     []map[string]*string // where not empty in place of Row: is it true of any of them?
	Context  map[string]*string   // settings; nil: unset, as in a session that never set it
	// Others are rows that other tables must hold: identity → row. With AllowWrites they are made and undone.
	Others      map[string]map[string]*string
	AllowWrites bool
}

// An Answer is what an evaluation gave.
type Answer struct {
	Truth     Truth
	SQLState  string // with Raised
	Statement string // what was run, as the role and in the context
}

// EvaluateWitness has PostgreSQL work out a policy's expression on a witness, in the role's name, with the settings of the
// context set locally. It reads only, unless rows in other tables are asked for and allowed; whatever it does is undone. tx
// must be a transaction of a session that may become the role. It may be a read-only one.
func EvaluateWitness(ctx context.Context, tx pgx.Tx, snap *catalog.Snapshot, e Evaluation) (Answer, error) {
	if len(e.Others) > 0 && !e.AllowWrites {
		return Answer{}, ErrNeedsRows
	}
	s, err := readSession(ctx, tx, snap)
	if err != nil {
		return Answer{}, fmt.Errorf("evaluating a witness: %w", err)
	}
	var out Answer
	err = undone(ctx, tx, func(sp pgx.Tx) error {
		for _, name := range sortedKeys(e.Others) {
			if err := s.plant(ctx, sp, name, e.Others[name]); err != nil {
				return err
			}
		}
		if err := s.asRole(ctx, sp, e.Role); err != nil {
			return fmt.Errorf("becoming role %s: %w", e.Role, err)
		}
		if err := s.exactly(ctx, sp, e.Context); err != nil {
			return err
		}
		if out.Statement, err = evaluationSQL(e); err != nil {
			return err
		}
		out.Truth, out.SQLState, err = truth(ctx, sp, out.Statement)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("evaluating a witness on %s: %w", e.Relation.Identity(), err)
	}
	return out, nil
}

// plant makes a row that the witness rests on, from outside row security.
func (s *session) plant(ctx context.Context, tx pgx.Tx, identity string, row map[string]*string) error {
	rel := s.snap.Relation(identity)
	if rel == nil {
		return fmt.Errorf("making a row in %s: no such table in the snapshot", identity)
	}
	if _, err := query(ctx, tx, insertSQL(tableName(rel), row)+" ON CONFLICT DO NOTHING"); err != nil {
		return fmt.Errorf("making a row in %s: %w", identity, err)
	}
	return nil
}

// exactly sets the context, and makes sure that what is to be unset is.
func (s *session) exactly(ctx context.Context, tx pgx.Tx, settings map[string]*string) error {
	for _, name := range sortedKeys(settings) {
		v := settings[name]
		sql := fmt.Sprintf("SELECT pg_catalog.current_setting(%s, true) IS NULL", pg.Literal(name))
		if v != nil {
			sql = fmt.Sprintf("SELECT pg_catalog.set_config(%s, %s, true) IS NOT NULL", pg.Literal(name), pg.Literal(*v))
		}
		rows, err := query(ctx, tx, sql)
		if err != nil {
			return fmt.Errorf("setting the context %s: %w", name, err)
		}
		if *rows[0][0] != "t" {
			return fmt.Errorf("%w: %s", ErrContextSet, name)
		}
	}
	return nil
}

// evaluationSQL writes the query. The row has the table's own row type and name, so that columns, whole-row references and
// sub-queries in the expression find what they mean.
func evaluationSQL(e Evaluation) (string, error) {
	if e.Query != "" {
		return e.Query, nil
	}
	format, rows := "SELECT (%s) FROM pg_catalog.json_populate_record(NULL::%s, %s) AS %s", any(ofRelation(e.Relation, e.Row))
	if len(e.Rows) > 0 {
		many := make([]map[string]*string, len(e.Rows))
		for i, row := range e.Rows {
			many[i] = ofRelation(e.Relation, row)
		}
		format, rows = "SELECT pg_catalog.bool_or(%s) FROM pg_catalog.json_populate_recordset(NULL::%s, %s) AS %s", many
	}
	document, err := json.Marshal(rows)
	if err != nil {
		return "", fmt.Errorf("writing the row: %w", err)
	}
	return fmt.Sprintf(format, e.Expr, tableName(e.Relation), pg.Literal(string(document)), pg.Ident(e.Relation.Name)), nil
}

// ofRelation is a row without what is no column of the relation.
func ofRelation(rel *catalog.Relation, row map[string]*string) map[string]*string {
	out := map[string]*string{}
	for name, v := range row {
		if rel.ColumnByName(name) != nil {
			out[name] = v
		}
	}
	return out
}

// truth runs a query for one boolean.
func truth(ctx context.Context, tx pgx.Tx, sql string) (Truth, string, error) {
	var rows [][]*string
	err := within(ctx, tx, func(sp pgx.Tx) error {
		var err error
		rows, err = query(ctx, sp, sql)
		return err
	})
	switch {
	case state(err) != "" && !timedOut(err) && state(err)[:2] != "57" && state(err)[:2] != "42":
		return Raised, state(err), nil
	case state(err) == insufficientPrivilege || state(err) == undefinedSetting || state(err) == "42P17":
		return Raised, state(err), nil
	case err != nil:
		return "", "", err
	case len(rows) != 1 || rows[0][0] == nil:
		return Null, "", nil
	case *rows[0][0] == "t":
		return True, "", nil
	}
	return False, "", nil
}
