package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// dangerValues is the planners' name for an undo that drops values; it allows all columns at once.
const dangerValues = "drops_values"

// ask refuses what the plan calls dangerous to take back unless it was allowed by name. It refuses to drop a column that holds values written since the plan added it, unless that was allowed by its name.
func (r *runner) ask(ctx context.Context, chosen map[int]bool) error {
	var questions []Question
	for i := range r.opts.Plan.Steps {
		if !chosen[i] {
			continue
		}
		s := &r.opts.Plan.Steps[i]
		for _, danger := range s.UndoDanger {
			if danger != dangerValues && !slices.Contains(r.opts.Allow, danger) {
				questions = append(questions, Question{Name: danger, Step: s.ID, Object: s.Object, Why: "only where it is allowed by name: " + danger})
			}
		}
		for _, sql := range s.Undo {
			for _, col := range droppedColumns(sql) {
				name := col.table.quoted() + "." + pg.Ident(col.column)
				if slices.Contains(r.opts.Allow, name) || slices.Contains(r.opts.Allow, dangerValues) {
					continue
				}
				written, err := r.writtenSince(ctx, col)
				if err != nil {
					return fmt.Errorf("looking for values in %s: %w", name, err)
				}
				if written {
					questions = append(questions, Question{Name: name, Step: s.ID, Object: name,
						Why: "holds values written since the plan added it; dropping it loses them"})
				}
			}
		}
	}
	if len(questions) > 0 {
		return &AskError{Questions: questions}
	}
	return nil
}

// A column is a table's column.
type column struct {
	table  relName
	column string
}

// droppedColumns reads the columns that ALTER TABLE … DROP COLUMN … drops.
func droppedColumns(sql string) []column {
	p := &words{tokens(sql)}
	if !p.skip("alter") || !p.skip("table") {
		return nil
	}
	_ = p.skip("if") && p.skip("exists")
	p.skip("only")
	table, ok := p.qualified()
	if !ok {
		return nil
	}
	var found []column
	for len(p.rest) > 0 {
		if !p.skip("drop") {
			p.next()
			continue
		}
		if !p.skip("column") {
			continue
		}
		_ = p.skip("if") && p.skip("exists")
		found = append(found, column{table, p.next()})
	}
	return found
}

// writtenSince tells whether a column holds a value that the plan itself did not put there. Rows that no transaction after
// the plan's last back-fill of the table touched are the plan's own work; any other value counts, since whose it is
// cannot be known. Row security is off: where this role may not see all rows this is an error, never a no.
func (r *runner) writtenSince(ctx context.Context, c column) (bool, error) {
	var there bool
	const exists = `SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
		JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND NOT a.attisdropped)`
	if err := r.watch.one(ctx, exists, []any{c.table.schema, c.table.name, c.column}, &there); err != nil || !there {
		return false, err
	}
	query := fmt.Sprintf("SELECT EXISTS (SELECT FROM %s AS t WHERE t.%s IS NOT NULL", c.table.quoted(), pg.Ident(c.column))
	last, err := r.lastFill(ctx, c.table)
	if err != nil {
		return false, err
	}
	if last != "" {
		query += fmt.Sprintf(" AND pg_catalog.age(t.xmin) < pg_catalog.age(%s::pg_catalog.xid8::pg_catalog.xid)", quote(last))
	}
	var written bool
	err = r.watch.one(ctx, query+")", nil, &written)
	return written, err
}

// lastFill gives the last transaction of the plan's back-fills on a table; "" where there was none.
func (r *runner) lastFill(ctx context.Context, table relName) (string, error) {
	for i := range r.opts.Plan.Steps {
		s := &r.opts.Plan.Steps[i]
		if n, ok := parseRel(s.Table); !ok || n != table || s.Batch == 0 || r.hist.step(s.ID).rows == 0 {
			continue
		}
		var xid string
		const last = `SELECT COALESCE(pg_catalog.max(xid::pg_catalog.text::pg_catalog.numeric)::pg_catalog.text, '')
			FROM ringfence.apply_step WHERE plan = $1 AND step = $2 AND direction = 'do'`
		if err := r.watch.one(ctx, last, []any{r.planID, s.ID}, &xid); err != nil {
			return "", fmt.Errorf("reading the run log: %w", err)
		}
		return xid, nil
	}
	return "", nil
}
