package tenancy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/ringfencehq/ringfence/internal/bounded"
)

// configLimit bounds the size of a configuration file.
const configLimit = 4 << 20

// A ConfigError is a configuration that cannot be used: what is wrong, and where.
type ConfigError struct {
	File    string
	Line    int    // 0: the whole file
	Path    string // such as accept[2].until
	Problem string
}

// Error gives the place and the problem.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
		if e.Line > 0 {
			fmt.Fprintf(&b, "%d:", e.Line)
		}
		b.WriteByte(' ')
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// LoadConfig reads a ringfence.yaml. Unknown fields, wrong classes and dates, and acceptances without reason, name and date are
// a *ConfigError that names the line. A file that does not exist is an error that satisfies errors.Is(err, fs.ErrNotExist).
func LoadConfig(file string) (*Config, error) {
	text, err := bounded.ReadFile(file, configLimit)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return ParseConfig(file, text)
}

// ParseConfig is LoadConfig for a text at hand; file is for messages only.
func ParseConfig(file string, text []byte) (*Config, error) {
	text, err := bounded.YAML(text)
	if err != nil {
		return nil, &ConfigError{File: file, Problem: err.Error()}
	}
	c := new(Config)
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(), yaml.DisallowUnknownField()).Decode(c)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, yamlError(file, err)
	}
	if err := c.validate(); err != nil {
		var bad *ConfigError
		if errors.As(err, &bad) {
			bad.File, bad.Line = file, lineOf(text, bad.Path)
		}
		return nil, err
	}
	return c, nil
}

// yamlError takes the position and the plain message out of the library's error.
func yamlError(file string, err error) error {
	line, problem := bounded.YAMLFault(err)
	return &ConfigError{File: file, Line: line, Problem: problem}
}

// lineOf finds the line of a path such as accept[2].until; 0 where it cannot be told.
func lineOf(text []byte, where string) int {
	if where == "" {
		return 0
	}
	for at := where; at != ""; at = parentPath(at) {
		p, err := yaml.PathString("$." + quotePath(at))
		if err != nil {
			continue
		}
		node, err := p.ReadNode(bytes.NewReader(text))
		if err == nil && node != nil && node.GetToken() != nil {
			return node.GetToken().Position.Line
		}
	}
	return 0
}

// parentPath drops the last step of a path.
func parentPath(at string) string {
	dot, bracket := strings.LastIndexByte(at, '.'), strings.LastIndexByte(at, '[')
	return at[:max(dot, bracket, 0)]
}

// quotePath quotes the table's name in tables.NAME.field, which holds dots itself.
func quotePath(at string) string {
	rest, ok := strings.CutPrefix(at, "tables.")
	if !ok {
		return at
	}
	field := ""
	for _, f := range [...]string{".class", ".key", ".parent", ".add_key", ".reason"} {
		if cut, found := strings.CutSuffix(rest, f); found {
			rest, field = cut, f
		}
	}
	return "tables.'" + strings.ReplaceAll(rest, "'", `\'`) + "'" + field
}

// validate checks what the types do not.
func (c *Config) validate() error {
	for _, name := range sortedTables(c.Tables) {
		if err := c.Tables[name].validate("tables." + name); err != nil {
			return err
		}
	}
	for kind := range c.Roles {
		if k := RoleKind(kind); k != Application && k != OwnerRole && k != Service {
			return &ConfigError{Path: "roles." + kind, Problem: fmt.Sprintf("%q is no kind of role; there are application, owner and service", kind)}
		}
	}
	for i := range c.Accept {
		if err := c.Accept[i].validate(fmt.Sprintf("accept[%d]", i)); err != nil {
			return err
		}
	}
	for i, f := range c.Service {
		if f.Name == "" || f.Reason == "" {
			return &ConfigError{Path: fmt.Sprintf("service_functions[%d]", i), Problem: "it needs a name and a reason"}
		}
		if (f.Body != "") != (f.Returns != "") || (f.Body != "") != (f.Owner != "") {
			return &ConfigError{Path: fmt.Sprintf("service_functions[%d]", i), Problem: "body, returns and owner are given together: the plan makes the function of them"}
		}
		if f.Writes && f.Body == "" {
			return &ConfigError{Path: fmt.Sprintf("service_functions[%d].writes", i), Problem: "it is for a body"}
		}
	}
	return c.validateRest()
}

func (c *Config) validateRest() error {
	if c.Context != "" && len(c.Contexts) > 0 {
		return &ConfigError{Path: "contexts", Problem: "context and contexts exclude each other"}
	}
	for _, name := range append([]string{c.Context}, c.Contexts...) {
		if rest, ok := strings.CutPrefix(name, "claim:"); ok && !strings.Contains(rest, "#") {
			return &ConfigError{Path: "context", Problem: "a claim is written as claim:SETTING#path"}
		}
	}
	if t := c.Trail; t != nil && (t.Writer == "" || t.Writer == t.Reader) {
		return &ConfigError{Path: "trail.writer", Problem: "the trail needs a writer, and it is not its reader: who writes evidence does not read it"}
	}
	if n := c.PIN; n != nil && n.Login == "" {
		return &ConfigError{Path: "pin.login", Problem: "PIN login needs a role that serves it"}
	}
	if w := c.Plan.Policies; w != "" && w != "all" && w != "command" {
		return &ConfigError{Path: "plan.policies", Problem: fmt.Sprintf("%q is neither all nor command", w)}
	}
	if r := c.Revocations; r != nil && r.Follower == "" {
		return &ConfigError{Path: "revocations.follower", Problem: "revocations need a role that follows them"}
	}
	if u := c.UpdatedAt; u != nil && u.Backfill != "" && u.Backfill != "null" && u.Backfill != "created_at" {
		return &ConfigError{Path: "updated_at.backfill", Problem: fmt.Sprintf("%q is neither null nor created_at", u.Backfill)}
	}
	return nil
}

func (t TableConfig) validate(at string) error {
	switch t.Class {
	case "", Owned, Child, Root, Global, Infrastructure, Unclassified:
	default:
		return &ConfigError{Path: at + ".class",
			Problem: fmt.Sprintf("%q is no class; there are owned, child, root, global, infrastructure and unknown", t.Class)}
	}
	if len(t.Key) > 0 && t.Parent != "" {
		return &ConfigError{Path: at + ".parent", Problem: "a table has a key of its own or a parent, not both"}
	}
	return nil
}

func (a AcceptConfig) validate(at string) error {
	missing := func(field string) error {
		return &ConfigError{Path: at, Problem: "an acceptance needs " + field}
	}
	switch {
	case a.ID == "":
		return missing("an id: a rule's, or cell")
	case a.Object == "":
		return missing("an object")
	case a.Reason == "":
		return missing("a reason")
	case a.By == "":
		return missing("by: the name of who accepts it")
	case a.Until == "":
		return missing("until: a date")
	}
	if _, err := time.Parse(time.DateOnly, a.Until); err != nil {
		return &ConfigError{Path: at + ".until", Problem: fmt.Sprintf("%q is no date of the form 2006-01-02", a.Until)}
	}
	return nil
}

// Counts reports whether the acceptance still holds at now: through the whole of its last day, UTC.
func (a *Acceptance) Counts(now time.Time) bool {
	until, err := time.Parse(time.DateOnly, a.Until)
	return err == nil && now.Before(until.AddDate(0, 0, 1))
}

// Covers reports whether the acceptance speaks of a finding (id is the rule's) or a cell (id is "cell") on that object, for that
// role and command. In an object * stands for any run of characters; an empty role or command stands for all.
func (a *Acceptance) Covers(id, object, role, command string) bool {
	if a.ID != id || a.Role != "" && a.Role != role || a.Command != "" && a.Command != command {
		return false
	}
	return Matches(a.Object, object)
}
