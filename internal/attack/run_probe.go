package attack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// probe runs one probe as one role, on each way to both targets, and adds its entries.
func (r *runner) probe(ctx context.Context, tx pgx.Tx, p Probe, role string, targets [2]*Target) {
	t := targets[0].Table
	if t.Class == tenancy.Global && (p.Command == "SELECT" || p.Kind != "isolation") {
		return // every tenant reads what all share; only that none writes it is claimed
	}
	if p.Commits && r.opts.Clone {
		return // passCommitted runs it
	}
	if why, code := r.forbidden(p, targets[0]); why != "" {
		for _, way := range r.ways(p, targets[0].as(role, targets[0].Other)) {
			if p.Applies == nil || p.Applies(way) {
				r.add(p, role, t, Entry{Outcome: Inconclusive, Code: code, Why: why, Path: way.path(), Kind: way.kind, Table: way.cell})
			}
		}
		return
	}
	ways := map[string]*Entry{}
	var order []string
	for i, target := range targets {
		for _, way := range r.ways(p, target.as(role, target.Other)) {
			if p.Applies != nil && !p.Applies(way) {
				continue
			}
			if why := r.beyond(p, way); why != "" {
				r.add(p, role, t, Entry{Outcome: Inconclusive, Code: Refusal, Why: why, Path: way.path()})
				continue
			}
			e := r.duel(ctx, tx, p, role, way, i)
			if p.Quiet && e.Outcome == Inconclusive && (e.Code == ControlFailed || e.Code == NoPrivilege) {
				continue
			}
			key := fmt.Sprint(e.Table, e.Path)
			if ways[key] == nil {
				order = append(order, key)
			}
			ways[key] = worse(ways[key], &e)
		}
	}
	for _, key := range order {
		r.add(p, role, t, *ways[key])
	}
}

// ways returns the targets a probe goes for: the table, or what the probe finds that leads to it.
func (r *runner) ways(p Probe, t *Target) []*Target {
	if p.Ways == nil {
		return []*Target{t}
	}
	return p.Ways(t)
}

// worse returns the worse of two entries: leaked before inconclusive before held.
func worse(a, b *Entry) *Entry {
	rank := map[Outcome]int{Leaked: 2, Inconclusive: 1, Held: 0}
	if a == nil || rank[b.Outcome] > rank[a.Outcome] {
		return b
	}
	return a
}

// forbidden says why a probe is not run at all.
func (r *runner) forbidden(p Probe, t *Target) (why string, code Code) {
	name := t.Table.Relation.Identity()
	switch {
	case p.Clone && !r.opts.Clone:
		return "runs on a clone only", Refusal
	case !p.Writes:
		return "", ""
	case !r.opts.AllowWrites:
		return "writes were not allowed", Refusal
	case r.refusals[name] != "":
		return r.refusals[name], Refusal
	case t.existing:
		return "the rows are real ones, which are only read", Refusal
	case p.DDL && r.events != "":
		return r.events, Refusal
	case p.Blind && !r.opts.Clone && t.Table.Relation.Tuples > r.limits.BlindRows:
		return fmt.Sprintf("the table holds about %.0f rows, and this probe touches all of them", t.Table.Relation.Tuples), Refusal
	}
	return "", ""
}

// beyond says why a way is not written through: what stands on it reaches out of the transaction.
func (r *runner) beyond(p Probe, way *Target) string {
	if way.seen == nil || !p.Writes {
		return ""
	}
	return r.refusals[way.seen.Identity()]
}

// duel runs a probe as the owner of the row, then as the stranger, and judges.
func (r *runner) duel(ctx context.Context, tx pgx.Tx, p Probe, role string, t *Target, index int) Entry {
	control := r.run(ctx, tx, p, t.as(role, t.Owner))
	var stranger half
	for _, s := range r.strangers(ctx, tx, p, role, t, index) {
		if !stranger.ran || s.reached || (stranger.err == nil && s.err != nil) {
			stranger = s
		}
		if s.reached {
			break
		}
	}
	e := judge(control, stranger)
	e.Path, e.Kind, e.Table = t.path(), t.kind, t.cell
	e.Statement = statement(role, stranger)
	if e.Outcome == Leaked {
		e.Why = fmt.Sprintf("%s: tenant %s's row was reached in %s", title(p.Doc), t.Owner.Name, p.Stranger)
		e.Witness = witness(t, stranger.actor)
	}
	if e.Outcome == Inconclusive && e.Code != TimedOut && !r.privileged(ctx, tx, p, role, t) {
		e.Code, e.Why = NoPrivilege, "the role has no privilege for this"
	}
	return e
}

// strangers runs the stranger's half in the probe's state; without a context it has run already.
func (r *runner) strangers(ctx context.Context, tx pgx.Tx, p Probe, role string, t *Target, index int) []half {
	if p.Stranger == Unset && len(r.settings) > 0 {
		return []half{r.unset[unsetOf(role, p, t, index)]}
	}
	if p.Stranger == Lookalike {
		return r.alike(ctx, tx, p, role, t)
	}
	var out []half
	for _, actor := range inState(t.Other, p.Stranger, r.settings) {
		out = append(out, r.run(ctx, tx, p, t.as(role, actor)))
	}
	return out
}

// run runs a probe once, as the target's actor, and undoes whatever it did.
func (r *runner) run(ctx context.Context, tx pgx.Tx, p Probe, t *Target) half {
	h := half{actor: t.Actor, ran: true}
	r.s.statements = nil
	h.err = undone(ctx, tx, func(sp pgx.Tx) error {
		if t.vacate && p.Command == "INSERT" {
			if err := r.s.remove(ctx, sp, t); err != nil {
				return preparing(err)
			}
		}
		if err := r.s.become(ctx, sp, t.Role, t.Actor); err != nil {
			return err
		}
		var err error
		h.reached, err = p.Try(ctx, sp, t)
		return err
	})
	if h.err != nil && refused(h.err) {
		h.err, h.reached = nil, false
	}
	h.statements = r.s.statements
	return h
}

// remove takes the row away, from outside row security, so that one like it can be made.
func (s *session) remove(ctx context.Context, tx pgx.Tx, t *Target) error {
	if err := s.step(ctx, tx, t.Table.Relation.Owner); err != nil {
		return err
	}
	if _, err := query(ctx, tx, fmt.Sprintf("DELETE FROM %s WHERE %s", t.base, t.where())); err != nil {
		return fmt.Errorf("making room for the row: %w", err)
	}
	return s.step(ctx, tx, "")
}

// judge turns the two halves into an outcome.
func judge(control, stranger half) Entry {
	e := Entry{Outcome: Inconclusive}
	var noMember *noMemberError
	switch {
	case stranger.ran && stranger.reached:
		e.Outcome = Leaked
	case errors.As(control.err, &noMember):
		e.Code, e.Why = Failed, noMember.Error()
	case control.err != nil:
		e.Code, e.SQLState = failure(control.err), state(control.err)
		e.Why = "the owner's own try ended in " + describe(control.err)
	case !control.reached:
		e.Code, e.Why = ControlFailed, "the owner did not reach its own row this way"
	case !stranger.ran:
		e.Code, e.Why = NoContext, "no session without a context was to be had: the rows need one to be made"
	case errors.Is(stranger.err, errNoLookalike):
		e.Code, e.Why = ControlFailed, stranger.err.Error()
	case stranger.err != nil:
		e.Code, e.SQLState = failure(stranger.err), state(stranger.err)
		e.Why = "the stranger's try ended in " + describe(stranger.err)
	default:
		e.Outcome, e.Why = Held, "the owner reached the row, the stranger did not"
	}
	return e
}

// failure classifies what went wrong.
func failure(err error) Code {
	if timedOut(err) {
		return TimedOut
	}
	return Failed
}

// describe names an error without any value from a row.
func describe(err error) string {
	if e := pg.ServerError(err); e != nil {
		if c := culprit(e); c != "" {
			return "SQLSTATE " + e.Code + " (" + c + ")"
		}
		return "SQLSTATE " + e.Code
	}
	return err.Error()
}

// statement is what the stranger ran, ready to be run again.
func statement(role string, h half) string {
	if !h.ran {
		return ""
	}
	parts := []string{"SET ROLE " + pg.Ident(role)}
	if c := strings.TrimSuffix(contextSQL(h.actor), ";"); c != "" {
		parts = append(parts, c)
	}
	return strings.Join(append(parts, h.statements...), "; ")
}

// witness shows the row and the context; of a row that was found, not made, only its key.
func witness(t *Target, actor Tenant) *Witness {
	w := &Witness{Row: t.Row, Context: actor.Context}
	if t.existing {
		w.Row = map[string]*string{}
		for _, c := range t.Key {
			w.Row[c] = t.Row[c]
		}
	}
	return w
}

// title is the first line of a Doc.
func title(doc string) string {
	first, _, _ := strings.Cut(doc, "\n")
	return first
}
