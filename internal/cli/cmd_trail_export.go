package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/trail"
)

func trailExportCmd(w *World) *cobra.Command {
	var f trailFlags
	var to, framing string
	cmd := command("export [DSN]", "write the trail for another system",
		`Writes the table's events, oldest first: as JSON lines (the trail's own form, which verifies again, checkpoints included), OCSF 1.3,
ECS 8 or CEF; to stdout, a file, or syslog by RFC 5424. No text of an event can end a line, start a field or turn text.

  ringfence trail export "$DSN" -o trail.jsonl
  ringfence trail export "$DSN" --format ocsf --since 24h
  ringfence trail export "$DSN" --format cef --to tls://siem.example:6514

--to takes udp://, tcp://, tls://HOST:PORT, unix:///PATH (datagrams) and unix+stream:///PATH. A file is replaced only when all of it is
written.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if to != "" && f.output != "" {
				return usage(errors.New("both --to and --output were given"), "")
			}
			conn, err := w.dial(cmd.Context(), argument(args, 0), pg.Options{})
			if err != nil {
				return err
			}
			defer conn.Close(context.WithoutCancel(cmd.Context()))
			if to != "" {
				return exportSyslog(cmd.Context(), conn, &f, to, framing)
			}
			return w.exportLines(cmd.Context(), conn, &f)
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "json", "ocsf", "ecs", "cef")
	f.bindOutput(cmd)
	f.bindFilter(cmd)
	cmd.Flags().StringVar(&to, "to", "", "send to the syslog at this `ADDRESS`")
	cmd.Flags().StringVar(&framing, "framing", "octets", "how a stream tells messages apart: octets, lines")
	return cmd
}

// exportLines streams events to stdout or a file, and checkpoints after them where the form can carry them.
func (w *World) exportLines(ctx context.Context, conn *pgx.Conn, f *trailFlags) error {
	if f.output == "" {
		return exportTo(ctx, conn, f, w.Stdout)
	}
	if isNoFile(f.output) {
		to, err := os.OpenFile(f.output, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("writing the export: %w", err)
		}
		return errors.Join(exportTo(ctx, conn, f, to), to.Close())
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.output), ".ringfence-*") // readable by its owner alone, as the events are
	if err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	defer os.Remove(tmp.Name())
	buffered := bufio.NewWriter(tmp)
	if err := errors.Join(exportTo(ctx, conn, f, buffered), buffered.Flush(), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return os.Rename(tmp.Name(), f.output)
}

func exportTo(ctx context.Context, conn *pgx.Conn, f *trailFlags, out io.Writer) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if err := writeEvents(out, eventFormat(f.format), trail.ReadEvents(ctx, tx, f.filter)); err != nil {
		return err
	}
	if f.format != "json" {
		return nil
	}
	for c, err := range trail.ReadCheckpoints(ctx, tx) {
		if err != nil {
			return err
		}
		if _, err := out.Write(trail.AppendCheckpoint(nil, c)); err != nil {
			return err
		}
	}
	return nil
}

func exportSyslog(ctx context.Context, conn *pgx.Conn, f *trailFlags, to, framing string) error {
	o := trail.SyslogOptions{Address: to, Format: eventFormat(f.format)}
	switch framing {
	case "octets":
	case "lines":
		o.Framing = trail.Newlines
	default:
		return usage(fmt.Errorf("--framing %q is neither octets nor lines", framing), "")
	}
	s, err := trail.NewSyslog(o)
	if err != nil {
		return usage(err, "such as tcp://siem.example:601")
	}
	defer s.Close()
	var batch []trail.Event
	send := func() error {
		call, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		err := s.Send(call, batch)
		batch = batch[:0]
		return err
	}
	for e, err := range trail.ReadEvents(ctx, conn, f.filter) {
		if err != nil {
			return err
		}
		if batch = append(batch, e); len(batch) == 500 {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}

func trailTriageCmd(w *World) *cobra.Command {
	var reason, by, journal string
	cmd := command("triage ID true|false [DSN]", "judge a refusal: was it an attack or a mistake of ours?",
		`Records a judgement of the event ID as an event of its own, by the same path as all others: on this machine's disk first, then in the
table. The judged event is not changed; a later judgement counts in place of an earlier one. ringfence trail query --rate sums them up.

  ringfence trail triage 0195f0a0-1111-7000-8000-000000000001 false "$DSN" --by anna --reason "load test, ticket 214"

The DSN's role may call the trail's writer function; where it may read too, it is looked whether the event exists. Exit 1: the table did
not take it; the judgement waits in the journal that is named, and goes with the next one that is given it by --journal.`,
		func(cmd *cobra.Command, args []string) error {
			id, err := trail.ParseID(args[0])
			if err != nil {
				return usage(fmt.Errorf("%.60q is no event id", args[0]), "ringfence trail query prints them as id=")
			}
			if by == "" {
				by, _ = w.Env("USER")
			}
			e, err := trail.TriageEvent(id, trail.Judgement(args[1]), by, reason)
			if err != nil {
				return usage(err, `ringfence trail triage ID true|false --by NAME --reason "…"`)
			}
			dsn, _, err := pg.Resolve(argument(args, 2), w.Env)
			if err != nil {
				return usage(err, pg.Hint(err))
			}
			if err := w.knownEvent(cmd.Context(), dsn, id); err != nil {
				return err
			}
			return w.judge(cmd.Context(), e, dsn, journal)
		})
	cmd.Args = between(2, 3, "an event's id, true or false, and a DSN")
	cmd.Flags().StringVar(&reason, "reason", "", "why; asked for")
	cmd.Flags().StringVar(&by, "by", "", "who judges (default: $USER)")
	cmd.Flags().StringVar(&journal, "journal", "", "a journal `DIR` of this command's own (default: a new one, removed when the table has the judgement)")
	return cmd
}

// knownEvent refuses to judge an event that is not there. Who may not read is told so, and goes on.
func (w *World) knownEvent(ctx context.Context, dsn string, id trail.ID) error {
	conn, err := pg.Connect(ctx, dsn, pg.Options{})
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, err := range trail.ReadEvents(ctx, conn, trail.Filter{Event: id}) {
		if pg.SQLState(err) == "42501" {
			w.note(false, "this role may not read the trail: whether the event exists was not looked at")
			return nil
		}
		return err
	}
	return usage(fmt.Errorf("the trail has no event %s", id), "ids are printed by ringfence trail query")
}

// ownNode names the node of a command's own journal; one of a journal that is made anew shares its chains with no other.
func ownNode(verb, dir string) string {
	host, _ := os.Hostname()
	host = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, host)
	if dir != "" {
		return verb + "-" + host[:min(len(host), 40)]
	}
	random := make([]byte, 6)
	rand.Read(random)
	return verb + "-" + host[:min(len(host), 40)] + "-" + hex.EncodeToString(random)
}

// judge records the judgement: durable in a journal of this command's own, then in the table.
func (w *World) judge(ctx context.Context, e ringfence.Event, dsn, journal string) error {
	var recorded trail.Event
	waits, err := onTrail(ctx, dsn, journal, "triage", func(t *trail.Trail) (err error) {
		recorded, err = t.Accept(ctx, e)
		return err
	})
	if err != nil {
		return fmt.Errorf("recording the judgement: %w", err)
	}
	if waits != "" {
		return &exitError{code: exitCouldNotRun, err: fmt.Errorf("the table did not take the judgement: it waits in %s", waits), hint: "run this again with --journal " + waits + " when the table is there"}
	}
	w.note(false, "the judgement is on the trail as %s", recorded.ID)
	return nil
}

func trailKeyCmd(w *World) *cobra.Command {
	var name, file string
	cmd := command("key", "make a pair of keys for signing checkpoints",
		`Writes the private key to the FILE of --output, readable by its owner alone, for the process that ships events; prints the verifier key, which is
for everybody who runs ringfence trail verify.

  ringfence trail key --name shop-eu-1 --output trail.key > trail.pub`,
		func(cmd *cobra.Command, args []string) error {
			if file == "" || name == "" {
				return usage(errors.New("a name and a file are needed"), "ringfence trail key --name NAME --output FILE")
			}
			signer, verifier, err := trail.NewCheckpointKey(rand.Reader, name)
			if err != nil {
				return usage(err, "a name has neither spaces nor plus signs")
			}
			out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return fmt.Errorf("writing the key: %w", err)
			}
			if _, err := out.WriteString(signer + "\n"); err != nil {
				out.Close()
				return fmt.Errorf("writing the key: %w", err)
			}
			if err := errors.Join(out.Sync(), out.Close()); err != nil {
				return fmt.Errorf("writing the key: %w", err)
			}
			_, err = fmt.Fprintln(w.Stdout, verifier)
			return err
		})
	cmd.Args = atMost(0, "no argument")
	cmd.Flags().StringVar(&name, "name", "", "whose key it is; asked for")
	cmd.Flags().StringVarP(&file, "output", "o", "", "the new `FILE` for the private key; asked for")
	return cmd
}
