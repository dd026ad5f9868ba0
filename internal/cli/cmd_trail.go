package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/trail"
)

func trailCmd(w *World) *cobra.Command {
	cmd := command("trail", "read, verify, export and judge the security trail",
		`Every refusal is on the trail: on the node's disk before it was answered (the journal), in PostgreSQL soon after (the table). ringfence
plan and apply make the table where ringfence.yaml has trail: {writer: ROLE, reader: ROLE}.

  ringfence trail tail      /var/lib/app/trail                  what happens on this node, as it happens
  ringfence trail query     "$DSN" --severity CRITICAL          what happened, on all nodes
  ringfence trail verify    "$DSN" --key trail.pub              whether anybody changed, removed or added a record
  ringfence trail reconcile "$DSN" --journal /var/lib/app/trail accepted = rows + backlog, chain by chain
  ringfence trail export    "$DSN" --format ocsf                for another system
  ringfence trail triage ID false "$DSN" --reason "a test"      a person's judgement; query --rate sums them up
  ringfence trail retire    "$DSN" --before 9600h --reason "…"  old months out, new partitions ahead
  ringfence trail key       --name shop-1 --output trail.key    keys for signed checkpoints

The DSN is the service role's: it reads all tenants' events. The role that writes them cannot read one.`, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return cmd.Help() }
	for _, verb := range []*cobra.Command{trailTailCmd(w), trailQueryCmd(w), trailVerifyCmd(w), trailReconcileCmd(w), trailExportCmd(w), trailTriageCmd(w), trailRetireCmd(w), trailKeyCmd(w)} {
		run := verb.RunE
		verb.RunE = func(cmd *cobra.Command, args []string) error { return trailHint(run(cmd, args)) }
		cmd.AddCommand(verb)
	}
	return cmd
}

// trailHint says what to do where the table is not there, or not open to the session's role.
func trailHint(err error) error {
	if hintOf(err) != "" {
		return err
	}
	switch pg.SQLState(err) {
	case "42P01", "3F000", "42883":
		return &exitError{code: exitCouldNotRun, err: err, hint: "ringfence plan and apply make the trail where ringfence.yaml has trail: {writer: ROLE, reader: ROLE}"}
	case "42501":
		return &exitError{code: exitCouldNotRun, err: err, hint: "connect as the role that ringfence.yaml names as the trail's reader (or keeper, to retire)"}
	}
	return err
}

// trailFlags are what the trail's verbs take.
type trailFlags struct {
	format, output string
	quiet          bool
	types          []string
	severities     []string
	since, until   string
	filter         trail.Filter
	formats        []string
}

func (f *trailFlags) bind(cmd *cobra.Command, formats ...string) {
	f.formats = formats
	cmd.Flags().StringVar(&f.format, "format", formats[0], "how to write: "+strings.Join(formats, ", "))
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no notes on stderr")
	completeWords(cmd, "format", formats)
}

func (f *trailFlags) bindOutput(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write the document to `FILE` instead of stdout")
}

func (f *trailFlags) bindFilter(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.types, "type", nil, "only events of this `TYPE`; may be given again")
	fl.StringArrayVar(&f.severities, "severity", nil, "only events of this `SEVERITY`; may be given again")
	fl.StringVar(&f.filter.Tenant, "tenant", "", "only what this authenticated `TENANT` did")
	fl.StringVar(&f.filter.AttemptedTenant, "attempted", "", "only attempts on this `TENANT`")
	fl.StringVar(&f.filter.User, "user", "", "only what this `USER` did")
	fl.StringVar(&f.filter.Node, "node", "", "only what this `NODE` recorded")
	fl.StringVar(&f.since, "since", "", "only events accepted since then: a `TIME` (RFC 3339), a date, or how long ago (24h)")
	fl.StringVar(&f.until, "until", "", "only events accepted before this `TIME`")
	completeWords(cmd, "severity", severityWords())
}

func severityWords() []string {
	out := make([]string, len(ringfence.Severities))
	for i, s := range ringfence.Severities {
		out[i] = string(s)
	}
	return out
}

// check validates the flags and fills in the filter.
func (f *trailFlags) check() error {
	if !slices.Contains(f.formats, f.format) {
		return usage(fmt.Errorf("--format %q is not one of %s", f.format, strings.Join(f.formats, ", ")), "")
	}
	for _, t := range f.types {
		if !slices.Contains(ringfence.EventTypes, ringfence.EventType(t)) {
			return usage(fmt.Errorf("--type %q is no event type", t), nearTypes(t))
		}
		f.filter.Types = append(f.filter.Types, ringfence.EventType(t))
	}
	for _, s := range f.severities {
		if !slices.Contains(severityWords(), strings.ToUpper(s)) {
			return usage(fmt.Errorf("--severity %q is not one of %s", s, strings.Join(severityWords(), ", ")), "")
		}
		f.filter.Severities = append(f.filter.Severities, ringfence.Severity(strings.ToUpper(s)))
	}
	var err error
	if f.filter.Since, err = moment(f.since, "since"); err != nil {
		return err
	}
	f.filter.Until, err = moment(f.until, "until")
	return err
}

// nearTypes lists the event types that share a word with what was given.
func nearTypes(given string) string {
	var near []string
	for _, t := range ringfence.EventTypes {
		for word := range strings.SplitSeq(strings.ToLower(given), "_") {
			if word != "" && strings.Contains(string(t), word) && !slices.Contains(near, string(t)) {
				near = append(near, string(t))
			}
		}
	}
	if len(near) == 0 {
		return "docs/events.md lists them"
	}
	return "near it are " + strings.Join(near, ", ")
}

// moment reads a time, a date, or how long ago.
func moment(text, flag string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return time.Now().Add(-ago), nil
	}
	return time.Time{}, usage(fmt.Errorf("--%s %q is no time", flag, text), "such as 2027-01-31, 2027-01-31T12:00:00Z or 24h")
}

// eventFormat is how a format's name writes an event.
func eventFormat(name string) trail.Format {
	if f, ok := trail.Formats()[name]; ok {
		return f
	}
	return trail.AppendText
}

// document writes a value as JSON, or by text for people.
func (f *trailFlags) document(w *World, value any, text func(*bytes.Buffer)) error {
	return w.deliver(f.output, func(b *bytes.Buffer) error {
		if f.format != "json" {
			text(b)
			return nil
		}
		return report.WriteJSON(b, value)
	})
}

func trailTailCmd(w *World) *cobra.Command {
	var f trailFlags
	var follow, fresh bool
	cmd := command("tail DIR", "read a node's journal, of a running process or none",
		`Prints the events in the journal in DIR, oldest first: what the table has not yet, and what was not freed since. It reads the files and
takes no lock, so that the process which writes them is not hindered. Bytes that are no event are named on stderr.

  ringfence trail tail /var/lib/app/trail --follow
  ringfence trail tail /var/lib/app/trail --format json | jq .

Exit 0: everything was read. 3: something in the files is damaged.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if _, err := os.Stat(args[0]); err != nil {
				return usage(fmt.Errorf("reading the journal: %w", err), "DIR is the trail's directory on this node")
			}
			events := trail.ReadJournal(args[0])
			if follow {
				o := trail.TailOptions{}
				if fresh {
					o.From = trail.TailNew
				}
				events = trail.Tail(cmd.Context(), args[0], o)
			}
			damaged := false
			format := eventFormat(f.format)
			for e, err := range events {
				if err != nil {
					damaged = true
					w.note(false, "%v", err)
					continue
				}
				if _, err := w.Stdout.Write(append(format(nil, &e), '\n')); err != nil {
					return err
				}
			}
			if damaged {
				return outcome(exitFound)
			}
			return nil
		})
	cmd.Args = between(1, 1, "the journal's directory")
	f.bind(cmd, "text", "json", "ocsf", "ecs", "cef")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as events come, until interrupted")
	cmd.Flags().BoolVar(&fresh, "new", false, "with --follow: only events that come from now on")
	return cmd
}

func trailQueryCmd(w *World) *cobra.Command {
	var f trailFlags
	var rate bool
	cmd := command("query [DSN]", "read the table, latest events first",
		`Prints the latest events that the flags let through.

  ringfence trail query "$DSN" --severity CRITICAL --since 24h
  ringfence trail query "$DSN" --tenant "$TENANT" --limit 20 --format json
  ringfence trail query "$DSN" --rate --since 168h

--rate counts refusals instead, and how people judged them (ringfence trail triage): judged, true, false, and the share of false ones,
which is unknown while none was judged. Exit 0; with --rate 5 while it is unknown.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			conn, err := w.dial(cmd.Context(), argument(args, 0), pg.Options{})
			if err != nil {
				return err
			}
			defer conn.Close(cmd.Context())
			if rate {
				return w.trailRate(cmd, &f, conn)
			}
			return w.deliver(f.output, func(b *bytes.Buffer) error {
				return writeEvents(b, eventFormat(f.format), trail.ReadEvents(cmd.Context(), conn, f.filter))
			})
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "text", "json", "ocsf", "ecs", "cef")
	f.bindOutput(cmd)
	f.bindFilter(cmd)
	cmd.Flags().IntVar(&f.filter.Limit, "limit", 100, "the latest so many; 0: all, oldest first")
	cmd.Flags().BoolVar(&rate, "rate", false, "count refusals and how they were judged")
	return cmd
}

func writeEvents(out io.Writer, format trail.Format, events func(func(trail.Event, error) bool)) error {
	for e, err := range events {
		if err != nil {
			return err
		}
		if _, err := out.Write(append(format(nil, &e), '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) trailRate(cmd *cobra.Command, f *trailFlags, q trail.Querier) error {
	r, err := trail.ReadRate(cmd.Context(), q, f.filter)
	if err != nil {
		return err
	}
	err = f.document(w, struct {
		Schema string `json:"schema"`
		trail.Rate
	}{"ringfence/trail-rate/v1", r}, func(b *bytes.Buffer) {
		fmt.Fprintf(b, "refusals  %d (%d occurrences)\njudged    %d: %d true, %d false\n", r.Refusals, r.Occurrences, r.Judged, r.True, r.False)
		if r.FalseRate == nil {
			b.WriteString("false rate unknown: none was judged\n")
		} else {
			fmt.Fprintf(b, "false rate %.1f %%\n", *r.FalseRate*100)
		}
	})
	if err == nil && r.FalseRate == nil {
		return outcome(exitUnknown)
	}
	return err
}
