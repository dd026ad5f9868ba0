package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/impact"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

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
	return w.measure(ctx, f, conn, m, p)
}

// measure counts in the database who would lose what.
func (w *World) measure(ctx context.Context, f *readFlags, conn *pgx.Conn, m *tenancy.Model, p *plan.Plan) (*impact.Document, error) {
	bar := w.progress(f.quiet || !w.Terminal, "who loses what", 0)
	defer bar.done()
	d, err := impact.Measure(ctx, conn, m, p, impact.Options{Table: func(done, total int, table string) { bar.at(int64(done), int64(total), table) }})
	return d, pg.WhyLost(conn, err)
}

// maxRunbook bounds a run book that is added to.
const maxRunbook = 256 << 20

// writeImpact puts the document beside the plan, and its words into the run book.
func (w *World) writeImpact(dir string, d *impact.Document) error {
	if err := w.deliver(filepath.Join(dir, plan.ImpactFile), func(b *bytes.Buffer) error { return report.WriteJSON(b, d) }); err != nil {
		return err
	}
	name := filepath.Join(dir, plan.RunbookFile)
	text, err := bounded.ReadRegular(name, maxRunbook)
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
	config, err := f.readConfig()
	if err != nil {
		return err
	}
	conn, err := w.dial(ctx, dsn, pg.Options{})
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	snapshot, err := catalog.Read(ctx, conn, catalog.Options{})
	if err != nil {
		return err
	}
	m, err := f.infer(snapshot, config)
	if err != nil {
		return err
	}
	if tables := impact.Observing(m.Snapshot); len(tables) > 0 && !o.DryRun {
		return refused(fmt.Errorf("under observation: %s, %s first", english.Count(len(tables), "table"), tables[0]), "ringfence observe remove DIR takes it away; then apply again")
	}
	if begun, err := apply.Interrupted(ctx, conn, o.Plan); err != nil || begun {
		return err
	}
	chosen := *o.Plan
	chosen.Steps = slices.DeleteFunc(slices.Clone(o.Plan.Steps), func(s plan.Step) bool {
		return len(o.Only) > 0 && s.Table != "" && !slices.Contains(o.Only, s.Table)
	})
	doc, err := w.measure(ctx, f, conn, m, &chosen)
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

// withoutAllowances leaves out the names that lossGate understands.
func withoutAllowances(allow []string) []string {
	return slices.DeleteFunc(slices.Clone(allow), impact.IsAllowance)
}
