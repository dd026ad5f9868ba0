package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/impact"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// impactFile says who loses what, beside the plan's own files.
const impactFile = "impact.json"

// foretell says who would lose what by the plan: counted in the database, or by logic alone where a snapshot stands for it.
func (w *World) foretell(ctx context.Context, f *readFlags, m *tenancy.Model, p *plan.Plan, dsn string) (*impact.Document, error) {
	if f.snapshot != "" {
		return impact.Logic(m, p)
	}
	conn, err := w.dial(ctx, dsn, pg.Options{})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	bar := w.progress(f.quiet || !w.Terminal, "who loses what", 0)
	defer bar.done()
	return impact.Measure(ctx, conn, m, p, impact.Options{Table: func(done, total int, table string) { bar.at(int64(done), int64(total), table) }})
}

// writeImpact puts the document beside the plan, and its words into the run book.
func (w *World) writeImpact(dir string, d *impact.Document) error {
	if err := w.deliver(filepath.Join(dir, impactFile), func(b *bytes.Buffer) error { return report.WriteJSON(b, d) }); err != nil {
		return err
	}
	name := filepath.Join(dir, plan.RunbookFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the run book: %w", err)
	}
	return w.deliver(name, func(b *bytes.Buffer) error {
		b.Write(text)
		b.WriteString("\n")
		markdown, _ := report.FormatNamed("markdown")
		return markdown.Write(b, report.OfImpact(d), report.Options{})
	})
}

// lossGate stops an application that would take what nobody wants to lose, or of which that is not known. A dry run is told, and goes on.
// One that was interrupted went through the gate when it began, and half a plan in place tells nothing of what was before.
func (w *World) lossGate(ctx context.Context, f *readFlags, o apply.Options, dsn string, allow []string) error {
	m, err := f.readModel(ctx, w, dsn)
	if err != nil {
		return err
	}
	if tables := impact.Observing(m.Snapshot); len(tables) > 0 && !o.DryRun {
		return refused(fmt.Errorf("%d tables are under observation, %s first", len(tables), tables[0]), "ringfence observe remove DIR takes it away; then apply again")
	}
	begun, err := w.interrupted(ctx, o.Plan, dsn)
	if err != nil || begun {
		return err
	}
	chosen := *o.Plan
	chosen.Steps = slices.DeleteFunc(slices.Clone(o.Plan.Steps), func(s plan.Step) bool {
		return len(o.Only) > 0 && s.Table != "" && !slices.Contains(o.Only, s.Table)
	})
	doc, err := w.foretell(ctx, f, m, &chosen, dsn)
	if err != nil {
		return err
	}
	doc.Allow(allow)
	err = doc.Gate()
	var loss *impact.LossError
	switch {
	case err == nil:
		return nil
	case o.DryRun:
		w.note(f.quiet, "apply would stop: %v", err)
		return nil
	case errors.As(err, &loss) && len(loss.Tables) == 0:
		return &exitError{code: exitUnknown, err: err, hint: hintOf(err)}
	}
	return refused(err, hintOf(err))
}

// interrupted reports whether this application goes on with one that was begun.
func (w *World) interrupted(ctx context.Context, p *plan.Plan, dsn string) (bool, error) {
	conn, err := w.dial(ctx, dsn, pg.Options{})
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return apply.Interrupted(ctx, conn, p)
}

// withoutAllowances leaves out the names that lossGate understands.
func withoutAllowances(allow []string) []string {
	return slices.DeleteFunc(slices.Clone(allow), impact.IsAllowance)
}
