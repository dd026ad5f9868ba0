package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/clone"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// proveFlags are what prove takes beside the flags of every read-only verb.
type proveFlags struct {
	attack    bool
	clone     bool
	inference bool
	require   string
	yesOn     string
	tables    []string
	pgtap     string
}

var requireWords = []string{"proved", "probed", "none"}

func proveCmd(w *World) *cobra.Command {
	var f readFlags
	var pf proveFlags
	cmd := command("prove [DSN]", "a verdict for every way to a row: proved, probed, leak or unproven",
		`For every application role, table, command and path it says whether another tenant's rows can be read, made, changed or
destroyed: by logic over the policies as PostgreSQL stores them (proved, or a leak with a witness), and with --attack by
trying each way with two tenants' rows in a transaction that is rolled back (probed, or a leak that was executed).
Each leak's policy is evaluated on its witness by the database, read-only; where logic does not follow a function, rows and
contexts that may show a leak are evaluated by the hundred. What cannot be decided is unproven, and unproven is never green.

With --app-dsn and --pooler-dsn the attack also goes through the application's own log-in and through the pooler: two clients take
turns, and run at once, as two tenants that have rows; where --yes-on allows writes, each then forges, changes, moves and
destroys rows of its own and the other's in a transaction that is rolled back, and what one leaves on a connection is looked for
by the other.

  ringfence prove "$DSN"
  ringfence prove "$DSN" --attack --yes-on db.example/app
  ringfence prove "$DSN" --attack --yes-on db.example/app --app-dsn "$APP_DSN" --pooler-dsn "$POOLER_DSN"
  ringfence prove "$DSN" --clone
  ringfence prove --snapshot app.json --format json

Exit 0: every isolation cell is what --require asks for, or accepted in ringfence.yaml. 3: some is not. 5: no role is known
that tenants' requests run as. 8: logic and a probe disagree, which is a fault of Ringfence; the material for a report is
written to a file.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(formatNames(), args); err != nil {
				return err
			}
			pf.attack = pf.attack || pf.clone
			if pf.clone && pf.yesOn != "" {
				return usage(errors.New("--yes-on lets writes run on the database itself, and --clone runs them on a copy"), "give one of them")
			}
			if pf.require == "" {
				pf.require = map[bool]string{true: "probed", false: "proved"}[pf.attack]
			}
			if !slices.Contains(requireWords, pf.require) {
				return usage(fmt.Errorf("--require %q is not one of %s", pf.require, strings.Join(requireWords, ", ")), "")
			}
			return pf.run(cmd.Context(), w, &f, argument(args, 0))
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, formatNames()...)
	fl := cmd.Flags()
	fl.BoolVar(&pf.attack, "attack", false, "try each way with two tenants' rows; everything is rolled back")
	fl.StringVar(&pf.yesOn, "yes-on", "", "let the attack write on `HOST/DB`, said to the letter")
	fl.BoolVar(&pf.clone, "clone", false, "attack an embedded copy of the schema, writes and TRUNCATE included, with no load on the source")
	fl.BoolVar(&pf.inference, "inference", false, "let inference cells (what can be guessed) count for the exit code")
	fl.StringVar(&pf.require, "require", "", "what a cell must be: proved, probed, none (default proved, with --attack probed)")
	fl.StringVar(&pf.pgtap, "pgtap", "", "write the probes to `FILE` as a pgTAP suite, which runs without Ringfence")
	fl.StringArrayVar(&pf.tables, "table", nil, "attack this `TABLE` only; may be given again")
	f.bindDetails(cmd)
	completeWords(cmd, "require", requireWords)
	return cmd
}

func (pf *proveFlags) run(ctx context.Context, w *World, f *readFlags, dsn string) error {
	if pf.attack && f.snapshot != "" {
		return usage(errors.New("--attack and --clone need a database, and --snapshot is a file"), "give the DSN instead")
	}
	m, err := f.readModel(ctx, w, dsn)
	if err != nil {
		return err
	}
	if err := pf.known(m); err != nil {
		return err
	}
	if err := pf.export(w, m); err != nil {
		return err
	}
	cells := prove.Logic(m, time.Now())
	var notes []string
	var wrong []prove.Contradiction
	if f.snapshot == "" {
		notes, err = prove.Execute(ctx, m, cells, func(ctx context.Context) (*pgx.Conn, error) { return w.dial(ctx, dsn, pg.Options{}) })
		if err != nil {
			return err
		}
	}
	if pf.attack {
		tried, err := pf.try(ctx, w, f, m, dsn)
		if err != nil {
			return err
		}
		notes = append(append(notes, tried.Notes...), tried.Traces...)
		cells, wrong = prove.Merge(m, cells, tried.Entries, time.Now())
	}
	if err := w.write(f, report.OfProve(m, cells, notes)); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return contradicted(wrong)
	}
	return judged(m, outcome(pf.exit(cells)))
}

// export writes the pgTAP suite where it was asked for.
func (pf *proveFlags) export(w *World, m *tenancy.Model) error {
	if pf.pgtap == "" {
		return nil
	}
	suite, err := prove.PgTAP(m)
	if err != nil {
		return refused(err, "--context names the setting where it was not found")
	}
	return w.deliver(pf.pgtap, func(b *bytes.Buffer) error { _, err := b.WriteString(suite); return err })
}

// known checks the tables that --table names.
func (pf *proveFlags) known(m *tenancy.Model) error {
	for _, t := range pf.tables {
		if m.Snapshot.Relation(t) == nil {
			return usage(fmt.Errorf("--table names %q, and there is no such table", t), "names are as PostgreSQL has them, with their schema: public.orders")
		}
	}
	return nil
}

// try runs the probes, on the database or on a copy of it.
func (pf *proveFlags) try(ctx context.Context, w *World, f *readFlags, m *tenancy.Model, dsn string) (*attack.Result, error) {
	if w.attack != nil {
		return w.attack(ctx, m)
	}
	if pf.clone {
		return pf.tryClone(ctx, w, f, m, dsn)
	}
	return pf.tryThere(ctx, w, f, m, dsn)
}

// tryThere attacks the database itself. Writing probes run where the target was named to the letter, so that nobody attacks
// production by habit; without it only reading ones do, and the notes say so.
func (pf *proveFlags) tryThere(ctx context.Context, w *World, f *readFlags, m *tenancy.Model, dsn string) (*attack.Result, error) {
	conn, err := w.dial(ctx, dsn, pg.Options{})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	target := conn.Config().Host + "/" + conn.Config().Database
	if pf.yesOn != "" && pf.yesOn != target {
		return nil, refused(fmt.Errorf("--yes-on names %s, and the connection is to %s", pf.yesOn, target), "say --yes-on "+target+" where writes, all rolled back, may run there")
	}
	bar := w.progress(f.quiet, "attack", 0)
	defer bar.done()
	out, err := attack.Run(ctx, attack.Options{
		Conn: conn, Model: m, Tables: pf.tables, AllowWrites: pf.yesOn != "", Dial: w.dialApp(f),
		Progress: func(done, total int) { bar.at(int64(done), int64(total), "probes") },
	})
	if err == nil && pf.yesOn == "" {
		out.Notes = append(out.Notes, "probes that write did not run: say --yes-on "+target+" where writes, all rolled back, may run there, or --clone")
	}
	if err != nil {
		return nil, pg.WhyLost(conn, err)
	}
	return out, pf.tryWays(ctx, w, f, m, conn, out)
}

// tryWays attacks through the application's own ways in, and adds what leaked to the result: that a few probes held there raises no
// cell that logic left open, and is told as a note.
func (pf *proveFlags) tryWays(ctx context.Context, w *World, f *readFlags, m *tenancy.Model, conn *pgx.Conn, out *attack.Result) error {
	tables := pf.tables
	if len(tables) == 0 {
		for _, t := range m.TenantTables() {
			tables = append(tables, t.Relation.Identity())
		}
	}
	ways := w.ways(f)
	for _, way := range ways {
		entries, notes, err := attack.RunWay(ctx, way, attack.WayOptions{Conn: conn, Model: m, Tables: tables, AllowWrites: pf.yesOn != "", Switches: harden.Switches})
		if err != nil {
			return err
		}
		count := map[attack.Outcome]int{}
		for _, e := range entries {
			count[e.Outcome]++
			switch {
			case e.Outcome == attack.Leaked && !e.Informational:
				out.Entries = append(out.Entries, e)
			case e.Outcome == attack.Leaked:
				out.Notes = append(out.Notes, way.Name+": "+e.Why)
			}
		}
		out.Notes = append(append(out.Notes, notes...), fmt.Sprintf("%s: %d held, %d leaked, %d inconclusive", way.Name,
			count[attack.Held], count[attack.Leaked], count[attack.Inconclusive]))
	}
	out.Notes = append(out.Notes, harden.Unproven(ways)...)
	return nil
}

// dialApp opens sessions of the application's own log-in, for what only shows between two sessions; nil where it was not given.
func (w *World) dialApp(f *readFlags) func(ctx context.Context, role string) (*pgx.Conn, error) {
	if f.appDSN == "" {
		return nil
	}
	return func(ctx context.Context, role string) (*pgx.Conn, error) {
		conn, err := w.dial(ctx, f.appDSN, pg.Options{SimpleProtocol: true})
		if err != nil {
			return nil, err
		}
		var user string
		if err := conn.QueryRow(ctx, "SELECT session_user::text", pgx.QueryExecModeSimpleProtocol).Scan(&user); err != nil || user != role {
			_ = conn.Close(context.WithoutCancel(ctx)) // nothing was begun on it
			return nil, fmt.Errorf("opening a session of role %s: --app-dsn logs in as another", role)
		}
		return conn, nil
	}
}

// tryClone attacks an embedded copy. Nothing is tried of what could not be copied, and the notes name it.
func (pf *proveFlags) tryClone(ctx context.Context, w *World, f *readFlags, m *tenancy.Model, dsn string) (*attack.Result, error) {
	config, err := f.readConfig()
	if err != nil {
		return nil, err
	}
	source, _, err := pg.Resolve(dsn, w.Env)
	if err != nil {
		return nil, usage(err, pg.Hint(err))
	}
	bar := w.progress(f.quiet, "clone", 0)
	defer bar.done()
	c, err := clone.Make(ctx, clone.Source{DSN: source, Snapshot: m.Snapshot, Note: func(s string) { w.note(f.quiet, "%s", s) }})
	if pg.Hint(err) != "" {
		return nil, refused(err, pg.Hint(err))
	}
	if err != nil {
		return nil, err
	}
	defer c.Stop()
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	copied, err := f.infer(c.Snapshot, config)
	if err != nil {
		return nil, err
	}
	out, err := attack.Run(ctx, attack.Options{
		Conn: conn, Model: copied, Tables: pf.tables, Roles: m.Applications(), AllowWrites: true, Clone: true, Dial: c.ConnectAs,
		Progress: func(done, total int) { bar.at(int64(done), int64(total), "probes") },
	})
	if err != nil {
		return nil, err
	}
	prove.Uncloned(out, c.Missing)
	return out, nil
}

// exit says what the cells come to: 3 where one that counts is less than what is required.
func (pf *proveFlags) exit(cells []prove.Cell) int {
	if pf.require == "none" {
		return exitClean
	}
	for _, c := range cells {
		if c.Accepted != nil || (c.Kind == reach.Inference && !pf.inference) {
			continue
		}
		if c.Verdict == prove.Leak || c.Verdict == prove.Unproven {
			return exitFound
		}
		if pf.require == "proved" && c.Verdict == prove.Probed {
			return exitFound
		}
	}
	return exitClean
}

// contradicted writes the material of a disagreement to a file of its own and ends with exit code 8.
func contradicted(wrong []prove.Contradiction) error {
	name := "the material could not be written"
	if file, err := os.CreateTemp(".", "ringfence-contradiction-*.json"); err == nil {
		name = file.Name()
		enc := json.NewEncoder(file)
		enc.SetIndent("", "  ")
		if err := errors.Join(enc.Encode(wrong), file.Close()); err != nil {
			name = "the material could not be written: " + err.Error()
		}
	}
	return &exitError{code: exitContradicted, err: fmt.Errorf("logic and probes disagree on %s: %s", english.Count(len(wrong), "cell"), name),
		hint: "this is a fault of Ringfence: please report it with the file, which holds definitions and made-up rows"}
}
