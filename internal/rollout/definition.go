package rollout

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// A Definition is rollout.yaml: what a rollout is made from. DSNs stand in the environment, and the file only names the variables, so
// that it can be committed.
type Definition struct {
	Author      string            `yaml:"author"`                 // who made the plan: a name or an e-mail address of approvers.yaml
	Editors     []string          `yaml:"editors,omitempty"`      // who changed it last
	Roles       []string          `yaml:"roles,omitempty"`        // that sign; default: technical_lead, database_administrator, security, product_owner
	Approvers   string            `yaml:"approvers"`              // the file, beside this one; its signature is the same with .sig
	Root        string            `yaml:"root"`                   // the key that signed it, as in authorized_keys
	Stages      []StageDefinition `yaml:"stages"`                 // in order
	Hooks       Hooks             `yaml:"hooks,omitempty"`        // commands of yours, by what they are for
	Prometheus  string            `yaml:"prometheus,omitempty"`   // its base URL
	Documents   []string          `yaml:"documents,omitempty"`    // further files that go with the change
	OpenAllowed []string          `yaml:"open_allowed,omitempty"` // tables that an automatic return may open
	Roster      Roster            `yaml:"roster,omitempty"`       // who is called
}

// A StageDefinition is one stage of rollout.yaml.
type StageDefinition struct {
	Name      string           `yaml:"name"`
	DSN       string           `yaml:"dsn_env"`                  // the variable that holds the operator's DSN
	AppDSN    string           `yaml:"app_dsn_env,omitempty"`    // the application's own
	PoolerDSN string           `yaml:"pooler_dsn_env,omitempty"` // the application's own, through the pooler
	Soak      string           `yaml:"soak,omitempty"`           // as 24h
	Window    WindowDefinition `yaml:"window,omitempty"`
	Cohorts   [][]string       `yaml:"cohorts,omitempty"` // tables, the canary cohort first
	Observe   bool             `yaml:"observe,omitempty"`
}

// A WindowDefinition is a window in words.
type WindowDefinition struct {
	Cron string `yaml:"cron,omitempty"` // when it opens: minute hour day month weekday
	Zone string `yaml:"zone,omitempty"` // as Europe/Berlin; default UTC
	For  string `yaml:"for,omitempty"`  // as 2h
}

// A Roster says who is called for what: each role has its endpoints, the deputies after it.
type Roster struct {
	Roles    map[string][]Contact `yaml:"roles,omitempty"`    // on_call, database_administrator, security, product_owner
	Deadline map[int]string       `yaml:"deadline,omitempty"` // by severity, until the next one is called
}

// A Contact is one endpoint: a generic webhook, or PagerDuty's Events API v2 where Routing is given.
type Contact struct {
	Name    string `yaml:"name"`
	URL     string `yaml:"url_env"`               // the variable that holds the URL
	Routing string `yaml:"routing_env,omitempty"` // the variable that holds PagerDuty's routing key
}

const definitionLimit = 1 << 20

// ParseDefinition reads rollout.yaml strictly: an unknown field, and a duration or window that cannot be read, are errors.
func ParseDefinition(text []byte) (*Definition, error) {
	if len(text) > definitionLimit {
		return nil, errors.New("reading rollout.yaml: it is larger than 1 MB")
	}
	var d Definition
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&d); err != nil {
		return nil, fmt.Errorf("reading rollout.yaml: %w", err)
	}
	if d.Author == "" || d.Approvers == "" || d.Root == "" || len(d.Stages) == 0 {
		return nil, errors.New("reading rollout.yaml: author, approvers, root and stages are asked for")
	}
	if len(d.Roles) == 0 {
		d.Roles = slices.Clone(DefaultRoles)
	}
	for _, s := range d.Stages {
		if s.DSN == "" || strings.Contains(s.DSN, "=") || strings.Contains(s.DSN, "/") {
			return nil, fmt.Errorf("reading rollout.yaml: dsn_env of the stage %q has to name a variable, not hold a DSN", s.Name)
		}
		if _, err := s.stage(); err != nil {
			return nil, err
		}
	}
	return &d, nil
}

// stage reads the durations; the target is filled in by who asks it.
func (s StageDefinition) stage() (Stage, error) {
	out := Stage{Name: s.Name, Cohorts: s.Cohorts, Observe: s.Observe, Window: Window{Cron: s.Window.Cron, Zone: s.Window.Zone}}
	for _, d := range []struct {
		text string
		into *time.Duration
		what string
	}{{s.Soak, &out.Soak, "soak"}, {s.Window.For, &out.Window.For, "window"}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil || v < 0 {
			return Stage{}, fmt.Errorf("reading rollout.yaml: the %s of the stage %q is no duration as 24h", d.what, s.Name)
		}
		*d.into = v
	}
	if out.Window.Cron != "" {
		if _, _, err := out.Window.parse(); err != nil {
			return Stage{}, err
		}
	}
	return out, nil
}
