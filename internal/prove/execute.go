package prove

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// NotReproduced is why a cell is unproven whose witness PostgreSQL evaluated and found harmless.
const NotReproduced = "witness did not reproduce"

// maxSessions bounds how many fresh sessions are asked for where witnesses want settings unset that others set.
const maxSessions = 16

// errOthersRights says that the policies' own sub-queries run with the rights of another role than the session's.
var errOthersRights = errors.New("the sub-queries run with another role's rights")

// A Connect opens a fresh session that may become the roles in question; Execute closes it.
type Connect func(context.Context) (*pgx.Conn, error)

// Execute has PostgreSQL evaluate the witness of every leak, read-only, in the role's name: the policies' own expressions on the
// row in the context, and where row security does not bind, what makes it so. A witness that is not confirmed makes its cell
// unproven; one that cannot be evaluated leaves the leak as it is, executed "no". What logic left open is tried on rows and in
// contexts that may show a leak. The cells are changed in place. What could not be evaluated is returned as notes for people.
func Execute(ctx context.Context, m *tenancy.Model, cells []Cell, connect Connect) ([]string, error) {
	x := newExecution(m)
	for i := range cells {
		if cells[i].Verdict == Leak && cells[i].Witness != nil && cells[i].way != nil && cells[i].Witness.Executed == "no" {
			x.ask(&cells[i])
		}
	}
	if err := x.run(ctx, connect); err != nil {
		return nil, err
	}
	for _, q := range x.questions {
		x.settle(q)
	}
	if err := guess(ctx, m, cells, connect); err != nil {
		return nil, err
	}
	return x.told(), nil
}

// An execution collects the evaluations of many cells, so that equal ones are asked once.
type execution struct {
	m           *tenancy.Model
	conditions  *conditions
	evaluations []attack.Evaluation
	replies     []attack.Reply
	at          map[string]int // evaluation by its text
	questions   []question
	notes       map[string]int // why cells were not executed → how many
}

func newExecution(m *tenancy.Model) *execution {
	return &execution{m: m, conditions: newConditions(m), at: map[string]int{}, notes: map[string]int{}}
}

// A question is one cell and the evaluations any of which confirms it.
type question struct {
	cell *Cell
	ids  []int
}

func (x *execution) ask(c *Cell) {
	evaluations, why := x.of(c)
	if why != "" {
		x.notes[why]++
		return
	}
	q := question{cell: c}
	for _, e := range evaluations {
		q.ids = append(q.ids, x.add(e))
	}
	x.questions = append(x.questions, q)
}

// add returns the place of e among the evaluations.
func (x *execution) add(e attack.Evaluation) int {
	var k strings.Builder
	fmt.Fprintf(&k, "%s\x00%d\x00%s\x00%s", e.Role, e.Relation.OID, e.Expr, e.Query)
	for _, m := range append([]map[string]*string{e.Context, e.Row}, e.Rows...) {
		k.WriteString("\x01" + fingerprint(m))
	}
	if i, ok := x.at[k.String()]; ok {
		return i
	}
	x.at[k.String()] = len(x.evaluations)
	x.evaluations = append(x.evaluations, e)
	return len(x.evaluations) - 1
}

func fingerprint(m map[string]*string) string {
	var out []string
	for name, v := range m {
		value := "-"
		if v != nil {
			value = "+" + *v
		}
		out = append(out, name+"\x02"+value)
	}
	slices.Sort(out)
	return strings.Join(out, "\x03")
}

// of returns what is to be evaluated for a cell, or why nothing can be.
func (x *execution) of(c *Cell) ([]attack.Evaluation, string) {
	w := c.way
	if w.Unbound != "" && free(w.Old) && free(w.New) {
		return unbound(w)
	}
	if len(c.Witness.Others) > 0 {
		return nil, "the witness rests on rows in other tables; prove --attack makes them"
	}
	settings, ok := settingsOf(c.Witness.Context, w.CurrentUser)
	if !ok || w.Args {
		return nil, "the way passes through code whose arguments the caller chooses; prove --attack tries it"
	}
	if c.decision.Witness == nil {
		return nil, "what refutes it is no row of the table itself; prove --attack tries it"
	}
	var out []attack.Evaluation
	for _, e := range []expr.Expr{w.Old, w.New} {
		if e == nil {
			continue
		}
		text, ok := x.conditions.sql(w.Relation, w.CurrentUser, e)
		if !ok {
			return nil, "the way has conditions beside the policies (a view's, a function's); prove --attack tries it"
		}
		out = append(out, attack.Evaluation{Role: w.CurrentUser, Relation: w.Relation, Expr: text, Row: c.Witness.Row, Context: settings})
	}
	return out, ""
}

// free reports whether nothing but row security could filter.
func free(e expr.Expr) bool {
	c, ok := e.(*expr.Const)
	return e == nil || ok && c.Known && c.Text == "true"
}

// sessionValues are the names in a witness's context that are no settings.
var sessionValues = []string{"current_user", "session_user", "current_role", "user", "current_catalog", "current_schema"}

// settingsOf returns the settings of a witness's context. It fails where the context holds what can be no setting, or wants
// another user than the way has.
func settingsOf(context map[string]*string, user string) (map[string]*string, bool) {
	out := map[string]*string{}
	for name, v := range context {
		switch {
		case slices.Contains(sessionValues[:4], name):
			if v == nil || *v != user {
				return nil, false
			}
		case slices.Contains(sessionValues, name) || strings.HasPrefix(name, "$"):
			return nil, false
		default:
			out[name] = v
		}
	}
	return out, true
}

func tableName(r *catalog.Relation) string { return pgx.Identifier{r.Schema, r.Name}.Sanitize() }

// run asks session after session: a witness that wants a setting unset cannot follow one that set it. Those that want most unset
// go first.
func (x *execution) run(ctx context.Context, connect Connect) error {
	x.replies = make([]attack.Reply, len(x.evaluations))
	open := make([]int, len(x.evaluations))
	for i := range open {
		open[i] = i
	}
	unset := func(i int) (n int) {
		for _, v := range x.evaluations[i].Context {
			if v == nil {
				n++
			}
		}
		return n
	}
	slices.SortStableFunc(open, func(a, b int) int { return unset(b) - unset(a) })
	for n := 0; len(open) > 0 && n < maxSessions; n++ {
		rest, err := x.session(ctx, connect, open)
		if err != nil {
			return err
		}
		if len(rest) == len(open) {
			return nil
		}
		open = rest
	}
	return nil
}

// session asks one fresh session and returns what it has to leave to the next.
func (x *execution) session(ctx context.Context, connect Connect, open []int) ([]int, error) {
	conn, err := connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening a session for witnesses: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	batch := make([]attack.Evaluation, len(open))
	for k, i := range open {
		batch[k] = x.evaluations[i]
	}
	replies, err := attack.EvaluateMany(ctx, conn, x.m.Snapshot, attack.Limits{}, batch)
	if err != nil {
		return nil, err
	}
	var rest []int
	for k, i := range open {
		x.replies[i] = replies[k]
		if errors.Is(replies[k].Err, attack.ErrContextSet) {
			rest = append(rest, i)
		}
	}
	return rest, nil
}

// settle lets the server's answers speak on one cell.
func (x *execution) settle(q question) {
	var failed error
	for _, i := range q.ids {
		r := x.replies[i]
		switch {
		case r.Err != nil:
			failed = r.Err
		case r.Truth == attack.Raised && r.SQLState == "42501" && q.cell.way.As != q.cell.way.CurrentUser:
			failed = errOthersRights
		case r.Truth == attack.True:
			q.cell.Witness.Executed = "expression"
			q.cell.Witness.Evaluated = r.Statement
			return
		}
	}
	if failed != nil {
		x.notes[reasonOf(failed)]++
		return
	}
	q.cell.Verdict, q.cell.Why = Unproven, NotReproduced
	q.cell.Makes = "a fault of Ringfence rather than of the schema: please report it with this cell; prove --attack tries it on rows"
}

// reasonOf says why the server would not evaluate, without values.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, attack.ErrContextSet):
		return "the session has the setting set from its beginning, and the witness wants it unset"
	case pg.SQLState(err) == "42501" || errors.Is(err, errOthersRights):
		return "this session may not become the role, or may not read what the policy reads"
	}
	return "the server could not evaluate it (SQLSTATE " + pg.SQLState(err) + ")"
}

// told lists the notes.
func (x *execution) told() []string {
	var out []string
	for why, n := range x.notes {
		out = append(out, fmt.Sprintf("not executed: %s: %s", english.Count(n, "leak"), why))
	}
	slices.Sort(out)
	return out
}
