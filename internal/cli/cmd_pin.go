package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth/pin"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/revocation"
	"github.com/ringfencehq/ringfence/trail"
)

func pinCmd(w *World) *cobra.Command {
	cmd := command("pin", "set, lock and unlock PINs, and enrol devices",
		`PIN login is served by ringfence gateway (its section pin) or by package auth/pin; these verbs are for whoever operates it.
ringfence plan and apply make its tables where ringfence.yaml has pin: {login: ROLE, operator: ROLE}.

  ringfence pin key     --peppers peppers --login-key login.key   once, on the machine that serves logins
  ringfence pin enrol   RESTAURANT USER "$DSN" --peppers peppers  the PIN is asked for, or read from stdin
  ringfence pin device  RESTAURANT "$DSN" --label "till 2"        a one-time code, by which a device enrols
  ringfence pin lock    RESTAURANT USER "$DSN"                    and its sessions end
  ringfence pin unlock  RESTAURANT USER "$DSN"
  ringfence pin rotate  RESTAURANT USER "$DSN" --peppers peppers  another PIN; the old one need not be known
  ringfence pin status  "$DSN"

The DSN is the operator's role. It reads no table, and never a hash. Every act is on the trail, by the DSN of --trail-dsn, and
sessions that end are cut on every gateway where the operator's role is a revoker, too. No PIN is ever an argument.`, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return cmd.Help() }
	cmd.AddCommand(pinKeyCmd(w), pinEnrolCmd(w, "enrol", "set a member's PIN"), pinEnrolCmd(w, "rotate", "set another PIN for a member"),
		pinActCmd(w, "lock", "lock a PIN until it is unlocked, and end its sessions", pin.Operator.Lock),
		pinActCmd(w, "unlock", "forget a PIN's wrong tries and its lock", pin.Operator.Unlock),
		pinActCmd(w, "remove", "remove a PIN, and end its sessions", pin.Operator.Remove),
		pinDeviceCmd(w), pinEndDeviceCmd(w), pinStatusCmd(w))
	return cmd
}

// pinFlags are what the verbs that reach a database take.
type pinFlags struct {
	kind, trailDSN, journal, by, peppers string
	reads                                bool // nothing is done that the trail has to have
}

func (f *pinFlags) bind(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.kind, "kind", string(gateway.KindUUID), "what tenant keys are: uuid, text, int")
	fl.StringVar(&f.trailDSN, "trail-dsn", "", "the database, as `DSN` of the trail's writer (default: the operator's DSN)")
	fl.StringVar(&f.journal, "journal", "", "a journal `DIR` of this command's own (default: a new one, removed when the table has the events)")
	fl.StringVar(&f.by, "by", "", "who operates, for the record (default: $USER)")
}

// operate opens an Operator, has it do something, and sees that it is on the trail.
func (f *pinFlags) operate(ctx context.Context, w *World, dsn string, do func(pin.Operator, func(string) (ringfence.Tenant, error)) error) error {
	dsn, _, err := pg.Resolve(dsn, w.Env)
	if err != nil {
		return usage(err, pg.Hint(err))
	}
	kind := gateway.Kind(f.kind)
	if !slices.Contains([]gateway.Kind{gateway.KindUUID, gateway.KindText, gateway.KindInt}, kind) {
		return usage(fmt.Errorf("--kind %q is not one of uuid, text, int", f.kind), "")
	}
	o := pin.OperatorOptions{ParseTenant: kind.Parse, By: f.by}
	if o.By == "" {
		o.By, _ = w.Env("USER")
	}
	if f.peppers != "" {
		text, err := readPaper(f.peppers)
		if err != nil {
			return fmt.Errorf("reading peppers: %w", err)
		}
		if o.Peppers, err = pin.ParsePeppers(string(text)); err != nil {
			return err
		}
	}
	conn, err := pg.Connect(ctx, dsn, pg.Options{ApplicationName: "ringfence pin"})
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	o.DB = conn
	cut := &recordedCut{store: revocation.NewStore(dsn), by: o.By}
	defer cut.store.Close()
	o.Revoker = cut
	trailDSN := f.trailDSN
	if trailDSN == "" {
		trailDSN = dsn
	}
	run := func(r ringfence.Recorder) error {
		o.Recorder = r
		op, err := pin.NewOperator(o)
		if err != nil {
			return err
		}
		return do(op, kind.Parse)
	}
	if f.reads && f.journal == "" {
		return run(unrecorded{})
	}
	waits, err := onTrail(ctx, trailDSN, f.journal, "pin", func(t *trail.Trail) error {
		err := run(t)
		if cut.without {
			w.note(false, "the operator's role is no revoker, or there are no revocations: open sockets end with their access tokens")
		}
		return err
	})
	if err == nil && waits != "" {
		err = &exitError{code: exitCouldNotRun, err: fmt.Errorf("it was done, and the trail's table did not take the event: it waits in %s", waits),
			hint: "give the trail's writer by --trail-dsn; ringfence pin status --journal " + waits + " sends what waits"}
	}
	return err
}

// unrecorded is the Recorder of what only reads, and so records nothing.
type unrecorded struct{}

func (unrecorded) Record(context.Context, ringfence.Event) error {
	return errors.New("what only reads records nothing")
}

// recordedCut stores a revocation for the gateways. Where there are none, without tells so: the session cannot be refreshed any
// more in any case.
type recordedCut struct {
	store   *revocation.Store
	by      string
	without bool
}

// Revoke implements pin.Revoker.
func (c *recordedCut) Revoke(ctx context.Context, r pin.Revocation) error {
	_, err := c.store.Add(ctx, revocation.Entry{Kind: gateway.RevokeSession.String(), Tenant: r.Tenant.String(), Subject: r.Session, Reason: "ringfence pin", By: c.by,
		Ends: time.Now().Add(2 * time.Hour)})
	switch pg.SQLState(err) {
	case "42883", "42501", "3F000": // no such function, no right to it, no such schema
		c.without = true
		return nil
	}
	return err
}
