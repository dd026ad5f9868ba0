package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// errUnstable says that an answer changes by itself, so that nothing can be learned from its changing.
var errUnstable = errors.New("the answer is not the same twice")

// reads reports whether a stored query or rule names the relation.
func reads(tree catalog.Tree, rel *catalog.Relation) bool {
	return strings.Contains(tree.Node, fmt.Sprintf(":relid %d ", rel.OID))
}

// over returns the views that stand over the relation, directly or through other views, each with its path: those on whose
// way a materialized view stands, or the others.
func (t *Target) over(kind catalog.Kind) []*Target {
	var out []*Target
	seen := map[uint32]bool{t.Table.Relation.OID: true}
	for queue := []*Target{t}; len(queue) > 0; queue = queue[1:] {
		below := queue[0]
		for i := range t.s.snap.Relations {
			v := &t.s.snap.Relations[i]
			if seen[v.OID] || !shows(v, below) {
				continue
			}
			seen[v.OID] = true
			above := below.through(string(v.Kind), v)
			above.Path = append(Path{{string(v.Kind), v.Identity()}}, below.Path...) // from the role's end
			queue = append(queue, above)
			if (kind == catalog.MatView) == (len(above.kept()) > 0) {
				out = append(out, above)
			}
		}
	}
	return out
}

// above returns the views over the target's table.
func (t *Target) above() []*catalog.Relation {
	var out []*catalog.Relation
	for _, v := range append(t.over(catalog.View), t.over(catalog.MatView)...) {
		out = append(out, v.seen)
	}
	return out
}

// shows reports whether a relation is a view that reads what the target is asked through.
func shows(v *catalog.Relation, below *Target) bool {
	rel := below.Table.Relation
	if below.seen != nil {
		rel = below.seen
	}
	return (v.Kind == catalog.View || v.Kind == catalog.MatView) && slices.ContainsFunc(v.Rules, func(r catalog.Rule) bool {
		return r.Event == "SELECT" && reads(r.Action, rel)
	})
}

// kept returns the materialized views on the path, the one next to the table first.
func (t *Target) kept() []*catalog.Relation {
	var out []*catalog.Relation
	for _, h := range t.Path {
		if r := t.s.snap.Relation(h.Name); r != nil && r.Kind == catalog.MatView {
			out = append([]*catalog.Relation{r}, out...)
		}
	}
	return out
}

// asOutside runs a statement from outside row security, as the table's owner where it has to be, keeps what it did, and goes
// back to being the actor.
func (t *Target) asOutside(ctx context.Context, tx pgx.Tx, owner, sql string) error {
	return preparing(within(ctx, tx, func(sp pgx.Tx) error {
		if err := t.s.step(ctx, sp, owner); err != nil {
			return err
		}
		if _, err := query(ctx, sp, sql); err != nil {
			return fmt.Errorf("preparing from outside: %w", err)
		}
		return t.s.become(ctx, sp, t.Role, t.Actor)
	}))
}

// depends reports whether an answer that the actor gets depends on the target's row: it is asked with the row, once more to
// see that it keeps still, and without the row. A refusal counts as an answer.
func (t *Target) depends(ctx context.Context, tx pgx.Tx, ask func(pgx.Tx) ([][]*string, error)) (bool, error) {
	answer := func(in pgx.Tx) (string, error) {
		var out [][]*string
		err := undone(ctx, in, func(sp pgx.Tx) error {
			var err error
			out, err = ask(sp)
			return err
		})
		if err != nil && (state(err) == "" || timedOut(err)) {
			return "", err
		}
		return flat(out) + "\x00" + state(err), nil
	}
	first, err := answer(tx)
	if err != nil {
		return false, err
	}
	if again, err := answer(tx); err != nil || again != first {
		return false, errors.Join(errUnstable, err)
	}
	var without string
	err = undone(ctx, tx, func(sp pgx.Tx) error {
		if err := t.s.remove(ctx, sp, t); err != nil {
			return preparing(err)
		}
		if err := t.s.become(ctx, sp, t.Role, t.Actor); err != nil {
			return err
		}
		var err error
		without, err = answer(sp)
		return err
	})
	return err == nil && without != first, err
}

// flat writes rows as one text, NULL told from every value.
func flat(rows [][]*string) string {
	var b strings.Builder
	for _, r := range rows {
		for _, v := range r {
			if v == nil {
				b.WriteString("\x02")
			} else {
				b.WriteString("\x01" + *v)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// tells is a text that occurs in the row and nowhere else, and that the caller did not hand in: the marker, or a key value.
func (t *Target) tells(answer string, given ...string) bool {
	words := []string{t.Marker}
	for _, c := range t.Key {
		if v := t.Row[c]; v != nil && !slices.Contains(t.tenantColumns(), c) {
			words = append(words, *v)
		}
	}
	for _, w := range words {
		if len(w) >= 8 && !slices.Contains(given, w) && strings.Contains(answer, w) {
			return true
		}
	}
	return false
}
