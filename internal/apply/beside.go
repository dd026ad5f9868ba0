package apply

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// besideLearned marks, among a step's digests, that those of the objects beside it were written too.
const besideLearned = "*"

// learnBeside learns how a unit changed objects that its steps do not name: a partitioned table's partitions follow it,
// and a role may have been given rights on anything. Without that the next step would take it for others' work. It is
// read after the commit, without a lock, and only of objects that other steps of the plan touch.
func (r *runner) learnBeside(ctx context.Context, u unit) error {
	for _, t := range u.tasks {
		beside, err := r.beside(ctx, t)
		if err != nil {
			return err
		}
		if len(beside) == 0 {
			continue
		}
		now, err := digests(ctx, r.watch, beside)
		if err != nil {
			return err
		}
		changed := map[string]string{}
		for o, d := range now {
			if r.known[o] != d {
				changed[o] = d
			}
		}
		r.learn(changed)
		changed[besideLearned] = ""
		const note = `UPDATE ringfence.apply_step SET objects = COALESCE(objects, '{}') || $1::pg_catalog.jsonb
			WHERE run = $2 AND ordinal = $3 AND direction = $4 AND state IN ('effected', 'undone')`
		if err := r.watch.exec(ctx, note, jsonText(changed, false), r.id, t.index+1, t.direction); err != nil {
			return fmt.Errorf("writing the run log: %w", err)
		}
	}
	return nil
}

// beside lists the plan's objects that a task may change without naming them.
func (r *runner) beside(ctx context.Context, t task) ([]string, error) {
	if err := r.rewatch(ctx); err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, o := range t.objects {
		named[o] = true
	}
	var all []string
	add := func(object string) {
		if _, ours := r.known[object]; ours && !named[object] {
			all = append(all, object)
		}
	}
	n, ok := parseRel(t.table)
	if !ok {
		for o := range r.known {
			add(o)
		}
		return all, nil
	}
	const tree = `WITH RECURSIVE up (oid) AS (
		  SELECT c.oid FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
		  UNION SELECT i.inhparent FROM pg_catalog.pg_inherits AS i JOIN up ON i.inhrelid = up.oid),
		down (oid) AS (SELECT oid FROM up UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN down ON i.inhparent = down.oid)
		SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM down JOIN pg_catalog.pg_class AS c ON c.oid = down.oid
		JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace`
	type member struct{ Schema, Name string }
	members, err := rows(ctx, r.watch, pgx.RowToStructByPos[member], tree, n.schema, n.name)
	if err != nil {
		return nil, fmt.Errorf("reading the partitions of %s: %w", n.quoted(), err)
	}
	for _, m := range members {
		add(catalog.QuoteIdent(m.Schema) + "." + catalog.QuoteIdent(m.Name))
	}
	return all, nil
}
