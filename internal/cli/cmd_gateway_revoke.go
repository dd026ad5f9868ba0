package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/edge"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/revocation"
	"github.com/ringfencehq/ringfence/trail"
)

// revokeFlags are what gateway revoke takes.
type revokeFlags struct {
	config, dsn, reason, by, ends, trailDSN, journal string
}

func gatewayRevokeCmd(w *World) *cobra.Command {
	var f revokeFlags
	cmd := command("revoke token ID | session ID | member TENANT USER | tenant TENANT", "cut the sockets of a token, a session, a member or a tenant, on every gateway",
		`Stores a revocation in the database and puts it on the bus between the gateways: sockets that stand on what was revoked are
cut within milliseconds, and its tokens are refused from then on. Where the bus cannot be reached from here, gateways take it from
the database at their next poll, within a second by default.

  ringfence gateway revoke token 5f0c… -c gateway.yaml --reason "lost phone" --ends 2027-01-31T12:00:00Z
  ringfence gateway revoke member RESTAURANT USER -c gateway.yaml --reason "left the company"
  ringfence gateway revoke tenant RESTAURANT --dsn "$DSN" --reason "suspended"

ID is the token's jti, or the session's id; of a token without jti it is the token_id of its events. A member and a tenant are revoked
with every token that was issued by now: who may come back logs in again, who may not is taken out of the membership, too.

The DSN is the revoker's role, which may do nothing else; ringfence plan and apply make the table where ringfence.yaml has
revocations: {follower: ROLE, revoker: ROLE}. Without -c nothing is put on the bus.

It is on the trail, by the DSN of --trail-dsn, and through a journal of its own: what the table does not take waits there. The sockets do
not wait for the trail: they are cut first.`,
		func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), w, args) })
	cmd.Args = atMost(3, "a kind and what is revoked")
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "", "the gateways' configuration `FILE`, for their bus and their kind of tenants")
	fl.StringVar(&f.dsn, "dsn", "", "the database, as `DSN` of the revoker's role; else the environment names it")
	fl.StringVar(&f.reason, "reason", "", "why, for the record")
	fl.StringVar(&f.by, "by", "", "who, for the record; default: $USER")
	fl.StringVar(&f.trailDSN, "trail-dsn", "", "the database, as `DSN` of the trail's writer (default: the revoker's DSN)")
	fl.StringVar(&f.journal, "journal", "", "a journal `DIR` of this command's own (default: a new one, removed when the table has the event)")
	fl.StringVar(&f.ends, "ends", "", "a `TIME` at which the token has expired and the revocation need not be kept; default: it is kept for good")
	return cmd
}

// entry reads what is revoked from the arguments.
func (f *revokeFlags) entry(args []string) (revocation.Entry, error) {
	e := revocation.Entry{Reason: f.reason, By: f.by}
	if len(args) > 0 {
		e.Kind = args[0]
	}
	want := map[string][]*string{"token": {&e.Subject}, "session": {&e.Subject}, "member": {&e.Tenant, &e.User}, "tenant": {&e.Tenant}}[e.Kind]
	if want == nil || len(args) != len(want)+1 {
		return e, errors.New("it wants one of: token ID, session ID, member TENANT USER, tenant TENANT")
	}
	for i, at := range want {
		if *at = args[i+1]; *at == "" || len(*at) > 256 {
			return e, fmt.Errorf("an id has 1 to 256 bytes, and the %dth has %d", i+1, len(*at))
		}
	}
	if strings.Count(e.Subject, ".") == 2 && strings.HasPrefix(e.Subject, "ey") {
		return e, errors.New("that is a token itself, and not its id: it has been shown to whoever reads this command line")
	}
	if f.reason == "" {
		return e, errors.New("--reason: there is none, and the record wants one")
	}
	if f.ends != "" {
		var err error
		if e.Ends, err = time.Parse(time.RFC3339, f.ends); err != nil {
			return e, fmt.Errorf("--ends %q is no time, such as 2027-01-31T12:00:00Z", f.ends)
		}
	}
	return e, nil
}

func (f *revokeFlags) run(ctx context.Context, w *World, args []string) error {
	if f.by == "" {
		f.by, _ = w.Env("USER")
	}
	e, err := f.entry(args)
	if err != nil {
		return usage(err, "see ringfence gateway revoke --help")
	}
	dsn, _, err := pg.Resolve(f.dsn, w.Env)
	if err != nil {
		return usage(err, "give --dsn, or set RINGFENCE_DSN")
	}
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	o := edge.Options{File: f.config, Env: w.Env, Log: slog.New(slog.NewTextHandler(w.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	stored, carried, err := edge.Revoke(ctx, o, dsn, e)
	if err != nil {
		return gatewayError(err)
	}
	how := "the bus has it"
	if !carried {
		how = "gateways take it at their next poll"
	}
	fmt.Fprintf(w.Stdout, "revoked %s at %s, number %d: %s\n", stored.Kind, stored.At.UTC().Format(time.RFC3339Nano), stored.ID, how)
	return f.record(ctx, cmp.Or(f.trailDSN, dsn), stored)
}

// record puts what was revoked on the trail.
func (f *revokeFlags) record(ctx context.Context, dsn string, e revocation.Entry) error {
	waits, err := onTrail(ctx, dsn, f.journal, "revoke", func(t *trail.Trail) error { return t.Record(ctx, revokedEvent(e)) })
	if err != nil {
		return &exitError{code: exitCouldNotRun, err: fmt.Errorf("it is revoked, and is not on the trail: %w", err), hint: "revoking it again does no harm, and records it"}
	}
	if waits != "" {
		return &exitError{code: exitCouldNotRun, err: fmt.Errorf("it is revoked, and the trail's table did not take the event: it waits in %s", waits),
			hint: "give the trail's writer by --trail-dsn; with --journal " + waits + " the next revocation sends what waits"}
	}
	return nil
}

// revokedEvent is the record of a revocation. A token's subject is its jti or a digest, and not the token.
func revokedEvent(e revocation.Entry) ringfence.Event {
	out := ringfence.Event{Type: ringfence.Revoked, User: e.User, Tenant: e.Tenant,
		Detail: map[string]string{"operation": e.Kind, "reason": e.Reason, "by": e.By, "number": strconv.FormatInt(e.ID, 10)}}
	switch e.Kind {
	case gateway.RevokeSession.String():
		out.Session = e.Subject
	case gateway.RevokeToken.String():
		out.Detail["token_id"] = e.Subject
	}
	return out
}
