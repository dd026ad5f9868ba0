package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// defaultRolloutDir is where a rollout is kept where no directory is named.
const defaultRolloutDir = "ringfence-rollout"

// rolloutFlags are what the verbs of a rollout share.
type rolloutFlags struct {
	readFlags
	stage string
	id    string
	base  string
	from  string
}

func (f *rolloutFlags) bindRollout(cmd *cobra.Command, formats ...string) {
	fl := cmd.Flags()
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no notes on stderr")
	fl.BoolVar(&f.noColor, "no-color", false, "no colour; NO_COLOR does the same")
	fl.StringVar(&f.format, "format", formats[0], "how to write the document: "+strings.Join(formats, ", "))
	fl.StringVarP(&f.output, "output", "o", "", "write the document to `FILE` instead of stdout")
	fl.StringVar(&f.stage, "stage", "", "the `STAGE`; default: the first one that is not applied")
	fl.StringVar(&f.base, "base", ".", "the `DIR` that the paths in rollout.yaml start from")
	fl.StringVar(&f.from, "from-database", "", "read the log from the database of this `DSN`, where the directory is lost")
	fl.StringVar(&f.id, "id", "", "with --from-database: which rollout; default: the latest")
	f.failOn = "none"
	completeWords(cmd, "format", formats)
}

// clock is the time as the verbs of a rollout see it.
func (w *World) clock() rollout.Clock {
	if w.Clock != nil {
		return w.Clock
	}
	return rollout.SystemClock{}
}

// A session is one rollout, open.
type session struct {
	w       *World
	f       *rolloutFlags
	dir     string
	log     *ledger.Log
	state   *rollout.State
	people  *attest.Approvers
	def     *rollout.Definition
	config  *tenancy.Config
	names   []string         // of the log's stores, for people
	stages  []*rollout.Stage // the one stage, or its databases
	closers []func()
}

func (s *session) close() {
	for _, c := range s.closers {
		c()
	}
}

// openRollout opens the rollout in dir and in the stage's database. Either of them is enough: what cannot be reached is said on stderr.
// writes has the one that is behind brought up, and the database prepared.
func (w *World) openRollout(ctx context.Context, f *rolloutFlags, dir string, writes bool) (_ *session, err error) {
	s := &session{w: w, f: f, dir: cmp.Or(dir, defaultRolloutDir)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	here := ledger.Directory(s.dir)
	entries, err := here.Entries(ctx, 0)
	if err != nil {
		return nil, classify(err)
	}
	if len(entries) == 0 {
		if f.from == "" {
			return nil, usage(fmt.Errorf("%s holds no rollout", s.dir), "ringfence rollout new begins one; --from-database DSN reads one whose directory is lost")
		}
		return s, s.restore(ctx, here)
	}
	if err := s.load(ctx, writes, here); err != nil {
		return nil, err
	}
	if dbs, names := s.databases(ctx, writes); len(dbs) > 0 {
		s.names = append([]string{"the directory"}, names...)
		return s, s.load(ctx, writes, append([]ledger.Store{here}, dbs...)...)
	}
	return s, nil
}

// onRollout opens the rollout that a command's argument names, and runs fn on it.
func (w *World) onRollout(cmd *cobra.Command, f *rolloutFlags, args []string, writes bool, fn func(context.Context, *session) error) error {
	s, err := w.openRollout(cmd.Context(), f, argument(args, 0), writes)
	if err != nil {
		return err
	}
	defer s.close()
	return fn(cmd.Context(), s)
}

// onStage is onRollout for what looks at each database of the stage, and writes down what it finds.
func (w *World) onStage(cmd *cobra.Command, f *rolloutFlags, args []string, fn func(context.Context, *session, []*rollout.Target) error) error {
	return w.onRollout(cmd, f, args, true, func(ctx context.Context, s *session) error {
		all, err := s.targets(ctx)
		if err != nil {
			return err
		}
		return fn(ctx, s, all)
	})
}

// restore reads a rollout from the database alone, and writes the directory anew.
func (s *session) restore(ctx context.Context, here ledger.Directory) error {
	conn, err := s.w.dial(ctx, s.f.from, pg.Options{})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { conn.Close(context.WithoutCancel(ctx)) })
	id := s.f.id
	if id == "" {
		ids, err := ledger.Rollouts(ctx, conn)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return usage(errors.New("that database knows of no rollout"), "")
		}
		id = ids[0]
	}
	db := &ledger.Database{Conn: conn, Rollout: id}
	return s.load(ctx, true, here, db)
}

// load opens the log and reads what it tells.
func (s *session) load(ctx context.Context, writes bool, stores ...ledger.Store) error {
	var err error
	if writes {
		s.log, err = ledger.Open(ctx, stores...)
	} else {
		var behind []int
		if s.log, behind, err = ledger.Read(ctx, stores...); err == nil {
			for i, n := range behind {
				if n > 0 {
					s.w.note(s.f.quiet, "the log in %s is %d entries behind; the next verb that writes brings it up", s.names[i], n)
				}
			}
		}
	}
	if err != nil {
		return classify(err)
	}
	s.log.Note = func(text string) { s.w.note(s.f.quiet, "%s", text) }
	if s.state, err = rollout.Replay(s.log.Entries()); err != nil {
		return classify(err)
	}
	papers := s.log.Store()
	if s.people, err = s.state.Approvers(ctx, papers); err != nil {
		return classify(err)
	}
	if s.def, err = s.state.Definition(ctx, papers); err != nil {
		return classify(err)
	}
	if s.config, err = s.state.Config(ctx, papers); err != nil {
		return classify(err)
	}
	return s.choose()
}

// choose picks the stage: with all of its databases, unless one of them is named.
func (s *session) choose() error {
	r := &s.state.Rollout
	if s.f.stage != "" {
		if s.stages = r.Group(s.f.stage); len(s.stages) > 0 {
			return nil
		}
		if one, _ := r.Stage(s.f.stage); one != nil {
			s.stages = []*rollout.Stage{one}
			return nil
		}
		var names []string
		for _, st := range r.Stages {
			names = append(names, st.Name)
		}
		return usage(fmt.Errorf("there is no stage %q", s.f.stage), "the stages are "+strings.Join(names, ", "))
	}
	for i := range r.Stages {
		s.stages = r.Group(r.Stages[i].Group())
		if st := s.state.Stages[r.Stages[i].Name]; st == nil || st.Out.IsZero() || !st.Returned.IsZero() {
			return nil
		}
	}
	return nil
}

// group is the stage's name, whichever of its databases are meant.
func (s *session) group() string { return s.stages[0].Group() }

// whole refuses one database of several, where the verb is about the stage.
func (s *session) whole(verb string) error {
	if all := s.state.Rollout.Group(s.group()); len(all) != len(s.stages) {
		return usage(fmt.Errorf("%s is one of %d databases of %s, which go together", s.stages[0].Name, len(all), s.group()), "ringfence rollout "+verb+" --stage "+s.group())
	}
	return nil
}

// targets makes what collectors look at for each database of the stage.
func (s *session) targets(ctx context.Context) (out []*rollout.Target, err error) {
	for _, stage := range s.stages {
		t, err := s.target(ctx, stage)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// dsn returns the DSN of a stage from the variable that rollout.yaml names; "" where it is not set.
func (s *session) dsn(name string, which func(rollout.StageDefinition) string) string {
	for _, st := range s.def.Stages {
		if st.Name == name && which(st) != "" {
			dsn, _ := s.w.Env(which(st))
			return dsn
		}
	}
	return ""
}

func operatorDSN(st rollout.StageDefinition) string { return st.DSN }
func appDSN(st rollout.StageDefinition) string      { return st.AppDSN }
func poolerDSN(st rollout.StageDefinition) string   { return st.PoolerDSN }

// databases opens the logs in the stage's databases, and says which cannot be reached. names are theirs.
func (s *session) databases(ctx context.Context, writes bool) (dbs []ledger.Store, names []string) {
	for _, stage := range s.stages {
		if db := s.database(ctx, stage, writes); db != nil {
			name := "the database"
			if len(s.stages) > 1 {
				name += " of " + stage.Name
			}
			dbs, names = append(dbs, db), append(names, name)
		}
	}
	return dbs, names
}

// database opens the log in one database; nil where it cannot be reached, which is said.
func (s *session) database(ctx context.Context, stage *rollout.Stage, writes bool) ledger.Store {
	dsn := s.dsn(stage.Name, operatorDSN)
	if dsn == "" {
		s.w.note(s.f.quiet, "the log in the database of %s is not read: the variable of its DSN is not set", stage.Name)
		return nil
	}
	dial := dialer(dsn, pg.Options{})
	conn, err := dial(ctx)
	if err != nil {
		s.w.note(s.f.quiet, "the log in the database of %s is not read: %v", stage.Name, err)
		return nil
	}
	db := &ledger.Database{Conn: conn, Dial: dial, Rollout: s.state.Rollout.ID}
	s.closers = append(s.closers, func() { db.Close(ctx) })
	if !writes {
		return db
	}
	if err := db.Prepare(ctx); err != nil {
		s.w.note(s.f.quiet, "the log is kept in the directory only: %v", err)
		return nil
	}
	return db
}

// target makes what collectors look at for a stage.
func (s *session) target(ctx context.Context, stage *rollout.Stage) (*rollout.Target, error) {
	dsn := s.dsn(stage.Name, operatorDSN)
	if dsn == "" {
		return nil, usage(fmt.Errorf("the database of %s is not known", stage.Name), "set the variable that rollout.yaml names as its dsn_env")
	}
	p, err := s.state.Plan(ctx, s.log.Store())
	if err != nil {
		return nil, classify(err)
	}
	t := &rollout.Target{Rollout: &s.state.Rollout, Stage: stage, State: s.state, DSN: dsn, Config: s.config, Plan: p, PlanDir: filepath.Join(s.f.base, s.def.Plan),
		Hooks: s.def.Hooks, Prometheus: s.def.Prometheus, Watch: s.def.Watch, Now: s.w.clock().Now,
		Connect: dialer(dsn, pg.Options{SimpleProtocol: true}), Note: func(text string) { s.w.note(s.f.quiet, "%s", text) }}
	for _, file := range s.def.Documents {
		t.Documents = append(t.Documents, filepath.Join(s.f.base, file))
	}
	if app := s.dsn(stage.Name, appDSN); app != "" {
		t.AppDial = dialer(app, pg.Options{SimpleProtocol: true})
	}
	if pooler := s.dsn(stage.Name, poolerDSN); pooler != "" {
		t.PoolerDial = dialer(pooler, pg.Options{SimpleProtocol: true})
	}
	for _, before := range s.state.Rollout.Before(stage.Group()) {
		t.Earlier = append(t.Earlier, &rollout.Target{Stage: before, Connect: dialer(s.dsn(before.Name, operatorDSN), pg.Options{SimpleProtocol: true})})
	}
	return t, nil
}

func dialer(dsn string, o pg.Options) func(context.Context) (*pgx.Conn, error) {
	return func(ctx context.Context) (*pgx.Conn, error) {
		if dsn == "" {
			return nil, errors.New("connecting: the variable of its DSN is not set")
		}
		return pg.Connect(ctx, dsn, o)
	}
}

// again reads the state anew after entries were written.
func (s *session) again() error {
	var err error
	s.state, err = rollout.Replay(s.log.Entries())
	return classify(err)
}

// classify gives errors of a rollout their exit codes.
func classify(err error) error {
	var refusal *rollout.RefusedError
	var stopped *rollout.StoppedError
	var already *exitError
	switch {
	case err == nil || errors.As(err, &already):
		return err
	case errors.Is(err, attest.ErrSignature), errors.Is(err, ledger.ErrChain), errors.Is(err, ledger.ErrEvidence), errors.Is(err, ledger.ErrDisagree):
		return &exitError{code: exitBadSignature, err: err, hint: hintOf(err)}
	case errors.As(err, &refusal) && refusal.Reason == rollout.ReasonExpired:
		return &exitError{code: exitExpired, err: err, hint: hintOf(err)}
	case errors.As(err, &refusal), errors.As(err, &stopped), errors.Is(err, rollout.ErrNotAPerson):
		return refused(err, hintOf(err))
	case errors.Is(err, ledger.ErrConflict):
		return refused(err, "ringfence rollout status tells what was done; then start it again")
	}
	return exitOf(err)
}

// signerOf opens a key: a private key without a passphrase signs here, and every other by ssh-keygen, which asks the agent, the
// hardware or the person.
func signerOf(file string) (attest.Signer, error) {
	if file == "" {
		return nil, usage(errors.New("--key is missing"), "name your SSH key, or its public half where an agent or a hardware key holds the other")
	}
	if !strings.HasSuffix(file, ".pub") {
		s, err := attest.FileSigner(file)
		if err == nil {
			return s, nil
		}
		if _, missing := os.Stat(file + ".pub"); missing != nil {
			return nil, err
		}
	}
	return attest.KeygenSigner(file)
}

// operator names who acts, for the record.
func (w *World) operator() string {
	if who, ok := w.Env("RINGFENCE_OPERATOR"); ok && who != "" {
		return who
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
