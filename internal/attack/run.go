package attack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A runner is one attack on its way.
type runner struct {
	opts        Options
	limits      Limits
	s           *session
	maker       *maker
	settings    []setting
	roleContext bool
	roles       []string
	tables      []*tenancy.Table // to be attacked, parents first
	tenants     pair
	users       [2]string // the user that stands for each tenant, where a context names a user
	resolved    bool      // users are known
	refusals    map[string]string
	events      string            // why commands that fire event triggers are refused; "" where they are not
	unset       map[unsetKey]half // what sessions without a context reached
	result      *Result
}

// Run attacks. Everything happens in one transaction, savepoint by savepoint, that is rolled back: rows are made for two
// tenants, parents first, by the tables' owners with triggers on, and each probe runs first as the tenant that owns the row
// and then as the stranger. What shows with a COMMIT only follows, on a copy of one's own. The error says that the attack could not be run at all; what a single probe could not do is an
// Entry. Conn must not be used by others meanwhile.
func Run(ctx context.Context, opts Options) (*Result, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	tx, err := opts.Conn.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("beginning the attack: %w", err)
	}
	defer rollback(ctx, tx)
	r, err := newRunner(ctx, tx, opts)
	if err != nil {
		return nil, err
	}
	if err := r.passUnset(ctx, tx); err != nil {
		return nil, err
	}
	if err := r.passMain(ctx, tx); err != nil {
		return nil, err
	}
	rollback(ctx, tx)
	if err := r.passCommitted(ctx); err != nil {
		return nil, err
	}
	r.finish()
	return r.result, nil
}

// rollback undoes everything, also when the caller's context has ended.
func rollback(ctx context.Context, tx pgx.Tx) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = tx.Rollback(end) // a connection that is gone has been rolled back by the server
}

// newRunner reads who is connected and sets the limits of the transaction.
func newRunner(ctx context.Context, tx pgx.Tx, opts Options) (*runner, error) {
	r := &runner{opts: opts, limits: opts.Limits.withDefaults(), result: &Result{Entries: []Entry{}, Unmade: []Unmade{},
		Refused: []Unmade{}, Notes: []string{}, Traces: []string{}}, unset: map[unsetKey]half{}}
	if err := r.limit(ctx, tx); err != nil {
		return nil, err
	}
	var err error
	if r.s, err = readSession(ctx, tx, opts.Model.Snapshot); err != nil {
		return nil, err
	}
	var why []string
	r.settings, r.roleContext, why = readContexts(opts.Model.Contexts)
	r.roleContext = r.roleContext && len(r.settings) == 0
	r.result.Notes = append(r.result.Notes, why...)
	r.roles = opts.Roles
	if len(r.roles) == 0 {
		r.roles = opts.Model.Applications()
	}
	if len(r.opts.Probes) == 0 {
		r.opts.Probes = All()
	}
	r.tables = parentsFirst(r.chosen())
	r.refusals = unsafeTables(opts.Model.Snapshot)
	r.events = unsafeEvents(opts.Model.Snapshot)
	seed := opts.Seed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	r.maker = newMaker(r.s, opts.Model, seed, r.limits.Attempts)
	r.maker.refusals = r.refusals
	r.s.own = len(opts.Tenants) == len(r.tenants)
	r.s.tables, r.s.lookup = r.maker.tables, map[uint32]bool{}
	for _, t := range r.tables {
		for _, rel := range r.s.lookups(t.Relation) {
			r.s.lookup[rel.OID] = true
		}
	}
	r.discover()
	r.s.contexts, r.s.dial, r.s.reader = r.settings, opts.Dial, opts.Model.Reader
	return r, nil
}

// limit sets the limits of a transaction.
func (r *runner) limit(ctx context.Context, tx pgx.Tx) error {
	sql := fmt.Sprintf("SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d; "+
		"SET LOCAL idle_in_transaction_session_timeout = 60000; SET CONSTRAINTS ALL DEFERRED",
		r.limits.Statement.Milliseconds(), r.limits.Lock.Milliseconds())
	if _, err := query(ctx, tx, sql); err != nil {
		return fmt.Errorf("setting the attack's limits: %w", err)
	}
	return nil
}

// discover takes the settings that policies read as contexts where the model names none: what each holds, a tenant or
// something that stands for one, is found out by trying.
func (r *runner) discover() {
	if len(r.settings) > 0 || r.roleContext {
		return
	}
	for _, t := range r.tables {
		for _, name := range r.s.settingsOf(t.Relation) {
			if !slices.ContainsFunc(r.settings, func(s setting) bool { return s.name == name }) {
				r.settings = append(r.settings, setting{name: name, paths: [][]string{nil}, principal: []bool{true}})
				r.note("the model names no context; the setting " + name + " is taken for one, since policies read it")
			}
		}
	}
}

// chosen returns the tables to attack.
func (r *runner) chosen() []*tenancy.Table {
	var out []*tenancy.Table
	for _, t := range r.opts.Model.Tables {
		named := slices.Contains(r.opts.Tables, t.Relation.Identity())
		if named || (len(r.opts.Tables) == 0 && t.Class.Tenant()) {
			out = append(out, t)
		}
	}
	return out
}

// parentsFirst orders tables so that a table comes after those its foreign keys refer to: what is deleted in a parent's turn
// has no children yet.
func parentsFirst(tables []*tenancy.Table) []*tenancy.Table {
	byName := map[string]*tenancy.Table{}
	for _, t := range tables {
		byName[t.Relation.Identity()] = t
	}
	var out []*tenancy.Table
	seen := map[string]bool{}
	var visit func(t *tenancy.Table)
	visit = func(t *tenancy.Table) {
		if seen[t.Relation.Identity()] {
			return
		}
		seen[t.Relation.Identity()] = true
		for _, k := range t.Relation.Constraints {
			if p := byName[k.RefTable]; k.Kind == "foreign" && p != nil {
				visit(p)
			}
		}
		if t.Parent != nil && t.Parent.Table != nil && byName[t.Parent.Table.Relation.Identity()] != nil {
			visit(t.Parent.Table)
		}
		out = append(out, t)
	}
	for _, t := range tables {
		visit(t)
	}
	return out
}

// note adds a sentence for people, once.
func (r *runner) note(s string) {
	if !slices.Contains(r.result.Notes, s) {
		r.result.Notes = append(r.result.Notes, s)
	}
}

// finish sorts the result and says what stays behind.
func (r *runner) finish() {
	slices.SortStableFunc(r.result.Entries, func(a, b Entry) int {
		return strings.Compare(a.sortKey(), b.sortKey())
	})
	for _, t := range r.tables {
		if why := r.refusals[t.Relation.Identity()]; why != "" {
			r.result.Refused = append(r.result.Refused, Unmade{Table: t.Relation.Identity(), Why: why})
		}
	}
	if r.opts.AllowWrites {
		r.result.Traces = []string{"sequences that defaults drew from have moved on", "dead rows wait for vacuum in the tables written to",
			"WAL was written, and statistics counters moved"}
	}
}

// sortKey is what entries are ordered by.
func (e Entry) sortKey() string {
	path := ""
	for _, h := range e.Path {
		path += h.Via + "\x01" + h.Name + "\x01"
	}
	return strings.Join([]string{e.Role, e.Table, e.Command, e.Variant, e.Probe, path}, "\x00")
}
