package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/visible"
	"github.com/ringfencehq/ringfence/trail"
)

// trailVerification is the document of trail verify.
type trailVerification struct {
	Schema  string                `json:"schema"`
	Checks  []trail.CheckResult   `json:"checks"`
	Breaks  []trail.Break         `json:"breaks"` // found by the database's own contiguity query
	Sources []*trail.Verification `json:"sources"`
	Summary map[string]int        `json:"summary"`
}

// verifySources are what trail verify looks at and relies on.
type verifySources struct {
	keys, checkpoints, journals, exports []string
	partial, noTable                     bool
}

func trailVerifyCmd(w *World) *cobra.Command {
	var f trailFlags
	var s verifySources
	cmd := command("verify [DSN]", "whether the trail is as it must be, and whether anybody touched it",
		`Asks the table its eight checks (table, columns, indexes, severity check, row security, policies, insert and read with deletion
refused, query plans), has the database check every chain's contiguity, then reads every record, computes its hash again and compares the chains
with their signed checkpoints. Journals and exports are read in the same way.

  ringfence trail verify "$DSN" --key trail.pub
  ringfence trail verify "$DSN" --key trail.pub --checkpoints app.log --journal /var/lib/app/trail
  ringfence trail verify --no-table --export trail.jsonl --key trail.pub

Each fault has a name: changed, missing, reordered, truncated, inserted, damaged, signature. Who owns the database can rewrite a
whole chain and its checkpoints; --checkpoints gives those that left the node (its stdout, a log, an export), which tell.

Exit 0: all is well. 3: something is wrong. 5: something could not be told, such as signatures without --key. 7: a checkpoint is not signed
by a key that was given, whatever else is wrong.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			doc, err := w.verifyTrail(cmd.Context(), s, argument(args, 0))
			if err != nil {
				return err
			}
			if err := f.document(w, doc, doc.text); err != nil {
				return err
			}
			return doc.outcome()
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "text", "json")
	f.bindOutput(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&s.keys, "key", nil, "a verifier key, or a `FILE` that holds one; may be given again")
	fl.StringArrayVar(&s.checkpoints, "checkpoints", nil, "a `FILE` with checkpoints that left the node: its stdout, a log, an export")
	fl.StringArrayVar(&s.journals, "journal", nil, "a node's journal `DIR`; may be given again")
	fl.StringArrayVar(&s.exports, "export", nil, "a `FILE` of JSON lines; may be given again")
	fl.BoolVar(&s.partial, "partial", false, "exports may begin late: they were made with --since or a filter of time")
	fl.BoolVar(&s.noTable, "no-table", false, "look at journals and exports only")
	return cmd
}

func (w *World) verifyTrail(ctx context.Context, s verifySources, dsn string) (*trailVerification, error) {
	doc := &trailVerification{Schema: "ringfence/trail-verify/v1", Checks: []trail.CheckResult{}, Breaks: []trail.Break{}, Summary: map[string]int{}}
	o := trail.VerifyOptions{Partial: s.partial}
	var err error
	if o.Keys, err = readKeys(s.keys); err != nil {
		return nil, err
	}
	for _, file := range s.checkpoints {
		notes, err := readCheckpoints(file)
		if err != nil {
			return nil, err
		}
		o.Checkpoints = append(o.Checkpoints, notes...)
	}
	if s.noTable && len(s.journals)+len(s.exports) == 0 {
		return nil, usage(errors.New("there is nothing to verify"), "give --journal or --export, or leave --no-table out")
	}
	if !s.noTable {
		if err := w.verifyTable(ctx, doc, &o, dsn); err != nil {
			return nil, err
		}
	}
	for _, dir := range s.journals {
		v, err := trail.VerifyJournal(dir, o)
		if err != nil {
			return nil, err
		}
		v.Source += " " + dir
		doc.Sources = append(doc.Sources, v)
	}
	for _, file := range s.exports {
		in, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("reading an export: %w", err)
		}
		v, err := trail.VerifyExport(in, o)
		in.Close()
		if err != nil {
			return nil, err
		}
		v.Source += " " + file
		doc.Sources = append(doc.Sources, v)
	}
	doc.sum()
	return doc, nil
}

// verifyTable adds what the table says, all of it read in one snapshot.
func (w *World) verifyTable(ctx context.Context, doc *trailVerification, o *trail.VerifyOptions, dsn string) error {
	conn, err := w.dial(ctx, dsn, pg.Options{})
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	doc.Checks = trail.Check(ctx, conn)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("reading the trail: %w", pg.WhyLost(conn, err))
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	table, err := trail.VerifyTable(ctx, tx, *o)
	if err != nil {
		table = &trail.Verification{Source: "table", Findings: []trail.Finding{}, Unknown: []string{err.Error()}}
		doc.Sources = append(doc.Sources, table)
		return nil
	}
	doc.Sources = append(doc.Sources, table)
	if doc.Breaks, err = trail.Contiguity(ctx, tx); err != nil {
		return err
	}
	if o.Heads, err = trail.ReadHeads(ctx, tx); err != nil {
		return err
	}
	return nil
}

func (d *trailVerification) sum() {
	for _, c := range d.Checks {
		d.Summary["check_"+string(c.State)]++
	}
	d.Summary["breaks"] = len(d.Breaks)
	for _, s := range d.Sources {
		d.Summary["records"] += int(s.Records)
		d.Summary["unknown"] += len(s.Unknown)
		for _, f := range s.Findings {
			d.Summary[f.Kind]++
		}
		d.Summary["findings"] += len(s.Findings)
	}
}

func (d *trailVerification) outcome() error {
	switch s := d.Summary; {
	case s[trail.Unsigned] > 0:
		return outcome(exitBadSignature)
	case s["findings"]+s["breaks"]+s["check_"+string(trail.Fault)] > 0:
		return outcome(exitFound)
	case s["unknown"]+s["check_"+string(trail.Unknown)] > 0:
		return outcome(exitUnknown)
	}
	return nil
}

func (d *trailVerification) text(b *bytes.Buffer) {
	for _, c := range d.Checks {
		fmt.Fprintf(b, "%-8s %s: %s\n", c.State, c.Name, visible.Line(c.Detail))
	}
	for _, s := range d.Sources {
		fmt.Fprintf(b, "%-8s %s: %d records in %d chains, %d retired, %d told twice; %d checkpoints cover %d records\n",
			s.State(), visible.Line(s.Source), s.Records, s.Chains, s.Retired, s.Repeated, s.Checkpoints, s.Signed)
		for _, f := range s.Findings {
			fmt.Fprintf(b, "    %-9s %s epoch %d record %d %s: %s\n", f.Kind, visible.Line(f.Node), f.Epoch, f.Sequence, f.Event, visible.Line(f.Detail))
		}
		for _, u := range s.Unknown {
			fmt.Fprintf(b, "    unknown   %s\n", visible.Line(u))
		}
	}
	for _, x := range d.Breaks {
		fmt.Fprintf(b, "fault    the database finds the chain of %s, epoch %d broken at record %d\n", visible.Line(x.Node), x.Epoch, x.Sequence)
	}
}

// readKeys reads verifier keys, given as they are or by file.
func readKeys(given []string) ([]string, error) {
	var out []string
	for _, k := range given {
		if raw, err := readPaper(k); err == nil {
			k = string(raw)
		}
		k = strings.TrimSpace(k)
		if strings.Count(k, "+") < 2 {
			return nil, usage(fmt.Errorf("--key %.40q is no verifier key and no file", k), "ringfence trail key prints one when it makes a pair")
		}
		out = append(out, k)
	}
	return out, nil
}

// readCheckpoints takes the checkpoints out of a log or an export: lines of JSON with the field checkpoint, whatever stands between.
func readCheckpoints(file string) ([]string, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading checkpoints: %w", err)
	}
	defer in.Close()
	var out []string
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPaper)
	for lines.Scan() {
		line := lines.Bytes()
		if at := bytes.Index(line, []byte(`{"checkpoint":`)); at >= 0 {
			var one struct {
				Checkpoint string `json:"checkpoint"`
			}
			if json.NewDecoder(bytes.NewReader(line[at:])).Decode(&one) == nil && one.Checkpoint != "" {
				out = append(out, one.Checkpoint)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading checkpoints: %s: %w", file, err)
	}
	if len(out) == 0 {
		return nil, usage(fmt.Errorf("%s holds no checkpoint", file), `they are lines of JSON that begin with {"checkpoint":`)
	}
	return out, nil
}

func trailReconcileCmd(w *World) *cobra.Command {
	var f trailFlags
	var journals []string
	cmd := command("reconcile [DSN]", "whether every accepted record is in the table or in a journal, once",
		`Counts, chain by chain (one epoch of one node): accepted = rows + retired + backlog. Journals are read before the table, so that a node
may go on while it is counted.

  ringfence trail reconcile "$DSN" --journal /var/lib/app/trail

Exit 0: the account is even. 3: records are lost, doubled, or differ between journal and table. 5: no --journal was given, so that it is
not known what waits there.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			conn, err := w.dial(cmd.Context(), argument(args, 0), pg.Options{})
			if err != nil {
				return err
			}
			defer conn.Close(context.WithoutCancel(cmd.Context()))
			r, err := trail.Reconcile(cmd.Context(), conn, journals...)
			if err != nil {
				return err
			}
			err = f.document(w, struct {
				Schema   string `json:"schema"`
				Journals int    `json:"journals"` // how many were counted; 0: what waits is not known
				*trail.Reconciliation
			}{"ringfence/trail-reconcile/v1", len(journals), r}, func(b *bytes.Buffer) {
				for _, c := range r.Chains {
					fmt.Fprintf(b, "%s epoch %d: ", visible.Line(c.Node), c.Epoch)
					balance(b, c)
				}
				for _, d := range r.Damage {
					fmt.Fprintf(b, "damaged: %s\n", visible.Line(d))
				}
				b.WriteString("all: ")
				balance(b, r.Total)
				if len(journals) == 0 {
					b.WriteString("unknown: what waits in journals; give each by --journal\n")
				}
			})
			switch {
			case err == nil && !r.Whole():
				return outcome(exitFound)
			case err == nil && len(journals) == 0:
				return outcome(exitUnknown)
			}
			return err
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "text", "json")
	f.bindOutput(cmd)
	cmd.Flags().StringArrayVar(&journals, "journal", nil, "a node's journal `DIR`; may be given again")
	return cmd
}

func balance(b *bytes.Buffer, c trail.Balance) {
	sign := "="
	if c.Lost != 0 {
		sign = "≠"
	}
	fmt.Fprintf(b, "%d accepted %s %d rows + %d retired + %d backlog", c.Accepted, sign, c.Rows, c.Retired, c.Backlog)
	if !c.Whole() {
		fmt.Fprintf(b, "; %d lost, %d doubled, %d differ", c.Lost, c.Doubled, c.Clashing)
	}
	b.WriteByte('\n')
}
