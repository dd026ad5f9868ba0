package prove

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Judge gives verdicts on single policies, as if each were its table's only one.
type Judge struct {
	m *tenancy.Model
	d *decide.Decider
}

// NewJudge returns a Judge over m.
func NewJudge(m *tenancy.Model) *Judge { return &Judge{m: m, d: decide.New(m)} }

// commandsOf are the commands that a policy of each kind speaks for.
var commandsOf = map[string][]reach.Command{
	"ALL":    {reach.Select, reach.Insert, reach.Update, reach.Delete},
	"SELECT": {reach.Select}, "INSERT": {reach.Insert}, "UPDATE": {reach.Update}, "DELETE": {reach.Delete},
}

// Policy returns the worst verdict of p alone over its commands. What cannot be read is unproven.
func (j *Judge) Policy(rel *catalog.Relation, p *catalog.Policy) Verdict {
	using, err := j.read(p.Using, rel)
	if err != nil {
		return Unproven
	}
	check := using
	if p.Check != nil {
		if check, err = j.read(p.Check, rel); err != nil {
			return Unproven
		}
	}
	worst := Proved
	for _, app := range j.m.Applications() {
		for _, c := range commandsOf[p.Command] {
			w := reach.Way{Role: app, As: app, CurrentUser: app, Relation: rel, Command: c, Kind: reach.Isolation, Privileged: true, Policies: []*catalog.Policy{p}}
			if c != reach.Insert {
				w.Old = using
			}
			if c == reach.Insert || c == reach.Update {
				w.New = check
			}
			if v := verdictOf(j.d.Decide(w)); Worse(v, worst) {
				worst = v
			}
		}
	}
	return worst
}

// read returns the stored expression; a missing one is never true, as PostgreSQL has it.
func (j *Judge) read(tree *catalog.Tree, rel *catalog.Relation) (expr.Expr, error) {
	if tree == nil {
		return &expr.Const{TypeOID: 16, Known: true, Text: "false"}, nil
	}
	return j.m.Reader.Expression(tree, rel)
}

func verdictOf(d decide.Decision) Verdict {
	switch d.Verdict {
	case decide.Proved:
		return Proved
	case decide.Leak:
		return Leak
	}
	return Unproven
}
