package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hiddeco/sshsig"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// The files that a rollout is made from.
const (
	rolloutFile   = "rollout.yaml"
	approversFile = "approvers.yaml"
)

func rolloutInitCmd(w *World) *cobra.Command {
	cmd := command("init [DIR]", "write a rollout.yaml and an approvers.yaml to begin with",
		`Writes the two files that a rollout is made from, each line explained. Files that are there are left alone.

  ringfence rollout init`,
		func(cmd *cobra.Command, args []string) error {
			dir := cmp.Or(argument(args, 0), ".")
			for _, one := range [][2]string{{rolloutFile, rolloutTemplate}, {approversFile, approversTemplate}} {
				file := filepath.Join(dir, one[0])
				if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
					return usage(fmt.Errorf("%s is there already", file), "remove it first, or edit it")
				}
				if err := os.WriteFile(file, []byte(one[1]), 0o644); err != nil {
					return fmt.Errorf("writing %s: %w", file, err)
				}
			}
			w.note(false, "wrote %s and %s: edit both, then ringfence rollout seal %s --key ROOT", rolloutFile, approversFile, approversFile)
			return nil
		})
	cmd.Args = atMost(1, "one directory at most")
	return cmd
}

const rolloutTemplate = `# What a rollout is made from. Paths start from this file's directory; DSNs stand in variables, and only their names here.
author: you@example.com          # who made the plan: cannot sign
editors: []                      # who changed it last: cannot sign either
plan: ringfence-plan             # the directory that ringfence plan wrote
config: ringfence.yaml           # how the schema is read, and what is accepted
approvers: approvers.yaml        # who may sign; approvers.yaml.sig stands beside it (ringfence rollout seal)
root: ssh-ed25519 AAAA…          # the key that sealed it, as ringfence rollout seal prints it
roles: [technical_lead, database_administrator, security, product_owner]

stages:
  - name: staging
    dsn_env: STAGING_DSN         # the operator's: owner of the tables, direct
    app_dsn_env: STAGING_APP_DSN # the application's own
    soak: 24h
  - name: production
    dsn_env: PRODUCTION_DSN
    app_dsn_env: PRODUCTION_APP_DSN
    pooler_dsn_env: PRODUCTION_POOLER_DSN
    soak: 24h
    window: {cron: quietest, zone: UTC} # or cron "0 2 * * *", zone Europe/Berlin, for 2h
    cohorts: []                  # [[public.notes], [public.orders, public.items]]: the canary cohort first
    settle: 5m                   # watched after each cohort
    # observe: 24h               # begin with the mode that refuses nothing
    # databases:                 # instead of dsn_env, where tenants are split over several: one rollout, cohort by cohort over all of them
    #   - {name: eu-1, dsn_env: EU1_DSN, app_dsn_env: EU1_APP_DSN}
    #   - {name: us-1, dsn_env: US1_DSN, app_dsn_env: US1_APP_DSN}

hooks:                           # commands of yours: no shell, a deadline, their output kept without secrets
  # backup_age: {argv: [./backup-age]}   prints when the last backup ended, as 2026-01-31T15:04:05Z
  # restore:    {argv: [./restore]}      restores it somewhere and prints its DSN as the last line
  # disk:       {argv: [./free-bytes]}   prints how many bytes are free
  # alert:      {argv: [./test-alert]}   fires a test alert and returns when it came back
  # deploy, revert, health, smoke, integration, workflows, logins, backlog, p95, sqlstates
  # notify:     {argv: [./tell]}         is run for each call, with RINGFENCE_ALARM, _SEVERITY, _TO and _WHY

# prometheus: http://prometheus:9090
watch:
  calls: 10                      # of the application's statements that a round needs to be judged by
  # canaries: [TENANT, TENANT]
  # p95: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))
  # cpu: sum(rate(process_cpu_seconds_total{job="shop"}[1h]))   the application's cores; without, Ringfence's own processes
  # memory: sum(avg_over_time(process_resident_memory_bytes{job="shop"}[1h]))
  # trail: public.security_audit_logs

open_allowed: []                 # tables that an automatic return may open to every tenant, since the signers agree to it

roster:
  roles:
    on_call: []                  # - {name: Ada, url_env: ADA_WEBHOOK} or {name: pager, url_env: PD_URL, routing_env: PD_KEY}
    database_administrator: []
    security: []
    product_owner: []
  ticket: []
`

const approversTemplate = `# Who may sign. Keys are lines as in authorized_keys; a person counts once, however many keys and roles they have.
people:
  - name: Ada
    emails: [ada@example.com]    # as authors of changes are named
    roles: [technical_lead]
    keys: ["ssh-ed25519 AAAA…"]
  - name: Ben
    roles: [database_administrator]
    keys: ["sk-ssh-ed25519@openssh.com AAAA…"]
machines: []                     # sign evidence, never an approval
`

func rolloutSealCmd(w *World) *cobra.Command {
	var key string
	cmd := command("seal FILE", "sign approvers.yaml by the root key",
		`Reads approvers.yaml strictly, signs its bytes, and writes FILE.sig, as ssh-keygen -Y sign -n ringfence does, whose signature is
taken as well. Prints the line for root in rollout.yaml. Keep the root key away from where plans are run.

  ringfence rollout seal approvers.yaml --key root`,
		func(cmd *cobra.Command, args []string) error {
			text, err := readPaper(args[0])
			if err != nil {
				return fmt.Errorf("reading the approvers: %w", err)
			}
			people, err := attest.ParseApprovers(text)
			if err != nil {
				return err
			}
			s, err := signerOf(key)
			if err != nil {
				return err
			}
			raw, err := s.Sign(cmd.Context(), text)
			if err != nil {
				return err
			}
			signature, err := sshsig.ParseSignature(raw)
			if err != nil {
				return fmt.Errorf("reading the signature: %w", err)
			}
			if err := os.WriteFile(args[0]+".sig", sshsig.Armor(signature), 0o644); err != nil {
				return fmt.Errorf("writing the signature: %w", err)
			}
			w.note(false, "sealed %d people; for rollout.yaml:", len(people.People))
			fmt.Fprintf(w.Stdout, "root: %s\n", s.Key().Line())
			return nil
		})
	cmd.Args = between(1, 1, "the file")
	cmd.Flags().StringVar(&key, "key", "", "the root `KEY`: a private key, or its public half where an agent holds the other")
	return cmd
}

func rolloutNewCmd(w *World) *cobra.Command {
	var file string
	var quiet bool
	cmd := command("new [DIR]", "begin a rollout from a plan and rollout.yaml",
		`Reads rollout.yaml (its reference is what ringfence rollout init writes), the plan and the sealed approvers, asks each stage's
database who it is, and begins the log: in DIR, which can be committed, and in the schema ringfence of each database that answers.
A stage whose window says "quietest" gets the two hours in which its own tables had the fewest new rows in four weeks.

What it writes never changes: another plan, another definition or other approvers are another rollout.

  ringfence rollout new
  ringfence rollout new out/rollout --file deploy/rollout.yaml`,
		func(cmd *cobra.Command, args []string) error {
			return w.newRollout(cmd.Context(), cmp.Or(argument(args, 0), defaultRolloutDir), file, quiet)
		})
	cmd.Args = atMost(1, "one directory at most")
	cmd.Flags().StringVar(&file, "file", rolloutFile, "read this `FILE`")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "no notes on stderr")
	return cmd
}

func (w *World) newRollout(ctx context.Context, dir, file string, quiet bool) error {
	papers, d, err := readPapers(file)
	if err != nil {
		return err
	}
	ids := make([]rollout.TargetID, len(d.Stages))
	conns := make([]*pgx.Conn, len(d.Stages))
	stores := []ledger.Store{ledger.Directory(dir)}
	var dbs []*ledger.Database
	for i, st := range d.Stages {
		dsn, _ := w.Env(st.DSN)
		if dsn == "" {
			return usage(fmt.Errorf("the database of %s is not known", st.Name), "set "+st.DSN+" to the operator's DSN")
		}
		conn, err := pg.Connect(ctx, dsn, pg.Options{})
		if err != nil {
			return fmt.Errorf("asking the database of %s who it is: %w", st.Name, err)
		}
		defer conn.Close(context.WithoutCancel(ctx))
		conns[i] = conn
		snap, err := catalog.Read(ctx, conn, catalog.Options{})
		if err != nil {
			return err
		}
		if snap.Server.SystemIdentifier == "" {
			return refused(fmt.Errorf("the session on %s may not read the system identifier", st.Name), "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO it")
		}
		ids[i] = rollout.TargetID{SystemIdentifier: snap.Server.SystemIdentifier, Database: snap.Server.Database, Mark: ledger.NewMark()}
		for n := range i {
			if err := w.apart(ctx, quiet, d.Stages[n], st, ids[n], ids[i], conns[n], conn); err != nil {
				return err
			}
		}
		if st.Window.Cron == rollout.Quietest {
			if ids[i].Window, _, err = rollout.Propose(ctx, conn, snap, st.Window.Zone); err != nil {
				return usage(fmt.Errorf("proposing a window for %s: %w", st.Name, err), "write the window's cron into rollout.yaml")
			}
			w.note(quiet, "%s is quietest at %q %s, for two hours", st.Name, ids[i].Window.Cron, ids[i].Window.Zone)
		}
		dbs = append(dbs, &ledger.Database{Conn: conn})
	}
	l, err := ledger.Open(ctx, stores...)
	if err != nil {
		return classify(err)
	}
	r, err := rollout.Begin(ctx, l, *papers, ids, w.clock().Now())
	if err != nil {
		return classify(err)
	}
	for i, db := range dbs {
		if db.Rollout = r.ID; db.Prepare(ctx) == nil && db.Mark(ctx, ids[i].Mark) == nil {
			stores = append(stores, db)
			continue
		}
		w.note(quiet, "the log is not kept in a database whose schema ringfence cannot be made")
	}
	if _, err := ledger.Open(ctx, stores...); err != nil {
		return classify(err)
	}
	w.note(quiet, "began rollout %s in %s: plan %s, %s", r.ID, dir, string(r.Plan)[:12], english.Count(len(r.Stages), "stage"))
	return nil
}

// apart refuses two stages that are one database, and says where only marks tell two from each other.
func (w *World) apart(ctx context.Context, quiet bool, a, b rollout.StageDefinition, one, other rollout.TargetID, first, second *pgx.Conn) error {
	if one.SystemIdentifier != other.SystemIdentifier || one.Database != other.Database {
		return nil
	}
	same, err := ledger.SameDatabase(ctx, first, second)
	if err != nil {
		return err
	}
	if same {
		return usage(fmt.Errorf("%s and %s are one database", a.Name, b.Name), "give each stage a database of its own: look at "+a.DSN+" and "+b.DSN)
	}
	w.note(quiet, "%s and %s have the same system identifier, as copies of one server do: they are told apart by the marks that are written into them", a.Name, b.Name)
	return nil
}

// readPapers reads what a rollout is made from.
func readPapers(file string) (*rollout.Papers, *rollout.Definition, error) {
	text, err := readPaper(file)
	if err != nil {
		return nil, nil, usage(fmt.Errorf("reading %s: %w", file, err), "ringfence rollout init writes one to begin with")
	}
	d, err := rollout.ParseDefinition(text)
	if err != nil {
		return nil, nil, usage(err, "ringfence rollout init writes one to begin with")
	}
	beside := func(name string) string { return filepath.Join(filepath.Dir(file), name) }
	papers := &rollout.Papers{Definition: text}
	if papers.Approvers, err = readPaper(beside(d.Approvers)); err != nil {
		return nil, nil, fmt.Errorf("reading the approvers: %w", err)
	}
	if papers.ApproversSig, err = readPaper(beside(d.Approvers) + ".sig"); err != nil {
		return nil, nil, usage(fmt.Errorf("reading the approvers' signature: %w", err), "ringfence rollout seal "+d.Approvers+" --key ROOT")
	}
	if papers.Plan, err = plan.Read(beside(d.Plan)); err != nil {
		return nil, nil, fmt.Errorf("reading the plan in %s: %w", d.Plan, err)
	}
	if d.Config != "" {
		if papers.Config, err = readPaper(beside(d.Config)); err != nil {
			return nil, nil, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	return papers, d, nil
}
