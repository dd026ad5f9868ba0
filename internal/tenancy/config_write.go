package tenancy

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ringfencehq/ringfence/internal/english"
)

// WriteConfig writes a model as a ringfence.yaml for people: each decision with its reason, what could not be decided as a
// comment to be answered. Loaded again, it gives the same decisions.
func WriteConfig(w io.Writer, m *Model) error {
	c := &configWriter{}
	c.line("# What Ringfence takes this database for. Everything here was inferred from the catalogue; what this file says wins over")
	c.line("# inference, and a table that it does not name is inferred again. Read it once, line by line, and correct it.")
	c.questions(m)
	c.columns(m)
	c.contexts(m)
	c.roles(m)
	c.sentinels(m)
	c.tables(m)
	c.accepted(m)
	_, err := w.Write(c.b.Bytes())
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

type configWriter struct{ b bytes.Buffer }

func (c *configWriter) line(format string, args ...any) {
	if len(args) == 0 {
		c.b.WriteString(format + "\n")
		return
	}
	fmt.Fprintf(&c.b, format+"\n", args...)
}

// comment makes a text safe behind a #.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

// scalar writes a string so that YAML reads the same string.
func scalar(s string) string {
	plain := s != ""
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '.' || r == '-')) {
			plain = false
		}
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	return strconv.Quote(s)
}

func scalars(all []string) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = scalar(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (c *configWriter) questions(m *Model) {
	if len(m.Questions) == 0 {
		return
	}
	c.line("")
	c.line("# To be answered:")
	for _, q := range m.Questions {
		text := q.About + ": " + q.Why
		if len(q.Candidates) > 0 {
			text += " (" + strings.Join(q.Candidates, " or ") + ")"
		}
		c.line("# ? %s", comment(text))
	}
}

func (c *configWriter) columns(m *Model) {
	c.line("")
	if len(m.TenantColumns) == 0 {
		c.line("# The columns that say whose a row is, most common first. None was found.")
		c.line("# tenant_columns: [tenant_id]")
		return
	}
	c.line("# The columns that say whose a row is, most common first.")
	c.line("tenant_columns: %s", scalars(m.TenantColumns))
}

func (c *configWriter) contexts(m *Model) {
	var names []string
	c.line("")
	c.line("# How the database learns the tenant of a session.")
	for _, x := range m.Contexts {
		name := x.String()
		c.line("#   %s %s: %s (%s)", x.Kind, comment(name), comment(x.Why), english.Count(x.Uses, "policy"))
		if !x.Principal && (x.Kind == "setting" || x.Kind == "claim") {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		c.line("# context: app.tenant_id")
	case 1:
		c.line("context: %s", scalar(names[0]))
	default:
		c.line("# Several are in use: policies that read one that nobody sets are dead. The first is the one to keep.")
		c.line("contexts: %s", scalars(names))
	}
}

// String writes a context as the configuration names it.
func (c *Context) String() string {
	switch {
	case c.Signed:
		return "signed"
	case c.Kind == "claim":
		return "claim:" + c.Name + "#" + strings.Join(c.Path, ".")
	default:
		return c.Name
	}
}

func (c *configWriter) roles(m *Model) {
	c.line("")
	c.line("# application: what tenants' requests run as. owner: owns tables. service: sees all tenants on purpose.")
	if len(m.Roles) == 0 {
		c.line("# roles:")
		c.line("#   application: [app]")
		return
	}
	c.line("roles:")
	for _, kind := range [...]RoleKind{Application, OwnerRole, Service} {
		first := true
		for _, r := range m.Roles {
			if r.Kind != kind {
				continue
			}
			if first {
				c.line("  %s:", kind)
				first = false
			}
			c.line("    - %s # %s", scalar(r.Name), comment(r.Why))
		}
	}
}

func (c *configWriter) sentinels(m *Model) {
	if len(m.Sentinels) == 0 {
		return
	}
	c.line("")
	c.line("# Tenants that stand for rows shared on purpose: to be read by all, to be written by none.")
	quoted := make([]string, len(m.Sentinels))
	for i, s := range m.Sentinels {
		quoted[i] = strconv.Quote(s)
	}
	c.line("sentinels: [%s]", strings.Join(quoted, ", "))
}

func (c *configWriter) tables(m *Model) {
	c.line("")
	c.line("# owned: has the tenant key. child: reaches its tenant through a parent. root: one row a tenant. global: reference data, read by")
	c.line("# all. infrastructure: the application does not reach it. A guess stands behind #: take the # away where it is right.")
	open := false
	for _, t := range m.Tables {
		name := t.Relation.Identity()
		if m.follows(t) {
			continue // partitions come and go, and the file would name some that are gone
		}
		if t.Class == Unclassified {
			c.line("# ? %s: %s", comment(name), comment(t.Why))
			continue
		}
		if !open {
			c.line("tables:")
			open = true
		}
		said := "  "
		if t.Confidence == Guess {
			said = "  # "
		}
		c.line("%s%s: # %s: %s", said, scalar(name), t.Confidence, comment(t.Why))
		c.line("%s  class: %s", said, t.Class)
		if len(t.Key) > 0 {
			c.line("%s  key: %s", said, scalars(t.Key))
		}
		if t.Parent != nil {
			c.line("%s  parent: %s", said, strconv.Quote(t.Parent.String()))
		}
	}
}

// follows reports whether t is a partition, and is to tenants what its parent is.
func (m *Model) follows(t *Table) bool {
	if t.Relation.Partition == nil || len(t.Relation.Parents) == 0 {
		return false
	}
	p := m.Table(t.Relation.Parents[0])
	return p != nil && p.Class == t.Class && slices.Equal(p.Key, t.Key) && p.Parent == t.Parent
}

func (c *configWriter) accepted(m *Model) {
	c.line("")
	c.line("# What is left open on purpose: each with who says so, why, and until when.")
	if len(m.Accepted) == 0 {
		c.line("# accept:")
		c.line("#   - {id: RLS001, object: public.t, reason: \"…\", by: name, until: \"2030-12-31\"}")
		return
	}
	c.line("accept:")
	for _, a := range m.Accepted {
		c.line("  - id: %s", scalar(a.ID))
		for _, f := range [...][2]string{{"object", a.Object}, {"role", a.Role}, {"command", a.Command}, {"reason", a.Reason}, {"by", a.By}, {"until", a.Until}} {
			if f[1] != "" {
				c.line("    %s: %s", f[0], strconv.Quote(f[1]))
			}
		}
	}
}
