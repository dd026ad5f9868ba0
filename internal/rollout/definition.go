package rollout

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/notify"
)

// A Definition is rollout.yaml: what a rollout is made from. DSNs stand in the environment, and the file only names the variables, so
// that it can be committed.
type Definition struct {
	Author      string            `yaml:"author"`                 // who made the plan: a name or an e-mail address of approvers.yaml
	Editors     []string          `yaml:"editors,omitempty"`      // who changed it last
	Roles       []string          `yaml:"roles,omitempty"`        // that sign; default: technical_lead, database_administrator, security, product_owner
	Approvers   string            `yaml:"approvers"`              // the file, beside this one; its signature is the same with .sig
	Root        string            `yaml:"root"`                   // the key that signed it, as in authorized_keys
	Plan        string            `yaml:"plan"`                   // the plan's directory, beside this file
	Config      string            `yaml:"config,omitempty"`       // ringfence.yaml, beside this file
	Stages      []StageDefinition `yaml:"stages"`                 // in order
	Watch       WatchDefinition   `yaml:"watch,omitempty"`        // what is measured after a stage was applied
	Hooks       Hooks             `yaml:"hooks,omitempty"`        // commands of yours, by what they are for
	Prometheus  string            `yaml:"prometheus,omitempty"`   // its base URL
	Documents   []string          `yaml:"documents,omitempty"`    // further files that go with the change
	OpenAllowed []string          `yaml:"open_allowed,omitempty"` // tables that an automatic return may open
	Roster      Roster            `yaml:"roster,omitempty"`       // who is called
}

// A StageDefinition is one stage of rollout.yaml.
type StageDefinition struct {
	Name      string           `yaml:"name"`
	DSN       string           `yaml:"dsn_env,omitempty"`        // the variable that holds the operator's DSN
	AppDSN    string           `yaml:"app_dsn_env,omitempty"`    // the application's own
	PoolerDSN string           `yaml:"pooler_dsn_env,omitempty"` // the application's own, through the pooler
	Soak      string           `yaml:"soak,omitempty"`           // as 24h
	Window    WindowDefinition `yaml:"window,omitempty"`
	Cohorts   [][]string       `yaml:"cohorts,omitempty"` // tables, the canary cohort first
	Observe   string           `yaml:"observe,omitempty"` // as 24h: begin with the mode that refuses nothing
	Settle    string           `yaml:"settle,omitempty"`  // as 5m: watched after each cohort; default 5m
	// Databases are those that hold the stage's tenants between them, in place of the DSNs above. A definition that was read has none:
	// each of them is a stage named STAGE.DATABASE.
	Databases []DatabaseDefinition `yaml:"databases,omitempty"`
}

// A DatabaseDefinition is one of several databases of a stage.
type DatabaseDefinition struct {
	Name      string `yaml:"name"`
	DSN       string `yaml:"dsn_env"`
	AppDSN    string `yaml:"app_dsn_env,omitempty"`
	PoolerDSN string `yaml:"pooler_dsn_env,omitempty"`
}

// split gives a stage a definition for each of its databases.
func (s StageDefinition) split() ([]StageDefinition, error) {
	if len(s.Databases) == 0 {
		return []StageDefinition{s}, nil
	}
	switch {
	case s.DSN != "" || s.AppDSN != "" || s.PoolerDSN != "":
		return nil, fmt.Errorf("reading rollout.yaml: the stage %q has databases, and a DSN of its own beside them", s.Name)
	case len(s.Databases) > maxDatabases:
		return nil, fmt.Errorf("reading rollout.yaml: the stage %q has more than %d databases", s.Name, maxDatabases)
	case s.Window.Cron == Quietest:
		return nil, fmt.Errorf("reading rollout.yaml: the databases of the stage %q are quietest each at another time: write the window's cron", s.Name)
	}
	var out []StageDefinition
	for _, d := range s.Databases {
		one := s
		one.Databases, one.Name, one.DSN, one.AppDSN, one.PoolerDSN = nil, s.Name+"."+d.Name, d.DSN, d.AppDSN, d.PoolerDSN
		out = append(out, one)
	}
	return out, nil
}

// maxDatabases bounds the databases of a stage.
const maxDatabases = 1000

// A WatchDefinition says what the watch of a stage looks at beside what every database has.
type WatchDefinition struct {
	Calls    int64    `yaml:"calls,omitempty"`    // of the application's statements that a round needs to be judged by; default 10
	Canaries []string `yaml:"canaries,omitempty"` // two tenants whose rows are counted; default: two that have the most tables filled
	P95      string   `yaml:"p95,omitempty"`      // a query of PromQL that gives the application's 95th percentile in seconds
	CPU      string   `yaml:"cpu,omitempty"`      // a query of PromQL that gives the application's cores in use over an hour; default: Ringfence's own processes
	Memory   string   `yaml:"memory,omitempty"`   // and its resident memory in bytes; likewise
	Trail    string   `yaml:"trail,omitempty"`    // the table that events arrive in, which is to grow
}

// Quietest stands in place of a window's cron for the two hours in which the target itself is used least.
const Quietest = "quietest"

// A WindowDefinition is a window in words.
type WindowDefinition struct {
	Cron string `yaml:"cron,omitempty"` // when it opens: minute hour day month weekday; or "quietest"
	Zone string `yaml:"zone,omitempty"` // as Europe/Berlin; default UTC
	For  string `yaml:"for,omitempty"`  // as 2h
}

// A Roster says who is called for what: each role has its endpoints, the deputies after it.
type Roster struct {
	Roles    map[string][]notify.Contact `yaml:"roles,omitempty"`    // on_call, database_administrator, security, product_owner
	Deadline map[int]string              `yaml:"deadline,omitempty"` // by severity, until the next one is called; default 1: 5m, 2: 15m
	Ticket   []notify.Contact            `yaml:"ticket,omitempty"`   // where severity 3 is posted
}

const definitionLimit = 1 << 20

// ParseDefinition reads rollout.yaml strictly: an unknown field, and a duration or window that cannot be read, are errors.
func ParseDefinition(text []byte) (*Definition, error) {
	if len(text) > definitionLimit {
		return nil, errors.New("reading rollout.yaml: it is larger than 1 MB")
	}
	var d Definition
	if err := bounded.DecodeYAML(text, &d); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading rollout.yaml: %w", err)
	}
	if d.Author == "" || d.Approvers == "" || d.Root == "" || d.Plan == "" || len(d.Stages) == 0 {
		return nil, errors.New("reading rollout.yaml: author, approvers, root, plan and stages are asked for")
	}
	if len(d.Roles) == 0 {
		d.Roles = slices.Clone(DefaultRoles)
	}
	var stages []StageDefinition
	for _, s := range d.Stages {
		each, err := s.split()
		if err != nil {
			return nil, err
		}
		stages = append(stages, each...)
	}
	d.Stages = stages
	for _, s := range d.Stages {
		if s.DSN == "" || strings.Contains(s.DSN, "=") || strings.Contains(s.DSN, "/") {
			return nil, fmt.Errorf("reading rollout.yaml: dsn_env of the stage %q has to name a variable, not hold a DSN", s.Name)
		}
		if _, err := s.stage(); err != nil {
			return nil, err
		}
	}
	for severity, text := range d.Roster.Deadline {
		if v, err := time.ParseDuration(text); err != nil || v <= 0 || severity < 1 || severity > 2 {
			return nil, fmt.Errorf("reading rollout.yaml: the deadline of severity %d is no duration as 5m for severity 1 or 2", severity)
		}
	}
	return &d, d.check()
}

// stage reads the durations; the target is filled in by who asks it.
func (s StageDefinition) stage() (Stage, error) {
	out := Stage{Name: s.Name, Cohorts: s.Cohorts, Window: Window{Cron: s.Window.Cron, Zone: s.Window.Zone}}
	for _, d := range []struct {
		text string
		into *time.Duration
		what string
	}{{s.Soak, &out.Soak, "soak"}, {s.Window.For, &out.Window.For, "window"}, {cmp.Or(s.Settle, "5m"), &out.Settle, "settle"}, {s.Observe, &out.Observe, "observe"}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil || v < 0 {
			return Stage{}, fmt.Errorf("reading rollout.yaml: the %s of the stage %q is no duration as 24h", d.what, s.Name)
		}
		*d.into = v
	}
	if s.Window.Cron == "" && s.Window != (WindowDefinition{}) {
		return Stage{}, fmt.Errorf("reading rollout.yaml: the window of the stage %q does not say when it opens: cron is missing", s.Name)
	}
	if out.Window.Cron != "" && out.Window.Cron != Quietest {
		if _, _, err := out.Window.parse(); err != nil {
			return Stage{}, err
		}
	}
	return out, nil
}
